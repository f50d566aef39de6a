"""An answer as server-sent events: what it is at, each verified sentence with its quotes, then the whole of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from functools import partial

import structlog
from fastapi import Request
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from service.api.leaving import CallerLeft, Work, running, unless_left
from service.api.problems import document, refusal_of
from service.api.schemas import (
    ChatResponse,
    CitationOut,
    EventName,
    RiskOut,
    StepOut,
    StreamProblem,
    TokenOut,
)
from service.domain.progress import Pin, Progress, Step, Tell
from service.errors import ServiceError, Unavailable
from service.telemetry.metrics import FIRST_TOKEN_SECONDS

log = structlog.get_logger()

HEARTBEAT_SECONDS = 5.0
STALL_SECONDS = 30.0  # Who takes nothing for so long holds a place that others could use.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

Answering = Callable[[ExitStack, Tell], Work[ChatResponse]]
Told = asyncio.Queue[bytes | None]
"""Events to be sent; None once the work has ended."""


def wants_events(request: Request) -> bool:
    """Whether Accept names event streams; who names nothing, or anything, gets JSON."""
    ranges = ",".join(request.headers.getlist("accept")).split(",")
    kinds = (one.partition(";")[0].strip().lower() for one in ranges)
    return EventSourceResponse.media_type in kinds


class EventStream(EventSourceResponse):
    """Does the work and tells of it. What the work raises before it has told anything is raised here: nothing was sent.

    From then on the stream ends with `done` or `error`; once nobody listens any more, the work is cancelled.
    """

    def __init__(self, request: Request, answering: Answering) -> None:
        super().__init__((), headers=HEADERS)
        self._request = request
        self._answering = answering
        self._started = time.perf_counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told: Told = asyncio.Queue()
        tell = partial(self._tell, told)
        with ExitStack() as held:
            async with running(unless_left(self._answering(held, tell), receive)) as answer:
                answer.add_done_callback(lambda _: told.put_nowait(None))
                first = await told.get()
                if first is None:
                    answer.result()
                self.body_iterator = self._body(first, told, answer)
                async with running(_beat(told)):
                    with suppress(CallerLeft, _Stalled):
                        await self.stream_response(_impatient(send))

    def _tell(self, told: Told, progress: Progress) -> None:
        """The citations of a line go before it, so that whoever shows a marker knows what it points to."""
        if isinstance(progress, Step):
            told.put_nowait(_event("status", StepOut(step=progress.name)))
            return
        if isinstance(progress, Pin):
            told.put_nowait(_event("risk", RiskOut.of(progress.risk)))
            return
        if not progress.start:
            FIRST_TOKEN_SECONDS.observe(time.perf_counter() - self._started)
        for citation in progress.citations:
            told.put_nowait(_event("citation", CitationOut.of(citation)))
        told.put_nowait(_event("token", TokenOut.of(progress)))

    async def _body(
        self, part: bytes | None, told: Told, answer: asyncio.Task[ChatResponse]
    ) -> AsyncIterator[bytes]:
        try:
            while part is not None:
                yield part
                part = await told.get()
        except asyncio.CancelledError:  # the server goes down and waits no longer
            yield await self._error(Unavailable())
            raise
        yield await self._end(answer)

    async def _end(self, answer: asyncio.Task[ChatResponse]) -> bytes:
        """Raises CallerLeft: then there is nobody to tell."""
        try:
            return _event("done", answer.result())
        except CallerLeft:
            raise
        except ServiceError as exc:
            return await self._error(exc)
        except (Exception, asyncio.CancelledError) as exc:
            log.exception("request.failed", exc_info=exc)
            return await self._error(ServiceError())

    async def _error(self, error: ServiceError) -> bytes:
        refusal = await refusal_of(self._request, error)
        told = document(self._request, status=refusal.status, code=refusal.code)
        return _event(
            "error", StreamProblem(**told, code=refusal.code, retry_after=refusal.retry_after)
        )


class _Stalled(Exception):
    """The caller is there, and takes nothing."""


def _impatient(send: Send) -> Send:
    async def sending(message: Message) -> None:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await send(message)
        except TimeoutError:
            log.info("stream.stalled")
            raise _Stalled from None

    return sending


async def _beat(told: Told) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        told.put_nowait(KEEPALIVE_COMMENT)


def _event(name: EventName, data: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=data.model_dump_json(by_alias=True))
