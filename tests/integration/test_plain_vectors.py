"""Vectors in clear, in a workspace that no memory holds: how it is compared and counted, and chunks without codes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from service.adapters.index import plain_vectors
from service.adapters.index.plain_vectors import SHARE, PlainVectors
from service.adapters.key_store import PgKeyStore
from service.adapters.postgres.database import Database, open_database
from service.demo.databases import Databases
from service.domain.scope import ANYWHERE
from service.ports.clock import now
from service.retrieval.dense import DenseIndex
from service.security.keys import KeyEncryptionKey, new_key
from tests.contracts.bench import MODEL, RealBench, a_space, axis, indexed, real_bench
from tests.fakes import WORKSPACE, a_note
from tests.integration.conftest import Owner
from tests.tables import empty_tables

HERE: dict[str, Any] = {"workspace": WORKSPACE, "model": MODEL}
NOTE = a_note("one", plan="two")
MANY = 30_000
"""Chunks, three a page: 80 MB."""


@pytest.fixture(scope="module")
async def database(databases_apart: Databases) -> AsyncIterator[Database]:
    async with open_database(databases_apart.api, pool_size=1) as opened:
        yield opened


@pytest.fixture
async def bench(databases_apart: Databases, owner: Owner) -> AsyncIterator[RealBench]:
    await empty_tables(owner)
    async with open_database(databases_apart.worker) as worker:
        yield real_bench(PgKeyStore(worker, KeyEncryptionKey(new_key()), now), owner)


async def _copied(owner: Owner, chunks: int) -> None:
    """A note's first chunk again and again, as chunks of the same field."""
    await owner.execute(
        "INSERT INTO session_vectors"
        " (workspace_id, entity, entity_id, client_id, day, field, chunk, model, embedding, coded)"
        " SELECT workspace_id, entity, entity_id, client_id, day, field, n, model, embedding, true"
        " FROM session_vectors, generate_series(1000, 999 + $1::int) n WHERE field = 'plan' AND chunk = 0",
        chunks,
    )
    await owner.execute("ANALYZE session_vectors")


async def test_a_large_workspace_is_compared_by_several_processes(
    bench: RealBench, database: Database, owner: Owner
) -> None:
    """Behind its wall too; and each search is planned for its workspace, however many went before on a connection."""
    await bench.index(NOTE)
    await _copied(owner, MANY)
    vectors = PlainVectors(database)
    for _ in range(8):  # after five of them Postgres would keep a plan for any workspace
        hits = await vectors.search(axis(1), **HERE, within=ANYWHERE, limit=10)
        assert len(hits) == 10
    query = plain_vectors._nearest(axis(1), **HERE, within=ANYWHERE, limit=10)
    compiled = query.compile(dialect=database.engine.dialect)
    values = tuple(compiled.params[name] for name in compiled.positiontup)
    async with database.tenant_tx(WORKSPACE) as connection:
        kept = (await connection.execute(text(_PLANS))).all()
        await connection.execute(plain_vectors._ALL_AT_ONCE)
        lines = await connection.exec_driver_sql(f"EXPLAIN {compiled}", values)
        plan = "\n".join(line for (line,) in lines)
    assert kept == [(0, 8)]
    assert "Workers Planned: " in plan


_PLANS = """
SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE starts_with(statement, 'SELECT session_vectors')
"""


async def test_a_workspace_is_counted_by_a_sample_where_that_leaves_no_doubt(
    bench: RealBench, database: Database, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of half as many as there are all are met; of ten times as many a share tells, about right."""
    monkeypatch.setattr(plain_vectors, "FEW", 1000)
    await bench.index(NOTE)
    await _copied(owner, MANY)
    vectors = PlainVectors(database)
    assert await vectors.counted(MANY // 2, **HERE) == MANY // 2
    assert await vectors.counted(MANY + 100, **HERE) == MANY + len(NOTE.fields)
    about = await vectors.counted(10 * MANY, **HERE)
    assert about % SHARE == 0
    assert MANY / 3 < about < 3 * MANY


async def test_a_chunk_without_a_code_is_found_all_the_same(bench: RealBench, owner: Owner) -> None:
    """As written by a release that knew none: no codes are told, the exact way is taken until the note is looked at."""
    other = a_note("three")
    await bench.index(indexed(NOTE, vector=axis(1)), indexed(other, vector=axis(2)))
    await owner.execute(
        "UPDATE session_vectors SET coded = false WHERE entity_id = $1", NOTE.ref.id
    )
    await owner.execute("DELETE FROM vector_codes WHERE entity_id = $1", NOTE.ref.id)
    for codes in (0, 3):
        told = await bench.store.chunk_codes(**HERE)
        assert (told is not None and len(told[1])) == codes
        dense = DenseIndex(bench.store, small=0, large=0)
        hits = await dense.search(axis(1), **HERE, within=ANYWHERE, limit=2)
        await dense.aclose()
        assert [hit.ref for hit in hits] == [NOTE.ref, NOTE.ref]
        looked_at = replace(indexed(NOTE), spaces=[a_space(NOTE, kept=tuple(NOTE.fields))])
        await bench.index(looked_at)
