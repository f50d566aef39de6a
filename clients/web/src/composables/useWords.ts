// The texts, as the host's vue-i18n has them, and what is said differently in each language.

import { computed, type ComputedRef } from "vue";
import { useI18n } from "vue-i18n";
import { clock, day, hour } from "../text/days";
import { inLanguage } from "../text/names";

type Values = Record<string, string | number>;

export interface Words {
  /** "he", "en": the language that is read, without its region. */
  language: ComputedRef<string>;
  direction: ComputedRef<"rtl" | "ltr">;
  /** The text under `aiAgent.`; with a count it is in that count's form, where `{n}` is the count. */
  say(key: string, values?: Values, count?: number): string;
  /** The label of a note's or a profile's field. */
  field(name: string): string;
  day(moment: string): string;
  hour(moment: string): string;
  clock(seconds: number): string;
  name(name: string): string;
}

const SOAP: ReadonlySet<string> = new Set(["subjective", "objective", "assessment", "plan"]);
const PROFILE: ReadonlySet<string> = new Set(["medical_history", "notes"]);

export function useWords(): Words {
  const { t, locale } = useI18n({ useScope: "global" });
  const language = computed(() => String(locale.value).split("-")[0] ?? "en");
  const say: Words["say"] = (key, values = {}, count) =>
    count === undefined ? t(`aiAgent.${key}`, values) : t(`aiAgent.${key}`, { n: count, ...values }, count);

  function field(name: string): string {
    if (SOAP.has(name)) return say(`soap.${name}`);
    return PROFILE.has(name) ? say(`profile.${name}`) : name;
  }

  return {
    language,
    direction: computed(() => (language.value === "he" ? "rtl" : "ltr")),
    say,
    field,
    day: (moment) => day(moment, language.value),
    hour: (moment) => hour(moment, language.value),
    clock,
    name: (name) => inLanguage(name, language.value),
  };
}
