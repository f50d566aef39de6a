// One thread a client and one for the whole practice. An answer about one person must never stand on another's page,
// and nothing said to one therapist may be there for the next who signs in at the same screen.

import { reactive, shallowReactive } from "vue";
import type { ChatAnswer, Citation, Mode, Rating, Reason, Risk, Search, Sentence } from "../api/types";

/** What a card shows: of an answer from the history it also says whether its field reads otherwise by now. */
export type ShownCitation = Citation & { source_changed?: boolean };
export type ShownRisk = Risk & { source_changed?: boolean };

/** An answer, of now or of the history. */
export type ShownAnswer = Pick<ChatAnswer, "answer" | "answer_status" | "degraded" | "language" | "model"> & {
  citations: ShownCitation[];
  risk: ShownRisk[];
  risk_unread: number;
  search: Search | null;
  withheld: number;
  suggestions: string[];
  /** Null where nothing is kept of it: then there is nothing to rate. */
  message_id: string | null;
  /** Its text was cut, or leans on notes that read otherwise by now. */
  source_changed: boolean;
};

export type Failure =
  | { kind: "unreachable" }
  | { kind: "refused"; detail: string; code: string; status: number; requestId: string | null };

export type TurnState = "thinking" | "streaming" | "answered" | "stopped" | "failed";

/** One question and what came of it. */
export interface AgentTurn {
  readonly id: string;
  /** Null where a note it was about was erased. */
  readonly query: string | null;
  readonly mode: Mode;
  state: TurnState;
  /** Lines so far, each verified; kept when stopped, dropped when failed: then they are no answer. */
  sentences: Sentence[];
  citations: ShownCitation[];
  risk: ShownRisk[];
  answer: ShownAnswer | null;
  failure: Failure | null;
  /** Milliseconds since the epoch; asking before it is refused again. */
  retryAt: number | null;
  /** The conversation before it was no longer kept, so it was asked by itself. */
  askedAlone: boolean;
  rating: Rating | null;
  reason: Reason | null;
}

export interface Thread {
  turns: AgentTurn[];
  conversationId: string | null;
  /** The question being written, so that switching clients loses nothing. */
  draft: string;
  /** How far down the reader is, in pixels; null where nothing was read yet. */
  scroll: number | null;
  /** Stops the answer that is being written; null where none is. */
  running: AbortController | null;
}

const WHOLE_PRACTICE = "";

export class Threads {
  readonly #all = shallowReactive(new Map<string, Thread>());

  /** The thread of a client, or of the whole practice for null. */
  of(clientId: string | null): Thread {
    const key = clientId ?? WHOLE_PRACTICE;
    const known = this.#all.get(key);
    if (known) return known;
    const thread = reactive<Thread>({
      turns: [],
      conversationId: null,
      draft: "",
      scroll: null,
      running: null,
    });
    this.#all.set(key, thread);
    return thread;
  }

  clear(): void {
    for (const thread of this.#all.values()) {
      empty(thread);
      thread.draft = "";
    }
    this.#all.clear();
  }
}

/** Forgets what was said; its conversation stays in the history, and the question being written in its box. */
export function empty(thread: Thread): void {
  thread.running?.abort();
  const nothing = { turns: [], conversationId: null, scroll: null, running: null };
  Object.assign(thread, nothing satisfies Partial<Thread>);
}

let made = 0;

export function newTurn(query: string | null, mode: Mode): AgentTurn {
  made += 1;
  return reactive<AgentTurn>({
    id: `turn-${made}`,
    query,
    mode,
    state: "thinking",
    sentences: [],
    citations: [],
    risk: [],
    answer: null,
    failure: null,
    retryAt: null,
    askedAlone: false,
    rating: null,
    reason: null,
  });
}
