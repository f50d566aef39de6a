"""Dense search in process: workspaces' vectors held in memory, followed from epoch to epoch."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from math import isnan

import numpy as np
import structlog

from service.domain.answers import Hit
from service.domain.identity import WorkspaceId
from service.domain.scope import ANYWHERE, Within
from service.errors import ServiceError
from service.ports.index import ChunkPlace, ChunkStore
from service.ports.models import Vector
from service.retrieval.held import Memory
from service.vectors.bits import ERROR, estimates
from service.vectors.codes import Floats, Query, Rows, best
from service.vectors.hot import FETCHED_BYTES, RESIDENT_BYTES, HotVectors
from service.vectors.rows import ChunkCodes, Placed

SMALL = 500  # Chunks: loaded while the question waits, which takes as long as asking the database.
LARGE = 200_000
"""Chunks: beyond it a question to a cold workspace is answered by one-bit codes first. Of 100,000 these take 610 ms,
most of it to read them, and comparing all of them in SQL 155 ms, exactly."""
FOLLOWED_IN_A_THREAD = 20_000  # Rows: a copy of more would hold up other questions.
FIRST, MOST = 500, 4_000  # Chunks judged, of those that one-bit codes say are near.
SIGMAS = 3  # Of the error of one-bit codes.
IN_A_THREAD = 200_000  # Rows: 6 ms of scan, which other questions need not wait for. Below, the way there costs more.
STAYS_COLD_SECONDS = 60.0  # Then a workspace for which there was no room is measured anew.
MOST_WORKSPACES = 1_000
MOST_BYTES = 512 * 2**20

log = structlog.get_logger()


class DenseIndex:
    """The nearest chunks of a workspace: out of memory where it is hot, from the store, exact, until then.

    A question never waits for a large load. Loads are one at a time, because each needs as much again while it runs.
    """

    def __init__(
        self,
        store: ChunkStore,
        *,
        max_workspaces: int = MOST_WORKSPACES,
        max_bytes: int = MOST_BYTES,
        resident: bool = True,
        small: int = SMALL,
        large: int = LARGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._held: Memory[HotVectors] = Memory(max_workspaces=max_workspaces, max_bytes=max_bytes)
        self._max_bytes, self._resident = max_bytes, resident
        self._small, self._large = small, large
        self._clock = clock
        self._too_large: dict[WorkspaceId, tuple[str, float]] = {}
        """In the space of which model, and when that was found."""
        self._loading: dict[WorkspaceId, asyncio.Task[None]] = {}
        self._one_load = asyncio.Semaphore(1)

    async def search(
        self,
        vector: Vector,
        *,
        workspace: WorkspaceId,
        model: str,
        within: Within,
        limit: int,
        epoch: int | None = None,
    ) -> Sequence[Hit]:
        """The nearest chunks in the space of one model that `within` holds; `epoch` is that of the index, if it was
        just asked for. Exact, but for the first questions to a large workspace. Raises StoreUnavailable.
        """
        if (hot := await self._hot(workspace, model, epoch)) is not None:
            return await self._found(hot, Query.of(vector), within, limit)
        try:
            return await self._cold(vector, workspace, model, within, limit)
        finally:
            # Afterwards: beside the answer it took the answer's processor, 0.7 s of 100,000 vectors.
            self._load_soon(workspace, model)

    async def _cold(
        self, vector: Vector, workspace: WorkspaceId, model: str, within: Within, limit: int
    ) -> Sequence[Hit]:
        """From the store, while nothing is held."""
        if await self._store.is_larger(self._large, workspace=workspace, model=model):
            coded = await self._store.chunk_codes(workspace=workspace, model=model)
            if coded is not None:
                return await self._estimated(
                    coded[1], Query.of(vector), workspace, model, within, limit
                )
        return await self._store.search(
            vector, workspace=workspace, model=model, within=within, limit=limit
        )

    async def load(self, *, workspace: WorkspaceId, model: str) -> None:
        """Until it is hot, if there is room for it at all. Raises StoreUnavailable."""
        await self._load(workspace, model)

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets what is open of it, as when something of it is erased; what is being loaded is not kept."""
        self._held.drop(workspace)
        self._too_large.pop(workspace, None)
        if task := self._loading.pop(workspace, None):
            task.cancel()

    async def aclose(self) -> None:
        """Ends what is being loaded."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _hot(
        self, workspace: WorkspaceId, model: str, epoch: int | None
    ) -> HotVectors | None:
        """As of that epoch or a later one; None where only a large load would tell."""
        if epoch is None:
            epoch = await self._store.epoch(workspace=workspace)
        held = self._held.at(workspace, epoch)
        if held is None or held.model != model:
            return await self._renewed(workspace, model, epoch)
        return held

    async def _renewed(self, workspace: WorkspaceId, model: str, epoch: int) -> HotVectors | None:
        held = self._held.stale(workspace)
        if held is not None and held.model == model:
            follow = partial(self._followed, model=model, epoch=epoch)
            hot = await self._held.renew(workspace, follow)
            if hot is not None:
                return hot
        if self._stays_cold(workspace, model):
            return None
        if await self._store.is_larger(self._small, workspace=workspace, model=model):
            return None
        return await self._load(workspace, model, epoch)

    async def _followed(
        self, held: HotVectors | None, *, model: str, epoch: int | None
    ) -> HotVectors | None:
        """What is held, with all that changed since; None where nothing of that model is, or nobody can tell."""
        if held is None or held.model != model:
            return None
        if held.epoch == epoch:
            return held
        delta = await self._store.changed_chunks(
            workspace=held.workspace, model=model, since=held.epoch
        )
        if delta is None:
            return None
        follow = partial(
            held.followed_by,
            delta.rows,
            epoch=delta.epoch,
            notes=delta.notes,
            clients=delta.clients,
        )
        if held.scanned + len(delta.rows) > FOLLOWED_IN_A_THREAD:
            return await asyncio.to_thread(follow)
        return follow()

    def _stays_cold(self, workspace: WorkspaceId, model: str) -> bool:
        """While it is being loaded; or for a minute, as there is no room for it: by then it may have shrunk."""
        if workspace in self._loading:
            return True
        measured, at = self._too_large.get(workspace, ("", 0.0))
        return measured == model and self._clock() - at < STAYS_COLD_SECONDS

    def _load_soon(self, workspace: WorkspaceId, model: str) -> None:
        if self._stays_cold(workspace, model):
            return
        task = asyncio.create_task(self._load_or_log(workspace, model))
        self._loading[workspace] = task
        task.add_done_callback(partial(self._loaded, workspace))

    def _loaded(self, workspace: WorkspaceId, task: asyncio.Task[None]) -> None:
        if self._loading.get(workspace) is task:
            del self._loading[workspace]

    async def _load_or_log(self, workspace: WorkspaceId, model: str) -> None:
        """Nobody waits for it: a question meanwhile is answered from the store, and the next begins it anew."""
        try:
            await self._load(workspace, model)
        except Exception as exc:
            code = exc.code if isinstance(exc, ServiceError) else "internal"
            log.warning(
                "vectors.not_loaded",
                workspace=workspace,
                code=code,
                exc_info=None if isinstance(exc, ServiceError) else exc,
            )

    async def _load(
        self, workspace: WorkspaceId, model: str, epoch: int | None = None
    ) -> HotVectors | None:
        return await self._held.renew(
            workspace, partial(self._built, workspace=workspace, model=model, epoch=epoch)
        )

    async def _built(
        self, held: HotVectors | None, *, workspace: WorkspaceId, model: str, epoch: int | None
    ) -> HotVectors | None:
        hot = await self._followed(held, model=model, epoch=epoch)
        if hot is not None:
            return hot
        if await self._is_larger(FETCHED_BYTES, workspace, model):
            self._too_large[workspace] = model, self._clock()
            return None
        self._too_large.pop(workspace, None)
        resident = self._resident and not await self._is_larger(RESIDENT_BYTES, workspace, model)
        async with self._one_load:
            now, rows = await self._store.chunk_rows(workspace=workspace, model=model)
            make = partial(
                HotVectors.of, rows, workspace=workspace, model=model, epoch=now, resident=resident
            )
            return make() if len(rows) <= self._small else await asyncio.to_thread(make)

    async def _is_larger(self, bytes_each: int, workspace: WorkspaceId, model: str) -> bool:
        """Than all the room there is, at so many bytes a vector."""
        most = self._max_bytes // bytes_each
        return await self._store.is_larger(most, workspace=workspace, model=model)

    async def _found(
        self, hot: HotVectors, query: Query, within: Within, limit: int
    ) -> Sequence[Hit]:
        if hot.scanned > IN_A_THREAD:
            if hot.resident:
                return await asyncio.to_thread(hot.search, query, within=within, limit=limit)
            look = await asyncio.to_thread(hot.look, query, within=within, limit=limit)
        elif hot.resident:
            return hot.search(query, within=within, limit=limit)
        else:
            look = hot.look(query, within=within, limit=limit)
        while len(rows := look.wanted()):
            halves = await self._store.halves(
                hot.places(rows), workspace=hot.workspace, model=hot.model
            )
            look.judged(rows, hot.judged(query, rows, halves))
        return look.hits()

    async def _estimated(
        self,
        coded: ChunkCodes,
        query: Query,
        workspace: WorkspaceId,
        model: str,
        within: Within,
        limit: int,
    ) -> Sequence[Hit]:
        """By one-bit codes; the best, and whatever may well be as near as they are, judged by their vectors."""
        rows, nearness = await asyncio.to_thread(_estimates, coded, query, within)
        judged: list[tuple[float, int]] = []
        for part in _parts(nearness, judged, limit):
            chosen = rows[part].tolist()
            places = [_place(coded.placed, row) for row in chosen]
            halves = await self._store.halves(places, workspace=workspace, model=model)
            cosines = query.cosines(halves, np.linalg.norm(halves.astype(np.float32), axis=1))
            judged += zip(cosines.tolist(), chosen, strict=True)
        return _hits(coded.placed, judged)[:limit]


def _parts(nearness: Floats, judged: Sequence[tuple[float, int]], limit: int) -> Iterator[Rows]:
    """Places to be judged: the first, and, once they are `judged`, those that may be as near as the last of them.

    Of 100,000 chunks 500 are enough where a question is near some: recall 1 at 10 and 50. Where it is near none,
    everything is about as far from it, and the most bring 0.93 at 10 and at 50.
    """
    count = min(max(FIRST, 4 * limit), len(nearness))
    order = best(nearness, min(count + MOST, len(nearness)))
    order = order[np.argsort(-nearness[order])]
    if count:
        yield order[:count]
    worth = sorted((cosine for cosine, _ in judged if not isnan(cosine)), reverse=True)
    least = worth[limit - 1] if 0 < limit <= len(worth) else -1.0
    rest = order[count:]
    rest = rest[nearness[rest] >= least - SIGMAS * ERROR]
    if len(rest):
        yield rest


def _estimates(coded: ChunkCodes, query: Query, within: Within) -> tuple[Rows, Floats]:
    """The rows in scope, and about the cosine of each."""
    rows = _rows_in(coded.placed, within)
    asked = query.half[0].astype(np.float32)
    return rows, estimates(asked, coded.signs[rows], coded.corrections[rows])


def _rows_in(placed: Placed, within: Within) -> Rows:
    if within == ANYWHERE:
        return np.arange(len(placed))
    notes = zip(placed.notes, placed.clients, placed.days, strict=True)
    held = np.fromiter((within.holds(*note) for note in notes), np.bool_, len(placed.notes))
    return np.flatnonzero(held[placed.note])


def _place(placed: Placed, row: int) -> ChunkPlace:
    return (
        placed.notes[placed.note[row]],
        placed.fields[placed.field[row]],
        int(placed.ordinal[row]),
    )


def _hits(placed: Placed, judged: Iterable[tuple[float, int]]) -> list[Hit]:
    """In the order of the store; what is gone meanwhile is left out."""
    keyed = [
        ((-cosine, ref.id, field, ordinal), ref, placed.clients[placed.note[row]])
        for cosine, row in judged
        if not isnan(cosine)
        for ref, field, ordinal in [_place(placed, row)]
    ]
    keyed.sort(key=lambda one: one[0])
    return [
        Hit(ref, client, field, ordinal, min(1.0, max(0.0, -away)))
        for (away, _, field, ordinal), ref, client in keyed
    ]
