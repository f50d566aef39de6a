// Who is signed in, and whose clients there are.

import { ref, shallowRef } from "vue";
import { createAIAgent, csrfHeader, Refused } from "../src";
import { call, type Client, type Person } from "./api";
import { i18n, language } from "./language";

export const agent = createAIAgent({
  language: () => language.value,
  onSignedOut: (detail) => leave(detail || i18n.global.t("demo.signInAgain")),
  onForgotten: () => leave(""),
});

export const person = shallowRef<Person | null>(null);
export const clients = shallowRef<Client[]>([]);
/** Why the page asks to sign in again; empty where there is nothing to say. */
export const problem = ref("");

/** Whose cookie is still good; nobody's where none is. */
export async function resume(): Promise<void> {
  if (!("X-CSRF-Token" in csrfHeader())) return; // nobody has signed in here
  try {
    await enter(await call<Person>("GET", "/auth/me"));
  } catch (cause) {
    if (!(cause instanceof Refused && cause.isSignedOut)) leave(textOf(cause));
  }
}

export async function signIn(who: Person): Promise<void> {
  try {
    await enter(await call<Person>("POST", "/auth/demo-login", { user_id: who.id }));
  } catch (cause) {
    leave(textOf(cause));
  }
}

async function enter(who: Person): Promise<void> {
  clients.value = (await call<{ items: Client[] }>("GET", "/clients?include_archived=true")).items;
  problem.value = "";
  person.value = who;
}

/** Everything about people goes from the screen before anybody hears of it. */
export async function signOut(): Promise<void> {
  agent.forget();
  leave("");
  await call("POST", "/auth/logout").catch(() => undefined);
}

export function leave(why: string): void {
  person.value = null;
  clients.value = [];
  problem.value = why;
  history.replaceState(null, "", location.pathname); // whom it was about is nobody else's
}

/** What to say of a failed call; nothing where it ended the sign-in: then there is nothing more to show. */
export function troubleOf(cause: unknown): string {
  if (agent.leftBy(cause)) return "";
  return cause instanceof Refused ? cause.message : i18n.global.t("demo.failed");
}

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "");

export function nameOf(clientId: string | null): string {
  const client = clients.value.find((one) => one.id === clientId);
  return client ? `${client.first_name} ${client.last_name}` : "";
}
