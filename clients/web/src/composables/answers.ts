// An answer as text: while it comes, when it is whole, and as it is copied.

import { plainText } from "../text/answer";
import { directionOfNote } from "../text/direction";
import type { AgentTurn, ShownCitation } from "./threads";
import type { Words } from "./useWords";

/** What may be shown: the whole answer, or its lines so far. */
export function answerText({ answer, sentences }: AgentTurn): string {
  return answer ? answer.answer : sentences.map((one) => one.text).join("");
}

/** While it comes an answer does not say its language; its words do. */
export function languageOf(turn: AgentTurn): "he" | "en" {
  return turn.answer?.language ?? (directionOfNote(answerText(turn)) === "rtl" ? "he" : "en");
}

/** The answer with its sources below, for a letter or a note. */
export function copiedText(turn: AgentTurn, wholePractice: boolean, words: Words): string {
  const context = { language: languageOf(turn), citations: turn.citations, wholePractice };
  const sources = turn.citations.map((citation) => sourceLine(citation, words));
  const below = sources.length ? ["", `${words.say("citations.title")}:`, ...sources] : [];
  return [plainText(answerText(turn), context), ...below].join("\n");
}

function sourceLine(
  { marker, client_name, session_date, field_name, quote }: ShownCitation,
  words: Words,
): string {
  const facts = [client_name, session_date ? words.day(session_date) : "", words.field(field_name)];
  return `[${marker}] ${facts.filter(Boolean).join(", ")}: "${quote}"`;
}
