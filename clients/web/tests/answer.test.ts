import { enableAutoUnmount } from "@vue/test-utils";
import { afterEach, describe, expect, it } from "vitest";
import AgentAnswerText from "../src/components/AgentAnswerText.vue";
import { blocksOf, plainText } from "../src/text/answer";
import { aCitation, aStage, mounted } from "./fakes";

enableAutoUnmount(afterEach);

const draw = (text: string, props: Record<string, unknown> = {}) =>
  mounted(aStage(), AgentAnswerText, { text, language: "en", ...props });

/** What a reader sees of an answer: its characters, with its line breaks. */
const seen = (text: string, props: Record<string, unknown> = {}): string => {
  const lines = draw(text, props).findAll("p, li, h4");
  return lines.map((line) => line.element.textContent).join("\n");
};

// Each is what a therapist may have written; whatever markup means elsewhere, here it is a note's own words.
const LITERAL = [
  "2*3*4",
  "a_b_c and __init__",
  "-5 degrees",
  "3. something",
  "12) twelve",
  "*x* and _y_",
  "# no heading",
  "> no quotation",
  "+ no bullet",
  "---",
  "===",
  "`code` and ```fence```",
  "    four spaces",
  "\ttab",
  "\\*escaped\\* \\_ \\\\",
  "&amp; &lt;b&gt; &#65; &nbsp;",
  "<b>bold</b> <img src=x onerror=alert(1)> <script>alert(1)</script>",
  "[text](https://example.com) ![image](https://example.com/a.png)",
  "<https://example.com> https://example.com/a_b*c*?d=1&e=2 www.example.com me@example.com",
  "[reference]: https://example.com",
  "[7] and [1, 7] are no citation's",
  "| a | b |",
  "~~gone~~ ==marked== ^up^",
  "a  two  spaces",
  "* ",
  "-",
  "**",
  "** not strong **",
  "1. ",
  '"quotes" -- (c) ... straight',
  "😀 emoji 👩‍👩‍👧 and שלום",
];

describe("an answer's text", () => {
  it.each(LITERAL)("shows %j with exactly its characters", (text) => {
    const drawn = draw(text);
    expect(drawn.element.textContent).toBe(text);
    expect(drawn.findAll("a, img, script, b, em, strong, code, hr, table, h1, blockquote")).toEqual([]);
  });

  it("keeps the characters of any lines put together from pieces of markup, but for a list's bullet", () => {
    const pieces = [
      "*",
      "_",
      "-",
      "3.",
      " ",
      "`",
      "[",
      "]",
      "(",
      ")",
      "<b>",
      "&amp;",
      "\\",
      "#",
      "a",
      "5",
      "ש",
      "😀",
    ];
    let seed = 7;
    const next = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
    const line = (): string =>
      Array.from({ length: 1 + next(9) }, () => pieces[next(pieces.length)]).join("");
    const lines = Array.from({ length: 2000 }, () => line().replaceAll("**", "*")).filter((one) =>
      one.trim(),
    );
    expect(seen(lines.join("\n")).split("\n")).toEqual(
      lines.map((one) => one.replace(/^\s*[-•*]\s+(?=\S)/, "")),
    );
  });

  it("makes lists of lines with bullets and with numbers, and words strong", () => {
    const drawn = draw("Two things:\n- **Sleep**: seven hours\n• walks\n1. first\n2. second");
    expect(drawn.findAll("ul > li").map((item) => item.text())).toEqual(["Sleep: seven hours", "walks"]);
    expect(drawn.findAll("ol > li").map((item) => item.text())).toEqual(["1. first", "2. second"]);
    expect(drawn.get("strong").text()).toBe("Sleep");
  });

  it("leaves a dash or stars that the quoted note has itself", () => {
    const citations = [aCitation({ quote: "- 5 degrees of **extension**" })];
    const drawn = draw("- 5 degrees of **extension** [1]", { citations });
    expect(drawn.get("p").text()).toBe("- 5 degrees of **extension** 1 3 Mar 2026");
    expect(drawn.find("strong").exists()).toBe(false);
  });

  it("says beside its words of which day they are, where they are of one", () => {
    const citations = [
      aCitation({ marker: 1, session_date: "2026-03-24" }),
      aCitation({ marker: 2, session_date: "2025-09-30" }),
      aCitation({ marker: 3, session_date: null }),
    ];
    const text = "Back at work since yesterday. [1]\nBoth. [1, 2]\nFrom the profile. [3]\n- A point. [2]";
    expect(seen(text, { citations }).split("\n")).toEqual([
      "Back at work since yesterday. 1 24 Mar 2026",
      "Both. 12",
      "From the profile. 3",
      "A point. 2 30 Sept 2025",
    ]);
  });

  it("keeps a marker on the line of the word before it", () => {
    const drawn = draw("Slept until five. [1]", { citations: [aCitation()] });
    expect(drawn.get(".pz-ai-glued").text()).toBe("five. 1");
    expect(drawn.get("p").element.textContent).toContain("Slept until five. 1");
  });

  it("makes buttons of markers only where every number is a citation's", async () => {
    const citations = [aCitation(), aCitation({ marker: 2, instruction_like: true })];
    const drawn = draw("Known [1, 2]. Unknown [3], [2, 3].", { citations });
    expect(drawn.findAll("button").map((one) => one.attributes("aria-label"))).toEqual([
      "Source 1",
      "Source 2",
    ]);
    expect(drawn.text()).toContain("Unknown [3], [2, 3].");
    expect(drawn.findAll(".pz-ai-badge").map((one) => one.text())).toEqual([
      "Written like an instruction; shown as a quote only",
    ]);
    await drawn.findAll("button")[1]?.trigger("click");
    expect(drawn.emitted("marker")?.[0]?.[0]).toBe(2);
  });

  it("keeps numbers, dates and addresses in their own order of characters", () => {
    const drawn = draw("טווח -5 עד 140, ביום 3.3.2026 ב-10:30, ראו https://example.com/a.", {
      language: "he",
    });
    expect(drawn.findAll("bdi").map((one) => one.text())).toEqual([
      "-5",
      "3.3.2026",
      "10:30",
      "https://example.com/a.",
    ]);
    expect(drawn.findAll("bdi").every((one) => one.attributes("dir") === "ltr")).toBe(true);
  });

  it("lays out the lines of a course by day, under their title", () => {
    const text = "Right knee\n3.3.2026: hop LSI 96%, כוח 94%\n17.2.2026, דנה לוי: ROM full";
    const drawn = draw(text, { language: "he" });
    expect(drawn.get("h4").text()).toBe("Right knee");
    const [first, second] = drawn.findAll(".pz-ai-point");
    expect(first?.attributes("dir")).toBe("rtl");
    expect(first?.findAll("bdi")[0]?.text()).toBe("3.3.2026");
    expect(second?.findAll("bdi").map((one) => one.text())).toEqual(["17.2.2026", "דנה לוי"]);
    expect(seen(text, { language: "he" })).toBe(text);
  });

  it.each([
    ["he", "ROM מלא בכיפוף", "rtl"],
    ["he", "Full ROM today", "ltr"],
    ["en", "ROM מלא בכיפוף של הברך", "rtl"],
    ["en", "Full range", "auto"],
  ])("of the language %s reads %j %s", (language, text, dir) => {
    expect(draw(text, { language }).get("p").attributes("dir")).toBe(dir);
  });

  it("says above lines of the whole practice whom they quote, once", () => {
    const citations = [
      aCitation(),
      aCitation({ marker: 2 }),
      aCitation({ marker: 3, client_name: "Omer Bar" }),
    ];
    const text = "Back to work. [1]\nSleeps well. [2]\nHas headaches. [3]\nBoth. [1, 3]";
    expect(
      draw(text, { citations, wholePractice: true })
        .findAll("h4")
        .map((one) => one.text()),
    ).toEqual(["Dana Levi", "Omer Bar"]);
    expect(draw(text, { citations }).findAll("h4")).toEqual([]);
  });

  it("is copied without markup", () => {
    const context = { language: "en" as const, citations: [aCitation()], wholePractice: false };
    const text = "Title\n3.3.2026, Dana: said [1]\n- **Sleep**: well\n1. one";
    expect(plainText(text, context)).toBe("Title\n3.3.2026, Dana: said [1]\n- Sleep: well\n1. one");
  });

  it("reads a thousand lines of stars, and one of digits without end, in no time", () => {
    const stars = Array.from({ length: 999 }, () => "*".repeat(40) + "a" + "_*".repeat(40));
    const text = [...stars, "1".repeat(200_000)].join("\n");
    const began = performance.now();
    expect(blocksOf(text, { language: "en", citations: [], wholePractice: false })).toHaveLength(1000);
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
