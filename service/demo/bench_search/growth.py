"""Curves: one workspace from 1,000 vectors on, and 1 to 1,000 workspaces in a memory that has room for some."""

import gc
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from service.commands.progress import progress
from service.demo.bench_search.machine import Limit, Scrub
from service.demo.bench_search.ours import Hot, House, Numbers
from service.demo.bench_search.questions import OFF_TOPIC, TOP, Question
from service.demo.bench_search.tenants import FIELD, MODEL, Floats, Rows, Tenant, World
from service.demo.bench_search.ways import Cell, Said, Way
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import NoteRef
from service.ports.index import ChunkStore
from service.retrieval.dense import DenseIndex
from service.vectors.rows import ChunkRows, placed

POINTS = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
TENANTS = (1, 3, 10, 30, 100, 300, 1000)
BOUND = 256 * 2**20
"""Of the memory that tenants share: a quarter or so of 1,000 have room."""
EACH = 100
"""Questions of a point of the second curve, after as many that fill the memory."""
ROOM = 2**34
WIDE = 2**16

Curve = Sequence[Mapping[str, Any]]


async def growth(
    house: House, world: World, *, largest: int, questions: int
) -> Mapping[str, Curve]:
    """Milliseconds and bytes at each point."""
    return {
        "vectors": await _by_vectors(world, largest, questions),
        "tenants": await _by_tenants(house, world),
    }


@dataclass(frozen=True, slots=True)
class InMemory:
    """As much of a ChunkStore as a memory asks for, without a database: rows that never change."""

    held: ChunkRows

    async def epoch(self, *, workspace: WorkspaceId) -> int:
        return 1

    async def is_larger(self, than: int, *, workspace: WorkspaceId, model: str) -> bool:
        return len(self.held) > than

    async def chunk_rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        return 1, self.held


def _held(rows: Rows) -> ChunkRows:
    workspace = rows.tenant.workspace
    firsts = np.flatnonzero(rows.chunks == 0)
    of_note = np.cumsum(rows.chunks == 0) - 1
    refs = [NoteRef(workspace, "sessions", rows.uuid(int(first))) for first in firsts]
    clients = [ClientId(rows.client(int(first))) for first in firsts]
    places = (
        (refs[note], clients[note], rows.day(row), FIELD, int(rows.chunks[row]))
        for row, note in enumerate(of_note.tolist())
    )
    return ChunkRows(placed(places), rows.halves)


async def _by_vectors(world: World, largest: int, questions: int) -> Curve:
    """One workspace in memory alone, without Postgres: so the curve may go to a million."""
    points = [point for point in POINTS if point <= largest]
    curve = []
    with progress("growth by vectors", sum(points)) as tick:
        for number, size in enumerate(points):
            tenant = Tenant(2_000_000 + number, size, 0, is_designated=True)
            curve.append(await _point(world, tenant, questions))
            tick(sum(points[: number + 1]))
    return curve


async def _point(world: World, tenant: Tenant, questions: int) -> Mapping[str, Any]:
    rows = world.all_of(tenant)
    store = cast(ChunkStore, InMemory(_held(rows)))
    index = DenseIndex(store, max_bytes=ROOM)
    await index.load(workspace=tenant.workspace, model=MODEL)
    way, reads, scrub = Hot("hot", store, index, Numbers()), Limit.up_to(tenant.size), Scrub()
    hot, limit = Cell(), Cell()
    chance = np.random.default_rng([world.mix.seed, tenant.number, 3])
    for _ in range(questions):
        asked = world.question(rows, chance, OFF_TOPIC)
        question = Question(asked, rows, None, _likeness(rows, asked.vector))
        turns: Sequence[tuple[Cell, Way]] = ((hot, way), (limit, reads))
        for cell, one in turns:
            scrub()
            await cell.ask(one, question, TOP)
    index.drop(tenant.workspace)
    return {"vectors": tenant.size, **hot.figures(), "limit_p50": round(limit.at(0.5), 4)}


def _likeness(rows: Rows, vector: Floats) -> Floats:
    """By parts: as float32 a million vectors are 4 GB."""
    parts = [rows.halves[start : start + WIDE] for start in range(0, len(rows), WIDE)]
    return np.concatenate([part.astype(np.float32) @ vector for part in parts])


async def _by_tenants(house: House, world: World) -> Curve:
    """Practices asked at random: the memory has room for some of them, and loads and drops the others."""
    curve = []
    points = [point for point in TENANTS if point <= len(world.others())]
    with progress("growth by tenants", len(points)) as tick:
        for number, count in enumerate(points):
            curve.append(await _shared(house, world, count))
            tick(number + 1)
    return curve


async def _shared(house: House, world: World, count: int) -> Mapping[str, Any]:
    chance = np.random.default_rng([world.mix.seed, count, 4])
    drawn = [world.others()[number] for number in chance.integers(count, size=2 * EACH)]
    store = Counting(house.store)
    index = DenseIndex(cast(ChunkStore, store), max_bytes=BOUND)
    filling, asked = Cell(), Cell()
    way = Hot("shared", house.store, index, Numbers())
    for number, tenant in enumerate(drawn):
        if number == EACH:
            store.loads = 0
        await (filling if number < EACH else asked).ask(Unjudged(way), _about(world, tenant), TOP)
    return {
        "tenants": count,
        **asked.figures(),
        "loads": store.loads / EACH,
        "bytes": await _occupied(house, drawn),
    }


async def _occupied(house: House, tenants: Sequence[Tenant]) -> int:
    """What the memory holds after the same questions; apart, because counting bytes makes everything slow."""
    index = DenseIndex(house.store, max_bytes=BOUND)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for tenant in _in_order_of_their_last(tenants):
            await index.load(workspace=tenant.workspace, model=MODEL)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


def _in_order_of_their_last(tenants: Sequence[Tenant]) -> Sequence[Tenant]:
    """Each once: what is left in the memory is the same."""
    return list({tenant.number: tenant for tenant in reversed(tenants)}.values())[::-1]


@dataclass(slots=True)
class Counting:
    """The store, and how often a whole workspace was read from it."""

    store: ChunkStore
    loads: int = 0

    def __getattr__(self, name: str) -> Any:
        self.loads += name == "chunk_rows"
        return getattr(self.store, name)


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A way whose answers nobody compares: they were, for the same tenants, before."""

    way: Hot
    name: str = "unjudged"

    async def ask(self, question: Question, limit: int) -> Said:
        return await self.way.ask(question, limit)

    def rows(self, question: Question, found: Any) -> None:
        return None


def _about(world: World, tenant: Tenant) -> Question:
    """One of a topic of theirs, from the tenant's first part alone."""
    rows = world.part(tenant, 0)
    chance = np.random.default_rng([world.mix.seed, tenant.number, 5])
    asked = world.question(rows, chance, OFF_TOPIC)
    return Question(asked, rows, None, np.zeros(len(rows), np.float32))
