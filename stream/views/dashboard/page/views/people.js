// A card for each person: their steady state, since when, how sure, where it is going, and what it rests on.

import { look } from "../labels.js";
import { clock, duration, inWords, make, percent, setAttribute, setText, show, signed } from "../elements.js";
import { strings } from "../strings.js";
import { glyph } from "./label.js";

/** Seconds of speech and looks under which a state is shown faintly. */
const LITTLE = 5;
/** A trend within this is steady. */
const STEADY = 0.05;
/** Labels besides the state's own that are worth a word. */
const ALSO = 2;
const ALSO_FROM = 0.1;
const ARROWS = { up: "↗", down: "↘", level: "→" };

export class People {
  constructor(body) {
    this.empty = make("p", { class: "empty" }, strings.people.none);
    this.list = make("ul", { class: "cards" });
    this.cards = new Map();
    body.append(this.empty, this.list);
  }

  render(store) {
    const people = store.names().filter((id) => store.people.has(id));
    show(this.empty, people.length === 0);
    for (const [id, card] of this.cards) {
      if (people.includes(id)) continue;
      card.element.remove();
      this.cards.delete(id);
    }
    people.forEach((id, place) => {
      if (!this.cards.has(id)) this.cards.set(id, new Card(id));
      const card = this.cards.get(id);
      if (this.list.children[place] !== card.element) this.list.insertBefore(card.element, this.list.children[place] ?? null);
      card.render(store.people.get(id), store.time);
    });
  }
}

class Card {
  constructor(id) {
    const words = strings.people;
    this.shape = make("span", { class: "shape" });
    this.label = make("span", { class: "name" });
    this.since = make("span", { class: "since" });
    this.presence = make("span", { class: "badge" });
    this.speaking = make("span", { class: "badge speaking" }, words.speaking);
    this.sure = make("span", { class: "number" });
    this.meter = make("span", { class: "fill" });
    this.also = make("p", { class: "also" });
    this.valence = new Axis(words.valence, strings.valenceWords);
    this.arousal = new Axis(words.arousal, strings.arousalWords);
    this.rests = make("p", { class: "rests" });
    this.usual = make("p", { class: "usual" });
    this.element = make(
      "li",
      { class: "card" },
      make("div", { class: "who" }, make("h3", {}, id), this.speaking, this.presence),
      make("div", { class: "state" }, this.shape, make("div", {}, this.label, this.since)),
      make("div", { class: "confidence" }, make("span", {}, words.confidence), make("span", { class: "bar", "aria-hidden": "true" }, this.meter), this.sure),
      this.also,
      this.valence.element,
      this.arousal.element,
      this.rests,
      this.usual,
    );
  }

  render(person, time) {
    const words = strings.people;
    const away = person.state === "away";
    if (this.shown !== person) this.renderPerson(person, words);
    setText(this.since, words.since(clock(person.since), duration((away ? person.time : Math.max(time, person.time)) - person.since)));
  }

  renderPerson(person, words) {
    const { tone } = look(person.label);
    if (this.shown?.label !== person.label) this.shape.replaceChildren(glyph(person.label, 40));
    this.shown = person;
    this.element.className = `card tone-${tone} ${person.state} ${person.known < LITTLE ? "little" : ""}`;
    setText(this.label, person.label);
    setText(this.presence, words[person.state]);
    show(this.speaking, person.speaking);
    setText(this.sure, strings.utterance.confidence(percent(person.confidence)));
    this.meter.style.width = `${100 * person.confidence}%`;
    const also = Object.entries(person.scores)
      .filter(([label, score]) => label !== person.label && score >= ALSO_FROM)
      .sort(([, one], [, other]) => other - one)
      .slice(0, ALSO);
    const labels = also.map(([label, score]) => strings.utterance.label(label, percent(score))).join("; ");
    setText(this.also, also.length && also[0][1] > person.confidence ? words.rather(labels) : words.also(labels));
    show(this.also, also.length > 0);
    this.valence.render(person.valence, person.valence_trend);
    this.arousal.render(person.arousal, person.arousal_trend);
    const known = person.known < 10 ? person.known.toFixed(1) : Math.round(person.known);
    setText(this.rests, (person.known < LITTLE ? words.little : words.rests)(known));
    setText(this.usual, person.baseline ? words.baseline(person.baseline) : words.noBaseline);
  }
}

/** One of valence and arousal: a bar from the middle, its number and words, and where it is going. */
class Axis {
  constructor(name, words) {
    this.words = words;
    this.fill = make("span", { class: "fill" });
    this.number = make("span", { class: "number" });
    this.trend = make("span", { class: "trend" });
    this.element = make("div", { class: "axis" }, make("span", {}, name), make("span", { class: "bar middle", "aria-hidden": "true" }, this.fill), this.number, this.trend);
  }

  render(value, trend) {
    const known = value !== null;
    this.fill.style.left = `${known ? 50 + 50 * Math.min(0, value) : 50}%`;
    this.fill.style.width = `${known ? 50 * Math.abs(value) : 0}%`;
    setText(this.number, known ? signed(value) : strings.people.notGiven);
    setAttribute(this.element, "title", known ? inWords(value, this.words) : strings.people.notGiven);
    if (!known) return void this.trend.replaceChildren();
    const way = trend === null ? null : trend > STEADY ? "up" : trend < -STEADY ? "down" : "level";
    if (this.way === way && this.trend.firstChild) return;
    this.way = way;
    const said = way ? strings.people.trends[way] : strings.people.noTrend;
    this.trend.replaceChildren(make("span", { "aria-hidden": "true" }, way ? ARROWS[way] : "·"), make("span", { class: "unseen" }, ` ${said}`));
    setAttribute(this.trend, "title", said);
  }
}
