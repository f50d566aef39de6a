import type { ShownCitation, ShownRisk } from "./threads";

/** What somebody wants to read where it stands: a citation, or what the notes say of danger. */
export type AgentSource = ShownCitation | (ShownRisk & { type: "session" | "client" });

export const sourceOfRisk = (risk: ShownRisk): AgentSource => ({
  ...risk,
  type: risk.session_id ? "session" : "client",
});
