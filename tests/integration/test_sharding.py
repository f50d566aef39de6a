"""Every content table could be divided over servers by its workspace: no key, index or reference spans two."""

import asyncpg
import pytest

from service.adapters.postgres.tables import CONTENT_TABLES
from tests.integration.conftest import Owner

KEYS = """
SELECT i.indrelid::regclass::text AS table, i.indexrelid::regclass::text AS name,
  (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number) AS columns
FROM pg_index i WHERE i.indisunique AND i.indrelid = ANY($1::text[]::regclass[])
"""
REFERENCES = """
SELECT conrelid::regclass::text AS table, confrelid::regclass::text AS target, conname::text AS name,
  (SELECT array_agg(ARRAY[a.attname::text, b.attname::text]) FROM unnest(conkey, confkey) AS pair (here, there)
   JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = pair.here
   JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = pair.there) AS pairs
FROM pg_constraint
WHERE contype = 'f' AND (conrelid = ANY($1::text[]::regclass[]) OR confrelid = ANY($1::text[]::regclass[]))
"""
NULLABLE = """
SELECT attrelid::regclass::text FROM pg_attribute
WHERE attname = 'workspace_id' AND NOT attnotnull AND attrelid = ANY($1::text[]::regclass[])
"""
SHARD = "workspace_id"
CONTENT = [table.name for table in CONTENT_TABLES]


@pytest.fixture
async def keys(owner: Owner) -> list[asyncpg.Record]:
    return await owner.fetch(KEYS, CONTENT)


async def test_every_content_table_has_a_key_that_begins_with_its_workspace(
    keys: list[asyncpg.Record],
) -> None:
    """Each table has one, and no unique index, which a shard can only judge for itself, lacks the workspace."""
    assert {key["table"] for key in keys} == set(CONTENT)
    wrong = [(key["name"], key["columns"]) for key in keys if key["columns"][0] != SHARD]
    assert wrong == []


async def test_no_reference_leaves_its_workspace(owner: Owner) -> None:
    """A foreign key of or to content pairs the two workspaces, and both ends are content."""
    found = await owner.fetch(REFERENCES, CONTENT)
    assert found, "the catalogue's children are references"
    for one in found:
        assert {one["table"], one["target"]} <= set(CONTENT), one["name"]
        assert [SHARD, SHARD] in one["pairs"], one["name"]


async def test_no_row_of_content_is_without_a_workspace(owner: Owner) -> None:
    """A row that belongs to none would have no shard."""
    assert await owner.fetch(NULLABLE, CONTENT) == []


HALVES_OF_A_KEY = """
SELECT i.indexrelid::regclass::text AS name,
  (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts) AS columns
FROM pg_index i WHERE i.indrelid = ANY($1::text[]::regclass[])
"""


async def test_no_index_stops_halfway_through_the_key_of_a_note(owner: Owner) -> None:
    """A table without statistics gives the planner no reason to prefer the one that has the key to its end."""
    found = await owner.fetch(HALVES_OF_A_KEY, CONTENT)
    some = [one["columns"] for one in found if one["columns"][:2] == [SHARD, "entity"]]
    assert some, "the catalogue is found by a note's key"
    assert [columns for columns in some if columns[2:3] != ["entity_id"]] == []
