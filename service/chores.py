"""What runs by the clock, beside the worker's loop: the feed, reconciliation, retention; one worker at a time."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from service.adapters.work.schedules import ChoreLease, PgSchedules
from service.container import Container
from service.errors import ServiceError, StoreUnavailable, why
from service.gauges import measure
from service.ingestion.reconcile import read_feed
from service.ports.clock import Clock, now
from service.restorer import restorer_of
from service.telemetry.metrics import CHORE_FAILURES, FEED_EVENTS

log = structlog.get_logger()

TICK_SECONDS = 1.0
GAUGE_SECONDS = 15.0
RETENTION_EVERY = timedelta(hours=1)
NOT_AT_ALL = timedelta(0)
SPENDING_DAYS = 60
RECEIPTS_EVERY = timedelta(minutes=1)
RESTORE_EVERY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Chore:
    """One kind of scheduled work; doing it twice does no harm."""

    do: Callable[[], Awaitable[object]]
    next_due: Callable[[datetime], datetime]


@dataclass(frozen=True, slots=True)
class Clockwork:
    """One loop. Any number may run: a chore is done by whoever claims it first."""

    schedules: PgSchedules
    chores: Mapping[str, Chore]
    clock: Clock
    tick_seconds: float = TICK_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; then finishes the chore in hand."""
        planned = False
        while not stop.is_set():
            try:
                planned = planned or await self._plan()
                while not stop.is_set() and await self.round():
                    pass
            except StoreUnavailable as exc:
                log.warning("chores.store_away", error=why(exc))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self.tick_seconds)

    async def _plan(self) -> bool:
        due = {name: chore.next_due(self.clock()) for name, chore in self.chores.items()}
        await self.schedules.plan(due)
        return True

    async def round(self) -> bool:
        """Does one chore that is due; False when none is."""
        lease = await self.schedules.claim(list(self.chores))
        if lease is None:
            return False
        chore = self.chores[lease.name]
        try:
            await chore.do()
        except Exception as exc:  # a chore that fails comes again, and must not end the loop
            await self._failed(lease, exc)
        else:
            await self.schedules.done(lease, due_at=chore.next_due(self.clock()))
        return True

    async def _failed(self, lease: ChoreLease, exc: Exception) -> None:
        known = isinstance(exc, ServiceError)
        code = exc.code if isinstance(exc, ServiceError) else "internal"
        CHORE_FAILURES.labels(chore=lease.name).inc()
        log.warning("chore.failed", chore=lease.name, code=code, exc_info=None if known else exc)
        await self.schedules.failed(lease, code=code)


def clockwork_of(opened: Container) -> Clockwork:
    """The chores of an opened container."""
    settings = opened.settings

    async def feed() -> None:
        read, new = await read_feed(opened.notes, opened.queue)
        FEED_EVENTS.labels(outcome="new").inc(new)
        FEED_EVENTS.labels(outcome="known").inc(read - new)

    async def reconcile() -> None:
        everything = await opened.indexer.reconciler.everything()
        await opened.queue.want_whole(everything, kind="reconcile")

    async def receipts() -> None:
        """Files that could not be written at their time."""
        ids = await opened.eraser.receipt_ids()
        if lacking := await asyncio.to_thread(opened.receipts.lacking, ids):
            late = await opened.eraser.receipts(ids=lacking)
            await asyncio.to_thread(opened.receipts.write, late)

    async def restore() -> None:
        await restorer_of(opened).step()

    async def retention() -> None:
        await opened.queue.forget_old_events(days=settings.event_id_retention_days)
        await opened.spending.forget_old(days=SPENDING_DAYS)
        days = timedelta(days=settings.conversation_retention_days)
        for workspace in sorted(await opened.store.workspaces()):
            kept = days if (await opened.standings.of(workspace)).conversations else NOT_AT_ALL
            await opened.conversations.forget_before(now() - kept, workspace=workspace)

    chores = {
        "feed": Chore(feed, _every(timedelta(seconds=settings.feed_seconds))),
        "reconcile": Chore(reconcile, _nightly(settings.reconcile_hour)),
        "receipts": Chore(receipts, _every(RECEIPTS_EVERY)),
        "restore": Chore(restore, _every(RESTORE_EVERY)),
        "retention": Chore(retention, _every(RETENTION_EVERY)),
    }
    return Clockwork(opened.schedules, chores, now)


async def keep_gauges(opened: Container, stop: asyncio.Event) -> None:
    """Measures again and again, in every worker that has a page of metrics."""
    while not stop.is_set():
        with suppress(StoreUnavailable):
            await measure(opened)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), GAUGE_SECONDS)


def _every(pause: timedelta) -> Callable[[datetime], datetime]:
    return lambda moment: moment + pause


def _nightly(hour: int) -> Callable[[datetime], datetime]:
    """At a random minute of that hour, so that many houses do not ask one PazPaz at the same second."""

    def next_due(moment: datetime) -> datetime:
        minute = random.randrange(60)  # noqa: S311 - spreads load, no secret
        tonight = moment.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return tonight if tonight > moment and tonight.hour != moment.hour else tonight + _DAY

    return next_due


_DAY = timedelta(days=1)
