import { enableAutoUnmount, type VueWrapper } from "@vue/test-utils";
import { afterEach, describe, expect, it } from "vitest";
import AgentChatInterface from "../src/components/AgentChatInterface.vue";
import { aCitation, aStage, DANA, mounted, settled } from "./fakes";

enableAutoUnmount(afterEach);

async function ask(chat: VueWrapper, question: string): Promise<void> {
  await chat.find("textarea").setValue(question);
  await chat.find("form").trigger("submit");
  await settled();
}

describe("AgentChatInterface", () => {
  it("shows each line with its markers as it comes", async () => {
    const stage = aStage();
    const chat = mounted(stage, AgentChatInterface, { clientId: DANA });

    await ask(chat, "How is the knee?");
    expect(chat.find(".pz-ai-thinking").text()).toContain("Reading the notes");
    await stage.service.stream.line("Back to running on Tuesday. [1]", aCitation());
    expect(chat.find(".pz-ai-text").text()).toContain("Back to running");
    expect(chat.findAll(".pz-ai-marker")).toHaveLength(1);
    await stage.service.stream.done();
    expect(chat.find(".pz-ai-thinking").exists()).toBe(false);
    expect(chat.find(".pz-ai-caption").text()).toContain("14 notes read");
  });
});
