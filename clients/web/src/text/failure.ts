import type { AgentTurn } from "../composables/threads";
import type { Words } from "../composables/useWords";

/** Why there is no answer. A refusal comes in the reader's language and says so itself. */
export function failureText({ failure }: Pick<AgentTurn, "failure">, say: Words["say"]): string {
  if (failure?.kind === "unreachable") return say("errors.offline");
  return failure?.detail || say("errors.failed");
}
