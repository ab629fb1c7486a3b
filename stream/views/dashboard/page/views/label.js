// A label as it is shown everywhere: its shape in its colour, its name and how sure it is; and what it was
// made from.

import { look } from "../labels.js";
import { make, makeSvg, percent } from "../elements.js";
import { strings } from "../strings.js";

const MODALITIES = ["text", "audio", "face", "body"];

/** The shape of a label, in its colour; its name is said beside it. */
export function glyph(label, size = 16) {
  const { path, tone } = look(label);
  return makeSvg(
    "svg",
    { class: `glyph tone-${tone}`, viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true" },
    makeSvg("path", { d: path }),
  );
}

/** A label with its shape, name and confidence. */
export function chip(label, confidence) {
  return make(
    "span",
    { class: `chip tone-${look(label).tone}` },
    glyph(label, 12),
    make("span", {}, label),
    make("span", { class: "sure" }, strings.utterance.confidence(percent(confidence))),
  );
}

/** The modalities of a label in a fixed order: those that everybody knows, then any others. */
export function modalitiesOf(emotion) {
  const names = Object.keys(emotion.modalities);
  return [...MODALITIES.filter((name) => names.includes(name)), ...names.filter((name) => !MODALITIES.includes(name))];
}

/** present, imputed or missing. */
export function standing(state) {
  if (state.present) return "present";
  return state.imputed ? "imputed" : "missing";
}

/** One modality of a label, in a sentence with its reason. */
export function modalityInWords(name, state) {
  const words = strings.modalities;
  const called = words.names[name] ?? name;
  if (state.present) return words.present(called, percent(state.weight));
  return (state.imputed ? words.imputed : words.missing)(called, state.reason ?? words.noReason);
}

/** A small mark for each modality of a label, with its sentence for those who point at it or listen. */
export function marks(emotion) {
  const list = make("span", { class: "marks" });
  for (const name of modalitiesOf(emotion)) {
    const state = emotion.modalities[name];
    const sentence = modalityInWords(name, state);
    const letter = strings.modalities.letters[name] ?? name.slice(0, 1).toUpperCase();
    const mark = make("span", { class: `mark ${standing(state)}`, title: sentence, "aria-hidden": "true" }, letter);
    list.append(mark, make("span", { class: "unseen" }, `${sentence}. `));
  }
  return list;
}
