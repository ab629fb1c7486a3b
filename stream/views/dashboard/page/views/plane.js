// The valence–arousal plane: where everybody is, and the way they came.

import { look } from "../labels.js";
import { inWords, make, makeSvg, setAttribute, setText, show, signed } from "../elements.js";
import { strings } from "../strings.js";

const SIDE = 300;
const EDGE = 26;
const AWAY = "away";

export class Plane {
  constructor(body) {
    this.points = makeSvg("g");
    this.svg = makeSvg("svg", { class: "plane", viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" }, grid(), this.points);
    this.list = make("ul", { class: "quiet" });
    this.empty = make("p", { class: "empty" }, strings.plane.none);
    body.append(this.svg, this.empty, this.list);
    this.groups = new Map();
    this.items = new Map();
  }

  render(store) {
    const people = store.names().flatMap((id) => store.people.get(id) ?? []);
    const names = store.names().filter((id) => store.people.has(id));
    show(this.empty, people.length === 0);
    for (const kept of [this.groups, this.items]) {
      for (const [id, each] of kept) {
        if (names.includes(id)) continue;
        (each.element ?? each).remove();
        kept.delete(id);
      }
    }
    names.forEach((id, place) => this.renderPerson(id, people[place], store.trails.get(id) ?? []));
  }

  renderPerson(id, person, trail) {
    const words = strings.plane;
    if (!this.items.has(id)) this.items.set(id, this.list.appendChild(make("li")));
    const given = person.valence !== null && person.arousal !== null;
    const said = given
      ? words.point(id, placeInWords(person), signed(person.valence), signed(person.arousal))
      : words.unknown(id);
    setText(this.items.get(id), said);
    if (!given) return void this.groups.get(id)?.element.setAttribute("visibility", "hidden");
    if (!this.groups.has(id)) this.groups.set(id, new Point(id, this.points));
    this.groups.get(id).render(person, trail);
  }
}

class Point {
  constructor(id, parent) {
    this.trail = makeSvg("g", { class: "trail" });
    this.mark = makeSvg("path");
    this.name = makeSvg("text", {}, id.length > 14 ? `${id.slice(0, 13)}…` : id);
    this.spot = makeSvg("g", { class: "spot" }, this.mark, this.name);
    this.element = parent.appendChild(makeSvg("g", {}, this.trail, this.spot));
  }

  render(person, trail) {
    if (this.shown === person) return;
    this.shown = person;
    const { path, tone } = look(person.label);
    setAttribute(this.element, "class", `tone-${tone} ${person.state === AWAY ? "faint" : ""}`);
    setAttribute(this.element, "visibility", "visible");
    const [x, y] = place(person);
    setAttribute(this.mark, "d", path);
    setAttribute(this.mark, "transform", "translate(-9 -9) scale(1.125)");
    this.spot.style.transform = `translate(${x}px, ${y}px)`;
    const right = x > SIDE * 0.62;
    setAttribute(this.name, "x", right ? -13 : 13);
    setAttribute(this.name, "y", 4);
    setAttribute(this.name, "text-anchor", right ? "end" : "start");
    const points = trail.map(place);
    const lines = points.slice(1).map(([toX, toY], index) => {
      const [fromX, fromY] = points[index];
      const age = (index + 1) / points.length;
      return makeSvg("line", { x1: fromX, y1: fromY, x2: toX, y2: toY, "stroke-opacity": (0.08 + 0.6 * age * age).toFixed(2) });
    });
    this.trail.replaceChildren(...lines);
  }
}

function place({ valence, arousal }) {
  const half = SIDE / 2 - EDGE;
  return [SIDE / 2 + valence * half, SIDE / 2 - arousal * half];
}

function placeInWords(person) {
  return `${inWords(person.valence, strings.valenceWords)}, ${inWords(person.arousal, strings.arousalWords)}`;
}

function grid() {
  const words = strings.plane;
  const [low, middle, high] = [EDGE, SIDE / 2, SIDE - EDGE];
  const line = (x1, y1, x2, y2, kind) => makeSvg("line", { x1, y1, x2, y2, class: kind });
  const text = (x, y, anchor, said, turn = null) => makeSvg("text", { x, y, "text-anchor": anchor, transform: turn, class: "axis-name" }, said);
  const quarter = (high - low) / 4;
  return makeSvg(
    "g",
    { class: "grid" },
    makeSvg("rect", { x: low, y: low, width: high - low, height: high - low, rx: 6 }),
    ...[1, 3].flatMap((step) => [
      line(low + step * quarter, low, low + step * quarter, high, "thin"),
      line(low, low + step * quarter, high, low + step * quarter, "thin"),
    ]),
    line(middle, low, middle, high, "thick"),
    line(low, middle, high, middle, "thick"),
    text(middle, low - 9, "middle", words.excited),
    text(middle, high + 17, "middle", words.calm),
    text(low - 9, middle, "middle", words.unpleasant, `rotate(-90 ${low - 9} ${middle})`),
    text(high + 9, middle, "middle", words.pleasant, `rotate(90 ${high + 9} ${middle})`),
  );
}
