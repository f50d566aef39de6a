"""One request to the service and its answer, read or refused; and the events of a stream."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pazpaz_ai_client._edges import address
from pazpaz_ai_client.api_errors import ConnectionLost, UnexpectedAnswer, refusal
from pazpaz_ai_client.api_models import EVENTS, StreamEvent

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
EVENT_END = b"\n\n"
TIMEOUT = httpx.Timeout(60, connect=2, pool=2)  # the service beats at least every 10 s

M = TypeVar("M", bound=BaseModel)


class Calls:
    """Sends requests that carry these headers and nothing of the shared client's own: no cookie, no default."""

    def __init__(
        self, client: httpx.AsyncClient, service_url: str, headers: Mapping[str, str]
    ) -> None:
        self._client = client
        self._base = address(service_url)
        self._headers = {"Accept-Encoding": "identity", **headers}

    async def ask(self, kind: type[M], method: str, path: str, **what: Any) -> M:
        """The answer as a model."""
        return read(kind, (await self.send(method, path, **what)).content)

    async def send(
        self, method: str, path: str, *, also: frozenset[int] = frozenset(), **what: Any
    ) -> httpx.Response:
        """The whole answer; statuses in `also` are no refusals where the body is plain JSON."""
        request = self._request(method, path, **what)
        with _connected():
            answer = await self._client.send(request, auth=None, follow_redirects=False)
        allowed = answer.status_code in also and answer.headers.get("Content-Type") == JSON
        if not (answer.is_success or allowed):
            raise refusal(answer)
        return answer

    @asynccontextmanager
    async def open_stream(
        self, method: str, path: str, body: BaseModel
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The parts of an event stream as they come; leaving hangs up, and so ends the work."""
        request = self._request(method, path, body=body, accept=EVENT_STREAM)
        with _connected():
            answer = await self._client.send(
                request, stream=True, auth=None, follow_redirects=False
            )
            try:
                await _check_stream(answer)
                yield answer.aiter_bytes()
            finally:
                await answer.aclose()

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: BaseModel | None = None,
        accept: str = JSON,
    ) -> httpx.Request:
        content = {} if body is None else {"Content-Type": JSON}
        return httpx.Request(
            method,
            self._base + path,
            params={name: value for name, value in (params or {}).items() if value is not None},
            headers={"Accept": accept, **self._headers, **content},
            content=None if body is None else body.model_dump_json(exclude_unset=True),
            extensions={"timeout": TIMEOUT.as_dict()},
        )


class EventReader:
    """Puts the parts of a stream together to events; kinds it does not know, and comments, are passed over."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, part: bytes) -> list[StreamEvent]:
        """The events that this part completes."""
        # Cut by hand: httpx's lines also end at U+2028 and its like, which may stand inside a JSON string.
        whole, _, self._rest = (self._rest + part).rpartition(EVENT_END)
        events = map(_event, whole.split(EVENT_END))
        return [event for event in events if event is not None]


def read(kind: type[M], body: bytes) -> M:
    """A model of what came; raises UnexpectedAnswer."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        raise UnexpectedAnswer.by(kind.__name__, exc) from None  # the cause would show the text


def _event(block: bytes) -> StreamEvent | None:
    kind = EVENTS.get(_field(block, b"event").decode(errors="replace"))
    return read(kind, _field(block, b"data")) if kind else None


def _field(block: bytes, name: bytes) -> bytes:
    lines = (line.partition(b":") for line in block.split(b"\n"))
    return b"\n".join(value.removeprefix(b" ") for field, _, value in lines if field == name)


async def _check_stream(answer: httpx.Response) -> None:
    if not answer.is_success:
        await answer.aread()
        raise refusal(answer)
    if not answer.headers.get("Content-Type", "").startswith(EVENT_STREAM):
        raise UnexpectedAnswer("not an event stream")


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as exc:
        raise ConnectionLost(type(exc).__name__) from exc
