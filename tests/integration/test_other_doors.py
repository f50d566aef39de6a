"""Ways past row-level security: functions, views, rules, grants, memberships, COPY, and who speaks first."""

import io

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.adapters.postgres.database import open_database
from service.adapters.postgres.tables import CONTENT_TABLES
from service.container import Container
from service.demo.databases import Databases
from service.domain.identity import WorkspaceId
from tests.fuzz.watch import Watch
from tests.integration.conftest import Owner, furnish, rows

CONTENT = [table.name for table in CONTENT_TABLES]
OUTSIDE = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_t%'"
"""Of the catalogue's names, those that are not Postgres's own."""
ROLES = "('pazpaz_ai_api', 'pazpaz_ai_worker')"
NOT_OF_AN_EXTENSION = (
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')"
)


async def _column(owner: Owner, query: str) -> list[object]:
    return [row[0] for row in await owner.fetch(query)]


async def test_no_function_runs_with_somebody_elses_rights(owner: Owner) -> None:
    """Three functions are ours, each with a fixed search path; none of anybody's is SECURITY DEFINER."""
    functions = f"FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OUTSIDE}"
    assert await _column(owner, f"SELECT proname {functions} AND prosecdef") == []
    ours = f"{functions} AND {NOT_OF_AN_EXTENSION.format(oid='p.oid')}"
    named = await _column(owner, f"SELECT proname {ours} ORDER BY 1")
    assert named == ["app_workspace", "audit_append_only", "index_state"]
    fixed = await _column(owner, f"SELECT proconfig::text {ours}")
    assert set(fixed) == {"{search_path=pg_catalog}"}


async def test_nothing_but_tables_and_their_indexes_is_there(owner: Owner) -> None:
    """No view, materialised view or foreign table stands beside the tables, no sequence but the one of fencing
    tokens, which counts all practices' work together, and no rule rewrites one."""
    kinds = await _column(
        owner,
        "SELECT DISTINCT relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE {OUTSIDE} AND {NOT_OF_AN_EXTENSION.format(oid='c.oid')} ORDER BY 1",
    )
    assert kinds == ["S", "i", "r"]
    sequences = "SELECT relname FROM pg_class WHERE relkind = 'S'"
    assert await _column(owner, sequences) == ["work_tokens"]
    rules = "SELECT rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class"
    outside = f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OUTSIDE}"
    assert await _column(owner, rules + outside) == []
    assert await _column(owner, "SELECT evtname FROM pg_event_trigger") == []


async def test_grants_are_of_four_kinds_and_to_two_roles(owner: Owner) -> None:
    """On tables and on columns: reading and writing rows, handed on by nobody, and nothing promised for later."""
    granted = await owner.fetch(
        "SELECT pg_get_userbyid(a.grantee) AS role, a.privilege_type AS right, a.is_grantable AS on, c.relkind"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" LEFT JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(coalesce(t.attacl, c.relacl)) a"
        f" WHERE {OUTSIDE} AND a.grantee <> c.relowner"
    )
    assert {row["role"] for row in granted} == {"pazpaz_ai_api", "pazpaz_ai_worker"}
    on_tables = {row["right"] for row in granted if row["relkind"] != b"S"}
    assert on_tables == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert {row["right"] for row in granted if row["relkind"] == b"S"} == {"USAGE"}
    assert not any(row["on"] for row in granted)
    assert await _column(owner, "SELECT oid FROM pg_default_acl") == []


async def test_the_roles_are_nobody_elses(owner: Owner) -> None:
    """They belong to no other role, such as one that reads all data or files, and may make nothing."""
    parents = (
        "SELECT pg_get_userbyid(roleid) FROM pg_auth_members"
        f" WHERE pg_get_userbyid(member) IN {ROLES}"
    )
    assert await _column(owner, parents) == []
    mighty = (
        f"SELECT rolname FROM pg_roles WHERE rolname IN {ROLES} AND (rolsuper OR rolbypassrls"
        " OR rolcreaterole OR rolcreatedb OR rolreplication OR rolcanlogin)"
    )
    assert await _column(owner, mighty) == []
    making = (
        "SELECT rolname FROM pg_roles, pg_namespace n"
        f" WHERE rolname IN {ROLES} AND {OUTSIDE} AND has_schema_privilege(rolname, n.oid, 'CREATE')"
    )
    assert await _column(owner, making) == []


@pytest.mark.parametrize("table", CONTENT)
async def test_copy_stops_at_the_wall(
    databases_apart: Databases,
    owner: Owner,
    practices: tuple[WorkspaceId, WorkspaceId],
    table: str,
) -> None:
    """COPY gives one practice's rows inside its transaction, and an error without one."""
    mine, _ = practices
    connection = await asyncpg.connect(databases_apart.worker.replace("+asyncpg", ""))
    try:
        out = io.BytesIO()
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('app.workspace_id', $1::text, true)", str(mine)
            )
            await connection.copy_from_table(table, columns=["workspace_id"], output=out)
        copied = out.getvalue().decode().split()
        assert copied == [str(mine)] * len(await rows(owner, table, mine))
        assert copied
        with pytest.raises(asyncpg.PostgresError, match=r"app\.workspace_id is not set"):
            await connection.copy_from_table(table, output=io.BytesIO())
    finally:
        await connection.close()


async def test_whose_it_is_comes_first(opened: Container) -> None:
    """Each transaction that opens content begins by saying whose, once, and then opens no other's."""
    watch = Watch(frozenset(), frozenset())  # ids are the fuzz's matter; here it is the order
    with watch.over(opened.database.engine.sync_engine):
        await furnish(opened)
    assert watch.sent
    assert watch.wrong == []


async def test_the_watch_sees_who_does_not_say(
    databases_apart: Databases, practices: tuple[WorkspaceId, WorkspaceId]
) -> None:
    """Content opened before anybody said whose, a second practice named, and another's id asked for are all seen."""
    mine, theirs = practices
    about = text("SELECT count(*) FROM turns WHERE workspace_id = :whose")
    say = text("SELECT set_config('app.workspace_id', :whose, true)")
    async with open_database(databases_apart.worker, pool_size=1) as database:
        watch = Watch(frozenset(), frozenset({str(mine), str(theirs)}))
        with watch.over(database.engine.sync_engine):
            with pytest.raises(DBAPIError):
                async with database.system_tx() as connection:
                    await connection.execute(about, {"whose": mine})
            assert [one.rpartition(" ")[2] for one in watch.wrong] == ["nobody"]
            async with database.tenant_tx(mine) as connection:
                await connection.execute(about, {"whose": theirs})
            async with database.tenant_tx(mine) as connection:
                await connection.execute(say, {"whose": str(theirs)})
    assert len(watch.wrong) == 3
