// What the notes say of danger: what is shown at once, and what a person has just read.

import type { AgentTurn, ShownRisk } from "../composables/threads";

const FEW = 3;

/** What is shown at once, in its order: all that is stated as present, and of the rest as much as makes a few. */
export function shownAtOnce(risks: readonly ShownRisk[]): ShownRisk[] {
  let room = FEW - risks.filter(isPresent).length;
  return risks.filter((risk) => isPresent(risk) || room-- > 0);
}

const isPresent = ({ polarity }: ShownRisk): boolean => polarity === "present";

type Warned = Pick<AgentTurn, "risk" | "answer">;

/** Whether the turn before warned of all of this already: it stands above, whole. */
export function isRepeated(turn: Warned, before: Warned | undefined): boolean {
  if (!before) return false;
  const known = new Set(before.risk.map(contentOf));
  return unreadOf(turn) <= unreadOf(before) && turn.risk.every((risk) => known.has(contentOf(risk)));
}

const unreadOf = ({ answer }: Warned): number => answer?.risk_unread ?? 0;

/** Where a sentence stands in its field may change; what it says, and of whom, may not. */
function contentOf(risk: ShownRisk): string {
  const { client_id, session_id, field_name, kind, polarity, quote, is_draft, source_changed } = risk;
  const said = [client_id, session_id, field_name, kind, polarity, quote, is_draft];
  return JSON.stringify([...said, source_changed ?? false]);
}
