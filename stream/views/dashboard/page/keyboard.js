// Keys for everything; those of a single letter can be switched off.

const KEPT = "emotrack-single-keys";

export class Shortcuts {
  /** `actions` by key, as `event.key` has it in lower case. */
  constructor(actions) {
    this.actions = actions;
    this.on = remembered(KEPT) !== "off";
    document.addEventListener("keydown", (event) => this.press(event));
  }

  set(on) {
    this.on = on;
    remember(KEPT, on ? "on" : "off");
  }

  press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    if (!Object.hasOwn(this.actions, key) || (!this.on && key !== "?")) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target.matches("input:not([type=range]), select, textarea")) return;
    if (key === " " && target.matches("button, summary, a")) return; // it presses them
    this.actions[key]();
    event.preventDefault();
  }
}

/** What this browser remembers of a choice; null where it remembers nothing, or may not. */
export function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // The choice holds until the page is left.
  }
}
