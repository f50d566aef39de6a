"""Dense search in process: workspaces' vectors held in memory, followed from epoch to epoch."""

import asyncio
from collections.abc import Sequence
from functools import partial

import numpy as np
import structlog

from service.domain.answers import Hit
from service.domain.identity import WorkspaceId
from service.domain.scope import ANYWHERE, Within
from service.errors import ServiceError
from service.ports import ChunkPlace, ChunkStore, Vector
from service.retrieval.held import Memory
from service.vectors.bits import estimates
from service.vectors.codes import Query, Rows, best
from service.vectors.hot import FETCHED_BYTES, RESIDENT_BYTES, HotVectors
from service.vectors.rows import ChunkCodes, Placed

SMALL = 500  # Chunks: loaded while the question waits, which takes as long as asking the database.
LARGE = (
    20_000  # Chunks: beyond it a question to a cold workspace is answered by one-bit codes first.
)
CANDIDATES = 1_000  # By one-bit codes, to be judged: recall@50 0.99 at 100,000.
IN_A_THREAD = 200_000  # Rows: 6 ms of scan, which other questions need not wait for. Below, the way there costs more.
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
    ) -> None:
        self._store = store
        self._held: Memory[HotVectors] = Memory(max_workspaces=max_workspaces, max_bytes=max_bytes)
        self._max_bytes, self._resident = max_bytes, resident
        self._small, self._large = small, large
        self._too_large: set[WorkspaceId] = set()
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
        if hot := await self._hot(workspace, model, epoch):
            return await self._found(hot, Query.of(vector), within, limit)
        if not await self._store.is_larger(self._large, workspace=workspace, model=model):
            return await self._store.search(
                vector, workspace=workspace, model=model, within=within, limit=limit
            )
        return await self._estimated(Query.of(vector), workspace, model, within, limit)

    async def load(self, *, workspace: WorkspaceId, model: str) -> None:
        """Until it is hot, if there is room for it at all. Raises StoreUnavailable."""
        await self._load(workspace, model)

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets what is open of it, as when something of it is erased; what is being loaded is not kept."""
        self._held.drop(workspace)
        self._too_large.discard(workspace)
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
        """As of that epoch or a later one; None where only a large load would tell, which is then begun."""
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
            if hot := await self._held.renew(workspace, follow):
                return hot
        if workspace in self._loading or workspace in self._too_large:
            return None
        if await self._store.is_larger(self._small, workspace=workspace, model=model):
            self._load_soon(workspace, model)
            return None
        return await self._load(workspace, model, epoch)

    async def _followed(
        self, held: HotVectors | None, *, model: str, epoch: int | None
    ) -> HotVectors | None:
        """What is held, with all that changed since; None where nothing of that model is, or nobody can tell."""
        if held is None or held.model != model or held.epoch == epoch:
            return held if held and held.model == model else None
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
        if held.scanned + len(delta.rows) > self._large:
            return await asyncio.to_thread(follow)
        return follow()

    def _load_soon(self, workspace: WorkspaceId, model: str) -> None:
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
            log.warning("vectors.not_loaded", workspace_id=str(workspace), code=code)

    async def _load(
        self, workspace: WorkspaceId, model: str, epoch: int | None = None
    ) -> HotVectors | None:
        return await self._held.renew(
            workspace, partial(self._built, workspace=workspace, model=model, epoch=epoch)
        )

    async def _built(
        self, held: HotVectors | None, *, workspace: WorkspaceId, model: str, epoch: int | None
    ) -> HotVectors | None:
        if hot := await self._followed(held, model=model, epoch=epoch):
            return hot
        if await self._is_larger(FETCHED_BYTES, workspace, model):
            self._too_large.add(workspace)
            return None
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
        self, query: Query, workspace: WorkspaceId, model: str, within: Within, limit: int
    ) -> Sequence[Hit]:
        """By one-bit codes, the best of them judged by their vectors."""
        _, coded = await self._store.chunk_codes(workspace=workspace, model=model)
        rows = await asyncio.to_thread(
            _candidates, coded, query, within, max(CANDIDATES, 4 * limit)
        )
        places = [_place(coded.placed, row) for row in rows.tolist()]
        halves = await self._store.halves(places, workspace=workspace, model=model)
        if not len(rows):
            return []
        norms = np.linalg.norm(halves.astype(np.float32), axis=1)
        cosines = query.cosines(halves, norms)
        hits = [
            _hit(coded.placed, row, similarity)
            for row, similarity in zip(rows.tolist(), cosines.tolist(), strict=True)
            if not np.isnan(similarity)
        ]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.ref.id, hit.field, hit.ordinal))[
            :limit
        ]


def _candidates(coded: ChunkCodes, query: Query, within: Within, count: int) -> Rows:
    rows = _rows_in(coded.placed, within)
    signs, corrections = coded.signs, coded.corrections
    if rows is not None:
        signs, corrections = signs[rows], corrections[rows]
    if len(signs) > count:
        chosen = best(estimates(query.half[0].astype(np.float32), signs, corrections), count)
    else:
        chosen = np.arange(len(signs))
    return chosen if rows is None else rows[chosen]


def _rows_in(placed: Placed, within: Within) -> Rows | None:
    """None: all."""
    if within == ANYWHERE:
        return None
    notes = zip(placed.notes, placed.clients, placed.days, strict=True)
    held = np.fromiter((within.holds(*note) for note in notes), np.bool_, len(placed.notes))
    return np.flatnonzero(held[placed.note])


def _place(placed: Placed, row: int) -> ChunkPlace:
    return (
        placed.notes[placed.note[row]],
        placed.fields[placed.field[row]],
        int(placed.ordinal[row]),
    )


def _hit(placed: Placed, row: int, cosine: float) -> Hit:
    ref, field, ordinal = _place(placed, row)
    similarity = min(1.0, max(0.0, cosine))
    return Hit(ref, placed.clients[placed.note[row]], field, ordinal, similarity)
