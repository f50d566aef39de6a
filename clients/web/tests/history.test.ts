import { enableAutoUnmount, type VueWrapper } from "@vue/test-utils";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Conversation, ConversationHead, PastTurn } from "../src/api/types";
import AgentChatInterface from "../src/components/AgentChatInterface.vue";
import {
  aCitation,
  aHead,
  anAnswer,
  aStage,
  CONVERSATION,
  DANA,
  MESSAGE,
  mounted,
  OMER,
  problem,
  settled,
  type Stage,
} from "./fakes";

enableAutoUnmount(afterEach);
afterEach(() => vi.restoreAllMocks());

const page = (conversations: ConversationHead[], next: string | null = null): Response =>
  Response.json({ conversations, next });

function aPastTurn(members: Partial<PastTurn> = {}): PastTurn {
  const { answer, answer_status, degraded, language, model, search, withheld } = anAnswer();
  return {
    ...{ answer, answer_status, degraded, language, model, search, withheld },
    message_id: MESSAGE,
    asked_at: "2026-03-01T09:00:00Z",
    query: "How is the knee?",
    citations: [{ ...aCitation(), source_changed: false }],
    risk: [],
    feedback: null,
    source_changed: false,
    ...members,
  };
}

const aConversation = (members: Partial<Conversation> = {}): Conversation => ({
  conversation_id: CONVERSATION,
  client_id: DANA,
  started_at: "2026-03-01T09:00:00Z",
  turns: [aPastTurn()],
  ...members,
});

async function openHistory(stage: Stage, clientId: string | null = DANA): Promise<VueWrapper> {
  const chat = mounted(stage, AgentChatInterface, { clientId });
  await press(chat, "Earlier conversations");
  return chat;
}

async function press(chat: VueWrapper, name: string): Promise<void> {
  const found = chat
    .findAll("button")
    .find((one) => [one.attributes("aria-label"), one.text()].includes(name));
  if (!found) throw new Error(`no button is called ${name}`);
  await found.trigger("click");
  await settled();
}

const titles = (chat: VueWrapper): string[] => chat.findAll(".pz-ai-head-title").map((one) => one.text());

describe("the history", () => {
  it("lists a client's own conversations page by page", async () => {
    const stage = aStage();
    stage.service.plan("GET", page([aHead()], "second"));
    stage.service.plan("GET", page([aHead({ conversation_id: "b", title: null, turns: 1 })]));
    const chat = await openHistory(stage);
    expect(titles(chat)).toEqual(["How is the knee?"]);
    expect(chat.get(".pz-ai-head").text()).toContain("2 Mar 2026");
    expect(chat.get(".pz-ai-head").text()).toContain("2 questions");
    await press(chat, "More conversations");
    expect(titles(chat)).toEqual(["How is the knee?", "The question was erased"]);
    expect(document.activeElement).toBe(chat.findAll(".pz-ai-head-open")[1]?.element);
    expect(stage.service.asked.map((one) => Object.fromEntries(one.query))).toEqual([
      { client_id: DANA },
      { client_id: DANA, cursor: "second" },
    ]);
    expect(chat.text()).not.toContain("More conversations");
  });

  it("of the whole practice leaves clients' conversations to their pages, and reads on until it has some", async () => {
    const stage = aStage();
    stage.service.plan("GET", page([aHead(), aHead({ conversation_id: "b", client_id: OMER })], "second"));
    stage.service.plan("GET", page([aHead({ conversation_id: "c", client_id: null, title: "Who sleeps?" })]));
    expect(titles(await openHistory(stage, null))).toEqual(["Who sleeps?"]);
    expect(stage.service.asked.map((one) => Object.fromEntries(one.query))).toEqual([
      { whole_practice: "true" },
      { whole_practice: "true", cursor: "second" },
    ]);
  });

  it("says that it is empty", async () => {
    const stage = aStage();
    stage.service.plan("GET", page([]));
    expect((await openHistory(stage)).text()).toContain("There are no earlier conversations here.");
  });

  it("says that it cannot be read, and reads again on demand", async () => {
    const stage = aStage();
    stage.service.plan("GET", problem(503, "away", "Away."));
    stage.service.plan("GET", page([aHead()]));
    const chat = await openHistory(stage);
    expect(chat.get("[role=alert]").text()).toContain("cannot be read right now");
    await press(chat, "Try again");
    expect(chat.find("[role=alert]").exists()).toBe(false);
    expect(titles(chat)).toEqual(["How is the knee?"]);
  });

  it("opens a conversation, and goes on with it", async () => {
    const stage = aStage();
    const turns = [
      aPastTurn({ source_changed: true, citations: [{ ...aCitation(), source_changed: true }] }),
      aPastTurn({ query: null, feedback: { rating: "up", reason: null }, withheld: null, search: null }),
    ];
    stage.service.plan("GET", page([aHead()])).plan("GET", Response.json(aConversation({ turns })));
    const chat = await openHistory(stage);
    await chat.get(".pz-ai-head-open").trigger("click");
    await settled();
    expect(chat.find(".pz-ai-history").exists()).toBe(false);
    const [first, second] = chat.findAll(".pz-ai-turn");
    expect(first?.text()).toContain("have changed or were deleted since");
    expect(first?.get(".pz-ai-card .pz-ai-badge").text()).toBe("The source has changed");
    expect(second?.text()).toContain("The question was erased together with the note");
    expect(second?.get("[aria-label='Good answer']").attributes("aria-pressed")).toBe("true");
    expect(document.activeElement).toBe(chat.get("textarea").element);

    await chat.get("textarea").setValue("And the sleep?");
    await chat.get("form").trigger("submit");
    await settled();
    expect(stage.service.chats[0]?.body).toMatchObject({ conversation_id: CONVERSATION });
  });

  it("shows on nobody's page what is about somebody else", async () => {
    const stage = aStage();
    stage.service.plan("GET", page([aHead()])).plan("GET", Response.json(aConversation({ client_id: OMER })));
    const chat = await openHistory(stage);
    await chat.get(".pz-ai-head-open").trigger("click");
    await settled();
    expect(chat.findAll(".pz-ai-turn")).toEqual([]);
  });

  it("gives a conversation as a file", async () => {
    const stage = aStage();
    const files: Blob[] = [];
    vi.spyOn(URL, "createObjectURL").mockImplementation((file) => (files.push(file as Blob), "blob:file"));
    vi.spyOn(URL, "revokeObjectURL").mockReturnValue();
    const names: string[] = [];
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      names.push(`${this.href} ${this.download}`);
    });
    stage.service.plan("GET", page([aHead()])).plan("GET", Response.json({ turns: [] }));
    const chat = await openHistory(stage);
    await press(chat, "Download: How is the knee?");
    expect(stage.service.asked[1]?.path).toBe(`/api/v1/ai/agent/history/${CONVERSATION}/export`);
    expect(names).toEqual(["blob:file conversation-2026-03-01.json"]);
    expect(await files[0]?.text()).toBe('{"turns":[]}');
    expect(chat.get(".pz-ai-news").text()).toBe("The conversation was downloaded.");
  });

  it("deletes only what is confirmed", async () => {
    const stage = aStage();
    stage.service.plan("GET", page([aHead(), aHead({ conversation_id: "b", title: "Who sleeps?" })]));
    const chat = await openHistory(stage);
    await press(chat, "Delete: How is the knee?");
    expect(chat.text()).toContain("Delete this conversation for good?");
    expect((document.activeElement as HTMLElement).textContent?.trim()).toBe("Cancel");
    await press(chat, "Cancel");
    expect(titles(chat)).toHaveLength(2);
    expect((document.activeElement as HTMLElement).getAttribute("aria-label")).toBe(
      "Delete: How is the knee?",
    );

    await press(chat, "Delete: How is the knee?");
    await press(chat, "Delete");
    expect(stage.service.asked.at(-1)).toMatchObject({
      method: "DELETE",
      path: `/api/v1/ai/agent/history/${CONVERSATION}`,
    });
    expect(titles(chat)).toEqual(["Who sleeps?"]);
    expect(chat.get(".pz-ai-news").text()).toBe("The conversation was deleted.");
    expect(document.activeElement).toBe(chat.get(".pz-ai-history h2").element);
  });

  it("keeps in the list what could not be deleted", async () => {
    const stage = aStage();
    stage.service.plan("GET", page([aHead()])).plan("DELETE", problem(503, "away", "Away."));
    const chat = await openHistory(stage);
    await press(chat, "Delete: How is the knee?");
    await press(chat, "Delete");
    expect(titles(chat)).toHaveLength(1);
    expect(chat.get("[role=alert]").text()).toBe("It could not be deleted.");
  });

  it("takes a deleted conversation off the screen as well", async () => {
    const stage = aStage();
    const chat = mounted(stage, AgentChatInterface, { clientId: DANA });
    await chat.get("textarea").setValue("How is the knee?");
    await chat.get("form").trigger("submit");
    await settled();
    await stage.service.stream.done();
    stage.service.plan("GET", page([aHead()]));
    await press(chat, "Earlier conversations");
    await press(chat, "Delete: How is the knee?");
    await press(chat, "Delete");
    expect(chat.find(".pz-ai-turn").exists()).toBe(false);
  });

  it("closes by Escape, and the focus returns to what opened it", async () => {
    const stage = aStage();
    stage.service.plan("GET", page([aHead()]));
    const chat = await openHistory(stage);
    expect(document.activeElement).toBe(chat.get(".pz-ai-history h2").element);
    expect(chat.get(".pz-ai-chat").attributes()).toHaveProperty("inert");
    await press(chat, "Delete: How is the knee?");
    await chat.get(".pz-ai-head .pz-ai-outline").trigger("keydown", { key: "Escape" });
    await settled();
    expect(chat.find(".pz-ai-history").exists()).toBe(true);
    await chat.get(".pz-ai-history").trigger("keydown", { key: "Escape" });
    await settled();
    expect(chat.find(".pz-ai-history").exists()).toBe(false);
    expect((document.activeElement as HTMLElement).getAttribute("aria-label")).toBe("Earlier conversations");
  });

  it("is gone when the sign-in ends, also what of it is still on its way", async () => {
    const stage = aStage();
    let arrive: (late: Response) => void = () => undefined;
    const late = new Promise<Response>((resolve) => (arrive = resolve));
    stage.service.plan("GET", page([aHead()])).plan("GET", () => late);
    const chat = await openHistory(stage);
    await chat.get(".pz-ai-head-open").trigger("click");
    stage.agent.forget();
    await settled();
    expect(chat.find(".pz-ai-history").exists()).toBe(false);
    arrive(Response.json(aConversation()));
    await settled();
    expect(chat.find(".pz-ai-turn").exists()).toBe(false);
  });

  it("tells the host where reading it is refused because the sign-in ended", async () => {
    const onSignedOut = vi.fn();
    const stage = aStage({ onSignedOut });
    stage.service.plan("GET", Response.json({ detail: "Authentication required" }, { status: 401 }));
    await openHistory(stage);
    expect(onSignedOut).toHaveBeenCalledExactlyOnceWith("Authentication required");
  });
});
