"""The catalogue: which notes and clients the index knows, and what goes with a row of it."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, and_, delete, func, not_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.index.scoped import inside, is_note
from service.adapters.postgres.tables import note_catalogue
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Client, ManifestItem, NoteRef
from service.domain.scope import Within


def entry(row: Row[Any]) -> ManifestItem:
    """A row as PazPaz would list it."""
    return ManifestItem(
        entity=row.entity,
        id=row.entity_id,
        client=ClientId(row.client_id),
        state=row.state,
        updated_at=row.updated_at,
        version=row.version,
        is_searched=row.is_searched,
    )


def course(workspace: WorkspaceId, within: Within) -> Any:
    """The searched sessions of a scope, in the order of their days."""
    table = note_catalogue
    return (
        select(table.c.entity_id, table.c.client_id, table.c.day, table.c.state)
        .where(inside(table, workspace, within), table.c.entity == "sessions", table.c.is_searched)
        .order_by(table.c.day, table.c.entity_id)
    )


def coverage(workspace: WorkspaceId, within: Within) -> Any:
    """Counts of what a search in this scope reads and of the drafts it leaves out, and its first and last day."""
    table = note_catalogue
    searched = and_(table.c.is_searched, inside(table, workspace, within))
    return select(
        func.count().filter(searched).label("notes"),
        func.min(table.c.day).filter(searched).label("first_day"),
        func.max(table.c.day).filter(searched).label("last_day"),
        func.count().filter(searched, table.c.state == "draft").label("drafts"),
        func.count().filter(not_(table.c.is_searched)).label("unsearched"),
    ).where(inside(table, workspace, replace(within, sessions=None)), table.c.entity == "sessions")


def named(workspace: WorkspaceId) -> Any:
    """The clients who have names here.

    One of whom nothing is sealed was not looked at since names are, and is not among them.
    """
    table = note_catalogue
    return _rows_of(workspace, table.c.entity == "clients", table.c.sealed.is_not(None))


def searched_of(clients: Collection[ClientId], workspace: WorkspaceId) -> Any:
    """Searched rows of these clients, newest first, and last those without a day."""
    table = note_catalogue
    searched = table.c.client_id.in_(clients), table.c.is_searched, table.c.state != "archived"
    newest = table.c.day.desc().nulls_last(), table.c.entity, table.c.entity_id
    return _rows_of(workspace, *searched).order_by(*newest)


def _rows_of(workspace: WorkspaceId, *chosen: ColumnElement[bool]) -> Any:
    """What it takes to open a row."""
    table = note_catalogue
    return select(
        *(table.c.workspace_id, table.c.entity, table.c.entity_id, table.c.client_id, table.c.day),
        *(table.c.key_epoch, table.c.sealed),
    ).where(table.c.workspace_id == workspace, *chosen)


async def client_state(
    connection: AsyncConnection, workspace: WorkspaceId, client: ClientId
) -> str | None:
    """None for a client who is not catalogued."""
    query = select(note_catalogue.c.state).where(
        is_note(note_catalogue, NoteRef(workspace, "clients", client))
    )
    state: str | None = await connection.scalar(query)
    return state


async def lock_client(
    connection: AsyncConnection, workspace: WorkspaceId, client: ClientId
) -> None:
    """Archiving a client and indexing one of their sessions wait for each other, or one would undo the other.

    Before any row of work: who brings a client back wants the rows of all their sessions, and would wait in a ring
    with whoever holds one of them and waits here (2 deadlocks in 24 such meetings of three workers).
    """
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"{workspace}/{client}"},
    )


async def drop_note(connection: AsyncConnection, ref: NoteRef) -> int:
    """The catalogue row, and by cascade its chunks and its bag; how many rows there were."""
    gone = await connection.execute(delete(note_catalogue).where(is_note(note_catalogue, ref)))
    return int(gone.rowcount)


async def drop_client(connection: AsyncConnection, workspace: WorkspaceId, client: ClientId) -> int:
    """The same of everything of a client."""
    theirs = delete(note_catalogue).where(of_client(note_catalogue, workspace, client))
    return int((await connection.execute(theirs)).rowcount)


async def archive_client(
    connection: AsyncConnection, client: Client, workspace: WorkspaceId
) -> None:
    """Forgets everything of the client but the fact that they are archived."""
    await drop_client(connection, workspace, client.id)
    await connection.execute(
        insert(note_catalogue).values(
            workspace_id=workspace,
            entity="clients",
            entity_id=client.id,
            client_id=client.id,
            state="archived",
            updated_at=client.profile.updated_at,
        )
    )


def of_client(table: Table, workspace: WorkspaceId, client: UUID) -> ColumnElement[bool]:
    """All rows of a client, their sessions' too."""
    return and_(table.c.workspace_id == workspace, table.c.client_id == client)
