// The assistant's calls, through PazPaz's own routes: its cookie signs in, its header proves the page.

import createClient, { type Client } from "openapi-fetch";
import { refusal, Unreachable } from "./errors";
import { events, isAbort } from "./events";
import type { paths } from "./schema";
import type {
  ChatAnswer,
  ChatRequest,
  Conversation,
  FeedbackRequest,
  HistoryPage,
  StreamEvent,
} from "./types";

export interface AIClientOptions {
  /** Where PazPaz's API is; empty for the page's own origin. */
  baseUrl?: string;
  /** What goes along with each call. Default: the double-submit header for the cookie `csrf_token`. */
  headers?: () => Record<string, string>;
  /** "he" or "en": the language of refusals. */
  language?: () => string;
  fetch?: typeof globalThis.fetch;
}

/** Every call raises Refused or Unreachable, and an AbortError where its signal stopped it. */
export class AIClient {
  readonly #http: Client<paths>;

  constructor({ baseUrl = "", headers = csrfHeader, language, fetch }: AIClientOptions = {}) {
    const send = fetch ?? globalThis.fetch.bind(globalThis);
    this.#http = createClient<paths>({
      baseUrl: baseUrl || globalThis.location?.origin || "",
      credentials: "same-origin",
      fetch: (request: Request) => send(request).catch(noAnswer),
    });
    this.#http.use({
      onRequest({ request }) {
        for (const [name, value] of Object.entries(headers())) request.headers.set(name, value);
        if (language) request.headers.set("Accept-Language", language());
      },
      async onResponse({ response }) {
        const isStranger = headers === csrfHeader && !("X-CSRF-Token" in csrfHeader());
        if (!response.ok) throw await refusal(response, isStranger);
      },
    });
  }

  /** Asks, and tells of the answer as it comes; ends after `done` or `error`. */
  async *stream(question: ChatRequest, signal?: AbortSignal): AsyncGenerator<StreamEvent, void> {
    const { data } = await this.#http.POST("/api/v1/ai/agent/chat", {
      body: question,
      headers: { Accept: "text/event-stream" },
      parseAs: "stream",
      ...(signal && { signal }),
    });
    if (!data) throw new Unreachable("the stream is empty");
    yield* events(data as ReadableStream<Uint8Array>);
  }

  /** Asks, and waits for the whole answer. */
  async ask(question: ChatRequest, signal?: AbortSignal): Promise<ChatAnswer> {
    const asked = { body: question, ...(signal && { signal }) };
    return content(await this.#http.POST("/api/v1/ai/agent/chat", asked)) as ChatAnswer;
  }

  /** A page of one's own conversations, newest first; `cursor` is the `next` of the page before. */
  async history(
    query: { client_id?: string; whole_practice?: boolean; cursor?: string; limit?: number } = {},
  ): Promise<HistoryPage> {
    return content(await this.#http.GET("/api/v1/ai/agent/history", { params: { query } }));
  }

  async conversation(id: string): Promise<Conversation> {
    const path = { conversation_id: id };
    return content(await this.#http.GET("/api/v1/ai/agent/history/{conversation_id}", { params: { path } }));
  }

  /** The conversation as a file to keep. */
  async exported(id: string): Promise<Blob> {
    const { data } = await this.#http.GET("/api/v1/ai/agent/history/{conversation_id}/export", {
      params: { path: { conversation_id: id } },
      parseAs: "blob",
    });
    return data as Blob;
  }

  /** Deletes a conversation. */
  async forget(id: string): Promise<void> {
    const path = { conversation_id: id };
    await this.#http.DELETE("/api/v1/ai/agent/history/{conversation_id}", { params: { path } });
  }

  /** Deletes all of one's own conversations. */
  async forgetAll(): Promise<void> {
    await this.#http.DELETE("/api/v1/ai/agent/history");
  }

  /** A word on an answer; it replaces an earlier one. */
  async rate(feedback: FeedbackRequest): Promise<void> {
    await this.#http.POST("/api/v1/ai/agent/feedback", { body: feedback });
  }
}

/** PazPaz's double submit: the header repeats the cookie that only its own pages can read. */
export function csrfHeader(): Record<string, string> {
  const cookie = globalThis.document?.cookie ?? "";
  const pair = cookie.split("; ").find((one) => one.startsWith("csrf_token="));
  return pair ? { "X-CSRF-Token": decodeURIComponent(pair.slice("csrf_token=".length)) } : {};
}

function content<T>({ data }: { data?: T }): NonNullable<T> {
  if (data == null) throw new Unreachable("the answer is empty");
  return data;
}

function noAnswer(cause: unknown): never {
  if (isAbort(cause)) throw cause;
  throw new Unreachable("no answer came", { cause });
}
