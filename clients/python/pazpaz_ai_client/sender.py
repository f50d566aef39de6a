"""Sends the outbox to the AI service: at least once, in no order, and nothing is ever dropped.

What the service will not take for what it is becomes a dead letter: it stays, is listed, and can be sent again.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Interval, case, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from pazpaz_ai_client._edges import address, retry_after
from pazpaz_ai_client._hosts import only_async
from pazpaz_ai_client.models import Delivery, Event
from pazpaz_ai_client.outbox import event_of
from pazpaz_ai_client.signing import EVENT_TAG, Signer

PATH = "/internal/v1/events"
TIMEOUT = httpx.Timeout(10, connect=2)
LEASE_SECONDS = 30  # longer than a POST can take, short enough for a sender that died
MAX_BATCH = 200  # so many of the longest events stay below the 64 KiB of a delivery
MAX_DELAY = 300  # seconds
FINISH_SECONDS = 3
MAX_REFUSALS = 20  # with the delays between them, two hours or so
# The delivery itself is at fault. Nothing else is: after trouble with a key, 401 is a passing state.
AT_FAULT = frozenset({400, 413, 422})

SETTINGS_AT_FAULT = {
    "status_401": "; signature refused: has the service this keys.json, and are both clocks right?",
    "status_404": "; no such route: service_url must be the service's internal address (its INTERNAL_PORT, if set)",
}
"""What of a passing state a person can set right."""

log = logging.getLogger(__name__)


class NotAccepted(Exception):
    """The service did not take a delivery; `code` names why, in a word for the row."""

    def __init__(self, code: str, retry_after: int = 0, *, at_fault: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
        self.at_fault = at_fault


class OutboxSender:
    """Delivers outbox rows; several senders may run at once.

    Rows are leased in one short transaction and settled in another, with no transaction open while
    the network is waited for. A sender that is cancelled or dies leaves its rows to the next one
    when the lease ends; the service knows events by id, so a second delivery changes nothing.
    `service_url` is where the service serves `/internal`: the address of its INTERNAL_PORT, if it has one.
    """

    def __init__(
        self,
        sessionmaker: async_sessionmaker[AsyncSession],
        outbox_model: type[Any],
        *,
        client: httpx.AsyncClient,
        service_url: str,
        signer: Signer,
        batch: int = 100,
        poll_seconds: float = 0.5,
        max_refusals: int = MAX_REFUSALS,
    ) -> None:
        if not 1 <= batch <= MAX_BATCH:
            raise ValueError(f"batch must be 1 to {MAX_BATCH}")
        self._rows = OutboxRows(only_async(sessionmaker), outbox_model)
        self._client = client
        self._url = address(service_url) + PATH
        self._signer = signer
        self._auth = signer.auth(EVENT_TAG)
        self._batch = batch
        self._max_refusals = max_refusals
        self._poll_seconds = poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; a fault of the database or the service only makes it wait."""
        while not stop.is_set():
            if await self._try_once() < self._batch:
                await _wait(stop, self._poll_seconds)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sends in the background for as long as the block lasts, as in a lifespan.

        Raises KeysUnusable where there is no key: an application without one does not start.
        """
        self._signer.require_key()
        stop = asyncio.Event()
        sending = asyncio.create_task(self.run(stop))
        try:
            yield
        finally:
            stop.set()
            await _finish(sending)

    async def send_once(self) -> int:
        """Send one batch of what is due; returns how many events the service took."""
        events = await self._rows.lease(self._batch)
        return await self._send(events) if events else 0

    async def send_due(self, *, seconds: float) -> int:
        """Send all that is due, or as much of it as `seconds` allow; returns how many events the service took."""
        end = time.monotonic() + seconds
        sent = 0
        while time.monotonic() < end:
            sent += (now := await self.send_once())
            if now < self._batch:
                break
        return sent

    async def _send(self, events: Sequence[Event]) -> int:
        try:
            await self._deliver(delivery_body(events))
        except NotAccepted as exc:
            return await self._put_off(events, exc)
        await self._rows.settle(events)
        return len(events)

    async def _put_off(self, events: Sequence[Event], why: NotAccepted) -> int:
        if (
            why.at_fault and len(events) > 1
        ):  # one of them spoils it: in halves, the others get through
            middle = len(events) // 2
            return await self._send(events[:middle]) + await self._send(events[middle:])
        log.warning(
            "delivery not accepted: events=%d code=%s%s",
            len(events),
            why.code,
            SETTINGS_AT_FAULT.get(why.code, ""),
        )
        await self._rows.defer(events, why.code, why.retry_after)
        if why.at_fault and await self._rows.refuse(events, self._max_refusals):
            log.error("outbox row given up: event=%s code=%s", events[0].id, why.code)
        return 0

    async def _try_once(self) -> int:
        try:
            return await self.send_once()
        except Exception as exc:  # a loop that ends would stop the outbox until a restart
            log.error("outbox not sent: error=%s", type(exc).__name__)
            return 0

    async def _deliver(self, body: bytes) -> None:
        try:
            answer = await self._client.post(
                self._url,
                content=body,
                headers={"Content-Type": "application/json"},
                auth=self._auth,
                timeout=TIMEOUT,
                follow_redirects=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise NotAccepted(type(exc).__name__) from exc
        if (status := answer.status_code) != 202:
            wait = retry_after(answer) or 0
            raise NotAccepted(f"status_{status}", wait, at_fault=status in AT_FAULT)


class OutboxRows:
    """The outbox table as a sender sees it."""

    def __init__(self, sessionmaker: async_sessionmaker[AsyncSession], model: type[Any]) -> None:
        self._sessionmaker = sessionmaker
        self._model = model

    async def lease(self, limit: int) -> Sequence[Event]:
        """Take rows that are due and that no other sender holds."""
        row = self._model
        due = or_(row.not_before.is_(None), row.not_before <= func.now())
        free = (
            select(row.id)
            .where(row.delivered_at.is_(None), row.given_up_at.is_(None), due)
            .order_by(row.occurred_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("free")  # evaluated once; as a plain subquery it might be run again and lock more
        )
        taken = (
            update(row)
            .where(row.id.in_(select(free.c.id)))
            .values(not_before=_after(LEASE_SECONDS), attempts=row.attempts + 1)
            .returning(row)
            .execution_options(synchronize_session=False)
        )
        async with self._sessionmaker.begin() as session:
            return [event_of(row) for row in await session.scalars(taken)]

    async def settle(self, events: Sequence[Event]) -> None:
        """The service has them."""
        await self._update(events, delivered_at=func.now(), not_before=None, last_error=None)

    async def defer(self, events: Sequence[Event], code: str, retry_after: int) -> None:
        """Try again later: longer with each attempt, and not all of a batch at once.

        The jitter is per row, so a row that spoils its delivery parts from its neighbours.
        """
        # The exponent stops at 9: 2 ** 1024, after days of outage, would be out of range.
        longest = func.least(MAX_DELAY, func.power(2, func.least(self._model.attempts, 9)))
        delay = func.greatest(longest * (0.5 + func.random() / 2), min(retry_after, MAX_DELAY))
        second = literal(timedelta(seconds=1), Interval())
        await self._update(events, not_before=func.now() + delay * second, last_error=code[:100])

    async def refuse(self, events: Sequence[Event], limit: int) -> int:
        """They were refused for what they are; returns how many are given up with that, the last of `limit` times."""
        model = self._model
        last = model.refusals + 1 >= limit
        given_up = case((last, func.now()), else_=None)
        change = (
            update(model)
            .where(model.id.in_([event.id for event in events]), model.delivered_at.is_(None))
            .values(refusals=model.refusals + 1, given_up_at=given_up)
            .returning(model.given_up_at)
            .execution_options(synchronize_session=False)
        )
        async with self._sessionmaker.begin() as session:
            return sum(moment is not None for moment in await session.scalars(change))

    async def _update(self, events: Sequence[Event], **values: Any) -> None:
        model = self._model
        ids = [event.id for event in events]
        change = update(model).where(model.id.in_(ids), model.delivered_at.is_(None))
        async with self._sessionmaker.begin() as session:
            await session.execute(
                change.values(**values).execution_options(synchronize_session=False)
            )


@dataclass(frozen=True)
class DeadLetter:
    """An event that the service did not take for what it is."""

    event: Event
    given_up_at: datetime
    code: str
    """The last refusal, as `status_422`."""


async def list_dead_letters(
    session: AsyncSession, outbox_model: type[Any], *, limit: int = 100
) -> list[DeadLetter]:
    """What was given up on, oldest first."""
    given_up = select(outbox_model).where(outbox_model.given_up_at.is_not(None))
    rows = await session.scalars(given_up.order_by(outbox_model.given_up_at).limit(limit))
    return [DeadLetter(event_of(row), row.given_up_at, row.last_error or "") for row in rows]


async def retry_dead_letters(
    session: AsyncSession, outbox_model: type[Any], *, ids: Sequence[uuid.UUID] | None = None
) -> int:
    """Have these sent again (their events' ids), or all of them; returns how many. The caller commits."""
    given_up = update(outbox_model).where(outbox_model.given_up_at.is_not(None))
    if ids is not None:
        given_up = given_up.where(outbox_model.id.in_(ids))
    again = given_up.values(given_up_at=None, refusals=0, not_before=None)
    returned = await session.scalars(
        again.returning(outbox_model.id).execution_options(synchronize_session=False)
    )
    return len(returned.all())


def delivery_body(events: Sequence[Event]) -> bytes:
    """One delivery of these events, as JSON."""
    rows = [event.model_dump() for event in events]
    delivery = Delivery.model_validate({"delivery_id": uuid.uuid4(), "events": rows})
    return delivery.model_dump_json().encode()


def _after(seconds: float) -> Any:
    return func.now() + literal(timedelta(seconds=seconds), Interval())


async def _finish(sending: asyncio.Task[None]) -> None:
    """A delivery under way may end; one that hangs does not hold up the exit, its rows are left to their lease."""
    await asyncio.wait({sending}, timeout=FINISH_SECONDS)
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
