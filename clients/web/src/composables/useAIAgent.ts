// The conversation about one client, or about the whole practice.

import { computed, markRaw, toValue, type ComputedRef, type MaybeRefOrGetter } from "vue";
import { Refused } from "../api/errors";
import { isAbort } from "../api/events";
import type {
  ChatAnswer,
  ChatRequest,
  Conversation,
  Mode,
  PastTurn,
  Rating,
  Reason,
  StreamEvent,
} from "../api/types";
import { injectAIAgent, type AIAgent } from "./context";
import { empty, newTurn, type AgentTurn, type Failure, type ShownAnswer, type Thread } from "./threads";

export interface AIAgentThread {
  thread: ComputedRef<Thread>;
  turns: ComputedRef<AgentTurn[]>;
  isAnswering: ComputedRef<boolean>;
  /** Asks, unless an answer is being written or nothing is asked; false then. */
  send(query: string, mode?: Mode): boolean;
  stop(): void;
  /** Asks a failed or stopped turn's question again, as a person's own decision. */
  retry(turn: AgentTurn): void;
  /** Begins a new conversation; the one before stays in the history. */
  clear(): void;
  /** Says what one thinks of an answer; false where that could not be kept. */
  rate(turn: AgentTurn, rating: Rating, reason?: Reason): Promise<boolean>;
  /** Shows a conversation of the history, and goes on with it; false where it is about somebody else. */
  open(conversation: Conversation): boolean;
}

/** `clientId`: whose page this is; null for the whole practice. It may change: each has a thread of their own. */
export function useAIAgent(clientId: MaybeRefOrGetter<string | null>): AIAgentThread {
  const agent = injectAIAgent();
  const thread = computed(() => agent.threads.of(toValue(clientId)));
  const isAnswering = computed(() => thread.value.running !== null);

  function ask(turn: AgentTurn): void {
    void new Answering(agent, thread.value, toValue(clientId), turn).run();
  }

  return {
    thread,
    turns: computed(() => thread.value.turns),
    isAnswering,
    send(query, mode = "ask") {
      const asked = query.trim();
      if (!asked || isAnswering.value) return false;
      const turn = newTurn(asked, mode);
      thread.value.turns.push(turn);
      ask(turn);
      return true;
    },
    stop: () => thread.value.running?.abort(),
    retry(turn) {
      if (!isAnswering.value && turn.query !== null) ask(turn);
    },
    clear: () => empty(thread.value),
    rate: (turn, rating, reason) => rateTurn(agent, turn, rating, reason),
    open(conversation) {
      if (conversation.client_id !== toValue(clientId)) return false;
      empty(thread.value);
      thread.value.turns = conversation.turns.map(pastTurn);
      thread.value.conversationId = conversation.conversation_id;
      return true;
    },
  };
}

/** One question on its way. It keeps the thread it began in, whichever client is looked at meanwhile. */
class Answering {
  /** Raw: what `thread` gives back must be this very object. */
  readonly #stop = markRaw(new AbortController());

  constructor(
    readonly agent: AIAgent,
    readonly thread: Thread,
    readonly clientId: string | null,
    readonly turn: AgentTurn,
  ) {}

  async run(): Promise<void> {
    this.thread.running = this.#stop;
    this.#begin();
    try {
      await this.#listen();
    } catch (cause) {
      this.#fail(cause);
    } finally {
      // `clear` may have put the thread to other use meanwhile.
      if (this.thread.running === this.#stop) this.thread.running = null;
    }
  }

  #begin(): void {
    Object.assign(this.turn, {
      state: "thinking",
      sentences: [],
      citations: [],
      risk: [],
      answer: null,
      failure: null,
      retryAt: null,
    } satisfies Partial<AgentTurn>);
  }

  /** A conversation may be gone meanwhile: deleted, or too old. It was refused, so asking alone asks once. */
  async #listen(): Promise<void> {
    try {
      await this.#hear(this.#question());
    } catch (cause) {
      if (!(cause instanceof Refused && cause.code === "conversation_not_found")) throw cause;
      this.thread.conversationId = null;
      this.turn.askedAlone = true;
      await this.#hear(this.#question());
    }
  }

  #question(): ChatRequest {
    return {
      query: this.turn.query ?? "",
      mode: this.turn.mode,
      ...(this.clientId && { client_id: this.clientId }),
      ...(this.thread.conversationId && { conversation_id: this.thread.conversationId }),
    };
  }

  async #hear(question: ChatRequest): Promise<void> {
    for await (const told of this.agent.client.stream(question, this.#stop.signal)) {
      this.#stop.signal.throwIfAborted();
      this.#take(told);
    }
  }

  #take(told: StreamEvent): void {
    const { turn } = this;
    if (told.event === "risk") turn.risk.push(told.data);
    else if (told.event === "citation") turn.citations.push(told.data);
    else if (told.event === "token") {
      turn.sentences.push(told.data);
      turn.state = "streaming";
    } else if (told.event === "done") this.#finish(told.data);
    else if (told.event === "error") throw refusedBy(told.data);
  }

  #finish(answer: ChatAnswer): void {
    this.turn.answer = { ...answer, source_changed: false };
    this.turn.citations = answer.citations;
    this.turn.risk = answer.risk;
    this.turn.state = "answered";
    this.thread.conversationId = answer.conversation_id;
  }

  #fail(cause: unknown): void {
    const { turn } = this;
    if (isAbort(cause)) {
      turn.state = "stopped";
      return;
    }
    if (this.agent.leftBy(cause)) return;
    // What came before a failure is no answer.
    Object.assign(turn, { state: "failed", sentences: [], citations: [], failure: failure(cause) });
    const wait = cause instanceof Refused ? cause.retryAfter : null;
    turn.retryAt = wait === null ? null : Date.now() + wait * 1000;
  }
}

function refusedBy(problem: Extract<StreamEvent, { event: "error" }>["data"]): Refused {
  const { status, detail, code, retry_after, request_id } = problem;
  return new Refused(status, detail, code, retry_after ?? null, request_id);
}

function failure(cause: unknown): Failure {
  if (!(cause instanceof Refused)) return { kind: "unreachable" };
  const { message, code, status, requestId } = cause;
  return { kind: "refused", detail: message, code, status, requestId };
}

/** False where it could not be kept. */
export async function rateTurn(
  agent: AIAgent,
  turn: AgentTurn,
  rating: Rating,
  reason?: Reason,
): Promise<boolean> {
  const message_id = turn.answer?.message_id;
  if (!message_id) return false;
  try {
    await agent.client.rate({ message_id, rating, ...(reason && { reason }) });
  } catch (cause) {
    agent.leftBy(cause);
    return false;
  }
  turn.rating = rating;
  turn.reason = reason ?? null;
  return true;
}

function pastTurn(past: PastTurn): AgentTurn {
  const turn = newTurn(past.query, "ask");
  turn.answer = shownPast(past);
  turn.citations = past.citations;
  turn.risk = past.risk;
  turn.state = "answered";
  turn.rating = past.feedback?.rating ?? null;
  turn.reason = past.feedback?.reason ?? null;
  return turn;
}

function shownPast(past: PastTurn): ShownAnswer {
  return { ...past, risk_unread: 0, withheld: past.withheld ?? 0, suggestions: [] };
}
