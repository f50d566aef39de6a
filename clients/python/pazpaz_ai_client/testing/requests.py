"""What PazPaz sends for a therapist, read as the service reads it."""

import json
from base64 import urlsafe_b64decode
from typing import Annotated, Any, TypeVar
from uuid import UUID

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pazpaz_ai_client.api_models import FeedbackRequest, Language, Mode
from pazpaz_ai_client.testing.refusals import Refused

MAX_BODY = 64 * 1024

M = TypeVar("M", bound=BaseModel)


def _readable(text: str) -> str:
    if not text.strip() or any(ord(sign) < 32 and sign not in "\n\r\t" for sign in text):
        raise ValueError("unreadable")
    return text


class Question(BaseModel):
    """A question as it reached the service."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    query: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_readable)]
    conversation_id: UUID | None = None
    client_id: UUID | None = None
    max_results: int = Field(default=5, ge=1, le=10, strict=True)
    min_similarity: float = Field(default=0.3, ge=0, le=1, strict=True)
    mode: Mode = "ask"

    @property
    def language(self) -> Language:
        """Hebrew as soon as one letter is."""
        return "he" if any("א" <= sign <= "ת" for sign in self.query) else "en"


class Feedback(FeedbackRequest):
    """What a therapist thought of an answer."""

    model_config = ConfigDict(extra="ignore")


class PageRequest(BaseModel):
    """Which part of the history to show."""

    client_id: UUID | None = None
    whole_practice: bool = False
    cursor: str | None = Field(default=None, max_length=100)
    limit: int = Field(default=20, ge=1, le=100)


def bearer_of(request: httpx.Request) -> str:
    """The token. It is not checked: PazPaz's own checks are what its tests are about."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401)
    return str(token)


def caller_of(token: str) -> str:
    """Whose token it is: its `user_id`, or the token itself where a test sends any word."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["user_id"])
    except (IndexError, KeyError, TypeError, ValueError):
        return token


def require_json(request: httpx.Request, limit: int) -> None:
    """Refuses another type, and more bytes than the service reads."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(415)
    if len(request.content) > limit:
        raise Refused(413)


def read_body(request: httpx.Request, shape: type[M]) -> M:
    """The JSON body of a therapist's request."""
    require_json(request, MAX_BODY)
    try:
        return shape.model_validate(json.loads(request.content))
    except ValueError:
        raise Refused(422) from None


def read_query(request: httpx.Request, shape: type[M]) -> M:
    """The query string."""
    given: dict[str, Any] = dict(request.url.params)
    try:
        return shape.model_validate(given)
    except ValidationError:
        raise Refused(422) from None
