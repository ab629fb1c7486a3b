// What happened to the session: feeds that failed, speakers who turned out to be others, errors.

import { clock, make, show } from "../elements.js";
import { strings } from "../strings.js";

export class Notices {
  constructor(body) {
    this.list = make("ol", { class: "notices" });
    this.empty = make("p", { class: "empty" }, strings.notices.none);
    body.append(this.empty, this.list);
  }

  render(store) {
    const newest = store.notices.at(-1);
    if (this.newest === newest) return;
    this.newest = newest;
    show(this.empty, !newest);
    const items = store.notices.toReversed().map((message) => {
      const bad = message.type === "error" || (message.type === "feed" && message.state !== "up");
      return make("li", { class: bad ? "bad" : null }, make("time", {}, clock(message.time)), make("span", {}, told(message)));
    });
    this.list.replaceChildren(...items);
  }
}

function told(message) {
  const words = strings.notices;
  if (message.type === "error") return message.continues ? message.message : words.stops(message.message);
  if (message.type === "speaker") {
    return message.event === "alias" ? words.alias(message.speaker, message.alias_of) : words.newSpeaker(message.speaker);
  }
  const medium = strings.feeds[message.medium ?? "feed"];
  const what = words.feed(message.source, medium, strings.feeds.states[message.state]);
  return message.reason ? words.because(what, message.reason) : what;
}
