import { enableAutoUnmount } from "@vue/test-utils";
import { afterEach, describe, expect, it, vi } from "vitest";
import AgentQuotedText from "../src/components/AgentQuotedText.vue";
import { aStage, mounted, settled } from "./fakes";

enableAutoUnmount(afterEach);
afterEach(() => vi.restoreAllMocks());

const NOTE = "😀👩‍👩‍👧 Slept well.\n  Back to running <b>on Tuesday</b>. End.";
const QUOTE = "Back to running <b>on Tuesday</b>.";
const start = Array.from(NOTE.slice(0, NOTE.indexOf(QUOTE))).length;
const PLACE = { text: NOTE, quote: QUOTE, start, end: start + Array.from(QUOTE).length };

describe("a quoted note", () => {
  it("marks the quote where it stands, counted in code points, and brings it into view", async () => {
    const seen = vi.spyOn(Element.prototype, "scrollIntoView");
    const note = mounted(aStage(), AgentQuotedText, PLACE);
    await settled();
    expect(start).not.toBe(NOTE.indexOf(QUOTE));
    expect(note.get("mark").element.textContent).toBe(QUOTE);
    expect(note.get(".pz-ai-field").element.textContent).toBe(NOTE);
    expect(seen.mock.instances).toEqual([note.get("mark").element]);
    expect(note.find(".pz-ai-notice").exists()).toBe(false);
  });

  it.each([
    ["the text has another word there", { text: NOTE.replace("running", "walking") }],
    ["the text begins otherwise", { text: `x${NOTE}` }],
    ["the text is shorter", { text: "Short." }],
    ["nothing was quoted", { quote: "", end: start }],
  ])("marks nothing where %s, and says so", (_, members) => {
    const note = mounted(aStage(), AgentQuotedText, { ...PLACE, ...members });
    expect(note.find("mark").exists()).toBe(false);
    expect(note.get(".pz-ai-notice").text()).toContain("The text has changed since this answer");
    expect(note.get(".pz-ai-field").element.textContent).toBe({ ...PLACE, ...members }.text);
  });

  it("follows to another quote", async () => {
    const note = mounted(aStage(), AgentQuotedText, PLACE);
    await note.setProps({ text: "One. Two.", quote: "Two.", start: 5, end: 9 });
    expect(note.get("mark").text()).toBe("Two.");
  });

  it("reads Hebrew with terms in it from the right", () => {
    const text = "hop LSI 96%, כוח 94%";
    const note = mounted(aStage(), AgentQuotedText, { text, quote: text, start: 0, end: text.length });
    expect(note.get(".pz-ai-field").attributes("dir")).toBe("rtl");
  });
});
