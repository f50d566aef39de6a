// Small helpers. Data only ever becomes text nodes and attributes, never markup.

export const byId = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

export const button = (label, onclick, attributes = {}) =>
  el("button", { type: "button", onclick, ...attributes }, label);

// Focus on a phone would raise the keyboard over what the person wants to read.
export function focusWithKeys(node) {
  if (matchMedia("(pointer: fine)").matches) node.focus({ preventScroll: true });
}

export function announce(text) {
  byId("announcer").textContent = text;
}

// `auto` goes by the first letter. Clinical Hebrew often starts with "ROM" or "MRI", and would be
// laid out backwards; where the first letter and most letters disagree, most letters decide.
export function direction(text) {
  const letters = String(text ?? "").match(/[A-Za-z\u05d0-\u05ea]/g) ?? [];
  const mostlyHebrew = letters.filter(isHebrew).length * 2 > letters.length;
  if (!letters.length || isHebrew(letters[0]) === mostlyHebrew) return "auto";
  return mostlyHebrew ? "rtl" : "ltr";
}

// A note that has Hebrew in it at all is a Hebrew one with terms: "hop LSI 96%, כוח 94%" is read from the right,
// although most of its letters are Latin. A word of Hebrew in three is enough.
export function directionOfNote(text) {
  const words = String(text ?? "").match(/[A-Za-z]+|[\u05d0-\u05ea]+/g) ?? [];
  if (!words.length) return "auto";
  return words.filter((word) => isHebrew(word[0])).length * 3 >= words.length ? "rtl" : "ltr";
}

const isHebrew = (letter) => letter >= "\u05d0";

// Offsets from the service count code points; JavaScript counts UTF-16 units.
export function cut(text, start, end) {
  const points = Array.from(text);
  const piece = (from, to) => points.slice(from, to).join("");
  return [piece(0, start), piece(start, end), piece(end)];
}
