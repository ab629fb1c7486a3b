// What was said, line by line, with the label of each and why it was given, for who asks; and new labels told
// to those who listen to the page, but not too many.

import { clock, make, percent, setAttribute, setText, show } from "../elements.js";
import { strings } from "../strings.js";
import { Explanation } from "./explanation.js";
import { chip, marks } from "./label.js";

const LINES = 200;
/** Milliseconds between two things that are said aloud. */
const NEWS_EVERY = 6000;

export class Transcript {
  constructor(body, news) {
    this.empty = make("p", { class: "empty" }, strings.transcript.none);
    this.earlier = make("p", { class: "faint" });
    this.list = make("ol", { class: "lines" });
    this.scroll = make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": strings.transcript.title }, this.earlier, this.list);
    this.lines = new Map();
    this.news = new News(news);
    body.append(this.empty, this.scroll);
  }

  render(store, aloud) {
    const all = store.inOrder();
    const shown = all.slice(-LINES);
    const atEnd = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 40;
    show(this.empty, all.length === 0);
    setText(this.earlier, all.length > shown.length ? strings.transcript.earlier(all.length - shown.length) : "");
    const numbers = new Set(shown.map((emotion) => emotion.utterance));
    for (const [number, line] of this.lines) {
      if (numbers.has(number) && line.session === store.sessionId) continue;
      line.element.remove();
      this.lines.delete(number);
    }
    let changed = false;
    shown.forEach((emotion, place) => {
      const known = this.lines.get(emotion.utterance) ?? new Line(emotion, store.sessionId);
      this.lines.set(emotion.utterance, known);
      const there = this.list.children[place];
      if (there !== known.element) this.list.insertBefore(known.element, there ?? null);
      const wasFinal = known.emotion && known.emotion.state !== "partial";
      if (!known.render(store, emotion)) return;
      changed = true;
      if (aloud && !wasFinal && emotion.state !== "partial") this.news.add(store.resolve(emotion.speaker.id), emotion);
    });
    if (changed && atEnd) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  /** Explain an utterance, where its line is. */
  explain(number) {
    const line = this.lines.get(number);
    if (!line) return;
    line.open(true);
    line.element.scrollIntoView({ block: "nearest" });
    line.button.focus({ preventScroll: true });
  }
}

class Line {
  constructor(emotion, session) {
    this.session = session;
    this.number = emotion.utterance;
    this.time = make("time");
    this.who = make("span", { class: "speaker" });
    this.label = make("span");
    this.state = make("span", { class: "revision" });
    this.words = make("p", { class: "words" });
    this.marks = make("span");
    this.others = make("span", { class: "faint" });
    this.button = make("button", { type: "button", class: "tool why", "aria-expanded": "false", click: () => this.open(this.explanation === null) }, strings.transcript.why);
    this.panel = make("div", { class: "explanation", hidden: "" });
    this.explanation = null;
    this.element = make(
      "li",
      { "data-utterance": emotion.utterance },
      make("div", { class: "head" }, this.time, this.who, this.label, this.state, this.others, make("span", { class: "tail" }, this.marks, this.button)),
      this.words,
      this.panel,
    );
  }

  /** Show a label; whether it is another one than before. */
  render(store, emotion) {
    const who = store.resolve(emotion.speaker.id);
    if (this.emotion === emotion && this.whose === who) return false;
    Object.assign(this, { emotion, whose: who });
    const partial = emotion.state === "partial";
    this.element.className = emotion.state;
    setText(this.time, clock(emotion.start));
    setText(this.who, who);
    this.label.replaceChildren(chip(emotion.label, emotion.confidence));
    setText(this.state, emotion.state === "final" ? "" : strings.utterance.states[emotion.state]);
    const said = emotion.transcript?.text;
    setText(this.words, said ?? (partial ? strings.utterance.soFar : strings.utterance.noWords));
    this.words.classList.toggle("faint", !said);
    this.marks.replaceChildren(marks(emotion));
    const others = [...new Set(emotion.others.map((other) => store.resolve(other.speaker)))];
    setText(this.others, others.length ? strings.utterance.meanwhile(others.join(", ")) : "");
    setAttribute(this.button, "aria-label", strings.transcript.whyOf(who, clock(emotion.start)));
    show(this.button, !partial);
    return true;
  }

  open(open) {
    if (open === (this.explanation !== null)) return;
    this.explanation?.close();
    this.explanation = open ? new Explanation(this.panel, this.number, this.emotion.label) : null;
    show(this.panel, open);
    setAttribute(this.button, "aria-expanded", String(open));
    setText(this.button, open ? strings.transcript.hide : strings.transcript.why);
  }
}

/** New labels in words for a live region: the first at once, others together, some seconds apart. */
class News {
  constructor(element) {
    Object.assign(this, { element, waiting: [], timer: null });
  }

  add(who, emotion) {
    this.waiting = [...this.waiting.slice(-99), strings.transcript.news(who, emotion.label, percent(emotion.confidence))];
    if (this.timer === null) this.tell();
  }

  tell() {
    const { waiting } = this;
    this.waiting = [];
    this.timer = null;
    if (!waiting.length) return;
    this.element.textContent = waiting.length === 1 ? waiting[0] : strings.transcript.manyNews(waiting.length, waiting.at(-1));
    this.timer = setTimeout(() => this.tell(), NEWS_EVERY);
  }
}
