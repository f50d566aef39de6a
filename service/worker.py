"""The background loop: claims work, brings the index in line with the source, until SIGTERM."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeGuard, TypeVar

import structlog

from service.errors import (
    ModelUnavailable,
    NoteUnreadable,
    ServiceError,
    StoreUnavailable,
    Unavailable,
    why,
)
from service.ingestion.indexing import Indexer, Outcome
from service.ports.work import Lease, WorkQueue
from service.telemetry.metrics import INGEST_ERRORS, NOTES_PROCESSED, WORKER_TURNED
from service.telemetry.traces import span

log = structlog.get_logger()
T = TypeVar("T")

BATCH = 16  # notes of one workspace in one round: one pull, one or two embed calls
IN_HAND = 3
"""Rounds at once: one is claimed and pulled while others are embedded and written."""
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
    in_hand: int = IN_HAND
    on_turn: Callable[[], object] = WORKER_TURNED.set_to_current_time
    """Called whenever it looks for work."""
    outage: Outage = field(default_factory=Outage)
    stranded: list[Lease] = field(default_factory=list)
    """Leases in hand when the database went away: given back first, because no note is to blame."""

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; then finishes the rounds in hand."""
        async with asyncio.TaskGroup() as rounds:
            in_hand: set[asyncio.Task[None]] = set()
            idle = False
            while not stop.is_set():
                self.on_turn()
                await self._room(in_hand)
                if pause := self.outage.pause(idle=idle):
                    await _sleep(stop, pause)
                if not stop.is_set():
                    idle = not await self._begin(rounds, in_hand)

    async def _room(self, in_hand: set[asyncio.Task[None]]) -> None:
        """Waits until another round may begin: none beside one that probes in an outage."""
        while len(in_hand) >= (1 if self.outage.lasting else self.in_hand):
            await asyncio.wait(in_hand, return_when=asyncio.FIRST_COMPLETED)

    async def _begin(self, rounds: asyncio.TaskGroup, in_hand: set[asyncio.Task[None]]) -> bool:
        """Claims a batch and begins its round; False when nothing was ready or the database is away."""
        leases = await self._unless_away(self._claim())
        if not leases:
            return False
        if leases[0].attempts > 1:
            # It failed before, or its worker ended with it: if it kills this one, no other note is in hand to be
            # taken for the killer.
            await self._unless_away(self._work(leases, after=in_hand))
            return True
        task = rounds.create_task(self._unless_away(self._work(leases)))
        in_hand.add(task)
        task.add_done_callback(in_hand.discard)
        await asyncio.sleep(0)  # it looks before the next is claimed: a stop may be its doing
        return True

    async def _unless_away(self, working: Awaitable[T]) -> T | None:
        """What it gives; None, and an outage, where the database is away."""
        known = self.outage.rounds
        try:
            return await working
        except StoreUnavailable as exc:
            log.warning("worker.store_away", error=why(exc))
        except Exception as exc:  # a worker that ends helps no note; the log has the place
            log.exception("worker.failed", exc_info=exc)
        self._seen(known, retry_after=None)
        return None

    def _seen(self, known: int, *, retry_after: float | None) -> None:
        """Rounds that began together meet one outage, and not one each."""
        if self.outage.rounds == known:
            self.outage.seen(retry_after=retry_after)

    async def _claim(self) -> Sequence[Lease]:
        await self._release_stranded()
        return await self.queue.claim(limit=1 if self.outage.lasting else BATCH)

    async def _work(
        self, leases: Sequence[Lease], *, after: Collection[asyncio.Task[None]] = ()
    ) -> None:
        """Handles a batch, after other rounds have ended."""
        try:
            async with self._held(leases):
                if after:
                    await asyncio.wait(after)
                with span("worker.round", notes=len(leases)):
                    await self._handle(leases)
        except StoreUnavailable:
            self.stranded.extend(leases)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self.queue.release(leases))
            raise

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
            held = self.stranded.copy()
            await self.queue.release(held)
            del self.stranded[: len(held)]  # a round in hand may have added its own meanwhile

    async def _handle(self, leases: Sequence[Lease]) -> None:
        known = self.outage.rounds
        try:
            outcomes = await self.indexer.look_again(leases)
        except StoreUnavailable:
            raise
        except Exception as exc:  # the one place where a note must not take its worker along
            await self._give_back(leases, exc)
            if _is_outage(exc):
                self._seen(known, retry_after=exc.retry_after)
            return
        if self.outage.rounds == known:  # else this one was pulled before
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
