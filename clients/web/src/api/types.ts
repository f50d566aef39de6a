// The wire's shapes under the names this package uses; all of them are generated from the OpenAPI document.

import type { components, operations } from "./schema";

type Schemas = components["schemas"];

export type ChatRequest = operations["chat"]["requestBody"]["content"]["application/json"];
export type Mode = NonNullable<ChatRequest["mode"]>;
export type ChatAnswer = Schemas["ChatResponse"];
export type AnswerStatus = ChatAnswer["answer_status"];
export type Citation = Schemas["CitationOut"];
export type Risk = Schemas["RiskOut"];
export type Search = Schemas["SearchOut"];
export type Lack = ChatAnswer["degraded"][number];
export type PastTurn = Schemas["TurnOut"];
export type PastCitation = Schemas["PastCitation"];
export type PastRisk = Schemas["PastRisk"];
export type Conversation = Schemas["ConversationTurns"];
export type ConversationHead = Schemas["ConversationOut"];
export type HistoryPage = Schemas["HistoryPage"];
export type Problem = Schemas["Problem"];
export type StreamProblem = Schemas["StreamProblem"];
/** The document adds that a reason goes with "down" only, which the generator writes as two more shapes. */
export type FeedbackRequest = Extract<
  operations["give_feedback"]["requestBody"]["content"]["application/json"],
  { message_id: string }
>;
export type Rating = FeedbackRequest["rating"];
export type Reason = NonNullable<FeedbackRequest["reason"]>;

/** The next line of the answer, verified; `answer_start` and `answer_end` are in code points of the whole. */
export type Sentence = Schemas["TokenOut"];

/** What a stream tells, in its order; a citation comes just before the line that uses it. */
export type StreamEvent =
  | { event: "status"; data: Schemas["StepOut"] }
  | { event: "risk"; data: Risk }
  | { event: "citation"; data: Citation }
  | { event: "token"; data: Sentence }
  | { event: "done"; data: ChatAnswer }
  | { event: "error"; data: StreamProblem };
