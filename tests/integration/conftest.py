"""Two practices on real servers, furnished through the adapters, and the owner's view of them."""

from collections.abc import AsyncIterator
from typing import Literal
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from service.adapters.index.sealed_vectors import SealedVectors
from service.adapters.index.vector_table import NoteVectors
from service.container import Container, open_container
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.domain.audit import AuditEntry
from service.domain.feedback import Feedback
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import Note, NoteRef
from service.domain.turns import Sentence, Source, Turn
from service.keeper import keeper_of
from service.language.chunking import chunk_note
from service.ports.index import IndexedNote, Space
from service.ports.monolith import Event
from service.ports.work import Lease
from service.security.keys import digest
from service.settings import Settings
from service.vectors.note_rows import note_rows
from tests.contracts.bench import axis
from tests.fakes import NOW, a_bag, a_client, a_context, a_note
from tests.tables import empty_tables

Owner = "asyncpg.Connection[asyncpg.Record]"
CANARY = "canary-7f3a קנרית"


@pytest.fixture(scope="module")
async def owner(databases_apart: Databases) -> AsyncIterator[Owner]:
    """The login that may do everything, as an attacker with a copy of the disk could."""
    connection = await asyncpg.connect(databases_apart.owner.replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def opened(
    stage: Stage, databases_apart: Databases, owner: Owner
) -> AsyncIterator[Container]:
    """The service's parts on empty tables, with the worker's login; notes need not be quiet."""
    await empty_tables(owner)
    async with open_container(settings_for(stage, databases_apart.worker)) as container:
        yield container


def settings_for(stage: Stage, url: str) -> Settings:
    changed = {"database_url": SecretStr(url), "debounce_seconds": 0, "erasure_receipts_dir": None}
    return stage.settings().model_copy(update=changed)


@pytest.fixture(scope="module")
async def practices(opened: Container) -> tuple[WorkspaceId, WorkspaceId]:
    """Two practices with rows in every content table."""
    return await furnish(opened), await furnish(opened)


async def furnish(opened: Container) -> WorkspaceId:
    """A new practice with a note, its client, a turn and a purged note, which wrote the canary everywhere it can."""
    workspace, client = WorkspaceId(uuid4()), ClientId(uuid4())
    note = a_note(CANARY, workspace=workspace, client=client, plan=f"{CANARY} {CANARY}")
    lease = await _lease(opened, note.ref, kind="upserted")
    assert await opened.store.replace(await _indexed(note, opened), lease=lease)
    named = a_client(client, name=(CANARY, CANARY), workspace=workspace)
    lease = await _lease(opened, named.profile.ref, kind="upserted")
    profile = await _indexed(named.profile, opened)
    assert await opened.store.put_client(named, profile, lease=lease)
    await _seal_vectors(opened, note)
    await _say(opened, note)
    await _record(opened, workspace)
    purged = NoteRef(workspace, "sessions", uuid4())
    lease = await _lease(opened, purged, kind="purged")
    assert await opened.store.forget(purged, lease=lease)
    return workspace


async def _lease(opened: Container, ref: NoteRef, *, kind: Literal["upserted", "purged"]) -> Lease:
    await opened.queue.accept([Event(uuid4(), ref.workspace, ref.entity, ref.id, kind)])
    (lease,) = await opened.queue.claim(limit=1)
    assert lease.key == ref.id
    return lease


async def _indexed(note: Note, opened: Container) -> IndexedNote:
    key = (await opened.keys.keys(workspace=note.ref.workspace)).index
    chunks = chunk_note(note)
    embedder = opened.models.embedder
    return IndexedNote(
        note=note,
        bag=a_bag(note, key=key),
        spaces=[
            Space(
                model=embedder.model,
                digests={name: digest(key, value) for name, value in note.fields.items()},
                kept=frozenset(),
                chunks=chunks,
                vectors=await embedder.embed(
                    [c.text for c in chunks], purpose="document", context=a_context(key=key)
                ),
            )
        ],
    )


async def _seal_vectors(opened: Container, note: Note) -> None:
    """Of the same note in another model, as a process with VECTORS=sealed writes them."""
    workspace = note.ref.workspace
    keys = await opened.keys.keys(workspace=workspace)
    taken = NoteVectors(
        note.ref, "another", note.client, note.day, note_rows([("plan", 0)], [axis(0)])
    )
    async with opened.database.tenant_tx(workspace) as connection:
        await SealedVectors(opened.database, opened.keys).put(connection, [taken], keys)


async def _say(opened: Container, note: Note) -> None:
    """One turn that says the same twice, so that equal texts can be compared at rest."""
    said = Sentence(
        CANARY, [{"quote": CANARY, "client_name": CANARY}], {note.ref: Source(note.client)}
    )
    turn, user = Turn(uuid4(), CANARY, [said, said], {"status": "answered"}, NOW), UserId(uuid4())
    await opened.conversations.add_turn(
        conversation=uuid4(),
        client=None,
        user=user,
        workspace=note.ref.workspace,
        turn=turn,
    )
    given = Feedback("down", "wrong_fact")
    assert await opened.feedback.give(
        turn.id, given, user=user, workspace=note.ref.workspace, at=NOW
    )


async def _record(opened: Container, workspace: WorkspaceId) -> None:
    """A row of the audit trail, and a checkpoint over it."""
    seq = await opened.audit.append(AuditEntry("history.read"), workspace=workspace)
    head = next(head for head in await opened.audit.heads() if head.workspace == workspace)
    assert head.seq == seq
    await keeper_of(opened).checkpoint(head)


async def rows(owner: Owner, table: str, workspace: WorkspaceId) -> list[str]:
    """A table's rows of a workspace as they lie there, each as JSON."""
    query = f"SELECT to_jsonb(t)::text FROM {table} t WHERE workspace_id = $1 ORDER BY 1"
    return [row[0] for row in await owner.fetch(query, workspace)]
