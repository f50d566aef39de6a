"""Messages in the shape the library reads, and what each of them must look like."""

import base64
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pazpaz_ai_client.signing.profile import MAX_FIELD, MAX_REQUEST_ID, PRINTABLE, TARGET


class SignedRequest(Protocol):
    """What an answer is bound to: the very request that it answers."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def signature_header(self) -> str: ...


@dataclass
class SentRequest:
    """A request in the shape the library reads."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass
class SentResponse:
    """An answer in the shape the library reads."""

    status_code: int
    headers: dict[str, str]
    request: SentRequest


def usable_request_id(given: str) -> str:
    """The given id, or a fresh one: a browser may choose it, and an odd one must break no call."""
    if len(given) <= MAX_REQUEST_ID and PRINTABLE.fullmatch(given):
        return given
    return str(uuid.uuid4())


def content_fields(body: bytes, content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "Content-Digest": content_digest(body)}


def content_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def absolute_url(path: str, query: str) -> str:
    # The library wants an absolute URL; no covered component shows the host, or tells no query from an empty one.
    return f"https://pazpaz.invalid{path}?{query}"


def answered_request(method: str, path: str, query: str, signature: str) -> SentRequest:
    return SentRequest(method, absolute_url(path, query), {"Signature": signature})


def require_sendable(method: str, path: str, query: str, body: bytes) -> None:
    if method != "POST" or not body:
        raise ValueError("every signed call is a POST with a body")
    if not is_plain_target(path, query):
        raise ValueError("path or query has characters outside [A-Za-z0-9/_.~=&-], '//' or '/.'")


def require_printable(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if len(value) > MAX_FIELD or not PRINTABLE.fullmatch(value):
            raise ValueError(f"{name} is empty, too long or not plain ASCII")


def is_plain_target(path: str, query: str) -> bool:
    if not (path.startswith("/") and TARGET.fullmatch(path) and TARGET.fullmatch(query)):
        return False
    return "//" not in path and "/." not in path
