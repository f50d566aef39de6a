export * from "./api/types";
export { AIClient, csrfHeader, type AIClientOptions } from "./api/client";
export { Refused, Unreachable } from "./api/errors";
export { events } from "./api/events";
export { createAIAgent, injectAIAgent, type AIAgent, type AIAgentOptions } from "./composables/context";
export { useAIAgent, type AIAgentThread } from "./composables/useAIAgent";
export type {
  AgentTurn,
  Failure,
  ShownAnswer,
  ShownCitation,
  ShownRisk,
  Thread,
} from "./composables/threads";
export type { AgentQuote, AgentSource } from "./composables/sources";
export { default as AgentAnswerText } from "./components/AgentAnswerText.vue";
export { default as AgentChatInterface } from "./components/AgentChatInterface.vue";
export { default as AgentCitationCard } from "./components/AgentCitationCard.vue";
export { default as AgentComposer } from "./components/AgentComposer.vue";
export { default as AgentFeedback } from "./components/AgentFeedback.vue";
export { default as AgentHistory } from "./components/AgentHistory.vue";
export { default as AgentMessageBubble } from "./components/AgentMessageBubble.vue";
export { default as AgentQuotedText } from "./components/AgentQuotedText.vue";
export { default as AgentRiskBanner } from "./components/AgentRiskBanner.vue";
