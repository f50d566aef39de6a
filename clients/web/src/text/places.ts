/** The service counts code points; JavaScript counts UTF-16 units. Gives what is before, between and after. */
export function cut(text: string, start: number, end: number): [string, string, string] {
  const points = Array.from(text);
  const piece = (from: number, to?: number): string => points.slice(from, to).join("");
  return [piece(0, start), piece(start, end), piece(end)];
}
