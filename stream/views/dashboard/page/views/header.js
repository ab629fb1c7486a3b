// The first rows: the session and how the connection and the tracker do, every feed with its media, what the
// policy refuses, and what makes the labels.

import { clock, make, setText, show } from "../elements.js";
import { strings } from "../strings.js";

/** Seconds without any message of a live session after which the page says so; heartbeats come every second. */
const SILENT_AFTER = 3;
const LATE_AFTER = 1;
const MARKS = { up: "●", degraded: "◐", down: "○" };
const MEDIA = ["audio", "video"];

export class Header {
  constructor(state, feeds, trouble) {
    const words = strings.header;
    this.pill = make("span", { class: "pill" });
    this.facts = Object.fromEntries(["session", "time", "lag", "load"].map((name) => [name, make("dd")]));
    const rows = Object.entries(this.facts).map(([name, value]) => make("div", { class: name }, make("dt", {}, words[name]), value));
    state.append(this.pill, make("dl", { class: "facts" }, ...rows));
    this.list = make("ul", { class: "feeds", "aria-label": strings.feeds.title });
    this.policy = make("span", { class: "policy" });
    this.model = make("ul");
    feeds.append(this.list, this.policy, make("details", { class: "model" }, make("summary", {}, strings.model.title), this.model));
    this.trouble = trouble;
    this.drawn = {};
  }

  /** Show a state. `link` is how the connection is: {state, kind, source, sentence, silence}. */
  render(store, link) {
    const [text, tone] = condition(store, link);
    setText(this.pill, text);
    this.pill.className = `pill ${tone}`;
    setText(this.facts.session, store.sessionId || strings.header.waiting);
    setText(this.facts.time, clock(store.time));
    this.renderLoad(store.heartbeat);
    setText(this.trouble, link.sentence ?? "");
    show(this.trouble, Boolean(link.sentence));
    if (this.drawn.feeds !== store.feeds.size + store.seq) this.renderFeeds(store);
    if (this.drawn.session !== store.session) this.renderSession(store);
  }

  renderLoad(heartbeat) {
    const words = strings.header;
    const { lag, load } = this.facts;
    setText(lag, heartbeat ? words.seconds(heartbeat.lag.toFixed(2)) : "–");
    lag.className = heartbeat && heartbeat.lag > LATE_AFTER ? "bad" : "";
    if (!heartbeat) return void setText(load, "–");
    const counts = [...Object.entries(heartbeat.shed), ...Object.entries(heartbeat.dropped)]
      .filter(([, count]) => count)
      .map(([name, count]) => `${name.replaceAll("_", " ")} ${count}`)
      .join(", ");
    const now = heartbeat.shedding.length ? words.leavesOut(heartbeat.shedding.join(", ")) : words.keepsUp;
    setText(load, counts ? `${now}; ${words.leftOut(counts)}` : now);
    load.className = heartbeat.shedding.length ? "bad" : "";
  }

  renderFeeds(store) {
    this.drawn.feeds = store.feeds.size + store.seq;
    const sources = [...new Set([...(store.session?.feeds ?? []).map((feed) => feed.source), ...[...store.feeds.values()].map((feed) => feed.source)])];
    const told = sources.map((source) => [source, ["", ...MEDIA].map((medium) => store.feeds.get(`${source} ${medium}`))]);
    const signature = JSON.stringify(told);
    if (this.drawn.told === signature) return;
    this.drawn.told = signature;
    this.list.replaceChildren(...told.map(([source, feeds]) => feedItem(source, feeds.filter(Boolean))));
    if (!told.length) this.list.append(make("li", { class: "faint" }, strings.feeds.none));
  }

  renderSession(store) {
    const { session } = store;
    this.drawn.session = session;
    this.drawn.feeds = -1;
    const words = strings.policy;
    const refused = session?.policy?.refused ?? [];
    setText(this.policy, !session ? words.unknown : refused.length ? words.refuses(refused.join(", ")) : words.none);
    this.policy.classList.toggle("some", refused.length > 0);
    this.model.replaceChildren(...(session ? modelItems(session) : []));
  }
}

/** The state of it all in a word or two, and its tone. */
function condition(store, link) {
  const words = strings.connection;
  if (link.state === "waiting") return [words.reconnecting, "bad"];
  if (link.kind === "recording") return [words.recording, "calm"];
  if (link.state === "connecting") return [words.connecting, "calm"];
  if (store.session?.state === "ended") return [strings.header.endedBecause(store.session.reason ?? strings.header.noReason), "calm"];
  if (!store.sessionId) return [words.noTracker(link.source ?? ""), "calm"];
  if (link.silence > SILENT_AFTER) return [words.silent(Math.round(link.silence)), "bad"];
  return [words.live, "good"];
}

function feedItem(source, feeds) {
  const item = make("li", {}, make("span", { class: "source" }, source));
  for (const feed of feeds) {
    const medium = strings.feeds[feed.medium ?? "feed"];
    const state = strings.feeds.states[feed.state];
    const reason = feed.state === "up" ? null : feed.reason;
    item.append(
      make("span", { class: `medium ${feed.state}` }, make("span", { "aria-hidden": "true" }, MARKS[feed.state]), ` ${medium} ${state}`),
      reason ? make("span", { class: "reason" }, reason) : "",
    );
  }
  return item;
}

function modelItems(session) {
  const words = strings.model;
  const items = [make("li", {}, words.model(session.model.id, session.model.hash.slice(0, 12)))];
  for (const engine of session.engines) {
    const name = engine.model ? words.engine(engine.part, engine.model, engine.backend ?? "–") : words.absent(engine.part);
    const skipped = engine.skipped.map((each) => words.skipped(each.backend, each.reason)).join("; ");
    items.push(make("li", {}, name, skipped ? make("span", { class: "reason" }, skipped) : ""));
  }
  return items;
}
