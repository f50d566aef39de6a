import type { ShownCitation, ShownRisk } from "./threads";

/** What somebody wants to read where it stands: a citation, or what the notes say of danger. */
export type AgentSource = ShownCitation | (ShownRisk & { type: "session" | "client" });

/** What to keep of a source until its note is shown: whose it is and where it stands, nothing of the answer. */
export type AgentQuote = Pick<
  AgentSource,
  "session_id" | "client_id" | "field_name" | "start" | "end" | "quote"
>;

export const sourceOfRisk = (risk: ShownRisk): AgentSource => ({
  ...risk,
  type: risk.session_id ? "session" : "client",
});
