"""The thin proxy in PazPaz: the page talks to PazPaz, PazPaz talks to the AI service."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

import httpx
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from pazpaz_ai_client import api_models as api
from pazpaz_ai_client._edges import BodyTooLarge, address, problem, problem_body, read_body
from pazpaz_ai_client._proxy_schema import EVENT_STREAM, PAGE, described
from pazpaz_ai_client.signing import usable_request_id

MAX_BODY = 64 * 1024
TIMEOUT = httpx.Timeout(60, connect=2, pool=2)  # the service beats at least every 10 s
UPSTREAM_PREFIX = "/api/v1/ai/agent"
EVENT_END = b"\n\n"
LAST_EVENTS = (b"event: done", b"event: error")
BROWSER_LEFT = 499  # as nginx writes it into its log; nobody is there to read it

_SENT_ON = ("Content-Type", "Accept", "Accept-Language", "X-Request-ID")
_SENT_BACK = (
    "Content-Type",
    "Content-Disposition",
    "Cache-Control",
    "Retry-After",
    "X-Accel-Buffering",
    "X-Request-ID",
)
_AWAY = {
    "en": "The assistant is not available at the moment. Please try again shortly.",
    "he": "העוזר אינו זמין כרגע. נסו שוב בעוד רגע.",
}
_TOO_LARGE = {"en": "The request is too large.", "he": "הבקשה גדולה מדי."}

Client = httpx.AsyncClient | Callable[[], httpx.AsyncClient]
Bearer = Callable[[Request], Awaitable[str]]
Instead = Callable[[Request], Awaitable[Response | None]]
Endpoint = Callable[..., Awaitable[Response]]

T = TypeVar("T")

log = logging.getLogger(__name__)


def create_proxy_router(
    *,
    service_url: str,
    client: Client,
    bearer: Bearer,
    prefix: str = UPSTREAM_PREFIX,
    instead: Instead | None = None,
    include_in_schema: bool = True,
    tags: Sequence[str] = ("ai-agent",),
) -> APIRouter:
    """The routes of the assistant, for PazPaz's own application.

    `bearer` returns the token to forward, or raises PazPaz's own HTTPException. It is called, not
    injected: a dependency that yields a database session would keep it open for a whole stream.
    A response of `instead` is the answer to a question, and the service is not asked (`way_over`).
    The application's OpenAPI document has their schemas; what is forwarded is never read by them.
    """
    proxy = _Proxy(service_url, client, bearer, instead)
    router = APIRouter(
        prefix=prefix,
        include_in_schema=include_in_schema,
        tags=list(tags),
    )
    _add_questions(router, proxy)
    _add_history(router, proxy)
    return router


def _add_questions(router: APIRouter, proxy: "_Proxy") -> None:
    chat = described(
        operation_id="ai_agent_chat", body=api.Question, answer=api.ChatAnswer, streams=True
    )
    feedback = described(operation_id="ai_agent_feedback", body=api.FeedbackRequest)
    router.add_api_route("/chat", proxy.chat, methods=["POST"], **chat)
    router.add_api_route("/feedback", proxy.feedback, methods=["POST"], **feedback)


def _add_history(router: APIRouter, proxy: "_Proxy") -> None:
    def add(method: str, path: str, endpoint: Endpoint, name: str, **what: Any) -> None:
        description = described(operation_id=f"ai_agent_{name}", **what)
        router.add_api_route(path, endpoint, methods=[method], **description)

    one = "/history/{conversation_id:uuid}"
    page, whole = {"answer": api.HistoryPage, "query": PAGE}, {"answer": api.Conversation}
    add("GET", "/history", proxy.history, "list_conversations", **page)
    add("DELETE", "/history", proxy.history, "delete_conversations")
    add("GET", one, proxy.conversation, "read_conversation", **whole)
    add("DELETE", one, proxy.conversation, "delete_conversation")
    add("GET", f"{one}/export", proxy.export, "export_conversation", **whole)


class _Proxy:
    def __init__(
        self, service_url: str, client: Client, bearer: Bearer, instead: Instead | None
    ) -> None:
        self._base = address(service_url) + UPSTREAM_PREFIX
        self._client = client
        self._bearer = bearer
        self._instead = instead

    async def chat(self, request: Request) -> Response:
        if self._instead is not None and (response := await self._instead(request)) is not None:
            return response
        return await self._forward(request, "/chat")

    async def history(self, request: Request) -> Response:
        return await self._forward(request, "/history")

    async def conversation(self, request: Request, conversation_id: UUID) -> Response:
        return await self._forward(request, f"/history/{conversation_id}")

    async def export(self, request: Request, conversation_id: UUID) -> Response:
        return await self._forward(request, f"/history/{conversation_id}/export")

    async def feedback(self, request: Request) -> Response:
        return await self._forward(request, "/feedback")

    async def _forward(self, request: Request, path: str) -> Response:
        token = await self._bearer(request)
        try:
            body = await read_body(request, MAX_BODY)
            async with AsyncExitStack() as held:
                outgoing = self._outgoing(request, path, token, body)
                exchange = self._exchange(outgoing, held, last_word=_broken(request))
                response = await _unless_left(exchange, request.receive)
                _warn_of_refused_token(path, response.status_code)
                held.pop_all()  # from here on the relay closes it
                return response
        except _BrowserLeft:
            return Response(status_code=BROWSER_LEFT)
        except BodyTooLarge:
            return _refusal(request, 413, _TOO_LARGE)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            log.warning("service away: path=%s error=%s", path, type(exc).__name__)
            return _refusal(request, 503, _AWAY, {"Retry-After": "5"})

    def _outgoing(self, request: Request, path: str, token: str, body: bytes) -> httpx.Request:
        # Built by hand, so that no default header and no cookie of the shared client goes along.
        headers = {name: request.headers[name] for name in _SENT_ON if name in request.headers}
        headers |= {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        query = request.scope["query_string"].decode("latin-1")
        return httpx.Request(
            request.method,
            f"{self._base}{path}" + (f"?{query}" if query else ""),
            headers=headers,
            content=body or None,
            extensions={"timeout": TIMEOUT.as_dict()},
        )

    async def _exchange(
        self, outgoing: httpx.Request, held: AsyncExitStack, *, last_word: bytes
    ) -> Response:
        client = self._client if isinstance(self._client, httpx.AsyncClient) else self._client()
        answer = await client.send(outgoing, stream=True, auth=None, follow_redirects=False)
        held.push_async_callback(answer.aclose)
        if _is_stream(answer):
            return _Relay(answer, last_word)
        try:
            content = await answer.aread()
        finally:
            await answer.aclose()
        return Response(content, status_code=answer.status_code, headers=_sent_back(answer))


class _Relay(StreamingResponse):
    """Passes events on as they come, and hangs up on the service when the browser has left."""

    def __init__(self, answer: httpx.Response, last_word: bytes) -> None:
        super().__init__(_events(answer, last_word), status_code=answer.status_code)
        self.raw_headers = [(k.lower().encode(), v.encode()) for k, v in _stream_headers(answer)]
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not the base's way: it depends on the server whether that notices before the next event.
        try:
            with suppress(_BrowserLeft):
                await _unless_left(self.stream_response(send), receive)
        finally:  # a browser that left before the first event never started the iterator
            await self._answer.aclose()


class _BrowserLeft(Exception):
    """Nobody waits for the answer any more."""


async def _unless_left(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """What the work returns or raises; once the browser has hung up it is cancelled, and raises _BrowserLeft.

    A server tells a route that its caller left only if it asks, and the service would go on for nobody.
    """
    task, leaving = asyncio.create_task(work), asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and leaving.result():
            raise _BrowserLeft
        return await task
    finally:
        task.cancel()
        leaving.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


async def _left(receive: Receive) -> bool:
    """Waits for the browser to hang up; False where a middleware in between cannot tell."""
    try:
        return bool((await receive())["type"] == "http.disconnect")
    except Exception:  # as from a middleware that gave the body to `request._receive`
        return False


async def _events(answer: httpx.Response, last_word: bytes) -> AsyncIterator[bytes]:
    """Whole events as they come. A stream that does not end with a last event of its own ends with `last_word`.

    The status is out already, and a killed service says nothing: without it the page would wait, or trust a part.
    """
    rest, has_ended = b"", False
    try:
        async for part in answer.aiter_bytes():
            whole, mark, rest = (rest + part).rpartition(EVENT_END)
            if mark:
                has_ended = has_ended or _is_last(whole)
                yield whole + mark
    except httpx.HTTPError as exc:
        log.warning("stream broke: error=%s", type(exc).__name__)
    if not has_ended:
        yield last_word


def _is_last(events: bytes) -> bool:
    return any(event.startswith(LAST_EVENTS) for event in events.split(EVENT_END))


def _broken(request: Request) -> bytes:
    """The event `error` of a stream that broke off, in the shape of the service's own."""
    body = json.loads(problem_body(503, _AWAY[_language(request)], _request_id(request)))
    told = json.dumps({**body, "code": "stream_broken", "retry_after": 5}, ensure_ascii=False)
    return f"event: error\ndata: {told}\n\n".encode()


def _warn_of_refused_token(path: str, status: int) -> None:
    """PazPaz's own checks had passed, so a therapist who is sent to sign in again would come back to the same."""
    if status == HTTPStatus.UNAUTHORIZED:
        log.warning(
            "token refused by the service: path=%s; just signed out, or SECRET_KEY or JWKS, claims or clocks differ",
            path,
        )


def _is_stream(answer: httpx.Response) -> bool:
    content_type: str = answer.headers.get("Content-Type", "")
    return content_type.lower().startswith(EVENT_STREAM)


def _sent_back(answer: httpx.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in _SENT_BACK if name in answer.headers}


def _stream_headers(answer: httpx.Response) -> list[tuple[str, str]]:
    unbuffered = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return list((_sent_back(answer) | unbuffered).items())


def _refusal(
    request: Request, status: int, details: dict[str, str], headers: dict[str, str] | None = None
) -> Response:
    return problem(status, details[_language(request)], _request_id(request), headers)


def _language(request: Request) -> str:
    return "he" if request.headers.get("Accept-Language", "").startswith("he") else "en"


def _request_id(request: Request) -> str:
    return usable_request_id(request.headers.get("X-Request-ID", ""))
