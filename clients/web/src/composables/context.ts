// What the chat's parts share: whom they ask, and the threads of this sign-in.

import { inject, type App, type InjectionKey } from "vue";
import { AIClient, type AIClientOptions } from "../api/client";
import { Refused } from "../api/errors";
import { Threads } from "./threads";

export interface AIAgentOptions extends AIClientOptions {
  client?: AIClient;
  /** Called after a call was refused because the sign-in ended; the threads are gone by then. */
  onSignedOut?: (detail: string) => void;
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
  return {
    client: options.client ?? new AIClient(options),
    threads,
    forget: () => threads.clear(),
    leftBy(cause) {
      if (!(cause instanceof Refused && cause.isSignedOut)) return false;
      threads.clear();
      options.onSignedOut?.(cause.message);
      return true;
    },
    install(app) {
      app.provide(KEY, this);
    },
  };
}

/** The application's agent. Raises where `createAIAgent` is not installed. */
export function injectAIAgent(): AIAgent {
  const agent = inject(KEY, null);
  if (!agent) throw new Error("install the plugin first: app.use(createAIAgent())");
  return agent;
}
