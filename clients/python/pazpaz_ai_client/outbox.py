"""The outbox in PazPaz: each change leaves a row in its own transaction, so no change is lost."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from sqlalchemy import (
    DateTime,
    Index,
    Integer,
    Select,
    String,
    Text,
    Uuid,
    cast,
    event,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column, sessionmaker
from sqlalchemy.types import UserDefinedType

from pazpaz_ai_client.models import ChangesAnswer, Cursor, EntityName, Event, EventKind


class Xid8(UserDefinedType[int]):
    """A transaction id of PostgreSQL that never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return "xid8"

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], int]:
        """Drivers give it as a number or as text."""
        return int


class OutboxMixin:
    """The columns of an outbox; add a base class and `__tablename__`.

    A row is an event (its id, never text) and how its delivery goes.
    """

    id: Mapped[uuid.UUID] = mapped_column(Uuid(), primary_key=True, default=uuid.uuid4)
    txid: Mapped[int] = mapped_column(Xid8(), server_default=func.pg_current_xact_id())
    workspace_id: Mapped[uuid.UUID] = mapped_column(Uuid())
    entity: Mapped[str] = mapped_column(String(20))
    entity_id: Mapped[uuid.UUID] = mapped_column(Uuid())
    kind: Mapped[str] = mapped_column(String(20))
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(Integer(), default=0, server_default="0")
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_error: Mapped[str | None] = mapped_column(String(100))

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        """One index for the feed, and a small one for what is still to be sent."""
        name: str = cls.__tablename__  # type: ignore[attr-defined]
        waiting = cls.delivered_at.is_(None)
        return (
            Index(f"{name}_feed", "txid", "id"),
            Index(f"{name}_waiting", "occurred_at", postgresql_where=waiting),
        )


@dataclass(frozen=True)
class EntityMapping:
    """Which model is which entity, and how to tell its workspace."""

    model: type[Any]
    entity: EntityName
    workspace_id: Callable[[Any], uuid.UUID]


def install_outbox(
    session_class: type[Session] | sessionmaker[Any],
    outbox_model: type[Any],
    mappings: Sequence[EntityMapping],
) -> None:
    """Write an outbox row for every mapped object that a session of this class flushes.

    Call it once. With AsyncSession, this is its sync session class. Bulk statements that pass the
    unit of work (`update()`, `delete()`) are not seen.
    """

    def before_flush(session: Session, _context: Any, _instances: Any) -> None:
        _give_ids(session, mappings)
        session.add_all([outbox_model(**row) for row in _changes(session, mappings)])

    event.listen(session_class, "before_flush", before_flush)


def _give_ids(session: Session, mappings: Sequence[EntityMapping]) -> None:
    # Column defaults come with the INSERT, which is too late to name the object here.
    for instance in session.new:
        if _mapping_of(instance, mappings) and instance.id is None:
            instance.id = uuid.uuid4()


def _changes(session: Session, mappings: Sequence[EntityMapping]) -> list[dict[str, Any]]:
    dirty = (i for i in session.dirty if session.is_modified(i, include_collections=False))
    rows = (
        *_rows(chain(session.new, dirty), mappings, gone=False),
        *_rows(iter(session.deleted), mappings, gone=True),
    )
    return list(rows)


def _rows(
    instances: Iterator[Any], mappings: Sequence[EntityMapping], *, gone: bool
) -> Iterator[dict[str, Any]]:
    for instance in instances:
        mapping = _mapping_of(instance, mappings)
        if mapping is not None:
            yield _row(instance, mapping, gone=gone)


def _mapping_of(instance: Any, mappings: Sequence[EntityMapping]) -> EntityMapping | None:
    return next((m for m in mappings if isinstance(instance, m.model)), None)


def _row(instance: Any, mapping: EntityMapping, *, gone: bool) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "workspace_id": _workspace_of(instance, mapping),
        "entity": mapping.entity,
        "entity_id": instance.id,
        "kind": kind_of(mapping.entity, gone=gone),
        "occurred_at": datetime.now(UTC),
    }


def _workspace_of(instance: Any, mapping: EntityMapping) -> uuid.UUID:
    workspace_id = mapping.workspace_id(instance)
    if workspace_id is None:
        raise ValueError(f"an object of {mapping.entity} has no workspace yet; set its id first")
    return workspace_id


def kind_of(entity: EntityName, *, gone: bool) -> EventKind:
    """What to call a change: what can be suspended has a status, what has text is upserted."""
    if gone:
        return "purged"
    return "status" if entity in ("workspaces", "users") else "upserted"


async def read_changes(
    session: AsyncSession, outbox_model: type[Any], after: Cursor | None, limit: int
) -> ChangesAnswer:
    """The outbox as a feed, below the oldest transaction still running.

    Rows above it may yet be joined by earlier ones: a feed by id alone would skip those for ever.
    """
    rows = (await session.scalars(_feed(outbox_model, after).limit(limit))).all()
    last = Cursor(txid=rows[-1].txid, id=rows[-1].id) if rows else after
    return ChangesAnswer(events=[event_of(row) for row in rows], next=last)


def _feed(outbox: type[Any], after: Cursor | None) -> Select[Any]:
    settled = func.pg_snapshot_xmin(func.pg_current_snapshot())
    feed = select(outbox).where(outbox.txid < settled).order_by(outbox.txid, outbox.id)
    if after is None:
        return feed
    # By way of text, because drivers disagree on what to bind to an xid8.
    txid = cast(cast(literal(str(after.txid)), Text()), Xid8())
    return feed.where(tuple_(outbox.txid, outbox.id) > tuple_(txid, literal(after.id, Uuid())))


def event_of(row: Any) -> Event:
    """The event that an outbox row stands for."""
    return Event.model_validate({name: getattr(row, name) for name in Event.model_fields})
