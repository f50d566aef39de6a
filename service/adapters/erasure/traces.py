"""Every place of the database where an id of a note, a client or a workspace could stand, searched."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Uuid, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.tables import (
    CONTENT_TABLES,
    SYSTEM_TABLES,
    audit,
    audit_checkpoints,
    audit_heads,
    erasures,
    tombstones,
)
from service.domain.erasure import Subject

KEEPING = {
    audit: "the trail of access, which the law asks for",
    audit_checkpoints: "signatures over the trail",
    audit_heads: "how long each trail is",
    erasures: "receipts",
    tombstones: "what refuses late events",
}
"""The tables that may go on naming what was erased, and why; every other one is searched."""
SEARCHED = tuple(table for table in (*CONTENT_TABLES, *SYSTEM_TABLES) if table not in KEEPING)


async def traces(
    connection: AsyncConnection, subject: Subject, ids: Collection[UUID]
) -> Mapping[str, int]:
    """Rows by table that name one of the ids in any column, inside the subject's workspace."""
    return {
        table.name: int(await connection.scalar(_count(table, where)) or 0)
        for table in SEARCHED
        if (where := _naming(table, subject, ids)) is not None
    }


def _count(table: Table, where: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(table).where(where)


def _naming(table: Table, subject: Subject, ids: Collection[UUID]) -> ColumnElement[bool] | None:
    columns = [column for column in table.c if isinstance(column.type, Uuid)]
    if not columns:
        return None
    if subject.entity == "workspaces":
        return or_(*(column == subject.id for column in columns))
    others = [column for column in columns if column.name != "workspace_id"]
    named = or_(*(column.in_(ids) for column in others)) if others else None
    if named is None or "workspace_id" not in table.c:
        return named
    return (table.c.workspace_id == subject.workspace) & named
