// The examples that every side's tests read: what this client sends is what they promise, what they answer it reads.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { AIClient } from "../src/api/client";
import { Refused } from "../src/api/errors";
import type { ChatRequest, FeedbackRequest, StreamEvent } from "../src/api/types";

interface Exchange {
  name: string;
  request: { method: string; path: string; body?: Record<string, unknown> };
  response: {
    status: number;
    headers?: Record<string, string>;
    body?: Record<string, unknown>;
    events?: StreamEvent[];
  };
}

const read = (file: string): string =>
  readFileSync(resolve(import.meta.dirname, `../../contract/${file}.json`), "utf-8");
const { values } = JSON.parse(read("common")) as { values: Record<string, string> };

function exchangesOf(file: string): Exchange[] {
  const filled = read(file).replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  return (JSON.parse(filled) as { exchanges: Exchange[] }).exchanges;
}

/** Answers as the example does, and keeps what was sent. */
function serving({ response }: Exchange): { client: AIClient; sent: Request[] } {
  const sent: Request[] = [];
  const headers = Object.entries(response.headers ?? {}).filter(([, value]) => !value.startsWith("$"));
  headers.push(...(response.headers?.["Retry-After"] ? [["Retry-After", "30"] as [string, string]] : []));
  const frames = response.events?.map(
    ({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
  );
  const body = frames?.join("") ?? (response.body ? JSON.stringify(response.body) : null);
  const fetch = async (request: Request): Promise<Response> => {
    sent.push(request);
    return new Response(body, { status: response.status, headers });
  };
  return {
    client: new AIClient({ baseUrl: "https://pazpaz.example", fetch: fetch as typeof globalThis.fetch }),
    sent,
  };
}

/** The call that the request of an example is of. */
function called(client: AIClient, { request, response }: Exchange): Promise<unknown> {
  const { pathname, searchParams } = new URL(request.path, "https://pazpaz.example");
  const id = values.conversation ?? "";
  const calls: Record<string, () => Promise<unknown>> = {
    "POST /api/v1/ai/agent/chat": () =>
      response.events
        ? collected(client.stream(request.body as unknown as ChatRequest))
        : client.ask(request.body as unknown as ChatRequest),
    "POST /api/v1/ai/agent/feedback": () => client.rate(request.body as unknown as FeedbackRequest),
    "GET /api/v1/ai/agent/history": () =>
      client.history({
        client_id: searchParams.get("client_id") ?? "",
        limit: Number(searchParams.get("limit")),
      }),
    "DELETE /api/v1/ai/agent/history": () => client.forgetAll(),
    [`GET /api/v1/ai/agent/history/${id}`]: () => client.conversation(id),
    [`GET /api/v1/ai/agent/history/${id}/export`]: async () =>
      JSON.parse(await (await client.exported(id)).text()),
    [`DELETE /api/v1/ai/agent/history/${id}`]: () => client.forget(id),
  };
  const call = calls[`${request.method} ${pathname}`];
  if (!call) throw new Error(`no call for ${request.method} ${pathname}`);
  return call();
}

async function collected(stream: AsyncGenerator<StreamEvent>): Promise<StreamEvent[]> {
  const told: StreamEvent[] = [];
  for await (const one of stream) told.push(one);
  return told;
}

describe.each(["chat", "stream", "history"])("%s.json", (file) => {
  const all = exchangesOf(file);

  it.each(all.map((one) => [one.name, one] as const))("%s: it asks as promised", async (_name, exchange) => {
    const { client, sent } = serving(exchange);
    await called(client, exchange).catch(() => undefined);
    expect(sent).toHaveLength(1);
    const [request] = sent as [Request];
    const { pathname, search } = new URL(request.url);
    expect(`${request.method} ${pathname}${search}`).toBe(
      `${exchange.request.method} ${exchange.request.path}`,
    );
    if (exchange.request.body) expect(await request.json()).toEqual(exchange.request.body);
    if (exchange.response.events) expect(request.headers.get("Accept")).toBe("text/event-stream");
  });

  const good = all.filter((one) => one.response.status < 300);
  it.each(good.map((one) => [one.name, one] as const))("%s: it reads the answer", async (_name, exchange) => {
    const { body, events } = exchange.response;
    expect((await called(serving(exchange).client, exchange)) ?? null).toEqual(events ?? body ?? null);
  });

  const bad = all.filter((one) => one.response.status >= 400);
  it.each(bad.map((one) => [one.name, one] as const))("%s: it reads the refusal", async (_name, exchange) => {
    const { status, body, headers } = exchange.response;
    const refused = await called(serving(exchange).client, exchange).catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(Refused);
    const { message, retryAfter, status: got } = refused as Refused;
    expect([got, message]).toEqual([status, typeof body?.detail === "string" ? body.detail : ""]);
    expect(retryAfter).toBe(headers?.["Retry-After"] ? 30 : null);
  });
});
