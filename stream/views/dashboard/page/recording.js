// A recording: its outline, read once, and the state at any of its times, which the server tells.

import { Stream, ask } from "./connection.js";

/** Messages of an outline; a longer recording is told as such. */
const LONGEST = 20000;
const PAGE = 1000;
const KINDS = ["emotion", "person", "speaker", "feed", "error"];
/** Seconds between two messages about a person that are kept where nothing but numbers changed. */
const PERSON_EVERY = 5;

/** What the server has of the session, in outline: labels that are not partial, steady states, speakers, feeds
 * and errors; whether that is the whole. */
export async function readOutline() {
  const outline = [];
  let whole = true;
  for (const kind of KINDS) {
    const people = new Map();
    let after = 0;
    while (after !== null && whole) {
      const page = await ask(`messages?after=${after}&limit=${PAGE}&kind=${kind}`);
      for (const message of page.messages) {
        if (message.type === "emotion" && message.state === "partial") continue;
        if (message.type === "person" && !news(people, message)) continue;
        if (outline.length < LONGEST) outline.push(message);
        else whole = false;
      }
      after = page.next;
    }
  }
  outline.sort((one, other) => one.seq - other.seq);
  return { outline, whole };
}

export class Recording {
  /** Messages go into `store`; `changed` is called when there is something else to show, `ended` when playing
   * stopped by itself, `failed` with a sentence when the server said no. */
  constructor({ store, start, end, changed, ended, failed }) {
    Object.assign(this, { store, start, end, changed, ended, failed, outline: [], whole: true, time: end, stream: null, wanted: null });
  }

  /** Read the outline. */
  async load() {
    Object.assign(this, await readOutline());
  }

  /** The newest label of each utterance. */
  utterances() {
    const found = new Map();
    for (const message of this.outline) if (message.type === "emotion") found.set(message.utterance, message);
    return [...found.values()];
  }

  /** Where the recording is now, in seconds. */
  get now() {
    if (!this.stream) return this.time;
    return Math.min(this.end, this.time + ((performance.now() - this.began) / 1000) * this.speed);
  }

  /** Show the state at a time. Of many wishes while one is under way the last counts. */
  async seek(time) {
    const speed = this.stream ? this.speed : null;
    this.stop();
    this.time = Math.min(this.end, Math.max(this.start, time));
    this.changed();
    const idle = this.wanted === null;
    this.wanted = this.time;
    if (!idle) return;
    let shown = null;
    while (shown !== this.wanted) {
      shown = this.wanted;
      try {
        this.rebuild((await ask(`state?at=${shown}`)).messages);
        this.failed(null);
      } catch (error) {
        this.failed(error.message);
      }
    }
    this.wanted = null;
    this.changed();
    if (speed !== null) this.play(speed);
  }

  rebuild(messages) {
    const upTo = Math.max(0, ...messages.map((message) => message.seq));
    this.store.reset();
    for (const message of this.outline) if (message.seq <= upTo) this.store.apply(message);
    for (const message of messages) this.store.apply(message);
  }

  /** Go on from here, `speed` times as fast as it was; from the beginning where it is at its end. */
  async play(speed) {
    if (!this.stream && this.time >= this.end) await this.seek(this.start);
    this.stop();
    Object.assign(this, { speed, began: performance.now() });
    this.stream = new Stream({
      again: false,
      query: () => ({ speed, from: this.time }),
      onMessage: (message) => {
        this.store.apply(message);
        this.changed();
      },
      onState: (state, reason) => {
        if (state === "open") this.began = performance.now();
        if (state !== "ended") return;
        this.stop();
        this.ended(reason);
      },
    });
    this.changed();
  }

  /** Stay at the time that is shown. */
  stop() {
    if (!this.stream) return;
    this.time = this.now;
    this.stream.close();
    this.stream = null;
  }
}

/** Whether a message about a person says more than that numbers moved. */
function news(people, message) {
  const held = people.get(message.person);
  const same = held && held.label === message.label && held.since === message.since && held.state === message.state;
  if (same && message.time - held.time < PERSON_EVERY) return false;
  people.set(message.person, message);
  return true;
}
