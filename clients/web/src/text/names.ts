const HEBREW = /[\u0590-\u05ff]/;

/** A name may be given in both scripts, "Noa Bar / נועה בר"; this is the one in the language that is read. */
export function inLanguage(name: string, language: string): string {
  const parts = name.split(" / ");
  return parts.find((part) => HEBREW.test(part) === (language === "he")) ?? parts[0] ?? "";
}
