"""Forgetting a whole practice: nothing stays, nobody else is touched, and nothing comes back."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from service.adapters.erasure.eraser import PgEraser
from service.adapters.index.chunk_store import PgChunkStore
from service.adapters.index.epochs import next_epoch
from service.adapters.index.plain_vectors import PlainVectors
from service.adapters.key_store import PgKeyStore
from service.adapters.postgres.tables import CONTENT_TABLES, note_catalogue
from service.adapters.work.wants import finish
from service.container import Container, now
from service.domain.erasure import Subject
from service.domain.identity import WorkspaceId
from service.domain.notes import ManifestItem
from service.errors import KeyUnavailable
from service.ports.erasure import Erased
from service.ports.index import IndexedNote, Space
from service.ports.work import Lease
from tests.fakes import CLIENT, NOW, a_bag, a_note
from tests.integration.conftest import Owner, furnish, rows

CONTENT = {table.name for table in CONTENT_TABLES}
LEFT_STANDING = {"audit", "audit_checkpoints"}
"""After an erasure: the trail, which outlives its workspace."""
SEARCH = {
    "note_catalogue",
    "session_vectors",
    "vector_codes",
    "sealed_vectors",
    "bags",
    "index_changes",
}


@pytest.fixture
async def mine(opened: Container) -> WorkspaceId:
    return await furnish(opened)


@pytest.fixture
async def theirs(opened: Container) -> WorkspaceId:
    return await furnish(opened)


@pytest.fixture
def eraser(opened: Container) -> PgEraser:
    return opened.eraser


async def _held(owner: Owner, workspace: WorkspaceId) -> set[str]:
    """The content tables that hold a row of this workspace."""
    return {table for table in CONTENT if await rows(owner, table, workspace)}


async def test_an_erased_practice_leaves_its_epoch_and_its_trail(
    owner: Owner, opened: Container, eraser: PgEraser, mine: WorkspaceId, theirs: WorkspaceId
) -> None:
    """No content table holds a row of an erased practice but a number and the audit trail, which tells the erasure
    as its last row; a neighbour's rows stay as they are."""
    assert await _held(owner, mine) == CONTENT
    before = {table: await rows(owner, table, theirs) for table in CONTENT}
    told = await opened.audit.rows(workspace=mine)

    await _erase(opened, mine)
    assert await _held(owner, mine) == LEFT_STANDING
    *still, erased = await opened.audit.rows(workspace=mine)
    assert (still, erased.entry.action) == (list(told), "workspace.erased")
    assert not (await opened.queue.depth()).waiting
    assert {table: await rows(owner, table, theirs) for table in CONTENT} == before


async def test_a_suspended_practice_keeps_its_conversations(
    owner: Owner, opened: Container, eraser: PgEraser, mine: WorkspaceId
) -> None:
    """Forgetting the index leaves nothing that search reads, and all that was said."""
    await eraser.forget_index(await _workspace_lease(opened, mine))

    assert await _held(owner, mine) == CONTENT - SEARCH


async def test_a_note_being_written_does_not_outlive_its_practice(
    owner: Owner, opened: Container, eraser: PgEraser, mine: WorkspaceId
) -> None:
    """A worker that commits a note in the middle of an erasure leaves nothing behind."""
    lease = await _lease(opened, mine)
    shutting = await _workspace_lease(opened, mine)
    async with opened.database.tenant_tx(mine) as connection:
        assert await finish(connection, lease)
        row = {"workspace_id": mine, "entity": "sessions", "entity_id": lease.key}
        row |= {"client_id": CLIENT, "state": "active", "updated_at": NOW, "digests": {}}
        await connection.execute(note_catalogue.insert().values(row))
        await next_epoch(connection, mine)
        erasing = asyncio.create_task(eraser.erase(_whole(mine), asked_by="event", lease=shutting))
        await asyncio.sleep(0.2)  # the erasure goes as far as it can
    await erasing

    assert await _held(owner, mine) == LEFT_STANDING


async def test_a_late_worker_writes_nothing(
    owner: Owner, opened: Container, eraser: PgEraser, mine: WorkspaceId
) -> None:
    """A worker that comes after the erasure has lost its lease."""
    lease = await _lease(opened, mine)
    await _erase(opened, mine)

    note = a_note("late", id=lease.key, workspace=mine)
    assert not await opened.store.forget(note.ref, lease=lease)
    assert await _held(owner, mine) == LEFT_STANDING


async def test_a_stalled_worker_shuts_nothing(
    owner: Owner, opened: Container, eraser: PgEraser, mine: WorkspaceId
) -> None:
    """Who read 'deleted' and lost the lease meanwhile erases nothing: it may be true no more."""
    lease = await _workspace_lease(opened, mine)
    lost = replace(lease, token=lease.token - 1)

    assert await eraser.erase(_whole(mine), asked_by="event", lease=lost) is None
    assert not await eraser.forget_index(lost)
    assert await _held(owner, mine) == CONTENT


async def test_a_shut_practice_takes_nothing_in_until_it_is_open_again(
    owner: Owner, opened: Container, eraser: PgEraser, mine: WorkspaceId
) -> None:
    """Late events of a deleted practice are not even claimed; once it is active again, they are."""
    await _erase(opened, mine)
    item = ManifestItem("sessions", uuid4(), CLIENT, "active", NOW)
    await opened.queue.want([item], workspace=mine)
    assert await opened.queue.claim(limit=5) == []

    assert await eraser.lift(_whole(mine))
    assert [lease.key for lease in await opened.queue.claim(limit=5)] == [item.id]


async def test_a_suspended_practice_is_waited_for_by_nobody(
    opened: Container, eraser: PgEraser, mine: WorkspaceId
) -> None:
    """Its late events are neither claimed nor counted as waiting; once it is active again, they are."""
    assert await eraser.forget_index(await _workspace_lease(opened, mine))
    waiting = (await opened.queue.depth()).waiting
    item = ManifestItem("sessions", uuid4(), CLIENT, "active", NOW)
    await opened.queue.want([item], workspace=mine)
    assert await opened.queue.claim(limit=5) == []
    assert (await opened.queue.depth()).waiting == waiting

    assert await eraser.reopen(workspace=mine)
    assert (await opened.queue.depth()).waiting == waiting + 1
    assert [lease.key for lease in await opened.queue.claim(limit=5)] == [item.id]


async def test_erased_keys_that_another_process_remembers_seal_nothing(
    owner: Owner, opened: Container, eraser: PgEraser, mine: WorkspaceId
) -> None:
    """A process that still holds the keys of before an erasure is told, forgets them, and goes on with the new ones."""
    elsewhere = PgKeyStore(opened.database, opened.keys.kek, now)
    remembered = await elsewhere.keys(workspace=mine)
    await _erase(opened, mine)
    assert await eraser.lift(_whole(mine))
    await asyncio.sleep(1.1)  # epochs are seconds
    fresh = await opened.keys.keys(workspace=mine)
    assert fresh.epoch != remembered.epoch

    store = PgChunkStore(opened.database, elsewhere, PlainVectors(opened.database))
    lease = await _lease(opened, mine)
    note = a_note("text", id=lease.key, workspace=mine)
    indexed = IndexedNote(note, a_bag(note, key=fresh.index), [Space("m", {}, frozenset(), [])])
    with pytest.raises(KeyUnavailable):
        await store.replace(indexed, lease=lease)
    assert await store.replace(indexed, lease=lease)
    assert len((await opened.store.bags(workspace=mine))[1]) == 1


def _whole(workspace: WorkspaceId) -> Subject:
    return Subject(workspace, "workspaces", workspace)


async def _erase(opened: Container, workspace: WorkspaceId) -> Erased | None:
    lease = await _workspace_lease(opened, workspace)
    return await opened.eraser.erase(_whole(workspace), asked_by="event", lease=lease)


async def _workspace_lease(opened: Container, workspace: WorkspaceId) -> Lease:
    await opened.queue.want_whole([workspace], kind="workspaces")
    while True:
        for lease in await opened.queue.claim(limit=1):
            if lease.kind == "workspaces":
                return lease


async def _lease(opened: Container, workspace: WorkspaceId) -> Lease:
    note = a_note("text", workspace=workspace)
    item = ManifestItem("sessions", note.ref.id, CLIENT, "active", NOW)
    await opened.queue.want([item], workspace=workspace)
    (lease,) = await opened.queue.claim(limit=1)
    assert lease.key == note.ref.id
    return lease
