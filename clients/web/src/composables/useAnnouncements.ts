// What a screen reader is told: that the notes are read, and then the whole answer once, not each of its lines.

import { computed, onScopeDispose, ref, watch, type Ref } from "vue";
import { limitOf } from "../text/limits";
import { failureText } from "../text/failure";
import type { AgentTurn } from "./threads";
import type { Words } from "./useWords";

export function useAnnouncements(turns: () => AgentTurn[], words: Words): Ref<string> {
  const told = ref("");
  const last = computed(() => {
    const turn = turns().at(-1);
    return { turn, state: turn?.state === "streaming" ? "thinking" : turn?.state, id: turn?.id };
  });
  watch(last, (now, before) => {
    if (!now.turn || (now.id === before.id && now.state === before.state)) return;
    // A thread that is only shown again says nothing; what is asked is heard from its beginning.
    if (now.state === "thinking") told.value = words.say("thinking");
    else if (now.id === before.id) told.value = resultOf(now.turn, words);
    else told.value = "";
  });
  onScopeDispose(() => (told.value = ""));
  return told;
}

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
