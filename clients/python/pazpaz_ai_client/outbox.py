"""The outbox in PazPaz: each change leaves a row in its own transaction, so no change is lost."""

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    DateTime,
    Delete,
    Index,
    Integer,
    Select,
    String,
    Text,
    TextClause,
    Update,
    Uuid,
    cast,
    event,
    func,
    insert,
    inspect,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    Mapped,
    ORMExecuteState,
    Session,
    declared_attr,
    lazyload,
    mapped_column,
    object_session,
    sessionmaker,
)
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import UserDefinedType

from pazpaz_ai_client.models import ChangesAnswer, Cursor, EntityName, Event, EventKind

MAX_BULK = 10_000  # rows of one bulk statement: PostgreSQL takes no more than 32,767 parameters


class Xid8(UserDefinedType[int]):
    """A transaction id of PostgreSQL that never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return "xid8"

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], int]:
        """Drivers give it as a number or as text."""
        return int


ischema_names.setdefault("xid8", Xid8)
"""So that Alembic, when it compares tables with models, knows the type it finds."""


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
    refusals: Mapped[int] = mapped_column(Integer(), default=0, server_default="0")
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    given_up_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
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
    """Write an outbox row for every mapped object that a session of this class inserts, updates or deletes.

    Call it once, before sessions are opened. With AsyncSession, this is its sync session class. What a flush
    does is seen row by row: cascades of relationships and orphans too. Bulk `update()` and `delete()` statements are
    told of as well; what cannot be (see `PassesOutboxBy`) raises.
    """
    Listener(outbox_model, mappings).listen(session_class)


class PassesOutboxBy(Exception):
    """A statement would change what the AI service must hear of, and nothing could tell it.

    Load the objects and change them, or add the events yourself (`add_events`) and give the statement the execution
    option `outbox_told=True`.
    """


class Listener:
    """Collects what a flush does, and writes it in the same transaction when the flush is through."""

    def __init__(self, outbox_model: type[Any], mappings: Sequence[EntityMapping]) -> None:
        self._outbox = outbox_model
        self._mappings = mappings
        self._by_table = {inspect(one.model).local_table: one for one in mappings}
        names = "|".join(re.escape(table.name) for table in self._by_table)
        # A name may stand alone, with its schema, or in quotes.
        self._raw = re.compile(
            rf"{_VERBS}\s+(?:only\s+)?(?:\w+\.|\"\w+\"\.)?\"?(?:{names})\b", re.IGNORECASE
        )
        self._told = f"outbox:{id(self)}"

    def listen(self, session_class: type[Session] | sessionmaker[Any]) -> None:
        """Hear of each flush and statement of these sessions."""
        event.listen(session_class, "before_flush", self._before_flush)
        event.listen(session_class, "after_flush", self._after_flush)
        event.listen(session_class, "do_orm_execute", self._before_statement)
        for mapping in self._mappings:
            self._listen_to_model(mapping)

    def _listen_to_model(self, mapping: EntityMapping) -> None:
        """By mapper events, because only a flush itself knows its orphans and the keys it sets on the way."""

        def written(_mapper: Any, _connection: Any, instance: Any) -> None:
            self._note(instance, mapping, gone=False)

        def updated(_mapper: Any, _connection: Any, instance: Any) -> None:
            session = object_session(instance)
            if session and session.is_modified(instance, include_collections=False):
                self._note(instance, mapping, gone=False)

        def going(_mapper: Any, _connection: Any, instance: Any) -> None:
            self._note(instance, mapping, gone=True)

        event.listen(mapping.model, "after_insert", written, propagate=True)
        event.listen(mapping.model, "after_update", updated, propagate=True)
        # Before: an attribute that was not loaded can still be read.
        event.listen(mapping.model, "before_delete", going, propagate=True)

    def _note(self, instance: Any, mapping: EntityMapping, *, gone: bool) -> None:
        session = object_session(instance)
        if (
            session is not None and self._told in session.info
        ):  # else a session that is not listened to
            session.info[self._told].append(_row(instance, mapping, gone=gone))

    def _before_flush(self, session: Session, _context: Any, _instances: Any) -> None:
        session.info[self._told] = []  # what a failed flush left was rolled back with it

    def _after_flush(self, session: Session, _context: Any) -> None:
        self._write(session, session.info.pop(self._told))

    def _write(self, session: Session, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            table = inspect(self._outbox).local_table
            session.connection(bind_arguments={"mapper": self._outbox}).execute(insert(table), rows)

    def _before_statement(self, state: ORMExecuteState) -> None:
        if state.is_select or state.execution_options.get("outbox_told"):
            return
        statement = state.statement
        if isinstance(statement, TextClause):
            self._refuse_raw(statement)
        elif isinstance(statement, UpdateBase):
            mapping = self._by_table.get(statement.table)
            if mapping is not None:
                state.statement = self._tell_of(state, statement, mapping)

    def _refuse_raw(self, statement: TextClause) -> None:
        if found := self._raw.search(statement.text):
            raise PassesOutboxBy(f"SQL in text: {found.group()}")

    def _tell_of(
        self, state: ORMExecuteState, statement: UpdateBase, mapping: EntityMapping
    ) -> Any:
        """The same statement, held to the rows it would meet now; those are locked, and told of."""
        if not isinstance(statement, Update | Delete):
            raise PassesOutboxBy(f"insert() into {mapping.entity}")
        if _is_by_primary_key(state):
            raise PassesOutboxBy(f"update() of {mapping.entity} with a list of parameters")
        met = _rows_met(state, statement, mapping)
        gone = isinstance(statement, Delete)
        self._write(state.session, [_row(one, mapping, gone=gone) for one in met])
        return statement.where(mapping.model.id.in_([one.id for one in met]))


_VERBS = r"\b(?:update|delete\s+from|insert\s+into|merge\s+into|truncate(?:\s+table)?)"


def _is_by_primary_key(state: ORMExecuteState) -> bool:
    """A list of parameter sets: rows are named by them, not by a WHERE clause."""
    return isinstance(state.parameters, Sequence)


def _rows_met(
    state: ORMExecuteState, statement: Update | Delete, mapping: EntityMapping
) -> Sequence[Any]:
    model = mapping.model
    wanted = select(model).options(lazyload("*")).with_for_update(of=model).limit(MAX_BULK + 1)
    if statement.whereclause is not None:
        wanted = wanted.where(statement.whereclause)
    met = state.session.scalars(wanted, state.parameters).unique().all()
    if len(met) > MAX_BULK:
        raise PassesOutboxBy(f"more than {MAX_BULK} rows of {mapping.entity}; take them in parts")
    return met


def add_events(
    session: Session | AsyncSession,
    outbox_model: type[Any],
    entity: EntityName,
    ids: Iterable[uuid.UUID],
    *,
    workspace_id: uuid.UUID,
    gone: bool = False,
) -> None:
    """Tell of changes that no listener can see; the rows leave with the session's next flush."""
    kind = kind_of(entity, gone=gone)
    session.add_all(
        [
            outbox_model(**_event_row(entity, one, workspace_id=workspace_id, kind=kind))
            for one in ids
        ]
    )


def _row(instance: Any, mapping: EntityMapping, *, gone: bool) -> dict[str, Any]:
    workspace_id = mapping.workspace_id(instance)
    if workspace_id is None:
        raise ValueError(f"an object of {mapping.entity} has no workspace")
    kind = kind_of(mapping.entity, gone=gone)
    return _event_row(mapping.entity, instance.id, workspace_id=workspace_id, kind=kind)


def _event_row(
    entity: EntityName, entity_id: uuid.UUID, *, workspace_id: uuid.UUID, kind: EventKind
) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "workspace_id": workspace_id,
        "entity": entity,
        "entity_id": entity_id,
        "kind": kind,
        "occurred_at": datetime.now(UTC),
    }


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
