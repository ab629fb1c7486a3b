// Elements and words for what is shown. Whatever comes in a message is set as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (`class`, `aria-label`, …; a function is a listener, null is left out) and
 * children (elements, or text). */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set a text where it is another one: what does not change costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute where it is another one; null takes it away. */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Show or hide an element. */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** Seconds of session time as minutes and seconds, with hours where there are some. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A length of time in words as short as can be. */
export function duration(seconds) {
  return seconds < 100 ? `${Math.max(0, Math.round(seconds))} s` : clock(seconds);
}

export function percent(share) {
  return Math.round(share * 100);
}

/** A number between -1 and 1 with its sign, as people write it. */
export function signed(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}

/** Which of five words goes with a value between -1 and 1. */
export function inWords(value, words) {
  return words[value < -0.6 ? 0 : value < -0.15 ? 1 : value <= 0.15 ? 2 : value <= 0.6 ? 3 : 4];
}
