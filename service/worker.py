"""The background loop: claims work, brings the index in line with the source, until SIGTERM."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeGuard

import structlog

from service.errors import (
    ModelUnavailable,
    NoteUnreadable,
    ServiceError,
    StoreUnavailable,
    Unavailable,
)
from service.ingestion.indexing import Indexer, Outcome
from service.ports import Lease, WorkQueue
from service.telemetry.metrics import INGEST_ERRORS, NOTES_PROCESSED

log = structlog.get_logger()

BATCH = 16  # notes of one workspace in one round: one pull, one or two embed calls
IDLE_SECONDS = 0.3
MAX_PAUSE_SECONDS = 60.0
MOST_RENEWALS = 60
"""A round that hangs loses its leases in the end; 20 minutes at a lease of 60 s."""


@dataclass(slots=True)
class Outage:
    """How long something we need has been away, in failed rounds: waits double, and one note probes for all."""

    rounds: int = 0
    retry_after: float = 0.0

    @property
    def lasting(self) -> bool:
        return self.rounds > 0

    def seen(self, *, retry_after: float | None) -> None:
        self.rounds += 1
        self.retry_after = min(retry_after or 0.0, MAX_PAUSE_SECONDS)

    def over(self) -> None:
        self.rounds = 0

    def pause(self, *, idle: bool) -> float:
        """Seconds before the next round."""
        if not self.lasting:
            return IDLE_SECONDS if idle else 0.0
        doubled = IDLE_SECONDS * 2 ** min(self.rounds, 10)
        return float(min(max(doubled, self.retry_after / 2), MAX_PAUSE_SECONDS))


@dataclass(frozen=True, slots=True)
class Worker:
    """One loop. Any number may run; leases keep them off each other's notes."""

    queue: WorkQueue
    indexer: Indexer
    renew_seconds: float = 20.0
    """How often leases in hand are renewed: a third of what they last, so that one failure costs none."""
    outage: Outage = field(default_factory=Outage)
    stranded: list[Lease] = field(default_factory=list)
    """Leases in hand when the database went away: given back first, because no note is to blame."""

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; then finishes the round in hand."""
        while not stop.is_set():
            busy = await self._round_or_pause()
            if pause := self.outage.pause(idle=not busy):
                await _sleep(stop, pause)

    async def _round_or_pause(self) -> bool:
        """One round; False when there was nothing to do or the database is away."""
        try:
            return await self.round()
        except StoreUnavailable:
            log.warning("worker.store_away")
        except Exception as exc:  # a worker that ends helps no note; the log has the place
            log.exception("worker.failed", exc_info=exc)
        self.outage.seen(retry_after=None)
        return False

    async def round(self) -> bool:
        """Claims and handles one batch; False when nothing was ready. Raises StoreUnavailable only."""
        await self._release_stranded()
        leases = await self.queue.claim(limit=1 if self.outage.lasting else BATCH)
        if not leases:
            return False
        try:
            async with self._held(leases):
                await self._handle(leases)
        except StoreUnavailable:
            self.stranded.extend(leases)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self.queue.release(leases))
            raise
        return True

    @asynccontextmanager
    async def _held(self, leases: Sequence[Lease]) -> AsyncIterator[None]:
        """A large note may take longer than its lease; a frozen or dead process renews nothing."""
        renewing = asyncio.create_task(self._renew(leases))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])

    async def _renew(self, leases: Sequence[Lease]) -> None:
        for _ in range(MOST_RENEWALS):
            await asyncio.sleep(self.renew_seconds)
            try:
                await self.queue.renew(leases)
            except StoreUnavailable:
                log.warning("worker.not_renewed")

    async def _release_stranded(self) -> None:
        if self.stranded:
            await self.queue.release(self.stranded)
            self.stranded.clear()

    async def _handle(self, leases: Sequence[Lease]) -> None:
        try:
            outcomes = await self.indexer.look_again(leases)
        except StoreUnavailable:
            raise
        except Exception as exc:  # the one place where a note must not take its worker along
            await self._give_back(leases, exc)
            if _is_outage(exc):
                self.outage.seen(retry_after=exc.retry_after)
            return
        self.outage.over()
        for lease, outcome in outcomes:
            await self._settle(lease, outcome)

    async def _settle(self, lease: Lease, outcome: Outcome) -> None:
        NOTES_PROCESSED.labels(outcome=outcome).inc()
        log.info(
            "note.looked_at",
            kind=lease.kind,
            key=lease.key,
            workspace=lease.workspace,
            outcome=outcome,
        )
        if outcome == "unreadable":
            await self._failed(lease, NoteUnreadable())
        elif outcome == "fenced":
            # Lost, or overtaken while it was read: whoever holds it now starts anew.
            await self.queue.release([lease])

    async def _give_back(self, leases: Sequence[Lease], exc: Exception) -> None:
        """An outage delays all of them; any other error is some note's fault, and next time each comes alone."""
        for lease in leases:
            await self._failed(lease, exc)

    async def _failed(self, lease: Lease, exc: Exception) -> None:
        code = exc.code if isinstance(exc, ServiceError) else "internal"
        INGEST_ERRORS.labels(error_type=code).inc()
        log.warning(
            "note.failed",
            kind=lease.kind,
            key=lease.key,
            workspace=lease.workspace,
            attempts=lease.attempts,
            code=code,
            exc_info=None if isinstance(exc, ServiceError) else exc,
        )
        retry_after = (exc.retry_after or 1.0) if _is_outage(exc) else None
        await self.queue.failed(lease, code=code, retry_after=retry_after)


def _is_outage(exc: BaseException) -> TypeGuard[Unavailable]:
    """Whether waiting may help. A text that a model refuses is no outage: its note would be tried for ever."""
    blamed = isinstance(exc, ModelUnavailable) and exc.blames_the_text
    return isinstance(exc, Unavailable) and not blamed


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
