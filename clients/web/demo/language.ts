import { computed, watchEffect } from "vue";
import { createI18n } from "vue-i18n";
import aiEn from "../src/locales/en.json";
import aiHe from "../src/locales/he.json";
import en from "./locales/en.json";
import he from "./locales/he.json";

const KEPT_AS = "demo-language";

export const i18n = createI18n({
  legacy: false,
  locale: localStorage.getItem(KEPT_AS) === "en" ? "en" : "he",
  messages: { he: { ...aiHe, ...he }, en: { ...aiEn, ...en } },
});

export const language = computed(() => i18n.global.locale.value);

export function otherLanguage(): void {
  i18n.global.locale.value = language.value === "he" ? "en" : "he";
}

watchEffect(() => {
  localStorage.setItem(KEPT_AS, language.value);
  document.documentElement.lang = language.value;
  document.documentElement.dir = language.value === "he" ? "rtl" : "ltr";
  document.title = i18n.global.t("demo.title");
});

/** A name may be given in both scripts, "Noa Bar / נועה בר"; the page shows the one it speaks. */
export function inLanguage(name: string): string {
  const parts = name.split(" / ");
  const isHebrew = (part: string): boolean => /[\u0590-\u05ff]/.test(part);
  return parts.find((part) => isHebrew(part) === (language.value === "he")) ?? name;
}
