// A service that the tests write themselves: streams that they feed by hand, and what was asked of it.

import { mount, type VueWrapper } from "@vue/test-utils";
import { createApp, nextTick, type Component, type Plugin } from "vue";
import { createI18n } from "vue-i18n";
import type { ChatAnswer, Citation, ConversationHead, Risk, Sentence, StreamEvent } from "../src/api/types";
import { createAIAgent, type AIAgent, type AIAgentOptions } from "../src/composables/context";
import en from "../src/locales/en.json";
import he from "../src/locales/he.json";

export const DANA = "11111111-1111-4111-8111-111111111111";
export const OMER = "22222222-2222-4222-8222-222222222222";
export const CONVERSATION = "33333333-3333-4333-8333-333333333333";
export const MESSAGE = "44444444-4444-4444-8444-444444444444";
export const SESSION = "55555555-5555-4555-8555-555555555555";

export function aCitation(members: Partial<Citation> = {}): Citation {
  return {
    type: "session",
    session_id: SESSION,
    client_id: DANA,
    client_name: "Dana Levi",
    session_date: "2026-03-03T09:00:00Z",
    similarity: 0.9,
    field_name: "assessment",
    marker: 1,
    quote: "Back to running on Tuesday.",
    start: 0,
    end: 27,
    answer_start: 0,
    answer_end: 27,
    note_version: 1,
    is_draft: false,
    repaired: false,
    instruction_like: false,
    ...members,
  };
}

export function aRisk(members: Partial<Risk> = {}): Risk {
  return {
    client_id: DANA,
    client_name: "Dana Levi",
    session_id: SESSION,
    session_date: "2026-03-03T09:00:00Z",
    field_name: "subjective",
    kind: "suicide",
    polarity: "denied",
    quote: "Denies suicidal thoughts.",
    start: 0,
    end: 25,
    is_draft: false,
    note_version: 1,
    ...members,
  };
}

export function anAnswer(members: Partial<ChatAnswer> = {}): ChatAnswer {
  return {
    answer: "Back to running on Tuesday. [1]",
    answer_status: "answered",
    citations: [aCitation()],
    conversation_id: CONVERSATION,
    message_id: MESSAGE,
    request_id: "request-1",
    degraded: [],
    language: "en",
    model: "local-quotes",
    processing_time_ms: 5,
    retrieved_count: 1,
    risk: [],
    risk_unread: 0,
    search: {
      notes_read: 14,
      notes_total: 14,
      from: "2026-01-05",
      to: "2026-03-03",
      drafts: 0,
      complete: true,
      other_language: 0,
      unsearched_drafts: 0,
    },
    suggestions: [],
    withheld: 0,
    ...members,
  };
}

export function aHead(members: Partial<ConversationHead> = {}): ConversationHead {
  return {
    conversation_id: CONVERSATION,
    client_id: DANA,
    title: "How is the knee?",
    started_at: "2026-03-01T09:00:00Z",
    updated_at: "2026-03-02T09:00:00Z",
    turns: 2,
    ...members,
  };
}

/** One answer that a test tells as it likes. */
export class FakeStream {
  isStopped = false;
  readonly #encoder = new TextEncoder();
  #out!: ReadableStreamDefaultController<Uint8Array>;
  readonly body: ReadableStream<Uint8Array>;

  constructor(signal: AbortSignal | null) {
    this.body = new ReadableStream<Uint8Array>({ start: (out) => void (this.#out = out) });
    signal?.addEventListener("abort", () => {
      this.isStopped = true;
      this.#out.error(signal.reason);
    });
  }

  async tell(...told: StreamEvent[]): Promise<void> {
    for (const { event, data } of told) this.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    await settled();
  }

  async line(text: string, ...citations: Citation[]): Promise<void> {
    const data: Sentence = { text, answer_start: 0, answer_end: 0 };
    await this.tell(...citations.map((one) => ({ event: "citation" as const, data: one })), {
      event: "token",
      data,
    });
  }

  async done(members: Partial<ChatAnswer> = {}): Promise<void> {
    await this.tell({ event: "done", data: anAnswer(members) });
  }

  async breakOff(): Promise<void> {
    this.#out.error(new TypeError("network error"));
    await settled();
  }

  write(text: string): void {
    this.#out.enqueue(this.#encoder.encode(text));
  }
}

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: Record<string, unknown> | null;
}

type Reply = (asked: Asked, request: Request) => Response | Promise<Response>;

export function problem(status: number, code: string, detail: string, headers: HeadersInit = {}): Response {
  const type = code ? `urn:pazpaz:problem:${code}` : "about:blank";
  return Response.json({ type, title: "", status, detail, request_id: "request-1" }, { status, headers });
}

/** Answers chats with streams that wait to be told, and all else with what was planned for its path. */
export class FakeService {
  readonly asked: Asked[] = [];
  readonly streams: FakeStream[] = [];
  readonly #planned: { at: string; reply: Reply }[] = [];

  /** The next call to such a path gets this instead. */
  plan(at: string, reply: Reply | Response): this {
    this.#planned.push({ at, reply: typeof reply === "function" ? reply : () => reply });
    return this;
  }

  readonly fetch = (async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    const sent = request.method === "POST" ? ((await request.json()) as Asked["body"]) : null;
    const { method, headers } = request;
    const asked: Asked = { method, path: pathname, query: searchParams, headers, body: sent };
    this.asked.push(asked);
    const place = this.#planned.findIndex((one) => `${method} ${pathname}`.includes(one.at));
    const [planned] = place < 0 ? [] : this.#planned.splice(place, 1);
    if (planned) return planned.reply(asked, request);
    if (!pathname.endsWith("/agent/chat")) return new Response(null, { status: 204 });
    const stream = new FakeStream(request.signal);
    this.streams.push(stream);
    return new Response(stream.body, { headers: { "Content-Type": "text/event-stream" } });
  }) as typeof globalThis.fetch;

  get stream(): FakeStream {
    const last = this.streams.at(-1);
    if (!last) throw new Error("nothing was asked");
    return last;
  }

  get chats(): Asked[] {
    return this.asked.filter((one) => one.path.endsWith("/agent/chat"));
  }
}

/** Everything that was told has arrived and is drawn. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 6; round += 1) await new Promise((resolve) => setTimeout(resolve, 0));
  await nextTick();
}

export interface Stage {
  service: FakeService;
  agent: AIAgent;
  plugins: Plugin[];
}

export function aStage(options: AIAgentOptions & { locale?: "he" | "en" } = {}): Stage {
  const service = new FakeService();
  const agent = createAIAgent({
    baseUrl: "http://pazpaz.test",
    fetch: service.fetch,
    tabs: null,
    ...options,
  });
  const messages = { he, en };
  const i18n = createI18n({ legacy: false, locale: options.locale ?? "en", fallbackLocale: "en", messages });
  return { service, agent, plugins: [i18n, agent] };
}

export function mounted<C extends Component>(
  stage: Stage,
  component: C,
  props: Record<string, unknown> = {},
): VueWrapper {
  return mount(component as Component, {
    props,
    global: { plugins: stage.plugins },
    attachTo: document.body,
  }) as unknown as VueWrapper;
}

/** Runs what needs an application around it. */
export function inApp<T>(stage: Stage, work: () => T): T {
  const app = createApp({ render: () => null });
  for (const plugin of stage.plugins) app.use(plugin);
  return app.runWithContext(work);
}
