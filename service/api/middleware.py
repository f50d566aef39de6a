"""Around every request: an id, one log line, and the last net under an unforeseen error."""

import re
import time
from collections.abc import Iterable
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.context import route_of
from service.api.problems import count_failure, problem

log = structlog.get_logger()

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
NOT_STORED = (b"cache-control", b"no-store")
SECURITY_HEADERS = (
    # Answers are data: nothing in them may run, load, be framed, sniffed or tell where it was linked from.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_OURS = frozenset({b"x-request-id", *(name for name, _ in SECURITY_HEADERS)})
QUIET = {"/healthz", "/readyz", "/metrics"}


class RequestContext:
    """Pure ASGI and outermost, so that 404s, 413s and 500s carry the id as well."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answered = _Answered(send, request_id)
        started = time.perf_counter()
        try:
            await self._guarded(scope, receive, answered)
        finally:
            if scope["path"] not in QUIET:
                log.info(
                    "request.answered",
                    method=scope["method"],
                    route=route_of(scope),
                    status=answered.status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )
            structlog.contextvars.clear_contextvars()

    async def _guarded(self, scope: Scope, receive: Receive, answered: "_Answered") -> None:
        try:
            await self.app(scope, receive, answered)
        except Exception as exc:  # the last net: a person gets a sentence, the log a place
            log.exception("request.failed", exc_info=exc)
            count_failure(scope, "internal")
            if answered.status is not None:
                raise  # the answer has begun; only cutting it tells the caller
            response = problem(Request(scope), status=500, code="internal")
            await response(scope, receive, answered)


class _Answered:
    """`send` that remembers the status and adds what every answer carries."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.send = send
        self.request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._completed(message.get("headers", ()))
        await self.send(message)

    def _completed(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Bytes as they are sent: a map of text around them is made for nobody."""
        headers = [one for one in given if one[0] not in _OURS]
        if not any(name == b"cache-control" for name, _ in headers):
            headers.append(NOT_STORED)
        return [*headers, (b"x-request-id", self.request_id.encode()), *SECURITY_HEADERS]


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else str(uuid4())
