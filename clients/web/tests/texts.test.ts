import { readdirSync, readFileSync } from "node:fs";
import { parse } from "vue/compiler-sfc";
import { createI18n } from "vue-i18n";
import { describe, expect, it, vi } from "vitest";
import en from "../src/locales/en.json";
import he from "../src/locales/he.json";
import { limitOf } from "../src/text/limits";

type Tree = { [key: string]: string | Tree };

function leaves(tree: Tree, path = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === "string"
      ? [[`${path}${key}`, value] as [string, string]]
      : leaves(value, `${path}${key}.`),
  );
}

const LOCALES = { he: leaves(he), en: leaves(en) };
const FOLDER = "src/components";
const COMPONENTS = readdirSync(FOLDER).filter((name) => name.endsWith(".vue"));
const source = (name: string): string => readFileSync(`${FOLDER}/${name}`, "utf8");

const namesIn = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

/** PazPaz's chat of today reads these until it goes. */
const OF_TODAY = [
  "title",
  "subtitle",
  "clearHistory",
  "confirmClearHistory",
  "thinking",
  "send",
  "inputPlaceholder",
  ...["title", "description", "examplesTitle", "example1", "example2", "example3"].map(
    (key) => `emptyState.${key}`,
  ),
  ...["title", "highRelevance", "mediumRelevance", "lowRelevance"].map((key) => `citations.${key}`),
  ...["subjective", "objective", "assessment", "plan"].map((key) => `soap.${key}`),
].map((key) => `aiAgent.${key}`);

describe("the texts", () => {
  it("have the same keys, values to fill in and plural forms in both languages", () => {
    const shape = ([key, text]: [string, string]): unknown => [key, namesIn(text), text.split("|").length];
    expect(LOCALES.he.map(shape)).toEqual(LOCALES.en.map(shape));
  });

  it("keep the keys that PazPaz's chat has today", () => {
    const keys = LOCALES.en.map(([key]) => key);
    expect(OF_TODAY.filter((key) => !keys.includes(key))).toEqual([]);
  });

  it.each(["he", "en"] as const)(
    "in %s are read by vue-i18n without complaint, whatever is filled in",
    (locale) => {
      const warned = vi.spyOn(console, "warn");
      const { t } = createI18n({ legacy: false, locale, messages: { he, en } }).global;
      for (const [key, text] of LOCALES[locale]) {
        const names = namesIn(text).map((name) => name.slice(1, -1));
        const filled = t(key, Object.fromEntries(names.map((name) => [name, "a{b}|@c$"])), 2);
        const form = text.split("|").at(-1)?.trim() ?? "";
        expect(filled).toBe(form.replaceAll(/\{\w+\}/g, "a{b}|@c$"));
      }
      expect(warned).not.toHaveBeenCalled();
    },
  );

  it("say one and many in their own forms", () => {
    const { t } = createI18n({ legacy: false, locale: "he", messages: { he, en } }).global;
    expect(t("aiAgent.search.read", { n: 1 }, 1)).toBe("נקרא סיכום אחד");
    expect(t("aiAgent.search.read", { n: 14 }, 14)).toBe("נקראו 14 סיכומים");
    expect(t("aiAgent.search.read", { n: 0 }, 0)).toBe("נקראו 0 סיכומים");
  });

  it("are the only words: no component has any of its own", () => {
    const words = COMPONENTS.flatMap((name) => {
      const template = parse(source(name)).descriptor.template?.content ?? "";
      const text = template
        .replaceAll(/<!--[\s\S]*?-->/g, "")
        .replaceAll(/\{\{[\s\S]*?\}\}/g, "")
        .replaceAll(/<(?:"[^"]*"|[^">])*>/g, "");
      const spoken = template.match(/\s(?:title|placeholder|aria-label|alt)="[^"]+"/g) ?? [];
      return [...(text.match(/\p{L}+/gu) ?? []), ...spoken].map((word) => `${name}: ${word.trim()}`);
    });
    expect(words).toEqual([]);
  });

  it("have every key that the components name", () => {
    const keys = new Set(LOCALES.en.map(([key]) => key));
    const files = [...COMPONENTS.map(source), ...["useAnnouncements", "useWords", "answers"].map(composable)];
    const named = files.flatMap((file) =>
      [...file.matchAll(/\bsay\(\s*"([\w.]+)"/g)].map((match) => match[1]),
    );
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((key) => !keys.has(`aiAgent.${key}`))).toEqual([]);
  });

  it("begin with PazPaz's own name for the agent's texts", () => {
    expect([Object.keys(he), Object.keys(en)]).toEqual([["aiAgent"], ["aiAgent"]]);
  });
});

const composable = (name: string): string => readFileSync(`src/composables/${name}.ts`, "utf8");

describe("the styles", () => {
  const css = readFileSync("src/styles.css", "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");

  it("mirror by themselves: no side or size of theirs is physical", () => {
    const physical =
      /\b(?:left|right)\b|[\s;{](?:(?:min-|max-)?(?:width|height)|(?:[a-z]+-)?(?:top|bottom))\s*:/g;
    expect(css.match(physical) ?? []).toEqual([]);
  });

  it("touch nothing of the host: every class and property begins with pz-ai", () => {
    const classes = [...css.matchAll(/\.([a-z][\w-]*)/gi)].map((match) => match[1] ?? "");
    expect(classes.filter((name) => !name.startsWith("pz-ai") && !["dark", "light"].includes(name))).toEqual(
      [],
    );
    const properties = css.match(/--[\w-]+/g) ?? [];
    expect(properties.filter((name) => !name.startsWith("--pz-ai-"))).toEqual([]);
  });

  it("define every class that the components use", () => {
    const used = COMPONENTS.flatMap((name) => source(name).match(/pz-ai-[a-z-]*[a-z]/g) ?? []);
    expect([...new Set(used)].filter((name) => !css.includes(`.${name}`))).toEqual([]);
  });
});

describe("what an answer lacks", () => {
  it.each([
    [[], null],
    [["budget"], "budget"],
    [["model"], "model"],
    [["model", "embedder"], "all"],
    [["reranker"], "search"],
    [["entailment"], "check"],
  ] as const)("%j is said as %s", (lacks, limit) => {
    expect(limitOf(lacks)).toBe(limit);
  });
});
