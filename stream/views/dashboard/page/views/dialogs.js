// What opens over the page: the keys, and what the labels are worth. The browser keeps the focus inside.

import { make } from "../elements.js";
import { strings } from "../strings.js";

/** The overlay of keys, with a switch for those of a single letter: speech input and screen readers may need
 * them off. */
export function keysDialog(shortcuts) {
  const words = strings.keys;
  const box = make("input", { type: "checkbox", change: () => shortcuts.set(box.checked) });
  box.checked = shortcuts.on;
  const rows = words.table.map(([key, meaning]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, meaning)));
  return dialog(words.title, make("table", {}, make("tbody", {}, ...rows)), make("label", {}, box, ` ${words.singleKeys}`));
}

export function responsibleDialog() {
  const words = strings.responsible;
  return dialog(words.title, ...words.text.map((paragraph) => make("p", {}, paragraph)));
}

function dialog(title, ...content) {
  const name = `dialog-${document.querySelectorAll("dialog").length}`;
  const close = make("button", { type: "button", class: "tool", click: () => element.close() }, strings.keys.close);
  const element = make("dialog", { "aria-labelledby": name, click: (event) => event.target === element && element.close() });
  element.append(make("div", { class: "content" }, make("div", { class: "title" }, make("h2", { id: name }, title), close), ...content));
  document.body.append(element);
  return element;
}
