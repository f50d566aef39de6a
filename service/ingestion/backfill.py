"""Looking again at every note, as after a first installation: paced, behind live events, and exact about its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from service.domain.identity import WorkspaceId
from service.domain.notes import ManifestItem
from service.errors import SourceUnavailable
from service.ports.index import ChunkStore
from service.ports.monolith import NoteSource
from service.ports.work import WorkQueue

BATCH = 16
"""Notes asked for at once: a worker's round, which costs PazPaz two calls."""
CALLS_A_BATCH = 2
POLL_SECONDS = 0.5
MAX_PAUSE_SECONDS = 60.0
IDLE_SECONDS = 60.0

Moved = Callable[[WorkspaceId, UUID | None, int], Awaitable[None]]
"""Remembers a place: workspace, last note asked for, how many so far."""
Tick = Callable[[int], None]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast: calls a minute to PazPaz that the backfill may cause, and batches open at once."""

    requests_per_minute: float
    concurrency: int

    @property
    def seconds_a_batch(self) -> float:
        return 60.0 * CALLS_A_BATCH / self.requests_per_minute


@dataclass(slots=True)
class Summary:
    """What became of every note in scope."""

    indexed: int = 0
    left_out: int = 0
    """Deleted, a draft, an archived client's, without consent, or erased: not to be indexed."""
    dead: int = 0
    waiting: int = 0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            self.indexed + other.indexed,
            self.left_out + other.left_out,
            self.dead + other.dead,
            self.waiting + other.waiting,
        )

    @property
    def total(self) -> int:
        return self.indexed + self.left_out + self.dead + self.waiting


@dataclass(slots=True)
class Backfill:
    """Asks for looks in the background; workers take them when no change waits."""

    notes: NoteSource
    store: ChunkStore
    queue: WorkQueue
    pace: Pace
    since: datetime | None
    on_moved: Moved
    on_wait: Callable[[str], None]
    """Told when it has to wait for something to come back."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    asked: int = 0

    async def scope(self, only: WorkspaceId | None) -> Sequence[WorkspaceId]:
        """The active workspaces, in the order of ids."""
        listed = await self._patiently(self.notes.workspaces)
        return sorted(
            one for one, status in listed.items() if status == "active" and only in {None, one}
        )

    async def count(self, workspaces: Sequence[WorkspaceId]) -> int:
        """How many notes there are to look at."""
        return sum([await self._patiently(partial(self._count, one)) for one in workspaces])

    async def _count(self, workspace: WorkspaceId) -> int:
        return sum([len(batch) async for batch in self._batches(workspace, None)])

    async def ask(self, workspace: WorkspaceId, *, after: UUID | None, tick: Tick) -> None:
        """Wants a look at each note of a workspace behind `after`, at the pace."""
        place = after

        async def onwards() -> None:
            nonlocal place
            async for batch in self._batches(workspace, place):
                await self._room(tick)
                await self.queue.want(batch, workspace=workspace, background=True)
                self.asked += len(batch)
                place = batch[-1].id
                await self.on_moved(workspace, place, self.asked)
                await self.sleep(self.pace.seconds_a_batch)

        await self._patiently(onwards)

    async def _room(self, tick: Tick) -> None:
        """Until few enough batches are open; workers take them when no change is ready."""
        await self._until_open(BATCH * (self.pace.concurrency - 1), tick)

    async def until_done(self, tick: Tick) -> None:
        """Until no look of the background is open."""
        await self._until_open(0, tick)
        tick(self.asked)

    async def _until_open(self, most: int, tick: Tick) -> None:
        """Until so few looks of the background are open; says so each minute in which nobody took one."""
        least, idle = None, 0.0
        while (left := (await self.queue.depth()).background) > most:
            tick(max(0, self.asked - left))
            idle = idle + POLL_SECONDS if least is not None and left >= least else 0.0
            least = left if least is None else min(least, left)
            if idle and idle % IDLE_SECONDS == 0:
                self.on_wait(f"no look was taken for {idle:.0f} s ({left} open); see the workers")
            await self.sleep(POLL_SECONDS)
        tick(max(0, self.asked - left))

    async def summary(self, workspaces: Sequence[WorkspaceId]) -> Summary:
        """Counted from the index and the queue as they are now, note by note."""
        total = Summary()
        for workspace in workspaces:
            total += await self._patiently(partial(self._counted, workspace))
        return total

    async def _counted(self, workspace: WorkspaceId) -> "Summary":
        total = Summary()
        listed = [item async for batch in self._batches(workspace, None) for item in batch]
        held = await self.store.catalogue(workspace=workspace)
        found = (one for one in held if one.state != "archived" and one.is_searched)
        indexed = {(one.entity, one.id) for one in found}
        work = await self.queue.open_work(workspace=workspace)
        for item in listed:
            place = (item.entity, item.id)
            total.dead += place in work.parked
            total.waiting += place in work.waiting
            settled = place not in work.parked | work.waiting
            total.indexed += settled and place in indexed
            total.left_out += settled and place not in indexed
        return total

    async def _batches(
        self, workspace: WorkspaceId, after: UUID | None
    ) -> AsyncIterator[list[ManifestItem]]:
        """Full batches in the order of ids, and the rest."""
        batch: list[ManifestItem] = []
        async for item in self.notes.manifest(workspace=workspace, after=after):
            if self.since is None or item.updated_at >= self.since:
                batch.append(item)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _patiently(self, step: Callable[[], Awaitable[R]]) -> R:
        """Does a step; while PazPaz is away, waits longer and longer and does it again."""
        pause = 1.0
        while True:
            try:
                return await step()
            except SourceUnavailable as exc:
                self.on_wait("PazPaz is away; waiting")
                await self.sleep(max(pause, min(exc.retry_after or 0.0, MAX_PAUSE_SECONDS)))
                pause = min(pause * 2, MAX_PAUSE_SECONDS)
