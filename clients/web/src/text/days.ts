const LOCALES: Record<string, string> = { he: "he-IL", en: "en-GB" };
const SHAPE: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };

/** A date or an instant as a day in words; what is neither stays as it is. */
export function day(moment: string, language: string): string {
  // A plain date has no zone: noon keeps it on its own day everywhere.
  const time = new Date(/^\d{4}-\d{2}-\d{2}$/.test(moment) ? `${moment}T12:00` : moment);
  if (Number.isNaN(time.getTime())) return moment;
  return new Intl.DateTimeFormat(LOCALES[language] ?? language, SHAPE).format(time);
}

/** The hour of an instant: of conversations of one day nothing else tells which was when. */
export function hour(moment: string, language: string): string {
  const shape: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(LOCALES[language] ?? language, shape).format(new Date(moment));
}

/** Seconds as "4:05". */
export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
