// How a label looks: a colour, a shape and two letters, so that none of the three is needed to tell it.

const SHAPES = {
  circle: "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12z",
  triangle: "M8 1.6L15 14H1z",
  drop: "M8 1c3 4.4 5.2 6.7 5.2 9.3a5.2 5.2 0 0 1-10.4 0C2.8 7.7 5 5.4 8 1z",
  square: "M2.4 2.4h11.2v11.2H2.4z",
  star: "M8 .4l2.2 5.4L15.6 8l-5.4 2.2L8 15.6l-2.2-5.4L.4 8l5.4-2.2z",
  hourglass: "M2.4 1.8h11.2L9.5 8l4.1 6.2H2.4L6.5 8z",
  cross: "M3.8 1.6L8 5.8l4.2-4.2 2.2 2.2L10.2 8l4.2 4.2-2.2 2.2L8 10.2l-4.2 4.2-2.2-2.2L5.8 8 1.6 3.8z",
  diamond: "M8 .8L14.4 8 8 15.2 1.6 8z",
};

const LOOKS = {
  neutral: { shape: "circle", code: "Ne" },
  joy: { shape: "triangle", code: "Jo" },
  sadness: { shape: "drop", code: "Sa" },
  anger: { shape: "square", code: "An" },
  surprise: { shape: "star", code: "Su" },
  fear: { shape: "hourglass", code: "Fe" },
  disgust: { shape: "cross", code: "Di" },
};

/** The look of a label: `tone` is the name of its colour in style.css, `path` is in a box of 16 × 16. A label
 * of another vocabulary has the colour and shape of all others, and letters of its own. */
export function look(label) {
  const known = Object.hasOwn(LOOKS, label) ? LOOKS[label] : null;
  if (known) return { tone: label, code: known.code, path: SHAPES[known.shape] };
  return { tone: "other", code: label.slice(0, 2), path: SHAPES.diamond };
}

let colours = null;

/** The colours of style.css as a canvas needs them, by name. */
export function palette() {
  return colours ?? readPalette();
}

/** Read them again, as when the theme changed. */
export function readPalette() {
  const probe = document.body.appendChild(document.createElement("span"));
  const names = [...Object.keys(LOOKS), "other", "ink", "soft", "faint", "line", "panel", "accent", "focus"];
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  colours = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  return colours;
}

const paths = new Map();

/** Draw a label's shape on a canvas, `size` pixels across, its middle at (x, y). */
export function drawShape(context, label, x, y, size, colour) {
  const { path } = look(label);
  if (!paths.has(path)) paths.set(path, new Path2D(path));
  context.save();
  context.translate(x - size / 2, y - size / 2);
  context.scale(size / 16, size / 16);
  context.fillStyle = colour;
  context.fill(paths.get(path));
  context.restore();
}
