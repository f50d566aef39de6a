import { afterEach, describe, expect, it, vi } from "vitest";
import { AIClient, csrfHeader } from "../src/api/client";
import { Refused, Unreachable } from "../src/api/errors";
import { anAnswer, CONVERSATION, DANA, FakeService, MESSAGE, problem } from "./fakes";

afterEach(() => vi.unstubAllGlobals());

const QUESTION = { query: "How is the knee?", mode: "ask" as const };

function aClient(): { service: FakeService; client: AIClient } {
  const service = new FakeService();
  return { service, client: new AIClient({ baseUrl: "http://pazpaz.test", fetch: service.fetch }) };
}

async function refused(response: Response): Promise<unknown> {
  const { service, client } = aClient();
  service.plan("/agent/chat", response);
  return client.ask(QUESTION).then(
    () => "answered",
    (cause: unknown) => cause,
  );
}

describe("the client", () => {
  it("repeats the cookie that only PazPaz's own pages can read", () => {
    vi.stubGlobal("document", { cookie: "other=1; csrf_token=a%2Bb%3D; my_csrf_token=no" });
    expect(csrfHeader()).toEqual({ "X-CSRF-Token": "a+b=" });
    vi.stubGlobal("document", { cookie: "my_csrf_token=no" });
    expect(csrfHeader()).toEqual({});
  });

  it("asks for a whole answer as well", async () => {
    const { service, client } = aClient();
    service.plan("/agent/chat", Response.json(anAnswer()));
    expect(await client.ask(QUESTION)).toEqual(anAnswer());
    expect(service.asked[0]).toMatchObject({ method: "POST", path: "/api/v1/ai/agent/chat", body: QUESTION });
  });

  it("says of a refusal what the service said", async () => {
    const told = problem(429, "rate_limited", "Too many questions.", { "Retry-After": "62" });
    expect(await refused(told)).toMatchObject({
      ...{ status: 429, message: "Too many questions.", code: "rate_limited", retryAfter: 62 },
      ...{ requestId: "request-1", isSignedOut: false },
    });
  });

  it("says of a refusal by PazPaz itself what there is", async () => {
    const headers = { "X-Request-ID": "request-2", "Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT" };
    expect(await refused(new Response("Too many requests", { status: 429, headers }))).toMatchObject({
      ...{ status: 429, message: "", code: "", retryAfter: null, requestId: "request-2" },
    });
    expect(await refused(Response.json({ detail: [{ loc: [] }] }, { status: 422 }))).toMatchObject({
      message: "",
    });
    expect(await refused(Response.json({ detail: "Sign in." }, { status: 401 }))).toMatchObject({
      isSignedOut: true,
    });
  });

  it("tells a line that failed from one that somebody cut", async () => {
    const { service, client } = aClient();
    service.plan("/agent/chat", () => Promise.reject(new TypeError("no network")));
    await expect(client.ask(QUESTION)).rejects.toBeInstanceOf(Unreachable);
    service.plan("/agent/chat", () => Promise.reject(new DOMException("stopped", "AbortError")));
    await expect(client.ask(QUESTION)).rejects.toMatchObject({ name: "AbortError" });
  });

  it("reads the history of a client, and deletes one conversation of it", async () => {
    const { service, client } = aClient();
    service.plan("GET", Response.json({ conversations: [], next: null }));
    await client.history({ client_id: DANA, cursor: "next", limit: 5 });
    await client.forget(CONVERSATION);
    expect(service.asked.map(({ method, path, query }) => `${method} ${path}?${query}`)).toEqual([
      `GET /api/v1/ai/agent/history?client_id=${DANA}&cursor=next&limit=5`,
      `DELETE /api/v1/ai/agent/history/${CONVERSATION}?`,
    ]);
  });

  it("raises where a word on an answer was refused", async () => {
    const { service, client } = aClient();
    service.plan("/feedback", problem(404, "message_not_found", "It is gone."));
    await expect(client.rate({ message_id: MESSAGE, rating: "up" })).rejects.toBeInstanceOf(Refused);
  });
});
