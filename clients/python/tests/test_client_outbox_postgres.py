"""The outbox where it lives: each change that PazPaz makes, on PostgreSQL, with models shaped like PazPaz's."""

import uuid
from types import SimpleNamespace

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from host_models import (
    Appointment,
    Base,
    Client,
    SessionModel,
    SessionVersion,
    User,
    Workspace,
    WorkspaceStatus,
    utc_now,
)
from host_outbox import AiOutbox, HostSession
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import async_sessionmaker

from pazpaz_ai_client import outbox
from pazpaz_ai_client.migration import stop_telling, tell_deletes
from pazpaz_ai_client.outbox import PassesOutboxBy, add_events, read_changes


@pytest.fixture
async def sessions(engine):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return async_sessionmaker(engine, sync_session_class=HostSession, expire_on_commit=False)


@pytest.fixture
async def practice(sessions):
    """A workspace with a user, a client, an appointment and its note; nothing waits in the outbox."""
    ids = {name: uuid.uuid4() for name in ("workspace", "user", "client", "appointment", "note")}
    one = SimpleNamespace(**ids)
    async with sessions.begin() as db:
        db.add(Workspace(id=one.workspace))
        await db.flush()
        db.add(User(id=one.user, workspace_id=one.workspace))
        db.add(Client(id=one.client, workspace_id=one.workspace))
        db.add(Appointment(id=one.appointment, workspace_id=one.workspace))
        await db.flush()
        db.add(a_note(one, id=one.note, appointment_id=one.appointment, plan="rest"))
    await forget(sessions)
    return one


def a_note(practice, **columns):
    return SessionModel(workspace_id=practice.workspace, client_id=practice.client, **columns)


async def forget(sessions):
    async with sessions.begin() as db:
        await db.execute(delete(AiOutbox))


async def told(sessions):
    async with sessions() as db:
        return {(row.entity, row.entity_id, row.kind) for row in await db.scalars(select(AiOutbox))}


async def set_columns(db, model, row_id, **columns):
    row = await db.get(model, row_id)
    for name, value in columns.items():
        setattr(row, name, value)


NOTE_CHANGES = {
    "edit": {"plan": "heat", "version": 2},
    "date": {"session_date": utc_now()},
    "draft save": {"plan": "hea", "draft_last_saved_at": utc_now()},
    "finalize": {"is_draft": False, "finalized_at": utc_now()},
    "soft delete": {"deleted_at": utc_now(), "deleted_reason": "twice"},
}


@pytest.mark.parametrize("columns", NOTE_CHANGES.values(), ids=NOTE_CHANGES)
async def test_a_change_of_a_note_is_told(sessions, practice, columns):
    """Whatever is set on a note, the service hears that it should look."""
    async with sessions.begin() as db:
        await set_columns(db, SessionModel, practice.note, **columns)

    assert await told(sessions) == {("sessions", practice.note, "upserted")}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"is_draft": False, "finalized_at": utc_now()}, {"is_draft": True, "finalized_at": None}),
        ({"deleted_at": utc_now()}, {"deleted_at": None}),
    ],
    ids=["unfinalize", "restore"],
)
async def test_a_step_back_is_told(sessions, practice, before, after):
    """To take back a step is a change like the step, also with PazPaz's own delete of versions beside it."""
    async with sessions.begin() as db:
        await set_columns(db, SessionModel, practice.note, **before)
    await forget(sessions)

    async with sessions.begin() as db:
        await set_columns(db, SessionModel, practice.note, **after)
        versions = delete(SessionVersion).where(SessionVersion.session_id == practice.note)
        await db.execute(versions)

    assert await told(sessions) == {("sessions", practice.note, "upserted")}


async def test_a_new_note_and_a_new_client_are_told(sessions, practice):
    """Their ids are in the events, though the INSERT alone makes them."""
    async with sessions.begin() as db:
        client = Client(workspace_id=practice.workspace)
        note = a_note(practice)
        db.add_all([client, note])

    assert await told(sessions) == {
        ("clients", client.id, "upserted"),
        ("sessions", note.id, "upserted"),
    }


async def test_a_whole_tree_of_new_objects_is_told(sessions):
    """Keys that only the flush sets, by way of relationships, are known in time."""
    workspace = Workspace(clients=[Client()])
    async with sessions.begin() as db:
        db.add(workspace)

    assert await told(sessions) == {
        ("workspaces", workspace.id, "status"),
        ("clients", workspace.clients[0].id, "upserted"),
    }


async def test_a_permanent_delete_is_told(sessions, practice):
    """A row that goes leaves a purge, also where its attributes were never loaded."""
    async with sessions.begin() as db:
        note = await db.get(SessionModel, practice.note)
        db.expire(note)
        await db.delete(note)

    assert await told(sessions) == {("sessions", practice.note, "purged")}


async def test_an_appointment_takes_its_note_along(sessions, practice):
    """A cascade of the ORM is told of as a delete by hand is."""
    async with sessions.begin() as db:
        await db.delete(await db.get(Appointment, practice.appointment))

    assert await told(sessions) == {("sessions", practice.note, "purged")}


async def test_an_orphan_is_told(sessions, practice):
    """A note that is taken out of its client's list is deleted by the flush itself, and told of."""
    async with sessions.begin() as db:
        client = await db.get(Client, practice.client)
        await db.refresh(client, ["sessions"])
        await db.run_sync(lambda _: client.sessions.clear())

    assert await told(sessions) == {("sessions", practice.note, "purged")}


@pytest.mark.parametrize(
    "columns",
    [
        {"medical_history": "asthma"},
        {"first_name": "Dan"},
        {"is_active": False},
        {"consent_status": True},
    ],
    ids=["text", "name", "archive", "consent"],
)
async def test_a_change_of_a_client_is_told(sessions, practice, columns):
    """An edit, an archive and a consent are all reasons to look again."""
    async with sessions.begin() as db:
        await set_columns(db, Client, practice.client, **columns)

    assert await told(sessions) == {("clients", practice.client, "upserted")}


@pytest.mark.parametrize("status", [WorkspaceStatus.SUSPENDED, WorkspaceStatus.DELETED])
async def test_a_workspace_s_status_is_told_and_its_return(sessions, practice, status):
    """Suspend, delete (which PazPaz does by status) and reactivate are each a status."""
    async with sessions.begin() as db:
        await set_columns(db, Workspace, practice.workspace, status=status)
    away = await told(sessions)
    await forget(sessions)
    async with sessions.begin() as db:
        await set_columns(db, Workspace, practice.workspace, status=WorkspaceStatus.ACTIVE)

    assert away == await told(sessions) == {("workspaces", practice.workspace, "status")}


async def test_a_deactivated_user_is_told(sessions, practice):
    """Their sign-ins are dropped from the service's cache with it."""
    async with sessions.begin() as db:
        await set_columns(db, User, practice.user, is_active=False)

    assert await told(sessions) == {("users", practice.user, "status")}


async def test_reading_and_a_refused_change_tell_nothing(sessions, practice):
    """No row without a committed change."""
    async with sessions() as db:
        await set_columns(db, SessionModel, practice.note, plan="heat")
        await db.flush()
        await db.rollback()
        await set_columns(db, SessionModel, practice.note, plan="rest")
        await db.commit()

    assert await told(sessions) == set()


async def test_after_a_flush_that_failed_nothing_is_left_over(sessions, practice):
    """What a flush had collected goes with it, and the session's next flush tells of its own changes only."""
    async with sessions() as db:
        db.add(a_note(practice))
        db.add(SessionModel(workspace_id=practice.workspace, client_id=uuid.uuid4()))
        with pytest.raises(Exception, match="foreign key"):
            await db.flush()
        await db.rollback()
        await set_columns(db, Client, practice.client, first_name="Dan")
        await db.commit()

    assert await told(sessions) == {("clients", practice.client, "upserted")}


# Statements in bulk


@pytest.mark.parametrize("table", [SessionModel, SessionModel.__table__], ids=["orm", "core"])
async def test_a_bulk_update_is_told_row_by_row(sessions, practice, table):
    """Only the rows it met are told of, and only those are changed."""
    async with sessions.begin() as db:
        db.add(other := a_note(practice, plan="swim"))
    await forget(sessions)

    async with sessions.begin() as db:
        plan = SessionModel.plan
        result = await db.execute(update(table).where(plan == "rest").values(plan="heat"))

    assert result.rowcount == 1
    assert await told(sessions) == {("sessions", practice.note, "upserted")}
    async with sessions() as db:
        plans = await db.execute(select(SessionModel.id, SessionModel.plan))
        assert {note: plan for note, plan in plans} == {practice.note: "heat", other.id: "swim"}


async def test_a_bulk_delete_is_told_row_by_row(sessions, practice):
    """As a purge of each."""
    async with sessions.begin() as db:
        await db.execute(delete(SessionModel).where(SessionModel.client_id == practice.client))

    assert await told(sessions) == {("sessions", practice.note, "purged")}
    async with sessions() as db:
        assert await db.scalar(select(func.count()).select_from(SessionModel)) == 0


async def test_a_bulk_update_without_where_meets_all(sessions, practice):
    """No criterion, no exception."""
    async with sessions.begin() as db:
        await db.execute(update(User).values(is_active=False))

    assert await told(sessions) == {("users", practice.user, "status")}


UNSEEN = {
    "insert": lambda p: (insert(Client), [{"workspace_id": p.workspace}]),
    "update by key": lambda p: (update(SessionModel), [{"id": p.note, "plan": "heat"}]),
    "text": lambda p: (text("UPDATE sessions SET plan = 'heat'"), None),
    "text with schema": lambda p: (text('delete from public."sessions" WHERE true'), None),
    "truncate": lambda p: (text("TRUNCATE TABLE sessions CASCADE"), None),
}


@pytest.mark.parametrize("statement", UNSEEN.values(), ids=UNSEEN)
async def test_what_cannot_be_told_is_refused(sessions, practice, statement):
    """It raises at the place where it is written, before anything is changed."""
    async with sessions() as db:
        with pytest.raises(PassesOutboxBy):
            await db.execute(*statement(practice))


@pytest.mark.parametrize(
    "harmless",
    [
        "SELECT 1",
        "SELECT id FROM sessions FOR UPDATE",
        "UPDATE session_versions SET session_id = session_id",
    ],
)
async def test_other_sql_in_text_passes(sessions, harmless):
    """A name that only begins like one of ours is another table."""
    async with sessions() as db:
        await db.execute(text(harmless))


async def test_who_tells_by_hand_may_pass(sessions, practice):
    """An import may add the events itself and say so."""
    async with sessions.begin() as db:
        new = {"id": uuid.uuid4(), "workspace_id": practice.workspace, "first_name": "Noa"}
        await db.execute(insert(Client), [new], execution_options={"outbox_told": True})
        add_events(db, AiOutbox, "clients", [new["id"]], workspace_id=practice.workspace)

    assert await told(sessions) == {("clients", new["id"], "upserted")}


async def test_a_bulk_change_of_too_many_rows_is_refused(sessions, practice, monkeypatch):
    """Better no change than one that is told in part."""
    monkeypatch.setattr(outbox, "MAX_BULK", 0)

    async with sessions() as db:
        with pytest.raises(PassesOutboxBy, match="in parts"):
            await db.execute(update(SessionModel).values(plan="heat"))


# What the database does by itself


async def with_trigger(engine, change, *args, **options):
    async with engine.begin() as connection:
        await connection.run_sync(
            lambda sync: change(Operations(MigrationContext.configure(sync)), *args, **options)
        )


async def test_a_cascade_of_the_database_needs_the_trigger(engine, sessions, practice):
    """A note that PostgreSQL deletes with its client is told of by the trigger, and by nothing else."""
    await with_trigger(engine, tell_deletes, "sessions", workspace_column="workspace_id")

    async with sessions.begin() as db:
        await db.execute(delete(Client).where(Client.id == practice.client))

    assert await told(sessions) == {
        ("clients", practice.client, "purged"),
        ("sessions", practice.note, "purged"),
    }


async def test_without_the_trigger_such_a_cascade_is_not_seen(engine, sessions, practice):
    """The limit of a listener, and that the trigger can be taken away again."""
    await with_trigger(engine, tell_deletes, "sessions", workspace_column="workspace_id")
    await with_trigger(engine, stop_telling, "sessions")

    async with sessions.begin() as db:
        await db.execute(delete(Client).where(Client.id == practice.client))

    assert await told(sessions) == {("clients", practice.client, "purged")}


async def test_a_trigger_can_tell_of_everything(engine, sessions, practice):
    """Rows that a script writes past the ORM are told of, an update that changes nothing is not."""
    changes = ("INSERT", "UPDATE", "DELETE")
    await with_trigger(engine, tell_deletes, "workspaces", workspace_column="id", on=changes)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE workspaces SET name = name"))
    assert await told(sessions) == set()

    async with engine.begin() as connection:
        await connection.execute(text("UPDATE workspaces SET status = 'SUSPENDED'"))

    assert await told(sessions) == {("workspaces", practice.workspace, "status")}


async def test_the_feed_waits_for_a_transaction_that_began_before(sessions, practice):
    """A row that commits late is in the feed afterwards, though later rows were there before it."""
    async with sessions() as slow, sessions() as reader:
        await set_columns(slow, SessionModel, practice.note, plan="heat")
        await slow.flush()
        async with sessions.begin() as quick:
            await set_columns(quick, Client, practice.client, first_name="Dan")
        early = await read_changes(reader, AiOutbox, None, 10)
        await slow.commit()
        late = await read_changes(reader, AiOutbox, early.next, 10)

    assert early.events == []
    assert {event.entity for event in late.events} == {"sessions", "clients"}
