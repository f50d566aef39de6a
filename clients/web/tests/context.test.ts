import { afterEach, describe, expect, it, vi } from "vitest";
import { createApp } from "vue";
import { createAIAgent, injectAIAgent, type AIAgent } from "../src/composables/context";
import { useAIAgent } from "../src/composables/useAIAgent";
import { aStage, DANA, inApp } from "./fakes";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const aTab = (name: string | null): AIAgent => {
  const agent = createAIAgent({ tabs: name });
  agent.threads.of(DANA).draft = "half a question";
  return agent;
};

const anApp = () => createApp({ render: () => null });

describe("tabs of one browser", () => {
  it("forget together", async () => {
    const [one, other, stranger] = [aTab("forget-together"), aTab("forget-together"), aTab(null)];
    const held = one.threads.of(DANA);
    one.forget();
    await vi.waitFor(() => expect(other.threads.of(DANA).draft).toBe(""));
    expect(one.threads.of(DANA).draft).toBe("");
    expect(held.draft).toBe("");
    expect(stranger.threads.of(DANA).draft).toBe("half a question");
  });

  it("are told when another one forgot, after their own threads are gone", async () => {
    const draft: string[] = [];
    const tell = vi.fn(() => void draft.push(other.threads.of(DANA).draft));
    const one = createAIAgent({ tabs: "told", onForgotten: () => draft.push("told of its own") });
    const other = createAIAgent({ tabs: "told", onForgotten: tell });
    other.threads.of(DANA).draft = "half a question";
    one.forget();
    await vi.waitFor(() => expect(tell).toHaveBeenCalledOnce());
    expect(draft).toEqual([""]);
  });

  it("do not answer each other for ever", async () => {
    const sent = vi.spyOn(BroadcastChannel.prototype, "postMessage");
    const [one, other] = [aTab("once"), aTab("once")];
    one.forget();
    await vi.waitFor(() => expect(other.threads.of(DANA).draft).toBe(""));
    expect(sent).toHaveBeenCalledOnce();
  });

  it("do not do so either where being told logs out, in its own time", async () => {
    const sent = vi.spyOn(BroadcastChannel.prototype, "postMessage");
    const logout = vi.fn(async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      other.forget();
    });
    const one = createAIAgent({ tabs: "logging-out", onForgotten: () => one.forget() });
    const other = createAIAgent({ tabs: "logging-out", onForgotten: logout });
    one.forget();
    await vi.waitFor(() => expect(logout).toHaveBeenCalledOnce());
    await logout.mock.results[0]?.value;
    expect(sent).toHaveBeenCalledOnce();
    other.forget();
    expect(sent).toHaveBeenCalledTimes(2);
  });

  it("pass over what a newer version may say", async () => {
    const agent = aTab("news");
    const heard = new Promise((resolve) => new BroadcastChannel("news").addEventListener("message", resolve));
    new BroadcastChannel("news").postMessage("news");
    await heard;
    expect(agent.threads.of(DANA).draft).toBe("half a question");
  });

  it("need no such channel", () => {
    vi.stubGlobal("BroadcastChannel", undefined);
    const agent = aTab("none");
    agent.forget();
    expect(agent.threads.of(DANA).draft).toBe("");
  });

  it("are no longer heard when the application ends", () => {
    const closed = vi.spyOn(BroadcastChannel.prototype, "close");
    const app = anApp().use(aTab("ends"));
    app.mount(document.createElement("div"));
    app.unmount();
    expect(closed).toHaveBeenCalledOnce();
  });
});

describe("an application", () => {
  it("without the plugin is told which line is missing", () => {
    const app = anApp();
    expect(() => app.runWithContext(injectAIAgent)).toThrow("app.use(createAIAgent())");
  });

  it("asks through the composable alone as well", () => {
    const stage = aStage();
    const chat = inApp(stage, () => useAIAgent(DANA));
    expect(chat.send("How is the knee?")).toBe(true);
    expect(chat.send("Twice?")).toBe(false);
    expect(chat.isAnswering.value).toBe(true);
    chat.clear();
    expect(chat.isAnswering.value).toBe(false);
    expect(chat.turns.value).toEqual([]);
  });
});
