// What a screen reader is told: that the notes are read, and then the whole answer once, not each of its lines.

import { computed, ref, watch, type Ref } from "vue";
import { limitOf } from "../text/limits";
import { failureText } from "../text/failure";
import type { AgentTurn } from "./threads";
import type { Words } from "./useWords";

export function useAnnouncements(turns: () => AgentTurn[], words: Words): Ref<string> {
  const told = ref("");
  let toldOf: string | null = null;
  const phases = computed(() => new Map(turns().map((turn) => [turn.id, { turn, phase: phaseOf(turn) }])));
  watch(phases, (now, before) => {
    for (const [id, { turn, phase }] of now) {
      const earlier = before.get(id)?.phase;
      if (phase === earlier) continue;
      // A thread that is only shown again has nothing new to say; what is asked is heard from its beginning.
      if (phase !== "coming" && !earlier) continue;
      told.value = phase === "coming" ? words.say("thinking") : resultOf(turn, words);
      toldOf = id;
    }
    // What was said of another thread may not be found on this one's page.
    if (toldOf !== null && !now.has(toldOf)) told.value = "";
  });
  return told;
}

const phaseOf = ({ state }: AgentTurn): string =>
  state === "thinking" || state === "streaming" ? "coming" : state;

function resultOf(turn: AgentTurn, { say }: Words): string {
  const { answer } = turn;
  if (turn.state === "stopped") return say("errors.stopped");
  if (!answer) return failureText(turn, say);
  const limit = answer.citations.length ? limitOf(answer.degraded) : null;
  const parts = [
    answer.risk.length || answer.risk_unread ? say("risk.title") : "",
    turn.askedAlone ? say("notices.askedAlone") : "",
    `${say("answer")}: ${answer.answer}`,
    limit ? say(`limits.${limit}`) : "",
  ];
  return parts.filter(Boolean).join(" ");
}
