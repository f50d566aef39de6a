"""How the service says no: problem documents (RFC 9457) with a detail in the reader's language."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from pazpaz_ai_client._edges import PROBLEM

DETAILS: Mapping[str, tuple[str, str]] = {
    "not_authenticated": ("יש להתחבר מחדש.", "Please sign in again."),
    "not_allowed": (
        "לחשבון הזה אין הרשאה להשתמש בעוזר.",
        "This account may not use the assistant.",
    ),
    "client_not_found": ("המטופל לא נמצא.", "Client not found."),
    "conversation_not_found": ("השיחה לא נמצאה.", "Conversation not found."),
    "message_not_found": ("התשובה לא נמצאה.", "Answer not found."),
    "not_found": ("הדף לא נמצא.", "Not found."),
    "scope_fixed": (
        "השיחה הזאת שייכת למטופל אחר או לכל הקליניקה. אפשר להתחיל שיחה חדשה.",
        "This conversation belongs to another client or to the whole practice. Start a new one.",
    ),
    "too_large": ("הבקשה גדולה מדי.", "The request is too large."),
    "wrong_media_type": ("גוף הבקשה חייב להיות JSON.", "The request body must be JSON."),
    "malformed": ("הבקשה אינה במבנה הנדרש.", "The request is not of the expected shape."),
    "allowance_used": (
        "מכסת השאלות נוצלה. נסו שוב מאוחר יותר.",
        "The allowance of questions is used up. Please try again later.",
    ),
    "unavailable": (
        "השירות אינו זמין כרגע. נסו שוב בעוד רגע.",
        "The service is not available right now. Please try again in a moment.",
    ),
}
"""By code: Hebrew, English."""
USUAL_CODE: Mapping[int, str] = {
    401: "not_authenticated",
    403: "not_allowed",
    404: "client_not_found",
    409: "scope_fixed",
    413: "too_large",
    415: "wrong_media_type",
    422: "malformed",
    429: "allowance_used",
    503: "unavailable",
}
WAITS = frozenset({429, 503})
"""The statuses that say when to try again."""


class Refused(Exception):
    """The service says no."""

    def __init__(self, status: int, *, code: str = "", retry_after: int = 5) -> None:
        if status not in USUAL_CODE:
            raise ValueError(f"the service refuses with {sorted(USUAL_CODE)}, not with {status}")
        if code and code not in DETAILS:
            raise ValueError(f"{code} is no code of {', '.join(DETAILS)}")
        super().__init__(status)
        self.status = status
        self.code = code or USUAL_CODE[status]
        self.retry_after = retry_after if status in WAITS else None


def document(refused: Refused, *, language: str, request_id: str) -> dict[str, Any]:
    """The problem document."""
    hebrew, english = DETAILS[refused.code]
    return {
        "type": f"urn:pazpaz-ai:{refused.code}",
        "title": english,
        "status": refused.status,
        "detail": hebrew if language == "he" else english,
        "request_id": request_id,
    }


def refusal(refused: Refused, *, language: str, request_id: str) -> httpx.Response:
    """The answer that says so."""
    headers = {"Content-Type": PROBLEM, "Cache-Control": "no-store"}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = document(refused, language=language, request_id=request_id)
    return httpx.Response(
        refused.status, headers=headers, content=json.dumps(body, ensure_ascii=False).encode()
    )


def language_of(request: httpx.Request) -> str:
    """The first of Hebrew and English that Accept-Language names; PazPaz is Hebrew first."""
    for part in request.headers.get("Accept-Language", "").lower().split(","):
        if part.strip()[:2] in ("he", "iw"):
            return "he"
        if part.strip()[:2] == "en":
            return "en"
    return "he"
