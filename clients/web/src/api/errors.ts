import type { Problem } from "./types";

/** Asked and refused. `message` is in the caller's language and may be shown as it is; empty where none came. */
export class Refused extends Error {
  override name = "Refused";

  constructor(
    /** HTTP status. */
    readonly status: number,
    detail: string,
    /** The last part of the problem's `type`: "conversation_not_found"; empty where PazPaz itself refused. */
    readonly code: string = "",
    /** Seconds after which asking again may help; null where nothing says so. */
    readonly retryAfter: number | null = null,
    /** What an operator finds the request by; null where none came. */
    readonly requestId: string | null = null,
    /** The sign-in ended, so nothing of it may stay on the screen. */
    readonly isSignedOut: boolean = status === 401,
  ) {
    super(detail);
  }
}

/** No answer came: no network, or it broke off. The question may have been answered all the same. */
export class Unreachable extends Error {
  override name = "Unreachable";
}

/**
 * What a refused call says. `detail` is a sentence, but for a list for programmers where PazPaz refused a shape.
 * `isStranger`: the page has lost its cookies, so PazPaz refuses its posts before anybody asks who it is.
 */
export async function refusal(response: Response, isStranger = false): Promise<Refused> {
  const body: unknown = await response.json().catch(() => null);
  const { detail, type, request_id } = (body ?? {}) as Partial<Problem>;
  return new Refused(
    response.status,
    typeof detail === "string" ? detail : "",
    typeof type === "string" && type.startsWith("urn:") ? (type.split(":").at(-1) ?? "") : "",
    seconds(response.headers.get("Retry-After")),
    typeof request_id === "string" ? request_id : response.headers.get("X-Request-ID"),
    response.status === 401 || (response.status === 403 && isStranger),
  );
}

function seconds(header: string | null): number | null {
  const count = Number.parseInt(header ?? "", 10);
  return Number.isFinite(count) && count > 0 ? count : null;
}
