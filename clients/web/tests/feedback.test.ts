import { enableAutoUnmount, type VueWrapper } from "@vue/test-utils";
import { afterEach, describe, expect, it } from "vitest";
import { nextTick } from "vue";
import AgentFeedback from "../src/components/AgentFeedback.vue";
import { newTurn, type AgentTurn } from "../src/composables/threads";
import { aCitation, anAnswer, aStage, MESSAGE, mounted, problem, settled, type Stage } from "./fakes";

enableAutoUnmount(afterEach);

function anAnsweredTurn(isFound = true): AgentTurn {
  const turn = newTurn("How is the knee?", "ask");
  turn.citations = isFound ? [aCitation()] : [];
  turn.answer = { ...anAnswer({ citations: turn.citations }), source_changed: false };
  turn.state = "answered";
  return turn;
}

const under = (stage: Stage, turn: AgentTurn): VueWrapper => mounted(stage, AgentFeedback, { turn });
const said = (feedback: VueWrapper): string => feedback.get("[role=status]").text();
const reasons = (feedback: VueWrapper): string[] => feedback.findAll(".pz-ai-chip").map((one) => one.text());

async function press(feedback: VueWrapper, selector: string): Promise<void> {
  await feedback.get(selector).trigger("click");
  await settled();
}

describe("a word on an answer", () => {
  it("that is good needs no reason", async () => {
    const stage = aStage();
    const feedback = under(stage, anAnsweredTurn());
    await press(feedback, ".pz-ai-up");
    expect(stage.service.asked[0]?.body).toEqual({ message_id: MESSAGE, rating: "up" });
    expect(said(feedback)).toBe("Thank you, noted.");
    expect(reasons(feedback)).toEqual([]);
    expect(feedback.get(".pz-ai-up").attributes("aria-pressed")).toBe("true");
  });

  it("that is not good is kept at once, and its reason when it comes", async () => {
    const stage = aStage();
    const feedback = under(stage, anAnsweredTurn());
    await press(feedback, ".pz-ai-down");
    expect(said(feedback)).toBe("What was wrong?");
    await feedback.findAll(".pz-ai-chip")[0]?.trigger("click");
    await settled();
    expect(stage.service.asked.map((one) => one.body)).toEqual([
      { message_id: MESSAGE, rating: "down" },
      { message_id: MESSAGE, rating: "down", reason: "wrong_fact" },
    ]);
    expect(said(feedback)).toBe("Thank you, noted.");
    expect(document.activeElement).toBe(feedback.get(".pz-ai-down").element);
  });

  it("has other reasons where nothing was found", async () => {
    const [found, notFound] = [under(aStage(), anAnsweredTurn()), under(aStage(), anAnsweredTurn(false))];
    await press(found, ".pz-ai-down");
    await press(notFound, ".pz-ai-down");
    expect(reasons(found)).toContain("A wrong fact");
    expect(reasons(found)).not.toContain("The notes do say it");
    expect(reasons(notFound)).toEqual([
      "The notes do say it",
      "Not clear",
      "The wrong language",
      "Something else",
    ]);
  });

  it("that could not be kept is said so, and not shown as given", async () => {
    const stage = aStage();
    stage.service.plan("/feedback", problem(503, "away", "Away."));
    const feedback = under(stage, anAnsweredTurn());
    await press(feedback, ".pz-ai-up");
    expect(said(feedback)).toBe("Your feedback was not sent.");
    expect(feedback.get(".pz-ai-up").attributes("aria-pressed")).toBe("false");
  });

  it("is sent once, however often it is pressed meanwhile", async () => {
    const stage = aStage();
    const feedback = under(stage, anAnsweredTurn());
    const thumb = feedback.get(".pz-ai-up");
    void thumb.trigger("click");
    void thumb.trigger("click");
    await settled();
    expect(stage.service.asked).toHaveLength(1);
  });

  it("forgets everything where the sign-in has ended", async () => {
    const stage = aStage();
    stage.agent.threads.of(null).draft = "half a question";
    stage.service.plan("/feedback", Response.json({ detail: "Authentication required" }, { status: 401 }));
    await press(under(stage, anAnsweredTurn()), ".pz-ai-up");
    await nextTick();
    expect(stage.agent.threads.of(null).draft).toBe("");
  });
});
