"""The walls between practices, tried from outside: the catalogue, raw SQL, and the bytes at rest."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from service.adapters.index.sealed_rows import seal_row
from service.adapters.postgres.database import Database, open_database
from service.adapters.postgres.tables import CONTENT_TABLES, SYSTEM_TABLES, metadata
from service.container import Container, open_container
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from service.domain.risk import RiskSpan
from service.errors import BadSettings, SealBroken
from service.vectors import DIMENSION
from tests.fakes import a_bag, a_client, a_note
from tests.integration.conftest import CANARY, Owner, rows, settings_for

CONTENT = [table.name for table in CONTENT_TABLES]
SYSTEM = [table.name for table in SYSTEM_TABLES]
NOT_SET = "app.workspace_id is not set"
BEHIND_THE_WALL = "violates row-level security policy"
FORBIDDEN = "permission denied"


@asynccontextmanager
async def one_connection(databases_apart: Databases) -> AsyncIterator[Database]:
    """The worker's door to a pool of one, so that whatever stays on a connection is met again."""
    async with open_database(databases_apart.worker, pool_size=1) as database:
        yield database


async def _column(owner: Owner, query: str, *args: object) -> list[Any]:
    return [row[0] for row in await owner.fetch(query, *args)]


async def test_every_table_stands_in_one_list(owner: Owner) -> None:
    """A table is content or system, and a new one must be put in a list before this passes again."""
    there = await _column(
        owner,
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'p', 'm', 'f', 'v') AND relname <> 'alembic_version'"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
    )
    assert sorted(CONTENT + SYSTEM) == sorted(there)
    assert sorted(metadata.tables) == sorted(there)


async def test_the_tables_know_their_columns(owner: Owner) -> None:
    """What the service calls a table's columns is what the migrations made."""
    columns = await owner.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    there = {tuple(row) for row in columns if row["table_name"] != "alembic_version"}
    named = {(table.name, column.name) for table in metadata.sorted_tables for column in table.c}
    assert there == named


@pytest.mark.parametrize("table", CONTENT)
async def test_content_stands_behind_the_wall(owner: Owner, table: str) -> None:
    """Row-level security is enabled and forced, with one policy for all commands on both sides."""
    wall = await owner.fetchrow(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass",
        table,
    )
    assert tuple(wall) == (True, True)
    (policy,) = await owner.fetch(
        "SELECT permissive, roles::text[], cmd, qual, with_check FROM pg_policies WHERE tablename = $1",
        table,
    )
    predicate = "(workspace_id = ( SELECT app_workspace() AS app_workspace))"
    assert tuple(policy) == ("PERMISSIVE", ["public"], "ALL", predicate, predicate)


@pytest.mark.parametrize("table", CONTENT)
async def test_a_key_of_content_begins_with_the_workspace(owner: Owner, table: str) -> None:
    """Every unique and foreign key of content begins with the workspace, so none links or tells two."""
    keys = await owner.fetch(
        "SELECT c.contype::text, (SELECT attname FROM pg_attribute"
        "   WHERE attrelid = c.conrelid AND attnum = c.conkey[1]) AS leads"
        " FROM pg_constraint c WHERE c.conrelid = $1::text::regclass AND c.contype IN ('p', 'u', 'f')",
        table,
    )
    assert "p" in {key["contype"] for key in keys}
    assert {key["leads"] for key in keys} == {"workspace_id"}
    loose = await _column(
        owner,
        "SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a"
        "  ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = $1::text::regclass AND i.indisunique AND a.attname <> 'workspace_id'",
        table,
    )
    assert loose == []


async def test_the_practices_have_rows_in_every_table(
    owner: Owner, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """What the tests below try to reach is really there."""
    for table in CONTENT:
        for workspace in practices:
            count = await owner.fetchval(
                f"SELECT count(*) FROM {table} WHERE workspace_id = $1",
                workspace,
            )
            assert count > 0, table


@pytest.mark.parametrize("login", ["api", "worker"])
@pytest.mark.parametrize("table", CONTENT)
@pytest.mark.usefixtures("practices")
async def test_without_a_workspace_content_raises(
    databases_apart: Databases, login: str, table: str
) -> None:
    """A read that forgot to say whose it is fails; it does not find nothing."""
    async with open_database(getattr(databases_apart, login), pool_size=1) as database:
        for query in (f"SELECT * FROM {table}", f"SELECT count(*) FROM {table}"):
            with pytest.raises(DBAPIError, match=NOT_SET):
                async with database.system_tx() as connection:
                    await connection.execute(text(query))


@pytest.mark.parametrize("table", CONTENT)
async def test_another_practices_rows_are_out_of_reach(
    databases_apart: Databases, owner: Owner, practices: tuple[WorkspaceId, WorkspaceId], table: str
) -> None:
    """With one practice's setting another's rows cannot be seen, changed, taken away, added to or moved."""
    mine, theirs = practices
    before = await rows(owner, table, theirs)
    ours_before = await rows(owner, table, mine)
    moved = (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))).*"
    )
    async with one_connection(databases_apart) as database:
        async with database.tenant_tx(mine) as connection:
            seen = await connection.scalars(text(f"SELECT workspace_id FROM {table}"))
            assert set(seen) == {mine}
        assert await _refused(database, mine, moved, row=before[0]) == BEHIND_THE_WALL
        for change in (
            f"UPDATE {table} SET workspace_id = :mine WHERE workspace_id = :theirs",
            f"DELETE FROM {table} WHERE workspace_id = :theirs",
        ):
            assert await _refused(database, mine, change, mine=mine, theirs=theirs) in {
                "no row",
                FORBIDDEN,
            }
        give = f"UPDATE {table} SET workspace_id = :theirs"
        assert await _refused(database, mine, give, theirs=theirs) in {BEHIND_THE_WALL, FORBIDDEN}
    assert await rows(owner, table, theirs) == before
    assert await rows(owner, table, mine) == ours_before


async def _refused(
    database: Database, workspace: WorkspaceId, statement: str, **parameters: object
) -> str:
    """How a statement of this workspace was refused; what it did do is rolled back."""
    try:
        async with database.tenant_tx(workspace) as connection:
            result = await connection.execute(text(statement), parameters)
            await connection.rollback()
    except DBAPIError as exc:
        said = str(exc.orig)
        return next((one for one in (BEHIND_THE_WALL, FORBIDDEN) if one in said), said)
    return "no row" if result.rowcount == 0 else f"{result.rowcount} rows"


async def test_no_login_of_the_service_has_more_than_it_needs(owner: Owner) -> None:
    """The two roles own nothing, and have no right that passes row-level security or changes the schema."""
    granted = await owner.fetch(
        "SELECT grantee, table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE table_schema = 'public' AND grantee IN ('pazpaz_ai_api', 'pazpaz_ai_worker', 'PUBLIC')"
    )
    rights = {tuple(row) for row in granted}
    assert {right for _, _, right in rights} <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert "PUBLIC" not in {grantee for grantee, _, _ in rights}
    api = {(table, right) for grantee, table, right in rights if grantee == "pazpaz_ai_api"}
    assert api >= {("work", "INSERT"), ("session_vectors", "SELECT"), ("turns", "DELETE")}
    index = {
        "session_vectors",
        "vector_codes",
        "sealed_vectors",
        "bags",
        "note_catalogue",
        "index_epoch",
        "workspace_keys",
    }
    for table in (*index, "work", "tombstones", "event_ids"):
        assert (table, "DELETE") not in api
    assert {right for table, right in api if table in index - {"workspace_keys"}} == {"SELECT"}
    assert ("feedback", "DELETE") not in api  # it goes with its turn, by the owner of the table
    owned = await _column(
        owner,
        "SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE r.rolname LIKE 'pazpaz%' AND c.relnamespace = 'public'::regnamespace",
    )
    assert owned == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM work",
        "DELETE FROM tombstones",
        "DELETE FROM session_vectors",
        "DELETE FROM sealed_vectors",
        "UPDATE session_vectors SET day = NULL",
        "TRUNCATE turns",
        "ALTER TABLE turns DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE turns NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY workspace ON turns",
        "CREATE TABLE public.mine (x int)",
        "CREATE OR REPLACE FUNCTION app_workspace() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    ],
)
async def test_the_api_login_is_refused(
    databases_apart: Databases, practices: tuple[WorkspaceId, WorkspaceId], statement: str
) -> None:
    """The API's login can neither take away work and index, nor touch the walls."""
    async with open_database(databases_apart.api) as database:
        said = await _refused(database, practices[0], statement)
    assert FORBIDDEN in said or "must be owner" in said


async def test_a_powerful_login_is_refused(
    stage: Stage, databases_apart: Databases, owner: Owner
) -> None:
    """The service does not start with a login that could step over the walls, and says which setting it was."""
    role = f"pazpaz_walls_{uuid4().hex[:8]}"
    bypass = make_url(databases_apart.owner).set(username=role, password=role)
    stranger = bypass.render_as_string(hide_password=False)
    await owner.execute(
        f"CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD '{role}' IN ROLE pazpaz_ai_api"
    )
    try:
        for url in (databases_apart.owner, stranger):
            with pytest.raises(BadSettings, match="DATABASE_URL") as refused:
                async with open_container(settings_for(stage, url)):
                    pass
            assert url not in str(refused.value)
        await owner.execute(f"ALTER ROLE {role} NOBYPASSRLS")
        async with open_database(stranger) as database:
            await database.refuse_powerful_login()
            await owner.execute(f"ALTER TABLE bags OWNER TO {role}")
            with pytest.raises(BadSettings, match="owns our tables"):
                await database.refuse_powerful_login()
    finally:
        await owner.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        await owner.execute(f"DROP OWNED BY {role}")
        await owner.execute(f"DROP ROLE {role}")


async def test_a_login_of_another_part_is_refused(databases_apart: Databases) -> None:
    """A worker with the API's login would fail at its first statement, and an API with the worker's may too much."""
    async with (
        open_database(databases_apart.api) as api,
        open_database(databases_apart.worker) as worker,
    ):
        await api.refuse_login_outside("pazpaz_ai_api")
        await worker.refuse_login_outside("pazpaz_ai_worker")
        with pytest.raises(BadSettings, match="not IN ROLE pazpaz_ai_worker"):
            await api.refuse_login_outside("pazpaz_ai_worker")
        with pytest.raises(BadSettings, match="not IN ROLE pazpaz_ai_api"):
            await worker.refuse_login_outside("pazpaz_ai_api")


async def test_the_setting_ends_with_its_transaction(
    databases_apart: Databases, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """After a commit, an error, a refused statement and a cancellation, the pooled connection belongs to nobody."""
    mine, _ = practices

    async def commits(database: Database) -> int:
        async with database.tenant_tx(mine) as connection:
            return int(await connection.scalar(text("SELECT pg_backend_pid()")))

    async def fails(database: Database) -> None:
        async with database.tenant_tx(mine):
            raise LookupError

    async def is_refused(database: Database) -> None:
        async with database.tenant_tx(mine) as connection:
            await connection.execute(text("SELECT 1/0"))

    async def is_cancelled(database: Database) -> None:
        async with asyncio.timeout(0.1), database.tenant_tx(mine) as connection:
            await connection.execute(text("SELECT pg_sleep(5)"))

    async with one_connection(databases_apart) as database:
        pid = await commits(database)
        assert await _whose(database) == (pid, "")
        with pytest.raises(LookupError):
            await fails(database)
        assert await _whose(database) == (pid, "")
        with pytest.raises(DBAPIError, match="division by zero"):
            await is_refused(database)
        assert await _whose(database) == (pid, "")
        with pytest.raises(TimeoutError):
            await is_cancelled(database)
        assert (await _whose(database))[1] == ""
        with pytest.raises(DBAPIError, match=NOT_SET):
            async with database.system_tx() as connection:
                await connection.execute(text("SELECT * FROM turns"))


async def _whose(database: Database) -> tuple[int, str]:
    """The server process behind the pool's one connection, and the workspace it thinks it serves."""
    query = "SELECT pg_backend_pid(), coalesce(current_setting('app.workspace_id', true), '')"
    async with database.system_tx() as connection:
        pid, workspace = (await connection.execute(text(query))).one()
    return pid, workspace


async def test_vectors_lie_in_line_and_are_searched_exactly(owner: Owner) -> None:
    """Vectors are half precision, stored in line, and no approximate index stands over anything."""
    column = await owner.fetchrow(
        "SELECT format_type(atttypid, atttypmod) AS kind, attstorage::text AS storage FROM pg_attribute"
        " WHERE attrelid = 'session_vectors'::regclass AND attname = 'embedding'"
    )
    assert tuple(column) == (f"halfvec({DIMENSION})", "p")
    methods = await _column(
        owner,
        "SELECT DISTINCT am.amname FROM pg_class c JOIN pg_am am ON am.oid = c.relam"
        " WHERE c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace",
    )
    assert methods == ["btree"]


async def test_nothing_at_rest_can_be_read(
    owner: Owner, opened: Container, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """No table holds what was written, asked or answered, in any encoding, nor a hash that lexical search uses."""
    mine, _ = practices
    keys = await opened.keys.keys(workspace=mine)
    bag = a_bag(a_note(CANARY, workspace=mine), key=keys.index)
    assert bag.features, "there is something to find"
    needles = [
        encoded.hex()
        for word in CANARY.split()
        for encoded in (word.encode(), word.encode("utf-16-le"), json.dumps(word)[1:-1].encode())
    ]
    needles += [
        feature.to_bytes(8, order).hex() for feature in bag.features for order in ("little", "big")
    ]
    dumps = {}
    for table in await _tables(owner):
        there = await _column(owner, f"SELECT t::text FROM {table} t")
        dump = dumps[table] = "\n".join(there)
        assert CANARY.split()[0] not in dump, table
        assert CANARY.split()[1] not in dump, table
        assert not [needle for needle in needles if needle in dump], table
    question = await owner.fetchval("SELECT question FROM turns WHERE workspace_id = $1", mine)
    assert question.hex() in dumps["turns"], "the search would have seen bytes"


async def _tables(owner: Owner) -> list[str]:
    query = (
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return await _column(owner, query)


async def test_sealed_columns_are_sealed(
    owner: Owner, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """Every bag, name, stretch, block of vectors, question and sentence is a sealed blob, and equal texts are not equal
    at rest."""
    mine, _ = practices
    bag = await _column(owner, "SELECT sealed FROM bags WHERE workspace_id = $1", mine)
    said = await owner.fetchrow(
        "SELECT question, sentences FROM turns WHERE workspace_id = $1", mine
    )
    rows = "SELECT sealed FROM note_catalogue WHERE workspace_id = $1"
    vectors = await owner.fetchrow(
        "SELECT sealed, codes FROM sealed_vectors WHERE workspace_id = $1", mine
    )
    blobs = [*bag, *await _column(owner, rows, mine), said["question"], *said["sentences"]]
    blobs += vectors.values()

    assert len(blobs) == 8
    assert {blob[:1] for blob in blobs} == {b"\x01"}
    assert len(set(blobs)) == len(blobs)
    assert said["sentences"][0] != said["sentences"][1]


async def test_a_sealed_blob_opens_in_its_own_place_only(
    owner: Owner, opened: Container, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """A bag that somebody moved to another note does not open there."""
    mine, _ = practices
    other = uuid4()
    await owner.execute(
        "INSERT INTO note_catalogue SELECT workspace_id, entity, $2, client_id, day, state, version,"
        " updated_at, digests FROM note_catalogue WHERE workspace_id = $1",
        mine,
        other,
    )
    await owner.execute(
        "INSERT INTO bags SELECT workspace_id, entity, $2, client_id, day, key_epoch, sealed"
        " FROM bags WHERE workspace_id = $1",
        mine,
        other,
    )
    try:
        with pytest.raises(SealBroken):
            await opened.store.bags(workspace=mine)
    finally:
        await owner.execute("DELETE FROM note_catalogue WHERE entity_id = $1", other)
    _, bags = await opened.store.bags(workspace=mine)
    assert len(bags) == 1


async def test_names_open_at_their_own_client_only(
    owner: Owner, opened: Container, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """Names that somebody moved to another client do not open there, and none lie there without their epoch."""
    mine, _ = practices
    other = uuid4()
    half = "UPDATE note_catalogue SET key_epoch = NULL WHERE workspace_id = $1"
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(half, mine)
    await owner.execute(
        "INSERT INTO note_catalogue SELECT workspace_id, entity, $2, $2, day, state, version, updated_at,"
        " digests, key_epoch, sealed FROM note_catalogue WHERE workspace_id = $1 AND entity = 'clients'",
        mine,
        other,
    )
    try:
        with pytest.raises(SealBroken):
            await opened.store.people(workspace=mine)
    finally:
        await owner.execute("DELETE FROM note_catalogue WHERE entity_id = $1", other)
    _, (person,) = await opened.store.people(workspace=mine)
    assert (person.first, person.last) == (CANARY, CANARY)
    assert "canary" not in repr(person)


async def test_the_length_of_a_seal_tells_nothing(
    owner: Owner, opened: Container, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """A short name and a long one are sealed to the same length, and so is a note that speaks of danger or does not."""
    mine, _ = practices
    held = await _column(
        owner, "SELECT length(sealed) FROM note_catalogue WHERE workspace_id = $1", mine
    )
    keys, client = await opened.keys.keys(workspace=mine), a_client(name=("א", ""))
    risk = [RiskSpan("self_harm", "possible", "subjective", 4000 + i, 4999) for i in range(9)]
    made = [
        seal_row(client.profile.ref, [], keys, of=client),
        seal_row(a_note().ref, [], keys),
        seal_row(a_note().ref, risk, keys),
    ]
    assert {*held} == {len(one["sealed"]) for one in made}  # type: ignore[arg-type]
