// The live picture with a box about each face: only when it is asked for, and only while it is seen.

import { Refusal, sentence } from "../connection.js";
import { look, palette } from "../labels.js";
import { make, percent, setAttribute, setText, show } from "../elements.js";
import { strings } from "../strings.js";

/** Milliseconds between two pictures, and after one that was refused. */
const EVERY = 250;
const AFTER_REFUSAL = 3000;

export class Picture {
  /** `moment` gives the time of a recording that is shown, or null where the session is live. */
  constructor(section, body, moment) {
    const words = strings.picture;
    Object.assign(this, { moment, wanted: false, inSight: false, timer: null, bitmap: null });
    this.button = make("button", { type: "button", class: "tool", "aria-pressed": "false", click: () => this.toggle() }, words.show);
    this.source = make("select", { "aria-label": words.source, change: () => this.next(0) });
    this.note = make("p", { class: "faint" }, words.off);
    this.canvas = make("canvas", { role: "img", "aria-label": words.title, hidden: "" });
    this.faces = make("ul", { class: "quiet" });
    body.append(make("div", { class: "bar-of-tools" }, this.button, this.source), this.note, this.canvas, this.faces);
    new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting;
      this.next(0);
    }).observe(section);
    document.addEventListener("visibilitychange", () => this.next(0));
  }

  toggle() {
    this.wanted = !this.wanted;
    setAttribute(this.button, "aria-pressed", String(this.wanted));
    setText(this.button, this.wanted ? strings.picture.hide : strings.picture.show);
    setText(this.note, this.wanted ? strings.picture.waiting : strings.picture.off);
    show(this.note, true);
    show(this.canvas, false);
    this.faces.replaceChildren();
    this.bitmap = null;
    this.next(0);
  }

  render(store) {
    this.store = store;
    const sources = (store.session?.feeds ?? []).map((feed) => feed.source);
    if (this.sources !== sources.join(" ")) {
      this.sources = sources.join(" ");
      this.source.replaceChildren(...sources.map((source) => make("option", {}, source)));
      show(this.source, sources.length > 1);
    }
    if (this.wanted && this.bitmap) this.draw();
  }

  next(wait) {
    clearTimeout(this.timer);
    if (!this.wanted || !this.inSight || document.hidden) return;
    this.timer = setTimeout(() => this.fetch(), wait);
  }

  async fetch() {
    const source = this.source.value;
    try {
      const at = this.moment();
      const query = at === null ? "" : `?at=${at.toFixed(2)}`;
      const answer = await fetch(`/api/v1/picture/${encodeURIComponent(source)}${query}`, { cache: "no-store" });
      if (!answer.ok) throw new Refusal(await sentence(answer));
      const bitmap = await createImageBitmap(await answer.blob());
      this.bitmap?.close();
      this.bitmap = bitmap;
      if (this.wanted) this.draw();
      this.next(EVERY);
    } catch (error) {
      const said = error instanceof Refusal ? strings.picture.refused(error.message) : strings.picture.refused(strings.connection.unreachable);
      if (this.wanted) setText(this.note, said);
      show(this.note, true);
      show(this.canvas, false);
      this.faces.replaceChildren();
      this.next(AFTER_REFUSAL);
    }
  }

  draw() {
    const { bitmap, canvas } = this;
    const faces = this.store.facesOf(this.source.value);
    show(this.note, false);
    show(canvas, true);
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const colours = palette();
    for (const face of faces) drawBox(context, { ...face, name: this.store.resolve(face.person) }, colours, canvas);
    setAttribute(canvas, "aria-label", strings.picture.alternative(faces.length));
    const told = faces.map((face) => inWords(this.store, face));
    if (this.told === told.join("\n")) return;
    this.told = told.join("\n");
    this.faces.replaceChildren(...told.map((text) => make("li", {}, text)));
  }
}

function inWords(store, face) {
  const words = strings.picture;
  const name = store.resolve(face.person);
  if (face.label === null) return words.noLabel(name, face.reason ?? strings.modalities.noReason);
  return words.face(name, face.label, percent(face.confidence));
}

function drawBox(context, { box, label, name }, colours, { width, height }) {
  const [left, top] = [box.left * width, box.top * height];
  const size = [(box.right - box.left) * width, (box.bottom - box.top) * height];
  const scale = width / 640;
  context.lineWidth = 5 * scale;
  context.strokeStyle = colours.panel;
  context.strokeRect(left, top, ...size);
  context.lineWidth = 2.5 * scale;
  context.strokeStyle = label === null ? colours.soft : colours[look(label).tone];
  if (label === null) context.setLineDash([6 * scale, 4 * scale]);
  context.strokeRect(left, top, ...size);
  context.setLineDash([]);
  const text = label === null ? name : `${look(label).code} ${name}`;
  context.font = `600 ${14 * scale}px system-ui, sans-serif`;
  context.textBaseline = "bottom";
  const wide = context.measureText(text).width + 10 * scale;
  context.fillStyle = colours.panel;
  context.fillRect(left, top - 22 * scale, wide, 20 * scale);
  context.fillStyle = colours.ink;
  context.fillText(text, left + 5 * scale, top - 4 * scale);
}
