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
