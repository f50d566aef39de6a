import { describe, expect, it, vi } from "vitest";
import { Unreachable } from "../src/api/errors";
import { events } from "../src/api/events";
import type { StreamEvent } from "../src/api/types";

const frame = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
const LINE = { text: "חזרה לרוץ 🏃 ביום שלישי. [1]", answer_start: 0, answer_end: 26 };
const WHOLE = `: beat\n\n${frame("status", { step: "retrieve" })}${frame("token", LINE)}${frame("done", { answer: LINE.text })}`;

function bodyOf(...pieces: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

async function all(body: ReadableStream<Uint8Array>): Promise<StreamEvent[]> {
  const told: StreamEvent[] = [];
  for await (const one of events(body)) told.push(one);
  return told;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("events", () => {
  it("reads the same events wherever the bytes are cut, also inside a letter", async () => {
    const whole = bytes(WHOLE);
    const expected = await all(bodyOf(whole));
    expect(expected.map((one) => one.event)).toEqual(["status", "token", "done"]);
    for (let at = 1; at < whole.length; at += 1) {
      expect(await all(bodyOf(whole.slice(0, at), whole.slice(at)))).toEqual(expected);
    }
  });

  it("passes over an event that a newer service may send", async () => {
    const told = await all(bodyOf(bytes(frame("news", {}) + WHOLE)));
    expect(told.map((one) => one.event)).toEqual(["status", "token", "done"]);
  });

  it("says that a stream without its last event is no answer", async () => {
    await expect(all(bodyOf(bytes(frame("token", LINE))))).rejects.toBeInstanceOf(Unreachable);
  });

  it("says that a garbled stream is no answer", async () => {
    await expect(all(bodyOf(bytes("event: token\ndata: {\n\n")))).rejects.toBeInstanceOf(Unreachable);
  });

  it("stops reading at the last event, and closes the connection", async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes(WHOLE)),
      cancel: () => void (cancelled = true),
    });
    expect((await all(endless)).at(-1)?.event).toBe("done");
    await vi.waitFor(() => expect(cancelled).toBe(true));
  });

  it("closes the connection when whoever listens leaves", async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes(frame("token", LINE))),
      cancel: () => void (cancelled = true),
    });
    const telling = events(endless);
    await telling.next();
    await telling.return();
    await vi.waitFor(() => expect(cancelled).toBe(true));
  });
});
