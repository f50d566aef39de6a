"""A scope as a condition on rows that have a client and a day."""

from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, Table, and_, tuple_

from service.domain.identity import WorkspaceId
from service.domain.notes import NoteRef
from service.domain.scope import Period, Within


def is_note(table: Table, ref: NoteRef) -> ColumnElement[bool]:
    """The explicit workspace predicate stands beside row-level security: two walls, and a better plan."""
    return and_(
        table.c.workspace_id == ref.workspace,
        table.c.entity == ref.entity,
        table.c.entity_id == ref.id,
    )


def are_notes(
    table: Table, workspace: WorkspaceId, refs: Collection[NoteRef]
) -> ColumnElement[bool]:
    """`is_note` of several."""
    these = tuple_(table.c.entity, table.c.entity_id).in_([(ref.entity, ref.id) for ref in refs])
    return and_(table.c.workspace_id == workspace, these)


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
