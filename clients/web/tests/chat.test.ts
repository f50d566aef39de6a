import { enableAutoUnmount, type DOMWrapper, type VueWrapper } from "@vue/test-utils";
import { afterEach, describe, expect, it, vi } from "vitest";
import { h, KeepAlive, nextTick, ref } from "vue";
import type { Risk } from "../src/api/types";
import AgentChatInterface from "../src/components/AgentChatInterface.vue";
import {
  aCitation,
  aRisk,
  aStage,
  CONVERSATION,
  DANA,
  FakeStream,
  mounted,
  OMER,
  problem,
  SESSION,
  settled,
  type Stage,
} from "./fakes";

enableAutoUnmount(afterEach);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const open = (stage: Stage, props: Record<string, unknown> = {}): VueWrapper =>
  mounted(stage, AgentChatInterface, { clientId: DANA, clientName: "Dana Levi", ...props });

async function ask(chat: VueWrapper, question: string): Promise<void> {
  await chat.get("textarea").setValue(question);
  await chat.get("form").trigger("submit");
  await settled();
}

const button = (chat: VueWrapper, name: string) => {
  const found = chat
    .findAll("button")
    .find((one) => one.attributes("aria-label") === name || one.text() === name);
  if (!found) throw new Error(`no button is called ${name}`);
  return found;
};

/** A person has seen that an answer is on its way before stopping it. */
async function stop(chat: VueWrapper): Promise<void> {
  const now = performance.now();
  vi.spyOn(performance, "now").mockReturnValue(now + 501);
  await button(chat, "Stop").trigger("click");
}

const announced = (chat: VueWrapper): string => chat.get(".pz-ai > [role=status]").text();

describe("an answer that comes", () => {
  it("shows each line with its markers as it comes, and then what `done` says instead", async () => {
    const stage = aStage();
    const chat = open(stage);

    await ask(chat, "  How is the knee?  ");
    expect(chat.get(".pz-ai-question").text()).toContain("How is the knee?");
    await stage.service.stream.tell({ event: "status", data: { step: "retrieve" } });
    expect(chat.get(".pz-ai-thinking").text()).toContain("Reading the notes");
    expect(chat.find(".pz-ai-text").exists()).toBe(false);

    await stage.service.stream.line("Back to running. [1]", aCitation());
    expect(chat.findAll(".pz-ai-text p").map((line) => line.text())).toEqual([
      "Back to running. 1 3 Mar 2026",
    ]);
    await stage.service.stream.line("\nSleeps well. [2]", aCitation({ marker: 2 }));
    expect(chat.findAll(".pz-ai-text p").map((line) => line.text())).toEqual([
      "Back to running. 1 3 Mar 2026",
      "Sleeps well. 2 3 Mar 2026",
    ]);
    expect(chat.find(".pz-ai-caption").exists()).toBe(false);

    await stage.service.stream.done();
    expect(chat.findAll(".pz-ai-text p").map((line) => line.text())).toEqual([
      "Back to running on Tuesday. 1 3 Mar 2026",
    ]);
    expect(chat.find(".pz-ai-thinking").exists()).toBe(false);
    expect(chat.findAll(".pz-ai-caption span").map((part) => part.text())).toEqual([
      "14 notes read, 5 Jan 2026 to 3 Mar 2026",
      "Quotes as they stand, no model",
    ]);
  });

  it("asks with the client, the question and nothing that nobody asked for", async () => {
    const stage = aStage({ language: () => "en", headers: () => ({ "X-CSRF-Token": "t" }) });
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    const [asked] = stage.service.chats;
    expect(asked?.body).toEqual({ query: "How is the knee?", mode: "ask", client_id: DANA });
    expect(asked?.headers.get("Accept")).toBe("text/event-stream");
    expect(asked?.headers.get("Accept-Language")).toBe("en");
    expect(asked?.headers.get("X-CSRF-Token")).toBe("t");
  });

  it("goes on with the conversation that the answer named", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done();
    await ask(chat, "And the sleep?");
    expect(stage.service.chats[1]?.body).toMatchObject({ conversation_id: CONVERSATION });
  });

  it("shows at once what the notes say of danger, above the answer", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.tell({ event: "risk", data: aRisk() });
    const banner = chat.get(".pz-ai-risk");
    expect(banner.text()).toContain("Suicide");
    expect(banner.text()).toContain("denied");
    await button(chat, "Open the note").trigger("click");
    expect(chat.emitted("openSource")?.[0]?.[0]).toMatchObject({
      type: "session",
      session_id: SESSION,
      start: 0,
    });
  });

  it("tells a screen reader that the notes are read, and then the answer once", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    expect(announced(chat)).toBe("Reading the notes");
    await stage.service.stream.line("Back to running. [1]", aCitation());
    expect(announced(chat)).toBe("Reading the notes");
    await stage.service.stream.done({ risk: [aRisk()] });
    expect(announced(chat)).toBe("The notes mention danger Answer: Back to running on Tuesday. [1]");
    expect(chat.findAll("[aria-live]")).toEqual([]);
  });

  it("keeps the lines seen when it is stopped, and says that they are not the whole answer", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.line("Back to running. [1]", aCitation());
    await stop(chat);
    await settled();
    expect(stage.service.stream.isStopped).toBe(true);
    expect(chat.get(".pz-ai-text").text()).toContain("Back to running.");
    expect(chat.get(".pz-ai-problem").text()).toContain("This answer is incomplete.");
    expect(button(chat, "Send").exists()).toBe(true);
  });

  it("takes nothing of what still comes once it is stopped", async () => {
    const stage = aStage();
    const deaf = new FakeStream(null);
    stage.service.plan("/agent/chat", new Response(deaf.body));
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await deaf.line("Back to running. [1]", aCitation());
    await stop(chat);
    await deaf.line("\nSleeps well.");
    expect(chat.findAll(".pz-ai-text p")).toHaveLength(1);
    expect(chat.get(".pz-ai-problem").text()).toContain("This answer is incomplete.");
  });

  it("asks a stopped question again when somebody wants it to", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stop(chat);
    await settled();
    await button(chat, "Try again").trigger("click");
    await settled();
    await stage.service.stream.done();
    expect(stage.service.chats.map((one) => one.body?.["query"])).toEqual([
      "How is the knee?",
      "How is the knee?",
    ]);
    expect(chat.findAll(".pz-ai-turn")).toHaveLength(1);
    expect(chat.get(".pz-ai-text").text()).toContain("Back to running on Tuesday.");
  });

  it("drops the lines of an answer that failed: they are none", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.line("Back to running. [1]", aCitation());
    const data = {
      type: "",
      title: "",
      status: 503,
      detail: "The service is away.",
      code: "away",
      request_id: "r",
    };
    await stage.service.stream.tell({ event: "error", data: { ...data, retry_after: null } });
    expect(chat.find(".pz-ai-text").exists()).toBe(false);
    expect(chat.find(".pz-ai-sources").exists()).toBe(false);
    expect(chat.get(".pz-ai-problem").text()).toContain("The service is away.");
    expect(announced(chat)).toBe("The service is away.");
  });

  it("says that there is no connection when it breaks off, and asks nothing by itself", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.line("Back to running. [1]", aCitation());
    await stage.service.stream.breakOff();
    expect(chat.get(".pz-ai-problem").text()).toContain("No connection. Your question is kept.");
    expect(chat.find(".pz-ai-text").exists()).toBe(false);
    expect(stage.service.chats).toHaveLength(1);
  });

  it("says that there is no connection when nobody is there", async () => {
    const stage = aStage();
    stage.service.plan("/agent/chat", () => Promise.reject(new TypeError("no network")));
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    expect(chat.get(".pz-ai-problem").text()).toContain("No connection.");
  });

  it("says in its own words what PazPaz refuses without any", async () => {
    const stage = aStage();
    stage.service.plan("/agent/chat", Response.json({ detail: [{ loc: ["body"] }] }, { status: 422 }));
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    expect(chat.get(".pz-ai-problem").text()).toContain("Something went wrong.");
  });

  it("counts down to when asking again may help", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    const stage = aStage();
    stage.service.plan(
      "/agent/chat",
      problem(429, "rate_limited", "Too many questions.", { "Retry-After": "62" }),
    );
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    expect(chat.get(".pz-ai-problem").text()).toContain("Too many questions.");
    expect(chat.get(".pz-ai-countdown").text()).toBe("You can try again in 1:02");
    vi.advanceTimersByTime(3000);
    await nextTick();
    expect(chat.get(".pz-ai-countdown").text()).toBe("You can try again in 0:59");
    vi.advanceTimersByTime(60_000);
    await nextTick();
    expect(chat.find(".pz-ai-countdown").exists()).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("asks alone, once, where the conversation before is gone", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done();
    stage.service.plan("/agent/chat", problem(404, "conversation_not_found", "It is gone."));
    await ask(chat, "And the sleep?");
    await stage.service.stream.done();
    expect(stage.service.chats.map((one) => one.body?.["conversation_id"])).toEqual([
      undefined,
      CONVERSATION,
      undefined,
    ]);
    expect(chat.text()).toContain("so this was asked by itself");
  });

  it("fails where it is refused asking alone as well", async () => {
    const stage = aStage();
    stage.service.plan("/agent/chat", problem(404, "conversation_not_found", "Gone."));
    stage.service.plan("/agent/chat", problem(404, "conversation_not_found", "Gone indeed."));
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    expect(stage.service.chats).toHaveLength(2);
    expect(chat.get(".pz-ai-problem").text()).toContain("Gone indeed.");
  });
});

describe("an answer that is whole", () => {
  async function answered(members: Parameters<Stage["service"]["stream"]["done"]>[0], props = {}) {
    const stage = aStage();
    const chat = open(stage, props);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done(members);
    return { stage, chat };
  }

  it("says what it lacks", async () => {
    const { chat } = await answered({
      answer_status: "degraded",
      degraded: ["model", "embedder"],
      withheld: 1,
    });
    expect(chat.get(".pz-ai-answer > .pz-ai-badge").text()).toBe("Limited answer");
    expect(chat.findAll(".pz-ai-notice").map((one) => one.text())).toEqual([
      "The language service is away right now. The search was limited, and your notes are quoted as they stand. Ask again later.",
      "One sentence is not shown, because it did not pass the check against the notes.",
    ]);
  });

  it("says of notes that were not wholly searched how many they are", async () => {
    const search = {
      notes_read: 10,
      notes_total: 14,
      from: null,
      to: null,
      drafts: 0,
      complete: false,
      other_language: 2,
      unsearched_drafts: 1,
    };
    const { chat } = await answered({ search, model: "command / פקודה" });
    expect(chat.findAll(".pz-ai-caption span").map((part) => part.text())).toEqual([
      "10 of 14 notes read",
      "In another language, where the search is limited: 2",
      "Still drafts, and not read: 1",
      "Recent changes may be missing",
      "Model: command",
    ]);
  });

  it("that found nothing leaves to its own words what was searched", async () => {
    const { chat } = await answered({
      answer: "Nothing about this in 14 notes.",
      answer_status: "abstained",
      citations: [],
      degraded: ["model"],
    });
    expect(chat.get(".pz-ai-answer").classes()).toContain("pz-ai-abstained");
    for (const gone of [".pz-ai-badge", ".pz-ai-notice", ".pz-ai-caption", ".pz-ai-sources"]) {
      expect(chat.find(gone).exists()).toBe(false);
    }
  });

  it("moves from a marker to its card, and back by Escape", async () => {
    const citations = [1, 2, 3, 4, 5, 6].map((marker) => aCitation({ marker }));
    const { chat } = await answered({ answer: "All. [1, 2, 3, 4, 5, 6]", citations });
    expect(chat.findAll(".pz-ai-card")).toHaveLength(3);
    const marker = button(chat, "Source 6");
    await marker.trigger("click");
    await settled();
    expect(chat.findAll(".pz-ai-card")).toHaveLength(6);
    expect((document.activeElement as HTMLElement).dataset["marker"]).toBe("6");
    await chat.findAll(".pz-ai-card")[5]?.trigger("keydown", { key: "Escape" });
    expect(document.activeElement).toBe(marker.element);
  });

  it("shows of a source whose it is, when it was, which field, and what to mind about it", async () => {
    const citation = aCitation({
      is_draft: true,
      repaired: true,
      instruction_like: true,
      field_name: "notes",
    });
    const { chat } = await answered({ citations: [{ ...citation, type: "client" }] });
    const card = chat.get(".pz-ai-card");
    expect(card.get(".pz-ai-card-head").text()).toMatch(/Dana Levi.*3 Mar 2026.*Remarks/);
    expect(card.findAll(".pz-ai-badge").map((one) => one.text())).toEqual([
      "Draft",
      "In the note's own words",
      "Written like an instruction; shown as a quote only",
    ]);
    expect(card.get("blockquote").text()).toBe("Back to running on Tuesday.");
    await card.get("button").trigger("click");
    expect(chat.emitted("openSource")?.[0]?.[0]).toMatchObject({ marker: 1, field_name: "notes" });
  });

  it("shows three warnings of danger at once and the others on demand", async () => {
    const risk = ["suicide", "self_harm", "abuse", "violence"].map((kind) =>
      aRisk({ kind: kind as "abuse" }),
    );
    const { chat } = await answered({ risk, risk_unread: 2 }, { clientId: null });
    expect(chat.findAll(".pz-ai-risk li")).toHaveLength(3);
    expect(chat.get(".pz-ai-risk").text()).toContain("Dana Levi");
    expect(chat.get(".pz-ai-risk").text()).toContain(
      "2 more notes that mention danger could not be read now.",
    );
    await button(chat, "1 more").trigger("click");
    expect(chat.findAll(".pz-ai-risk li")).toHaveLength(4);
    await button(chat, "Fewer").trigger("click");
    expect(chat.findAll(".pz-ai-risk li")).toHaveLength(3);
  });

  it("never hides a danger that is stated, and keeps the service's order", async () => {
    const polarities = ["denied", "present", "past", "denied", "present", "possible", "present"] as const;
    const risk = polarities.map((polarity, place) => aRisk({ polarity, quote: `Sentence ${place}.` }));
    const quotes = (): string[] => chat.findAll(".pz-ai-risk blockquote").map((one) => one.text());
    const { chat } = await answered({ risk });
    expect(quotes()).toEqual(["Sentence 1.", "Sentence 4.", "Sentence 6."]);
    await button(chat, "4 more").trigger("click");
    expect(quotes()).toEqual(risk.map((one) => one.quote));
  });

  it("says in one line what danger the answer before has shown already", async () => {
    const stage = aStage();
    const chat = open(stage);
    const risk = [aRisk(), aRisk({ kind: "abuse", polarity: "present", quote: "Said that he hits her." })];
    const again = async (members: Parameters<Stage["service"]["stream"]["done"]>[0]) => {
      await ask(chat, "How is the knee?");
      for (const one of members?.risk ?? []) await stage.service.stream.tell({ event: "risk", data: one });
      await stage.service.stream.done(members);
      return chat.findAll(".pz-ai-risk").at(-1) as DOMWrapper<Element>;
    };
    expect((await again({ risk })).findAll("li")).toHaveLength(2);

    const line = await again({ risk: risk.map((one) => ({ ...one, start: 9, end: 30 })) });
    expect(line.findAll("li")).toHaveLength(0);
    expect(line.get("h4").text()).toBe("The notes mention danger: 2");
    await line.get("[aria-expanded=false]").trigger("click");
    expect(line.findAll("li")).toHaveLength(2);
    await line.get("[aria-expanded=true]").trigger("click");
    expect(line.findAll("li")).toHaveLength(0);

    expect((await again({ risk: [risk[0] as Risk] })).findAll("li")).toHaveLength(0);
    expect((await again({ risk })).findAll("li")).toHaveLength(2);
    expect((await again({ risk, risk_unread: 1 })).findAll("li")).toHaveLength(2);
    expect((await again({ risk: [], risk_unread: 1 })).text()).toContain("The notes mention danger: 1");
  });

  it("unfolds at once where a danger comes that the answer before did not have", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done({ risk: [aRisk()] });
    await ask(chat, "And the sleep?");
    const newest = () => chat.findAll(".pz-ai-risk").at(-1);
    await stage.service.stream.tell({ event: "risk", data: aRisk() });
    expect(newest()?.findAll("li")).toHaveLength(0);
    await stage.service.stream.tell({ event: "risk", data: aRisk({ polarity: "present" }) });
    expect(newest()?.findAll("li")).toHaveLength(2);
  });

  it("says of which source a button opens the note", async () => {
    const { chat } = await answered({ risk: [aRisk(), aRisk({ kind: "abuse" })] });
    const described = chat
      .findAll("button")
      .filter((one) => one.text() === "Open the note")
      .map((one) => document.getElementById(one.attributes("aria-describedby") ?? "")?.textContent ?? "");
    expect(described).toHaveLength(3);
    expect(described[0]).toContain("Suicide");
    expect(described[1]).toContain("Abuse");
    expect(described[2]).toContain("Source 1");
  });

  it("asks what it suggests", async () => {
    const { stage, chat } = await answered({ suggestions: ["What is planned?"] });
    await button(chat, "What is planned?").trigger("click");
    await settled();
    expect(stage.service.chats[1]?.body).toMatchObject({ query: "What is planned?" });
  });

  it("is copied as text, with its sources and their dates", async () => {
    const written = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    const { chat } = await answered({ answer: "- **Running**: on Tuesday [1]" });
    await button(chat, "Copy").trigger("click");
    await settled();
    expect(written).toHaveBeenCalledWith(
      '- Running: on Tuesday [1]\n\nSources:\n[1] Dana Levi, 3 Mar 2026, Assessment: "Back to running on Tuesday."',
    );
    expect(chat.get(".pz-ai-copy").text()).toBe("Copied");
  });

  it("says so where the browser refuses to copy", async () => {
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new DOMException("no", "NotAllowedError"));
    const { chat } = await answered({});
    await button(chat, "Copy").trigger("click");
    await settled();
    expect(chat.get(".pz-ai-copy").text()).toBe("Copying did not work");
  });
});

describe("asking", () => {
  it.each([
    ["Enter", {}, 1],
    ["Shift and Enter", { shiftKey: true }, 0],
    ["Enter of an input method", { isComposing: true }, 0],
    ["Enter that ends composing in Safari", { keyCode: 229 }, 0],
  ])("%s asks or not", async (_, members, count) => {
    const stage = aStage();
    const chat = open(stage);
    const box = chat.get("textarea");
    await box.setValue("How is the knee?");
    const pressed = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
    for (const [name, value] of Object.entries(members)) Object.defineProperty(pressed, name, { value });
    box.element.dispatchEvent(pressed);
    await settled();
    expect(stage.service.chats).toHaveLength(count);
    expect(pressed.defaultPrevented).toBe(count === 1);
  });

  it("leaves the focus where the next question is written, and what is written while an answer comes", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    const box = chat.get<HTMLTextAreaElement>("textarea");
    expect(document.activeElement).toBe(box.element);
    expect(box.element.value).toBe("");
    await box.setValue("And the sleep?");
    await box.trigger("keydown", { key: "Enter" });
    expect(button(chat, "Summary").attributes("aria-disabled")).toBe("true");
    await button(chat, "Summary").trigger("click");
    await settled();
    expect(stage.service.chats).toHaveLength(1);
    expect(box.element.value).toBe("And the sleep?");
  });

  it("counts the characters near the end of what is possible", async () => {
    const chat = open(aStage());
    const box = chat.get("textarea");
    await box.setValue("x".repeat(1600));
    expect(chat.find(".pz-ai-counter").exists()).toBe(false);
    await box.setValue("x".repeat(1601));
    expect(chat.get(".pz-ai-counter").text()).toBe("1601 of 2000 characters");
  });

  it("cuts nothing of what is too long, says by how much, and does not send it", async () => {
    const stage = aStage();
    const chat = open(stage);
    const box = chat.get<HTMLTextAreaElement>("textarea");
    expect(box.attributes()).not.toHaveProperty("maxlength");
    // Two units of JavaScript, one character of the service.
    await box.setValue("😀".repeat(2000));
    expect(button(chat, "Send").attributes()).not.toHaveProperty("disabled");
    await box.setValue("x".repeat(2003));
    expect(chat.get(".pz-ai-counter.pz-ai-danger").text()).toBe("2003 of 2000 characters");
    expect(chat.get(".pz-ai-composer [role=status]").text()).toContain("The question is too long");
    expect(button(chat, "Send").attributes()).toHaveProperty("disabled");
    await box.trigger("keydown", { key: "Enter" });
    await chat.get("form").trigger("submit");
    expect(stage.service.chats).toEqual([]);
    expect(box.element.value).toHaveLength(2003);
    await box.setValue("x".repeat(2000));
    expect(chat.get(".pz-ai-composer [role=status]").text()).toBe("");
  });

  it("by a double click asks once, and stops nothing", async () => {
    const stage = aStage();
    const chat = open(stage);
    const click = (detail: number) =>
      chat
        .get(".pz-ai-send")
        .element.dispatchEvent(new MouseEvent("click", { detail, bubbles: true, cancelable: true }));
    await chat.get("textarea").setValue("How is the knee?");
    click(1);
    await settled();
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 501);
    click(2);
    await settled();
    expect(stage.service.chats).toHaveLength(1);
    expect(stage.service.stream.isStopped).toBe(false);
    click(1);
    await settled();
    expect(stage.service.stream.isStopped).toBe(true);
  });

  it("takes no stop within half a second of sending", async () => {
    const stage = aStage();
    const chat = open(stage);
    const now = vi.spyOn(performance, "now").mockReturnValue(10_000);
    await ask(chat, "How is the knee?");
    now.mockReturnValue(10_499);
    await button(chat, "Stop").trigger("click");
    expect(stage.service.stream.isStopped).toBe(false);
    now.mockReturnValue(10_500);
    await button(chat, "Stop").trigger("click");
    expect(stage.service.stream.isStopped).toBe(true);
  });

  it("asks nothing of blanks", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "  \n ");
    expect(stage.service.chats).toEqual([]);
    expect(chat.find(".pz-ai-turn").exists()).toBe(false);
  });

  it("asks an example, or for a summary or what to prepare, of a client only", async () => {
    const stage = aStage();
    const chat = open(stage);
    expect(chat.get(".pz-ai-empty").text()).toContain("Ask about Dana Levi");
    await button(chat, "What was planned in the last session?").trigger("click");
    await settled();
    await stage.service.stream.done();
    await button(chat, "Prepare next session").trigger("click");
    await settled();
    expect(stage.service.chats.map((one) => one.body?.["mode"])).toEqual(["ask", "prepare"]);
    await chat.setProps({ clientId: null });
    expect(chat.get(".pz-ai-empty").text()).toContain("Ask about all your clients");
    expect(chat.find(".pz-ai-modes").exists()).toBe(false);
  });

  it("asks of the whole practice about clients who have notes, where the host names some", async () => {
    const stage = aStage();
    const chat = open(stage, { clientId: null, clientName: "", examples: ["Dana Levi", "Omer Lavi", "Noa"] });
    const offered = chat.findAll(".pz-ai-empty .pz-ai-chip").map((chip) => chip.text());
    expect(offered).toEqual([
      "What did we discuss in the last session with Dana Levi?",
      "What was planned with Omer Lavi?",
      "In which sessions was sleep mentioned?",
    ]);
    await chat.setProps({ examples: [] });
    expect(chat.findAll(".pz-ai-empty .pz-ai-chip")).toHaveLength(3);
    expect(chat.get(".pz-ai-empty").text()).not.toContain("{name}");
  });

  it("reads from the right in Hebrew, whatever an empty box would say", async () => {
    const stage = aStage({ locale: "he" });
    const chat = open(stage);
    expect(chat.attributes("dir")).toBe("rtl");
    expect(chat.get("textarea").attributes("dir")).toBe("rtl");
    await ask(chat, "ROM של הברך היום");
    expect(chat.get(".pz-ai-question p").attributes("dir")).toBe("rtl");
    await stage.service.stream.done({
      answer: "ROM מלא היום [1]",
      language: "he",
      citations: [aCitation({ quote: "hop LSI 96%, כוח 94%" })],
    });
    expect(chat.get(".pz-ai-text p").attributes("dir")).toBe("rtl");
    expect(chat.get("blockquote").attributes("dir")).toBe("rtl");
    expect(chat.get(".pz-ai-card bdi").text()).toBe("Dana Levi");
    expect(chat.get(".pz-ai-card time").text()).toBe("3 במרץ 2026");
  });

  it("lays an answer out by its own language, whatever the page speaks", async () => {
    const stage = aStage({ locale: "he" });
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done({ language: "en" });
    expect(chat.attributes("dir")).toBe("rtl");
    expect(chat.get(".pz-ai-text").attributes()).toMatchObject({ dir: "ltr", lang: "en" });
  });

  it("reads a Hebrew answer from the right before it says its language", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.line("3.3.2026: חזרה לרוץ [1]", aCitation());
    expect(chat.get(".pz-ai-point").attributes("dir")).toBe("rtl");
  });

  it("begins a new conversation on demand", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done();
    await chat.get("textarea").setValue("half a question");
    await button(chat, "New conversation").trigger("click");
    expect(chat.get<HTMLTextAreaElement>("textarea").element.value).toBe("half a question");
    expect(chat.find(".pz-ai-empty").exists()).toBe(true);
    await ask(chat, "Who sleeps badly?");
    expect(chat.findAll(".pz-ai-turn")).toHaveLength(1);
    expect(stage.service.chats[1]?.body).not.toHaveProperty("conversation_id");
  });
});

describe("two clients' threads", () => {
  it("stay apart while an answer about one comes", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await chat.get("textarea").setValue("half a question");
    await chat.setProps({ clientId: OMER, clientName: "Omer Bar" });
    await stage.service.stream.line("Back to running. [1]", aCitation());
    expect(chat.text()).not.toContain("knee");
    expect(chat.text()).not.toContain("Back to running");
    expect(chat.get<HTMLTextAreaElement>("textarea").element.value).toBe("");
    await stage.service.stream.done();
    expect(announced(chat)).toBe("");
    await ask(chat, "How is the back?");
    expect(stage.service.chats[1]?.body).toMatchObject({ client_id: OMER });
    expect(stage.service.chats[1]?.body).not.toHaveProperty("conversation_id");

    await chat.setProps({ clientId: DANA, clientName: "Dana Levi" });
    expect(chat.text()).toContain("Back to running on Tuesday.");
    expect(chat.text()).not.toContain("How is the back?");
    expect(chat.get<HTMLTextAreaElement>("textarea").element.value).toBe("half a question");
  });
});

describe("the reader's place", () => {
  const talkOf = (chat: VueWrapper): HTMLElement => chat.get<HTMLElement>(".pz-ai-talk").element;
  const scrollTo = (chat: VueWrapper, place: number): void => {
    talkOf(chat).scrollTop = place;
    talkOf(chat).dispatchEvent(new Event("scroll"));
  };

  async function answered(): Promise<{ stage: Stage; chat: VueWrapper }> {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done();
    vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockReturnValue(1000);
    return { stage, chat };
  }

  it("is the beginning where nothing was asked, and the end of a thread that is seen for the first time", async () => {
    const { stage, chat } = await answered();
    await chat.setProps({ clientId: OMER, clientName: "Omer Bar" });
    expect(talkOf(chat).scrollTop).toBe(0);
    expect(talkOf(open(stage, { clientId: null })).scrollTop).toBe(0);
    stage.agent.threads.of(DANA).scroll = null;
    await chat.setProps({ clientId: DANA });
    expect(talkOf(chat).scrollTop).toBe(1000);
  });

  it("is found again after another client was looked at, and after the page was left", async () => {
    const { stage, chat } = await answered();
    scrollTo(chat, 120);
    await chat.setProps({ clientId: OMER, clientName: "Omer Bar" });
    scrollTo(chat, 40);
    await chat.setProps({ clientId: DANA });
    expect(talkOf(chat).scrollTop).toBe(120);
    chat.unmount();
    expect(talkOf(open(stage)).scrollTop).toBe(120);
  });

  it("is forgotten with its thread", async () => {
    const { stage, chat } = await answered();
    scrollTo(chat, 120);
    await button(chat, "New conversation").trigger("click");
    expect(stage.agent.threads.of(DANA).scroll).toBeNull();
  });

  it("is kept by a host that keeps the page alive", async () => {
    const stage = aStage();
    const isShown = ref(true);
    const host = mounted(stage, {
      render: () => h(KeepAlive, () => (isShown.value ? h(AgentChatInterface, { clientId: DANA }) : null)),
    });
    await ask(host, "How is the knee?");
    await stage.service.stream.done();
    scrollTo(host, 120);
    const talk = talkOf(host);
    isShown.value = false;
    await nextTick();
    talk.scrollTop = 0; // as browsers do with what leaves the page
    isShown.value = true;
    await nextTick();
    expect(talkOf(host).scrollTop).toBe(120);
  });
});

describe("the end of a sign-in", () => {
  it("forgets every thread and tells the host, where a call is refused for it", async () => {
    const onSignedOut = vi.fn();
    const stage = aStage({ onSignedOut });
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    await stage.service.stream.done();
    stage.service.plan("/agent/chat", Response.json({ detail: "Authentication required" }, { status: 401 }));
    await ask(chat, "And the sleep?");
    expect(onSignedOut).toHaveBeenCalledExactlyOnceWith("Authentication required");
    expect(chat.find(".pz-ai-turn").exists()).toBe(false);
    expect(chat.find(".pz-ai-empty").exists()).toBe(true);
  });

  it("tells the host nothing of what PazPaz says of lost cookies: it is no sentence for a person", async () => {
    const onSignedOut = vi.fn();
    const stage = aStage({ onSignedOut });
    const chat = open(stage);
    stage.service.plan(
      "/agent/chat",
      Response.json({ detail: "The CSRF token is missing." }, { status: 403 }),
    );
    await ask(chat, "How is the knee?");
    expect(onSignedOut).toHaveBeenCalledExactlyOnceWith("");
  });

  it("stops what comes, and nothing of it arrives in the next one's thread", async () => {
    const stage = aStage();
    const chat = open(stage);
    await ask(chat, "How is the knee?");
    const { stream } = stage.service;
    await stream.line("Back to running. [1]", aCitation());
    await chat.get("textarea").setValue("half a question");
    stage.agent.forget();
    await settled();
    expect(stream.isStopped).toBe(true);
    expect(chat.find(".pz-ai-turn").exists()).toBe(false);
    expect(chat.get<HTMLTextAreaElement>("textarea").element.value).toBe("");
    expect(announced(chat)).toBe("");
    await ask(chat, "Whose turn is it?");
    await stage.service.stream.done({ answer: "Yours. [1]" });
    expect(chat.findAll(".pz-ai-turn")).toHaveLength(1);
    expect(chat.text()).not.toContain("knee");
  });
});
