// Elements and texts. What strangers sent is only ever set as text or as an attribute.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick: …`) and children; a string is a text node. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same of SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** A contribution or score as it is shown everywhere. */
export const figure = (value) => value.toFixed(3);
export const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);
export const count = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

export function time(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Call a function once the calls have paused for so many milliseconds. */
export function debounced(pause, work) {
  let timer = 0;
  const call = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(work, pause, ...values);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}

/** What an item is called: its title, or the last part of its id. */
export const nameOf = (item, id) => item.title || id.slice(id.lastIndexOf("/") + 1);
