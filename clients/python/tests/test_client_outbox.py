"""The listener on a synchronous session; feed and leases need PostgreSQL and are tested with it."""

import uuid
from datetime import datetime

import pytest
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.schema import CreateIndex, CreateTable

from pazpaz_ai_client.models import Cursor
from pazpaz_ai_client.outbox import EntityMapping, OutboxMixin, _feed, _row, install_outbox


class Base(DeclarativeBase):
    pass


class Workspace(Base):
    __tablename__ = "workspaces"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    status: Mapped[str] = mapped_column(default="active")
    notes: Mapped[list["Note"]] = relationship(back_populates="workspace")


class Note(Base):
    __tablename__ = "sessions"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id"))
    plan: Mapped[str]
    workspace: Mapped[Workspace] = relationship(back_populates="notes")


class Unmapped(Base):
    __tablename__ = "other"
    id: Mapped[int] = mapped_column(primary_key=True)


class Outbox(Base):
    """The columns the listener writes; `xid8` exists in PostgreSQL only."""

    __tablename__ = "outbox"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[uuid.UUID]
    entity: Mapped[str]
    entity_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]


class PostgresBase(DeclarativeBase):
    pass


class PostgresOutbox(OutboxMixin, PostgresBase):
    __tablename__ = "ai_outbox"


class ListenedSession(Session):
    pass


install_outbox(
    ListenedSession,
    Outbox,
    [
        EntityMapping(Note, "sessions", lambda note: note.workspace_id),
        EntityMapping(Workspace, "workspaces", lambda workspace: workspace.id),
    ],
)


@pytest.fixture
def db():
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with ListenedSession(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def workspace(db):
    workspace = Workspace()
    db.add(workspace)
    db.commit()
    forget(db)
    return workspace


def forget(db):
    for row in db.scalars(select(Outbox)):
        db.delete(row)
    db.commit()


def told(db):
    return [(r.entity, r.entity_id, r.kind, r.workspace_id) for r in db.scalars(select(Outbox))]


def a_note(workspace, plan="x"):
    return Note(workspace_id=workspace.id, plan=plan)


def test_a_new_object_gets_its_id_and_an_event(db, workspace):
    """The id is there before the INSERT, so the event can name it."""
    note = a_note(workspace)
    db.add(note)
    db.commit()

    assert told(db) == [("sessions", note.id, "upserted", workspace.id)]


def test_an_edit_and_a_delete_each_leave_an_event(db, workspace):
    """What was changed is upserted, what is gone is purged."""
    note = a_note(workspace)
    db.add(note)
    db.commit()
    forget(db)

    note.plan = "y"
    db.commit()
    note_id = note.id
    db.delete(note)
    db.commit()

    assert {(entity, kind) for entity, _, kind, _ in told(db)} == {
        ("sessions", "upserted"),
        ("sessions", "purged"),
    }
    assert {entity_id for _, entity_id, _, _ in told(db)} == {note_id}


def test_an_object_set_to_what_it_was_leaves_nothing(db, workspace):
    """Touching is not changing, where the old value is known."""
    note = a_note(workspace)
    db.add(note)
    db.commit()
    forget(db)

    note.plan = str(note.plan)
    db.commit()

    assert told(db) == []


def test_a_new_note_does_not_change_its_workspace(db, workspace):
    """A collection that grew is no change of the object that has it."""
    workspace.notes.append(a_note(workspace))
    db.commit()

    assert [entity for entity, *_ in told(db)] == ["sessions"]


def test_a_workspace_has_a_status(db, workspace):
    """Suspending is told as a status, of the workspace itself."""
    workspace.status = "suspended"
    db.commit()

    assert told(db) == [("workspaces", workspace.id, "status", workspace.id)]


def test_a_rollback_takes_the_event_along(db, workspace):
    """The event is in the transaction of the change, or nowhere."""
    db.add(a_note(workspace))
    db.flush()
    assert told(db)
    db.rollback()

    assert told(db) == []


def test_an_object_gets_its_workspace_by_relationship(db):
    """Keys that only the flush itself sets are known when the event is written."""
    note = Note(plan="x", workspace=Workspace())
    db.add(note)
    db.commit()

    assert ("sessions", note.id, "upserted", note.workspace.id) in told(db)


def test_an_object_without_workspace_is_named():
    """A mistake of the caller is explained at the place where it is made."""
    lost = EntityMapping(Note, "sessions", lambda _: None)

    with pytest.raises(ValueError, match="sessions has no workspace"):
        _row(Note(plan="x"), lost, gone=False)


def test_other_models_and_sessions_are_left_alone(db):
    """Only mapped models count, and only sessions of the class that was named."""
    db.add(Unmapped(id=1))
    db.commit()
    with Session(db.get_bind()) as plain:
        plain.add(Workspace())
        plain.commit()

    assert told(db) == []


def test_each_event_has_an_id_of_its_own(db, workspace):
    """Ids are random, so a restored backup repeats none."""
    db.add_all([a_note(workspace) for _ in range(3)])
    db.commit()

    assert len({row.id for row in db.scalars(select(Outbox))}) == 3


def postgres(statement):
    return str(statement.compile(dialect=postgresql.dialect()))


def test_the_table_knows_its_transaction():
    """PostgreSQL itself writes the transaction's id, which no client can forget."""
    table = PostgresOutbox.__table__

    assert "txid xid8 DEFAULT pg_current_xact_id() NOT NULL" in postgres(CreateTable(table))
    indexes = {postgres(CreateIndex(index)) for index in table.indexes}
    assert any("WHERE delivered_at IS NULL" in index for index in indexes)
    assert any("(txid, id)" in index for index in indexes)


def test_the_feed_stays_below_running_transactions():
    """The feed has an upper bound, an order, and a cursor of two parts."""
    text = postgres(_feed(PostgresOutbox, Cursor(txid=7, id=uuid.uuid4())))

    assert "txid < pg_snapshot_xmin(pg_current_snapshot())" in text
    assert "(ai_outbox.txid, ai_outbox.id) > (" in text
    assert "ORDER BY ai_outbox.txid, ai_outbox.id" in text
