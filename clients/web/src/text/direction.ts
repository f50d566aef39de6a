const isHebrew = (letter: string): boolean => letter >= "\u05d0";

/**
 * The direction of a question. `auto` goes by the first letter; where Hebrew begins with "ROM" or "MRI" that would lay
 * it out backwards, so where the first letter and most letters disagree, most letters decide.
 */
export function directionOf(text: string): "auto" | "rtl" | "ltr" {
  const letters = text.match(/[A-Za-z\u05d0-\u05ea]/g) ?? [];
  const [first] = letters;
  const mostlyHebrew = letters.filter(isHebrew).length * 2 > letters.length;
  if (!first || isHebrew(first) === mostlyHebrew) return "auto";
  return mostlyHebrew ? "rtl" : "ltr";
}

/**
 * The direction of a note's words. Hebrew with terms in it is read from the right although most of its letters may be
 * Latin ("hop LSI 96%, כוח 94%"): one Hebrew word in three is enough.
 */
export function directionOfNote(text: string): "auto" | "rtl" | "ltr" {
  const words = text.match(/[A-Za-z]+|[\u05d0-\u05ea]+/g) ?? [];
  if (!words.length) return "auto";
  return words.filter(isHebrew).length * 3 >= words.length ? "rtl" : "ltr";
}
