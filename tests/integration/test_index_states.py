"""The state of an index on real Postgres: seen at once, behind the walls, and found again after a fault."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from service.adapters.index.epochs import next_epoch
from service.adapters.postgres.database import Database, open_database
from service.demo.databases import Databases
from service.domain.identity import WorkspaceId
from service.errors import StoreUnavailable
from service.ports.index import IndexModels, IndexState
from tests.faults.tcp_proxy import Toxic, tcp_proxy
from tests.integration.conftest import Owner


async def test_what_was_committed_is_seen_by_the_next_question(databases_apart: Databases) -> None:
    """Each of twenty commits is in the state that is asked for afterwards, by another process, whoever asks too."""
    mine = [WorkspaceId(uuid4()) for _ in range(4)]
    async with (
        open_database(databases_apart.worker) as writer,
        open_database(databases_apart.api) as reader,
    ):
        before = {one: await reader.index_state(one) for one in mine}
        assert set(before.values()) == {IndexState(0, None)}
        for _ in range(20):
            await asyncio.gather(*(_write_and_look(writer, reader, one, before) for one in mine))


async def _write_and_look(
    writer: Database,
    reader: Database,
    workspace: WorkspaceId,
    before: dict[WorkspaceId, IndexState],
) -> None:
    async with writer.tenant_tx(workspace) as connection:
        await next_epoch(connection, workspace)
    state = await reader.index_state(workspace)
    assert state.epoch > before[workspace].epoch
    before[workspace] = state


@pytest.mark.parametrize("login", ["api", "worker"])
async def test_the_function_looks_behind_the_walls(
    databases_apart: Databases, owner: Owner, login: str
) -> None:
    """It is run with the caller's rights, and after its statement nothing is open."""
    powers = "SELECT prosecdef FROM pg_proc WHERE proname = 'index_state'"
    assert await owner.fetchval(powers) is False
    async with open_database(getattr(databases_apart, login), pool_size=1) as database:
        await database.index_state(WorkspaceId(uuid4()))
        kept = database.index_states._connection
        assert kept is not None
        assert not kept.is_in_transaction()
        assert not await kept.fetchval("SELECT current_setting('app.workspace_id', true)")


async def test_the_function_tells_of_the_workspace_it_was_asked_of(
    databases_apart: Databases,
) -> None:
    """Also of a login that no wall holds up: the filter is there without the walls."""
    mine = [WorkspaceId(uuid4()) for _ in range(3)]
    async with open_database(databases_apart.owner) as database:
        for times, workspace in enumerate(mine):
            async with database.tenant_tx(workspace) as connection:
                await next_epoch(connection, workspace)
                written = {"workspace": workspace, "epoch": times, "model": f"m{times}"}
                await connection.execute(_EPOCH, written)
                await connection.execute(_MODEL, written)
        told = await asyncio.gather(*(database.index_state(one) for one in mine))
    assert told == [IndexState(n, IndexModels(f"m{n}", None)) for n in range(3)]


_EPOCH = text("UPDATE index_epoch SET epoch = :epoch WHERE workspace_id = :workspace")
_MODEL = text("INSERT INTO index_models (workspace_id, active) VALUES (:workspace, :model)")


async def test_a_connection_that_was_cut_is_replaced(
    databases_apart: Databases, owner: Owner
) -> None:
    """A database that was restarted between two questions costs neither an error."""
    here = WorkspaceId(uuid4())
    async with open_database(databases_apart.api, pool_size=1) as database:
        await database.index_state(here)
        kept = database.index_states._connection
        assert kept is not None
        await owner.execute("SELECT pg_terminate_backend($1, 2000)", kept.get_server_pid())
        assert await database.index_state(here) == IndexState(0, None)


async def test_a_server_that_says_nothing_is_unavailable_and_found_again(
    databases_apart: Databases,
) -> None:
    """Everybody who waits hears of it in the time of a transaction; the first question afterwards is answered."""
    here = WorkspaceId(uuid4())
    async with (
        tcp_proxy(databases_apart.api) as link,
        open_database(link.instead_of(databases_apart.api), pool_size=2, seconds=1) as database,
    ):
        await database.index_state(here)
        link.toxic = Toxic("timeout", 60)
        told = await asyncio.gather(
            *(database.index_state(here) for _ in range(20)), return_exceptions=True
        )
        assert {type(one) for one in told} == {StoreUnavailable}
        link.heal()
        assert await database.index_state(here) == IndexState(0, None)
        async with database.system_tx() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
