// PazPaz's own calls, as far as the demo needs them.

import { csrfHeader, Unreachable } from "../src";
import { refusal } from "../src/api/errors";
import { language } from "./language";

export interface Person {
  id: string;
  display_name: string;
  workspace_name: string;
}

export interface Client {
  id: string;
  first_name: string;
  last_name: string;
  medical_history: string | null;
  notes: string | null;
  is_active: boolean;
}

export interface Note {
  id: string;
  client_id: string;
  session_date: string;
  duration_minutes: number | null;
  subjective: string | null;
  objective: string | null;
  assessment: string | null;
  plan: string | null;
  is_draft: boolean;
  deleted_at: string | null;
}

export const SOAP = ["subjective", "objective", "assessment", "plan"] as const;
export const PROFILE = ["medical_history", "notes"] as const;
/** Characters of a field of a note, at most. */
export const LONGEST = 5000;

/** Raises Refused, or Unreachable where no answer came. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: {
      "Accept-Language": language.value,
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...(method !== "GET" && csrfHeader()),
    },
    body: body === undefined ? null : JSON.stringify(body),
  }).catch((cause: unknown) => {
    throw new Unreachable("no answer came", { cause });
  });
  if (!response.ok) throw await refusal(response, !("X-CSRF-Token" in csrfHeader()));
  return (response.status === 204 ? null : await response.json()) as T;
}
