// Everybody's utterances in time: to look at, to go through by mouse, finger or keys, and to read as a table.

import { clock, inWords, make, percent, setAttribute, setText, show } from "../elements.js";
import { palette } from "../labels.js";
import { strings } from "../strings.js";
import { glyph, modalitiesOf, modalityInWords } from "./label.js";
import { AXIS, LANE, drawLanes } from "./lanes.js";

const NARROWEST = 5; // seconds
const WIDEST = 12 * 3600;
const AT_FIRST = 60;
const AT_FIRST_ON_A_PHONE = 30;
/** Where "now" stands when the timeline follows, as a part of its width. */
const NOW_AT = 0.94;
const TABLE_ROWS = 100;

export class Timeline {
  /** `why` is called with the number of an utterance whose explanation is asked for. */
  constructor(body, { why, redraw }) {
    Object.assign(this, { why, redraw, span: innerWidth < 560 ? AT_FIRST_ON_A_PHONE : AT_FIRST, from: 0, follow: true, chosen: null, pointed: null, hits: [], now: 0 });
    const words = strings.timeline;
    const button = (text, name, action) => make("button", { type: "button", class: "tool", "aria-label": name, title: name, click: action }, text);
    this.followButton = make("button", { type: "button", class: "tool", "aria-pressed": "true", click: () => this.setFollow(!this.follow) }, words.follow);
    this.window = make("span", { class: "window" });
    const tools = make(
      "div",
      { class: "bar-of-tools" },
      button("‹", words.earlier, () => this.pan(-0.5)),
      button("›", words.later, () => this.pan(0.5)),
      button("−", words.zoomOut, () => this.zoom(2)),
      button("+", words.zoomIn, () => this.zoom(0.5)),
      this.followButton,
      this.window,
      legend(),
    );
    this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": words.title, "aria-describedby": "timeline-help" });
    this.inspector = make("div", { class: "inspector", "aria-live": "polite" });
    this.forgotten = make("p", { class: "faint" });
    this.table = new Table();
    this.empty = make("p", { class: "empty" }, words.none);
    this.scroll = make("div", { class: "lanes" }, this.canvas);
    body.append(tools, this.empty, this.scroll, make("p", { id: "timeline-help", class: "unseen" }, words.help), this.inspector, this.forgotten, this.table.element);
    this.listen();
    new ResizeObserver(redraw).observe(this.scroll);
  }

  render(store, now) {
    this.store = store;
    this.now = now;
    this.names = store.names();
    show(this.empty, store.utterances.size === 0);
    if (this.follow) this.from = Math.max(Math.min(0, now - this.span), now - this.span * NOW_AT);
    if (this.follow && now < this.span * NOW_AT) this.from = 0;
    this.draw();
    this.inspect();
    setText(this.window, strings.timeline.window(clock(this.from), clock(this.from + this.span)));
    setText(this.forgotten, store.forgotten ? strings.timeline.forgotten(store.forgotten) : "");
    this.table.render(store);
  }

  draw() {
    const width = this.scroll.clientWidth;
    const height = this.names.length * LANE + AXIS;
    const ratio = devicePixelRatio || 1;
    const { canvas } = this;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { store, names, from, span, now, chosen } = this;
    const focused = document.activeElement === canvas;
    this.hits = drawLanes(context, { store, names, from, span, width, now, colours: palette(), chosen, focused });
  }

  /** Show what is known of the utterance that is pointed at, or else of the chosen one. */
  inspect() {
    const number = this.pointed ?? this.chosen;
    const emotion = this.store.utterances.get(number);
    if (this.inspected === (emotion ?? null) && this.inspector.firstChild) return;
    this.inspected = emotion ?? null;
    this.inspector.replaceChildren(...(emotion ? details(this.store, emotion, this.why) : [make("p", { class: "faint" }, strings.timeline.chosen)]));
  }

  setFollow(follow) {
    this.follow = follow;
    setAttribute(this.followButton, "aria-pressed", String(follow));
    this.redraw();
  }

  /** Move by a part of what is seen. */
  pan(share) {
    this.from = Math.max(-this.span / 2, this.from + share * this.span);
    this.setFollow(false);
  }

  /** Show so many times as much, about a place given as a part of the width. */
  zoom(factor, about = this.follow ? NOW_AT : 0.5) {
    const span = Math.min(WIDEST, Math.max(NARROWEST, this.span * factor));
    this.from += about * (this.span - span);
    this.span = span;
    this.redraw();
  }

  choose(number) {
    const emotion = this.store?.utterances.get(number);
    if (!emotion) return;
    this.chosen = number;
    if (emotion.end < this.from || emotion.start > this.from + this.span) {
      this.from = (emotion.start + emotion.end) / 2 - this.span / 2;
      this.setFollow(false);
    }
    this.redraw();
  }

  /** The utterance `step` before or after the chosen one, of the same person. */
  walk(step) {
    const { store } = this;
    const current = store.utterances.get(this.chosen);
    const all = store.inOrder();
    if (!current) return this.choose(all.at(-1)?.utterance);
    const who = store.resolve(current.speaker.id);
    const theirs = all.filter((emotion) => store.resolve(emotion.speaker.id) === who);
    const at = theirs.findIndex((emotion) => emotion.utterance === this.chosen);
    return this.choose(theirs[Math.min(theirs.length - 1, Math.max(0, at + step))].utterance);
  }

  /** The utterance of the person above or below that is nearest in time. */
  change(step) {
    const { store, names } = this;
    const current = store.utterances.get(this.chosen);
    if (!current) return this.walk(0);
    const from = names.indexOf(store.resolve(current.speaker.id));
    for (let lane = from + step; lane >= 0 && lane < names.length; lane += step) {
      const theirs = store.inOrder().filter((emotion) => store.resolve(emotion.speaker.id) === names[lane]);
      const distance = (emotion) => Math.abs(emotion.start - current.start);
      if (theirs.length) return this.choose(theirs.reduce((best, each) => (distance(each) < distance(best) ? each : best)).utterance);
    }
    return undefined;
  }

  /** What the keys do while the timeline has the focus; whether this one does anything. */
  key(event) {
    const actions = {
      ArrowLeft: () => (event.shiftKey ? this.pan(-0.25) : this.walk(-1)),
      ArrowRight: () => (event.shiftKey ? this.pan(0.25) : this.walk(1)),
      ArrowUp: () => this.change(-1),
      ArrowDown: () => this.change(1),
      Home: () => this.choose(this.store.inOrder()[0]?.utterance),
      End: () => this.choose(this.store.inOrder().at(-1)?.utterance),
      Enter: () => this.chosen !== null && this.why(this.chosen),
    };
    const action = this.store && Object.hasOwn(actions, event.key) ? actions[event.key] : null;
    if (!action || event.ctrlKey || event.altKey || event.metaKey) return;
    action();
    event.preventDefault();
  }

  listen() {
    const { canvas } = this;
    const fingers = new Map();
    let moved = false;
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, this.redraw);
    canvas.addEventListener("wheel", (event) => {
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (!event.ctrlKey && !sideways) return; // the page scrolls
      event.preventDefault();
      if (event.ctrlKey) this.zoom(Math.exp(event.deltaY / 200), event.offsetX / canvas.clientWidth);
      else this.pan(sideways / canvas.clientWidth);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event.offsetX);
      canvas.setPointerCapture(event.pointerId);
      moved = false;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (before === undefined) return this.point(event);
      const by = event.offsetX - before;
      if (!moved && Math.abs(by) < 4) return undefined;
      moved = true;
      fingers.set(event.pointerId, event.offsetX);
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId);
      if (!other) return this.pan(-by / canvas.clientWidth);
      const [old, fresh] = [Math.abs(before - other[1]), Math.abs(event.offsetX - other[1])];
      return this.zoom(Math.max(1, old) / Math.max(1, fresh), other[1] / canvas.clientWidth);
    });
    canvas.addEventListener("pointerup", (event) => {
      fingers.delete(event.pointerId);
      const hit = this.hitAt(event);
      if (!moved && hit) this.choose(hit.emotion.utterance);
    });
    canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.point(null));
  }

  point(event) {
    const number = event ? (this.hitAt(event)?.emotion.utterance ?? null) : null;
    if (number === this.pointed) return;
    this.pointed = number;
    this.redraw();
  }

  hitAt({ offsetX: x, offsetY: y }) {
    return this.hits.findLast((hit) => x >= hit.left - 2 && x <= hit.right + 2 && y >= hit.top && y < hit.bottom);
  }
}

function legend() {
  const words = strings.timeline.legend;
  const items = ["present", "imputed", "missing"].map((kind) => make("span", { class: `key ${kind}` }, words[kind]));
  return make("span", { class: "legend" }, ...items);
}

/** All that is known of an utterance: its label, its words, and every modality with its reason. */
function details(store, emotion, why) {
  const words = strings.utterance;
  const { valence, arousal } = emotion;
  const affect = valence === null || arousal === null ? null : words.affect(inWords(valence, strings.valenceWords), inWords(arousal, strings.arousalWords));
  const took = emotion.timing_ms.total === null || emotion.state === "partial" ? null : words.took((emotion.timing_ms.total / 1000).toFixed(2));
  const facts = [words.states[emotion.state], affect, took].filter(Boolean).join(" · ");
  const modalities = modalitiesOf(emotion).map((name) => make("li", {}, modalityInWords(name, emotion.modalities[name])));
  const who = store.resolve(emotion.speaker.id);
  return [
    make("p", { class: "what" }, glyph(emotion.label, 18), make("strong", {}, words.label(emotion.label, percent(emotion.confidence))), make("span", {}, `${who}, ${words.span(clock(emotion.start), clock(emotion.end))}`)),
    make("p", {}, emotion.transcript?.text ?? words.noWords),
    make("p", { class: "faint" }, facts),
    make("ul", { class: "modalities" }, ...modalities),
    emotion.state === "partial" ? "" : make("button", { type: "button", class: "tool", click: () => why(emotion.utterance) }, strings.transcript.why),
  ];
}

/** The newest utterances as a table, made when it is open. */
class Table {
  constructor() {
    const words = strings.timeline;
    this.rows = make("tbody");
    this.caption = make("caption");
    const head = make("tr", {}, ...words.columns.map((name) => make("th", { scope: "col" }, name)));
    const table = make("table", {}, this.caption, make("thead", {}, head), this.rows);
    this.element = make("details", { class: "table", toggle: () => this.render(this.store) }, make("summary", {}, words.table), make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": words.table }, table));
  }

  render(store) {
    this.store = store;
    if (!store || !this.element.open) return;
    const all = store.inOrder();
    const shown = all.slice(-TABLE_ROWS).toReversed();
    const signature = shown.map((emotion) => `${emotion.utterance}.${emotion.revision}`).join();
    if (signature === this.signature) return;
    this.signature = signature;
    setText(this.caption, strings.timeline.tableOf(shown.length, all.length));
    this.rows.replaceChildren(...shown.map((emotion) => row(store, emotion)));
  }
}

function row(store, emotion) {
  const names = modalitiesOf(emotion);
  const told = (present) => names.filter((name) => emotion.modalities[name].present === present).map((name) => modalityInWords(name, emotion.modalities[name])).join("; ");
  const cells = [
    clock(emotion.start),
    store.resolve(emotion.speaker.id),
    make("span", {}, glyph(emotion.label, 12), emotion.label),
    strings.utterance.confidence(percent(emotion.confidence)),
    strings.utterance.states[emotion.state],
    told(true),
    told(false),
  ];
  return make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
}
