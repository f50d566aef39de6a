"""Ours, on the real tables: filled as the worker would leave them, asked through the real store and memory."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any

import asyncpg
import numpy as np

from service.adapters.index.chunk_store import PgChunkStore
from service.adapters.index.plain_vectors import PlainVectors
from service.adapters.key_store import PgKeyStore
from service.adapters.postgres.database import Database, open_database
from service.commands.progress import progress
from service.demo.bench_search.binary import copy, days, encoded, vectors
from service.demo.bench_search.kept import Made, plain
from service.demo.bench_search.questions import Question
from service.demo.bench_search.tenants import (
    CHUNKS_OF_A_NOTE,
    FIELD,
    FIRST_DAY,
    MODEL,
    Rows,
    Tenant,
    World,
)
from service.demo.bench_search.ways import Said
from service.demo.databases import Databases
from service.domain.answers import Hit
from service.domain.identity import ClientId
from service.domain.scope import ANYWHERE, Period, Within
from service.ports.clock import now
from service.ports.index import ChunkStore
from service.retrieval.dense import DenseIndex
from service.security.keys import KeyEncryptionKey
from service.vectors.bits import encode
from service.vectors.code_records import RECORD

CATALOGUED = ["workspace_id", "entity", "entity_id", "client_id", "day", "state", "version"]
CATALOGUED += ["updated_at", "digests"]
EMBEDDED = ["workspace_id", "entity", "entity_id", "client_id", "day", "field", "chunk", "model"]
EMBEDDED += ["embedding", "coded"]
CODED = ["workspace_id", "model", "entity", "entity_id", "fields", "codes"]
UPDATED = datetime(2026, 1, 1, tzinfo=UTC)
INSTANT = int((UPDATED - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds())
KEY = KeyEncryptionKey(
    bytes(range(32))
)  # Of made-up notes: a kept database is opened again with it.


def layout() -> str:
    """Changes with the schema: a kept database is of one schema only."""
    folder = files("migrations").joinpath("versions")
    scripts = sorted(
        (one for one in folder.iterdir() if one.name.endswith(".py")), key=lambda one: one.name
    )
    return sha256(b"".join(one.read_bytes() for one in scripts)).hexdigest()


@dataclass(frozen=True, slots=True)
class House:
    """The real store over our database, with the worker's login, and the owner's address."""

    database: Database
    keys: PgKeyStore
    store: PgChunkStore
    owner_url: str


@asynccontextmanager
async def open_house(databases: Databases) -> AsyncIterator[House]:
    """Raises what the server raises."""
    async with open_database(databases.worker) as database:
        keys = PgKeyStore(database, KEY, now)
        store = PgChunkStore(database, keys, PlainVectors(database))
        yield House(database, keys, store, plain(databases.owner))


async def fill(house: House, world: World) -> None:
    """Tenant by tenant, as clustered as a bulk load leaves them; goes on where an earlier run was cut off."""
    connection = await asyncpg.connect(house.owner_url)
    try:
        # Checking what each row refers to scanned a table that was never analyzed: minutes, of 100,000 vectors.
        await connection.execute("SET session_replication_role = replica")
        made = await Made.of(connection)
        done = await made.steps("rows")
        if done == len(world.tenants):
            return
        with progress("workspaces of ours", len(world.tenants)) as tick:
            for tenant in world.tenants[done:]:
                await _workspace(connection, made, world, tenant)
                tick(tenant.number + 1)
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def _workspace(connection: Any, made: Made, world: World, tenant: Tenant) -> None:
    parts = [world.part(tenant, number) for number in range(tenant.parts)]
    copied = [(catalogued(part), embedded(part), coded(part)) for part in parts]
    started = time.perf_counter()
    async with connection.transaction():
        await connection.execute(_BEGUN, tenant.workspace, MODEL)
        for notes, chunks, codes in copied:
            await copy(connection, "note_catalogue", CATALOGUED, notes)
            await copy(connection, "session_vectors", EMBEDDED, chunks)
            await copy(connection, "vector_codes", CODED, codes)
        await made.tell("rows", tenant.number + 1, time.perf_counter() - started)


_BEGUN = """
WITH model AS (INSERT INTO index_models (workspace_id, active) VALUES ($1, $2))
INSERT INTO index_epoch (workspace_id, epoch)
VALUES ($1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint))
"""


def catalogued(rows: Rows) -> bytes:
    """The notes of a part as binary COPY."""
    firsts = np.flatnonzero(rows.chunks == 0)
    digests = {MODEL: {FIELD: "0" * 32}}
    return encoded(
        len(firsts),
        {
            **_placed(rows, firsts),
            "state": b"active",
            "version": (1).to_bytes(4, "big"),
            "updated_at": (INSTANT * 10**6).to_bytes(8, "big"),
            "digests": b"\1" + json.dumps(digests).encode(),  # jsonb's version stands before it
        },
    )


def embedded(rows: Rows) -> bytes:
    """The chunks of a part as binary COPY."""
    return encoded(
        len(rows),
        {
            **_placed(rows, np.arange(len(rows))),
            "field": FIELD.encode(),
            "chunk": rows.chunks.astype(">i4"),
            "model": MODEL.encode(),
            "embedding": vectors(rows.halves, ">f2"),
            "coded": b"\1",
        },
    )


def coded(rows: Rows) -> bytes:
    """The one-bit codes of a part's notes as binary COPY; the last note may have fewer chunks than the others."""
    records = np.zeros(len(rows), RECORD)
    records["ordinal"] = rows.chunks
    records["signs"], records["correction"] = encode(rows.halves)
    firsts = np.flatnonzero(rows.chunks == 0)
    whole = firsts[: len(rows) // CHUNKS_OF_A_NOTE]
    last = firsts[len(whole) :]
    return _coded(rows, whole, records[: len(whole) * CHUNKS_OF_A_NOTE]) + _coded(
        rows, last, records[len(whole) * CHUNKS_OF_A_NOTE :]
    )


def _coded(rows: Rows, firsts: Any, records: Any) -> bytes:
    """Of notes with equally many chunks."""
    if not len(firsts):
        return b""
    return encoded(
        len(firsts),
        {
            "workspace": rows.tenant.workspace.bytes,
            "model": MODEL.encode(),
            "entity": b"sessions",
            "note": rows.notes[firsts],
            "fields": FIELD.encode(),
            "codes": np.frombuffer(records.tobytes(), np.uint8).reshape(len(firsts), -1),
        },
    )


def _placed(rows: Rows, chosen: Any) -> Mapping[str, Any]:
    return {
        "workspace": rows.tenant.workspace.bytes,
        "entity": b"sessions",
        "note": rows.notes[chosen],
        "client": rows.clients[chosen],
        "day": days(rows.days[chosen], FIRST_DAY),
    }


def within(question: Question) -> Within:
    """The scope of a question in our words."""
    narrow = question.narrow
    if narrow is None:
        return ANYWHERE
    return Within(frozenset({ClientId(narrow.client)}), Period(narrow.first, narrow.last))


@dataclass(slots=True)
class Numbers:
    """Which of a tenant's rows a hit is; made once a tenant, and never while something is timed."""

    _by_tenant: dict[int, Mapping[bytes, int]] = field(default_factory=dict)

    def of(self, question: Question, hits: Sequence[Hit]) -> Sequence[int]:
        known = self._by_tenant.get(question.tenant.number)
        if known is None:
            firsts = np.flatnonzero(question.rows.chunks == 0)
            ids = (note.tobytes() for note in question.rows.notes[firsts])
            known = self._by_tenant[question.tenant.number] = dict(
                zip(ids, firsts.tolist(), strict=True)
            )
        return [known[hit.ref.id.bytes] + hit.ordinal for hit in hits]


@dataclass(frozen=True, slots=True)
class Hot:
    """Out of memory, checked against the epoch by a transaction of its own."""

    name: str
    store: ChunkStore
    index: DenseIndex
    numbers: Numbers

    async def ask(self, question: Question, limit: int) -> Said:
        workspace, scope, vector = question.tenant.workspace, within(question), question.vector
        started = time.perf_counter()
        epoch = await self.store.epoch(workspace=workspace)
        asked = time.perf_counter() - started
        hits = await self.index.search(
            vector, workspace=workspace, model=MODEL, within=scope, limit=limit, epoch=epoch
        )
        return Said(hits, asked)

    def rows(self, question: Question, found: Any) -> Sequence[int]:
        return self.numbers.of(question, found)


@dataclass(frozen=True, slots=True)
class Cold:
    """By the database, exact: a process that holds nothing of the workspace."""

    name: str
    store: ChunkStore
    numbers: Numbers

    async def ask(self, question: Question, limit: int) -> Said:
        workspace, scope = question.tenant.workspace, within(question)
        started = time.perf_counter()
        await self.store.epoch(workspace=workspace)
        asked = time.perf_counter() - started
        hits = await self.store.search(
            question.vector, workspace=workspace, model=MODEL, within=scope, limit=limit
        )
        return Said(hits, asked)

    def rows(self, question: Question, found: Any) -> Sequence[int]:
        return self.numbers.of(question, found)
