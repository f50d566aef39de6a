"""Errors as problem+json (RFC 9457): a string `detail` in the caller's language, a `request_id`, never an echo."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service import errors
from service.api.context import request_id, route_of
from service.api.leaving import CallerLeft
from service.api.trail import public_error
from service.errors import ServiceError
from service.telemetry.metrics import CHATS_FAILED, REFUSALS

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
LONGEST_WAIT = 86_400  # Seconds.
CALLER_LEFT = 499  # as nginx writes it into its log; nobody is there to read it

STATUS: dict[type[ServiceError], int] = {
    errors.MalformedRequest: 422,
    errors.BodyTooLarge: 413,
    errors.WrongMediaType: 415,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.ClientNotFound: 404,
    errors.ClientNeeded: 422,
    errors.ConversationNotFound: 404,
    errors.MessageNotFound: 404,
    errors.ScopeFixed: 409,
    errors.AllowanceUsed: 429,
    errors.Unavailable: 503,
}

HEBREW: dict[str, str] = {
    "malformed": "הבקשה אינה במבנה הנדרש.",
    "too_large": "הבקשה גדולה מדי.",
    "wrong_media_type": "גוף הבקשה חייב להיות JSON.",
    "not_authenticated": "יש להתחבר מחדש.",
    "not_allowed": "לחשבון הזה אין הרשאה להשתמש בעוזר.",
    "no_consent": "המטופל לא נתן הסכמה לשימוש בעוזר.",
    "workspace_suspended": "חשבון הקליניקה מושעה.",
    "client_not_found": "המטופל לא נמצא.",
    "client_needed": "סיכום טיפול והכנה לפגישה הם על מטופל אחד. בחרו מטופל או ציינו את שמו.",
    "conversation_not_found": "השיחה לא נמצאה.",
    "message_not_found": "התשובה לא נמצאה.",
    "scope_fixed": "השיחה הזאת שייכת למטופל אחר או לכל הקליניקה. אפשר להתחיל שיחה חדשה.",
    "allowance_used": "מכסת השאלות נוצלה. נסו שוב מאוחר יותר.",
    "too_many_at_once": "יש כבר כמה שאלות פתוחות. המתינו לתשובה ונסו שוב.",
    "busy": "העוזר עמוס כרגע. נסו שוב בעוד רגע.",
    "unavailable": "השירות אינו זמין כרגע. נסו שוב בעוד רגע.",
    "switched_off": "העוזר כבוי כרגע.",
    "restoring": "הנתונים משוחזרים כרגע. נסו שוב בעוד כמה דקות.",
    "out_of_time": "התשובה התעכבה יותר מדי. נסו לשאול שוב.",
    "closed_already": "התשובה התעכבה יותר מדי. נסו לשאול שוב.",
    "internal": "אירעה תקלה. נסו שוב בעוד רגע.",
    "not_found": "הדף לא נמצא.",
    "method": "הפעולה אינה נתמכת כאן.",
}
ENGLISH: dict[str, str] = {
    "malformed": "The request is not of the expected shape.",
    "too_large": "The request is too large.",
    "wrong_media_type": "The request body must be JSON.",
    "not_authenticated": "Please sign in again.",
    "not_allowed": "This account may not use the assistant.",
    "no_consent": "This client has not consented to the use of the assistant.",
    "workspace_suspended": "This practice's account is suspended.",
    "client_not_found": "Client not found.",
    "client_needed": "A summary or a preparation is about one client. Choose a client, or name them.",
    "conversation_not_found": "Conversation not found.",
    "message_not_found": "Answer not found.",
    "scope_fixed": "This conversation belongs to another client or to the whole practice. Start a new one.",
    "allowance_used": "The allowance of questions is used up. Please try again later.",
    "too_many_at_once": "Several questions are under way already. Wait for an answer and try again.",
    "busy": "The assistant is busy right now. Please try again in a moment.",
    "unavailable": "The service is not available right now. Please try again in a moment.",
    "switched_off": "The assistant is switched off right now.",
    "restoring": "The data is being restored. Please try again in a few minutes.",
    "out_of_time": "The answer took too long. Please ask again.",
    "closed_already": "The answer took too long. Please ask again.",
    "internal": "Something went wrong. Please try again in a moment.",
    "not_found": "Not found.",
    "method": "This operation is not supported here.",
}


def problem(
    request: Request, *, status: int, code: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """One problem document as an answer."""
    body = document(request, status=status, code=code)
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def document(request: Request, *, status: int, code: str) -> dict[str, Any]:
    """One problem document; `code` picks the text."""
    texts = HEBREW if caller_language(request) == "he" else ENGLISH
    return {
        "type": "about:blank" if code not in ENGLISH else f"urn:pazpaz-ai:{code}",
        "title": ENGLISH.get(code, ENGLISH["internal"]),
        "status": status,
        "detail": texts.get(code, texts["internal"]),
        "request_id": request_id(),
    }


def caller_language(request: Request) -> Literal["he", "en"]:
    """The first of Hebrew and English that Accept-Language names; PazPaz is Hebrew first."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        tag = part.strip()[:2]
        if tag in ("he", "iw"):
            return "he"
        if tag == "en":
            return "en"
    return "he"


def status_of(error: ServiceError) -> int:
    """By the nearest class in the table; what is not in it is our own fault."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a caller is told of an error; `retry_after` in whole seconds."""

    status: int
    code: str
    retry_after: int | None


async def refusal_of(request: Request, error: ServiceError) -> Refusal:
    """After it was recorded, where it is a decision about the caller; which part is away stays our own business."""
    error = await public_error(request, error)
    status = status_of(error)
    cause = {"error": errors.why(error)} if error.__cause__ else {}
    log.info("request.refused", code=error.code, status=status, **cause)
    REFUSALS.labels(code=error.code).inc()
    if status >= 500 and not isinstance(error, errors.SwitchedOff):
        count_failure(request.scope, error.code)
    hidden = "unavailable" if status == 503 else "internal"
    wait = None if error.retry_after is None else _whole_seconds(error.retry_after)
    return Refusal(status, error.code if error.code in ENGLISH else hidden, wait)


def _whole_seconds(wait: float) -> int:
    """Of a wait that somebody else may have named; in this order a NaN is the longest."""
    return ceil(max(1, min(LONGEST_WAIT, wait)))


def count_failure(scope: Mapping[str, Any], code: str) -> None:
    """A question that got this in place of an answer; other routes are not what a therapist waits for."""
    if route_of(scope).endswith("/ai/agent/chat"):
        CHATS_FAILED.labels(code=code).inc()


async def _service_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, ServiceError)  # noqa: S101 - registered for this class only
    refusal = await refusal_of(request, exc)
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request, status=refusal.status, code=refusal.code, headers=headers)


async def _nobody(request: Request, exc: Exception) -> Response:
    return Response(status_code=CALLER_LEFT)


async def _http_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for this class only
    code = {404: "not_found", 405: "method", 413: "too_large", 415: "wrong_media_type"}
    headers = dict(exc.headers or {})
    return problem(
        request,
        status=exc.status_code,
        code=code.get(exc.status_code, "malformed"),
        headers=headers,
    )


async def _validation_error(request: Request, exc: Exception) -> JSONResponse:
    return problem(request, status=422, code="malformed")


def install_problems(app: FastAPI) -> None:
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(CallerLeft, _nobody)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
