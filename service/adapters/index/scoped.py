"""Which rows of a table are meant: those of a note, of several notes, of a scope, of what changed."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.index.epochs import Touched
from service.domain.identity import WorkspaceId
from service.domain.notes import Entity, NoteRef
from service.domain.scope import Period, Within


def is_note(table: Table, ref: NoteRef) -> ColumnElement[bool]:
    """The explicit workspace predicate stands beside row-level security: two walls, and a better plan."""
    return and_(
        table.c.workspace_id == ref.workspace,
        table.c.entity == ref.entity,
        table.c.entity_id == ref.id,
    )


def rows_of_notes(
    table: Table, workspace: WorkspaceId, refs: Iterable[NoteRef], *, lock: bool = False
) -> Select[Any]:
    """The rows of several notes; `lock` holds them, in the order of the notes' keys.

    One note after the other, by its key: OFFSET keeps the subquery out of a join. Joined to a list, a plan from when
    the table was small reads all of the workspace, for as long as it is kept.
    """
    keys = sorted((ref.entity, ref.id) for ref in refs)
    entities, ids = [entity for entity, _ in keys], [id for _, id in keys]
    named = literal(entities, ARRAY(Text)), literal(ids, ARRAY(Uuid))
    note = func.unnest(*named).table_valued("entity", "entity_id").render_derived("note")
    found = select(table).where(
        table.c.workspace_id == workspace,
        table.c.entity == note.c.entity,
        table.c.entity_id == note.c.entity_id,
    )
    each = found.offset(literal(0, literal_execute=True))
    rows = (each.with_for_update() if lock else each).lateral("found")
    return select(*rows.c).select_from(note.join(rows, true()))


async def drop_of_notes(
    connection: AsyncConnection, table: Table, workspace: WorkspaceId, refs: Collection[NoteRef]
) -> None:
    """All rows of several notes, in one call; by each note's key, for the reason that `rows_of_notes` gives."""
    if refs:
        gone = delete(table).where(
            table.c.workspace_id == workspace,
            table.c.entity == bindparam("of_entity"),
            table.c.entity_id == bindparam("of_id"),
        )
        await connection.execute(gone, [{"of_entity": r.entity, "of_id": r.id} for r in refs])


def among(table: Table, notes: Collection[tuple[Entity, UUID]]) -> ColumnElement[bool]:
    """Rows of these notes, in whatever workspace: that is a predicate of its own."""
    return tuple_(table.c.entity, table.c.entity_id).in_(notes)


def of_touched(table: Table, touched: Touched) -> ColumnElement[bool]:
    """Rows of the notes that changed, and of the clients of whom everything did; the workspace as in `among`."""
    notes = [(ref.entity, ref.id) for ref in touched.notes]
    return or_(among(table, notes), table.c.client_id.in_(touched.clients))


def inside(table: Table, workspace: WorkspaceId, within: Within) -> ColumnElement[bool]:
    """`Within.holds` in SQL: a filter on the rows that are compared, never on what comes out."""
    parts = [table.c.workspace_id == workspace]
    if within.clients is not None:
        parts.append(table.c.client_id.in_(within.clients))
    if within.period is not None:
        parts += _during(table, within.period)
    if within.sessions is not None:
        parts += [table.c.entity == "sessions", table.c.entity_id.in_(within.sessions)]
    return and_(*parts)


def _during(table: Table, period: Period) -> Iterator[ColumnElement[bool]]:
    yield table.c.day.is_not(None)
    if period.first is not None:
        yield table.c.day >= period.first
    if period.last is not None:
        yield table.c.day <= period.last
