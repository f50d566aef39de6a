// Calls to our own backend: the cookie signs in, the header proves the call came from this page.

import { spoken, t } from "/page/texts.js";

export class Refused extends Error {
  constructor(status, detail, retryAfter, code = "") {
    super(detail);
    this.status = status;
    this.code = code; // the last part of the problem's `type`
    this.retryAfter = retryAfter;
    // Without its cookies the page is refused as a stranger's before anybody asks who it is.
    this.isSignedOut = status === 401 || !csrfToken();
  }
}

export class Offline extends Error {}

export async function call(method, path, { body, signal } = {}) {
  const answer = await send(method, path, body, signal);
  if (answer.status === 204) return null;
  const content = await answer.json().catch((cause) => {
    if (cause.name === "AbortError") throw cause;
    return null;
  });
  if (answer.ok && content !== null) return content;
  const code = String(content?.type ?? "").split(":").at(-1);
  throw new Refused(answer.status, explained(content), seconds(answer.headers.get("Retry-After")), code);
}

async function send(method, path, body, signal) {
  try {
    return await fetch(path, { method, headers: headers(method, body), body: json(body), signal });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new Offline();
  }
}

function headers(method, body) {
  const fields = { Accept: "application/json", "Accept-Language": spoken() };
  if (body !== undefined) fields["Content-Type"] = "application/json";
  if (method !== "GET") fields["X-CSRF-Token"] = csrfToken();
  return fields;
}

const json = (body) => (body === undefined ? undefined : JSON.stringify(body));

export function csrfToken() {
  const pair = document.cookie.split("; ").find((one) => one.startsWith("csrf_token="));
  return pair ? decodeURIComponent(pair.slice("csrf_token=".length)) : "";
}

// `detail` is a sentence, except for a refused shape, where it is a list for programmers.
function explained(content) {
  if (typeof content?.detail === "string") return content.detail;
  return Array.isArray(content?.detail) ? t("invalid") : t("failed");
}

function seconds(header) {
  const count = Number.parseInt(header ?? "", 10);
  return Number.isFinite(count) && count > 0 ? count : null;
}
