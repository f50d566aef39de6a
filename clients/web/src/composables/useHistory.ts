// One's own earlier conversations about one client, or about the whole practice.

import { reactive } from "vue";
import type { Conversation, ConversationHead } from "../api/types";
import { injectAIAgent, type AIAgent } from "./context";

export type HistoryTrouble = "failed" | "openFailed" | "exportFailed" | "deleteFailed";

export interface History {
  heads: ConversationHead[];
  isLoading: boolean;
  trouble: HistoryTrouble | null;
  /** There is more than is shown. */
  hasMore: boolean;
  /** Reads the first page, or the next one. */
  more(): Promise<void>;
  /** Null where it could not be read. */
  read(head: ConversationHead): Promise<Conversation | null>;
  exported(head: ConversationHead): Promise<Blob | null>;
  /** False where it could not be deleted. */
  remove(head: ConversationHead): Promise<boolean>;
}

export function useHistory(clientId: string | null): History {
  const agent = injectAIAgent();
  const place: Place = { cursor: null };

  const history: History = reactive({
    heads: [],
    isLoading: false,
    trouble: null,
    hasMore: true,
    async more() {
      if (history.isLoading || !history.hasMore) return;
      history.isLoading = true;
      await attempt(agent, history, "failed", () => readOn(agent, history, clientId, place));
      history.isLoading = false;
    },
    read: (head) =>
      attempt(agent, history, "openFailed", () => agent.client.conversation(head.conversation_id)),
    exported: (head) =>
      attempt(agent, history, "exportFailed", () => agent.client.exported(head.conversation_id)),
    async remove(head) {
      const done = await attempt(agent, history, "deleteFailed", async () => {
        await agent.client.forget(head.conversation_id);
        return true;
      });
      if (done) history.heads = history.heads.filter((one) => one.conversation_id !== head.conversation_id);
      return done ?? false;
    },
  });
  return history;
}

/** So many pages are looked through before somebody has to ask for more. */
const PAGES = 10;

interface Place {
  /** The next page's; null before the first. */
  cursor: string | null;
}

/** A service of before lists everybody's for the whole practice; clients' belong on those clients' pages. */
async function readOn(
  agent: AIAgent,
  history: History,
  clientId: string | null,
  place: Place,
): Promise<void> {
  const known = history.heads.length;
  for (let page = 0; page < PAGES && history.hasMore && history.heads.length === known; page += 1) {
    await readPage(agent, history, clientId, place);
  }
}

async function readPage(
  agent: AIAgent,
  history: History,
  clientId: string | null,
  place: Place,
): Promise<void> {
  const { cursor } = place;
  const page = await agent.client.history({
    ...(clientId ? { client_id: clientId } : { whole_practice: true }),
    ...(cursor && { cursor }),
  });
  history.heads.push(...page.conversations.filter((head) => head.client_id === clientId));
  place.cursor = page.next;
  history.hasMore = page.next !== null;
}

async function attempt<T>(
  agent: AIAgent,
  history: History,
  trouble: HistoryTrouble,
  work: () => Promise<T>,
): Promise<T | null> {
  history.trouble = null;
  try {
    return await work();
  } catch (cause) {
    if (!agent.leftBy(cause)) history.trouble = trouble;
    return null;
  }
}
