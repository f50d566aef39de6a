// Reads one answer from one response. It never asks again by itself: a second POST would be a second question.

import { EventSourceParserStream } from "eventsource-parser/stream";
import { Unreachable } from "./errors";
import type { StreamEvent } from "./types";

const KNOWN: ReadonlySet<string> = new Set(["status", "risk", "citation", "token", "done", "error"]);
const LAST: ReadonlySet<string> = new Set(["done", "error"]);

/**
 * The events of a stream, up to its `done` or `error`.
 *
 * Raises Unreachable where the stream ends before either; an event of a newer service is passed over. Whoever stops
 * iterating closes the connection, which stops the work on the other side.
 */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent, void> {
  const reader = body
    // The DOM's types of the two ends differ by the buffer behind the bytes only.
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(brokenOff);
      if (done) throw new Unreachable("the stream ended early");
      if (!value.event || !KNOWN.has(value.event)) continue;
      yield { event: value.event, data: parsed(value.data) } as StreamEvent;
      if (LAST.has(value.event)) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new Unreachable("the stream is garbled");
  }
}

function brokenOff(cause: unknown): never {
  if (isAbort(cause)) throw cause;
  throw new Unreachable("the stream broke off", { cause });
}

/** Whether somebody stopped it, as against it failing. */
export const isAbort = (cause: unknown): boolean =>
  cause instanceof DOMException && cause.name === "AbortError";
