// Why an utterance got its label, as the server finds it from kept evidence: every word by what it adds to
// the label (colour, line and number), the modalities, and what came before.

import { ask } from "../connection.js";
import { make, percent, signed } from "../elements.js";
import { strings } from "../strings.js";

/** Doublings of the odds from which a word has its number beneath it, and at which its colour is full. */
const NUMBERED = 0.1;
const FULL = 1.5;
const STRONGEST = 4;

export class Explanation {
  /** Ask for the explanation of an utterance whose label is `label`, and show it in `panel`. */
  constructor(panel, number, label) {
    this.stop = new AbortController();
    panel.replaceChildren(make("p", { class: "faint", role: "status" }, strings.explanation.loading));
    ask(`explanation/${number}`, this.stop.signal).then(
      (found) => panel.replaceChildren(...told(found, label)),
      (error) => this.stop.signal.aborted || panel.replaceChildren(make("p", { class: "refused", role: "status" }, strings.explanation.failed(error.message))),
    );
  }

  /** Nobody waits for it any more. */
  close() {
    this.stop.abort();
  }
}

function told(found, label) {
  const words = strings.explanation;
  const spoken = found.parts.filter((part) => part.kind === "word");
  const strong = found.parts
    .filter((part) => part.kind !== "word")
    .sort((one, other) => Math.abs(other.contribution) - Math.abs(one.contribution))
    .slice(0, STRONGEST);
  const context = [...found.lines, { kind: "memory", name: words.memory, ...found.context.memory }];
  return [
    make("p", {}, make("strong", {}, words.share(found.label, percent(found.probability)))),
    found.label === label ? "" : make("p", { class: "faint" }, words.other(found.label)),
    spoken.length ? make("div", {}, make("h3", {}, words.words), wordLine(spoken), key()) : "",
    make("h3", {}, words.modalities),
    bars(Object.entries(found.modalities).map(([name, loss]) => ({ name: strings.modalities.names[name] ?? name, ...loss }))),
    ...(strong.length ? [make("h3", {}, words.strongest), bars(strong.map((part) => ({ ...part, name: partName(part) })))] : []),
    make("h3", {}, words.context),
    bars(context.map((part) => ({ ...part, name: part.kind === "line" ? `“${part.name}”` : part.name }))),
    make("p", { class: "faint" }, words.unit),
  ];
}

function partName(part) {
  const kind = strings.explanation.kinds[part.kind] ?? part.kind;
  return `${kind}: ${part.name}`;
}

/** The words as they were said, each with its colour, its line and, where it counts, its number. */
function wordLine(parts) {
  const line = make("p", { class: "contributions" });
  for (const part of parts) {
    const bits = signed(part.contribution, 1);
    const counts = Math.abs(part.contribution) >= NUMBERED;
    const word = make(
      "span",
      { class: `word ${!counts ? "" : part.contribution > 0 ? "supports" : "opposes"}`, title: strings.explanation.contribution(part.name, signed(part.contribution)) },
      make("span", { class: "said" }, part.name),
      counts ? make("span", { class: "bits" }, bits) : "",
    );
    word.style.setProperty("--strength", Math.min(1, Math.abs(part.contribution) / FULL).toFixed(2));
    line.append(word, " ");
  }
  return line;
}

function key() {
  const words = strings.explanation;
  return make("p", { class: "legend" }, make("span", { class: "word supports" }, words.supports), " ", make("span", { class: "word opposes" }, words.opposes));
}

/** Contributions as bars from the middle, the same scale for all; what is missing says why. */
function bars(parts) {
  const most = Math.max(FULL, ...parts.map((part) => Math.abs(part.contribution ?? 0)));
  const items = parts.map((part) => {
    if (part.contribution === null || part.contribution === undefined) {
      return make("li", { class: "faint" }, strings.explanation.absent(part.name, part.reason ?? strings.modalities.noReason));
    }
    const fill = make("span", { class: `fill ${part.contribution < 0 ? "opposes" : "supports"}` });
    const share = (50 * Math.abs(part.contribution)) / most;
    fill.style.left = `${part.contribution < 0 ? 50 - share : 50}%`;
    fill.style.width = `${share}%`;
    return make("li", {}, make("span", { class: "part" }, part.name), make("span", { class: "bar middle", "aria-hidden": "true" }, fill), make("span", { class: "number" }, signed(part.contribution)));
  });
  return make("ul", { class: "bars" }, ...items);
}
