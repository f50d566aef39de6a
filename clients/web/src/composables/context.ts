// What the chat's parts share: whom they ask, and the threads of this sign-in.

import { inject, type App, type InjectionKey } from "vue";
import { AIClient, type AIClientOptions } from "../api/client";
import { Refused } from "../api/errors";
import { Threads } from "./threads";

export interface AIAgentOptions extends AIClientOptions {
  client?: AIClient;
  /** Called after a call was refused because the sign-in ended; the threads are gone by then. `detail` may be empty. */
  onSignedOut?: (detail: string) => void;
  /**
   * Called after another tab forgot its threads, because somebody signed out there; this one's are gone by then. The
   * others are told nothing more until what it returns is over, so it may log out as any other way out does.
   */
  onForgotten?: () => unknown;
  /** What tabs of one origin tell each other on that they forget; null: nothing is told. Default "pazpaz-ai-agent". */
  tabs?: string | null;
}

export interface AIAgent {
  readonly client: AIClient;
  readonly threads: Threads;
  /** Stops what runs and forgets every thread: for logging out, before anybody else signs in. */
  forget(): void;
  /** Forgets and tells the host where a refusal says that the sign-in ended; true then. */
  leftBy(cause: unknown): boolean;
  install(app: App): void;
}

const KEY: InjectionKey<AIAgent> = Symbol("AIAgent");

/** One for the application: `app.use(createAIAgent())`. */
export function createAIAgent(options: AIAgentOptions = {}): AIAgent {
  const threads = new Threads();
  let isTold = false;
  const tabs = otherTabs(options.tabs, async () => {
    threads.clear();
    isTold = true;
    try {
      await options.onForgotten?.();
    } finally {
      isTold = false;
    }
  });
  const forget = (): void => {
    threads.clear();
    // Two tabs that tell each other would never end.
    if (!isTold) tabs?.postMessage(FORGET);
  };
  return {
    client: options.client ?? new AIClient(options),
    threads,
    forget,
    leftBy(cause) {
      if (!(cause instanceof Refused && cause.isSignedOut)) return false;
      forget();
      // Of lost cookies PazPaz says something for programmers.
      options.onSignedOut?.(cause.status === 403 ? "" : cause.message);
      return true;
    },
    install(app) {
      app.provide(KEY, this);
      app.onUnmount(() => tabs?.close());
    },
  };
}

const FORGET = "forget";

/** Whoever signs out in one tab is signed out in all of them; a browser without such channels has one tab to clear. */
function otherTabs(
  name: string | null = "pazpaz-ai-agent",
  onForget: () => unknown,
): BroadcastChannel | null {
  if (name === null || typeof BroadcastChannel === "undefined") return null;
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => {
    if (data === FORGET) void onForget();
  };
  return channel;
}

/** The application's agent. Raises where `createAIAgent` is not installed. */
export function injectAIAgent(): AIAgent {
  const agent = inject(KEY, null);
  if (!agent) throw new Error("install the plugin first: app.use(createAIAgent())");
  return agent;
}
