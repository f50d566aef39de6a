"""Retries, circuit breaker and bulkhead around every call to a model provider: the only layer that has them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_exception,
    wait_random_exponential,
)

from service.adapters.models.breaker import OPEN_SECONDS, Breaker
from service.domain.answers import CONFIRMED_AT_ONCE, Delta, Finished
from service.domain.deadline import Deadline
from service.domain.usage import Meter, Part, Usage
from service.errors import ModelFailure, ModelUnavailable
from service.ports.calls import CallContext
from service.settings import Settings
from service.telemetry.metrics import PROVIDER_CALLS, PROVIDER_IN_FLIGHT, RETRIES
from service.telemetry.traces import leaf

log = structlog.get_logger()

T = TypeVar("T")
ProviderName = Literal["cohere", "openai"]
Sleep = Callable[[float], Awaitable[None]]
_Begun = tuple[AsyncExitStack, AsyncGenerator[Delta, None], Delta]

MOST_CALLS = 32
PLACE_SECONDS = 0.5
MOST_RETRIES = 2
FIRST_WAIT, MOST_JITTER = 0.25, 2.0
LONGEST_WAIT = 10.0
"""A provider that asks for more is not waited for: the work goes back to the queue, which remembers it."""
USEFUL_SECONDS = 0.2
"""What a deadline must leave after a wait: less would not bring an answer."""

RETRIED: frozenset[ModelFailure] = frozenset(
    {"timeout", "connection", "rate_limited", "server_error", "cut"}
)


@dataclass(slots=True)
class ProviderBulkhead:
    """The calls a provider may have under way in this process, over all its operations."""

    provider: ProviderName
    most: int = MOST_CALLS
    patience: float = PLACE_SECONDS
    _places: asyncio.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.most)

    @asynccontextmanager
    async def place(self, deadline: Deadline) -> AsyncIterator[None]:
        """A place for one call. Raises ModelUnavailable("busy") when none became free in time."""
        try:
            async with deadline.within(self.patience).timeout():
                await self._places.acquire()
        except TimeoutError:
            raise ModelUnavailable("busy") from None
        in_flight = PROVIDER_IN_FLIGHT.labels(provider=self.provider)
        in_flight.inc()
        try:
            yield
        finally:
            in_flight.dec()
            self._places.release()


@dataclass(slots=True)
class Guard:
    """One operation of a provider in this process; `name`, as "cohere.embed", is its label in metrics."""

    name: str
    bulkhead: ProviderBulkhead
    breaker: Breaker
    sleep: Sleep = asyncio.sleep
    part: Part = "model"
    """What the meter calls it."""

    async def call(
        self, send: Callable[[], Awaitable[T]], *, context: CallContext, seconds: float
    ) -> T:
        """What `send` gives, tried again where that may help; each attempt may take `seconds`.

        Nothing outlasts the context's deadline. Raises ModelUnavailable, as `send` does.
        """

        async def attempt() -> T:
            async with self._attempt(context, deadline):
                return await _in_time(send(), deadline.within(seconds))

        deadline = context.deadline
        result: T = await self._retrying(deadline)(attempt)
        return result

    async def stream(
        self,
        open_stream: Callable[[], AsyncGenerator[Delta, None]],
        *,
        context: CallContext,
        first_seconds: float,
        seconds: float,
    ) -> AsyncGenerator[Delta, None]:
        """The deltas of one answer up to `Finished`; `open_stream` makes a fresh generator of them.

        Until the first delta it is tried again where that may help, each time for `first_seconds`; `seconds` are for
        all of it. Only waiting is timed: a limit held across a yield would cancel whoever listens instead. The place
        is held and the generator open until `Finished` has come or the listener leaves. Raises ModelUnavailable, as
        the generator does: "cut" when it ends without `Finished`.
        """
        deadline = context.deadline.within(seconds)

        async def begin() -> _Begun:
            async with AsyncExitStack() as opened:
                await opened.enter_async_context(self._attempt(context, deadline))
                deltas = await opened.enter_async_context(aclosing(open_stream()))
                first = await _next(deltas, deadline.within(first_seconds))
                return opened.pop_all(), deltas, first

        begun: _Begun = await self._retrying(deadline)(begin)
        opened, deltas, delta = begun
        async with opened:
            while not isinstance(delta, Finished):
                context.meter.owed.add(self.part)
                yield delta
                if not deadline.left:
                    break  # while the listener was busy, which does not speak against the provider
                delta = await _next(deltas, deadline)
        if not isinstance(delta, Finished):
            raise ModelUnavailable("timeout")
        if delta.usage != Usage():  # else it did not say
            context.meter.owed.discard(self.part)
        yield delta

    @asynccontextmanager
    async def _attempt(self, context: CallContext, deadline: Deadline) -> AsyncIterator[None]:
        """A place and the breaker's leave for one attempt, and its outcome for both."""
        with self._counted(), leaf("provider.attempt", operation=self.name):
            if not context.may_spend:
                raise ModelUnavailable("no_budget")
            if not deadline.left:
                raise ModelUnavailable("timeout")
            # Asked twice: nobody should wait for a place in vain, and in the meantime others may have failed.
            self.breaker.check()
            async with self.bulkhead.place(deadline):
                with self.breaker.watched(), _owing(self.part, context.meter):
                    yield

    def _retrying(self, deadline: Deadline) -> AsyncRetrying:
        def is_over(attempt: RetryCallState) -> bool:
            wait = attempt.upcoming_sleep
            return (
                attempt.attempt_number > MOST_RETRIES
                or self.breaker.state == "open"
                or wait > LONGEST_WAIT
                or deadline.left - wait < USEFUL_SECONDS
            )

        return AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            # The jitter comes on top of what the provider asked for: else all who were refused return as one.
            wait=wait_random_exponential(multiplier=FIRST_WAIT, max=MOST_JITTER)
            + wait_exception(_asked_wait),
            stop=is_over,
            before_sleep=self._tell,
            sleep=self.sleep,
            reraise=True,
        )

    def _tell(self, attempt: RetryCallState) -> None:
        RETRIES.labels(operation=self.name).inc()
        log.info(
            "provider.retry",
            operation=self.name,
            attempt=attempt.attempt_number,
            reason=_outcome(attempt.outcome.exception() if attempt.outcome else None),
            seconds=round(attempt.upcoming_sleep, 3),
        )

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except BaseException as exc:
            self._count(exc)
            raise
        self._count(None)

    def _count(self, exc: BaseException | None) -> None:
        PROVIDER_CALLS.labels(operation=self.name, outcome=_outcome(exc)).inc()


@contextmanager
def _owing(part: Part, meter: Meter) -> Iterator[None]:
    """What was sent is done and billed, whether or not its sender waits for it. Another failure is nobody's bill."""
    try:
        yield
    except BaseException as exc:
        if _outcome(exc) in {"cancelled", "timeout"}:
            meter.owed.add(part)
        raise


def _may_pass(exc: BaseException) -> bool:
    return isinstance(exc, ModelUnavailable) and exc.reason in RETRIED


def _asked_wait(exc: BaseException) -> float:
    return (exc.asked_wait or 0.0) if isinstance(exc, ModelUnavailable) else 0.0


def _outcome(exc: BaseException | None) -> str:
    """ok, the reason of a failure, cancelled for a caller who left, or internal for a fault of ours."""
    if exc is None:
        return "ok"
    if isinstance(exc, ModelUnavailable):
        return exc.reason
    return "internal" if isinstance(exc, Exception) else "cancelled"


async def _in_time(work: Awaitable[T], deadline: Deadline) -> T:
    """Once a delta: as a context manager of its own it took a tenth of a streamed answer's time."""
    try:
        async with deadline.timeout():
            return await work
    except TimeoutError:
        raise ModelUnavailable("timeout") from None


async def _next(deltas: AsyncGenerator[Delta, None], deadline: Deadline) -> Delta:
    try:
        return await _in_time(anext(deltas), deadline)
    except StopAsyncIteration:
        raise ModelUnavailable("cut") from None


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of one provider: a breaker for each operation, one bulkhead for all."""

    embed: Guard
    rerank: Guard
    chat: Guard
    entail: Guard


def guards(
    provider: ProviderName,
    *,
    most: int = MOST_CALLS,
    open_seconds: float = OPEN_SECONDS,
    sleep: Sleep = asyncio.sleep,
) -> Guards:
    """Guards with closed breakers; one set for each provider and process, shared by whoever calls it."""
    bulkhead = ProviderBulkhead(provider, most)

    def guard(operation: str, part: Part) -> Guard:
        name = f"{provider}.{operation}"
        RETRIES.labels(operation=name)
        return Guard(name, bulkhead, Breaker(name, open_seconds=open_seconds), sleep, part)

    return Guards(
        embed=guard("embed", "embedder"),
        rerank=guard("rerank", "reranker"),
        chat=guard("chat", "model"),
        entail=guard("entail", "entailment"),
    )


def guards_of(provider: ProviderName, settings: Settings) -> Guards:
    """As the settings want them."""
    return guards(
        provider,
        # Whoever was let in with a question finds a place for its calls: one, and while it is being answered those
        # that confirm what was said so far.
        most=max(MOST_CALLS, settings.max_concurrent_chats * (1 + CONFIRMED_AT_ONCE)),
        open_seconds=settings.breaker_open_seconds,
    )
