"""Erasing a note or a client: no trace stays, nobody else is touched, nothing comes back, and a receipt proves it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import current_thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Uuid
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.conversations.conversations import PgConversations
from service.adapters.erasure import eraser as erasing
from service.adapters.erasure.receipts import ReceiptFolder
from service.adapters.erasure.restoration import PgRestoration
from service.adapters.erasure.traces import KEEPING, SEARCHED
from service.adapters.key_store import require_current
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import CONTENT_TABLES, SYSTEM_TABLES, metadata
from service.chores import clockwork_of
from service.container import Container, now
from service.domain.erasure import SignedReceipt, Subject
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import Note, NoteRef
from service.domain.turns import Sentence, Source, Turn
from service.errors import BadReceipt, ReceiptNotWritten, SourceUnavailable, TracesLeft
from service.ports.monolith import Event
from service.restorer import Restorer, restorer_of
from service.security.receipts import holds
from service.security.rings import own_ring
from tests.contracts.bench import an_item, indexed
from tests.fakes import NOW, a_client, a_note
from tests.integration.conftest import Owner

NAMED_IN = {"audit", "tombstones", "erasures"}
USER = UserId(uuid4())


class House:
    """A practice with two clients, each with a profile, two notes, and conversations that drew on them."""

    def __init__(self, opened: Container) -> None:
        self.opened, self.id = opened, WorkspaceId(uuid4())
        self.clients = [ClientId(uuid4()), ClientId(uuid4())]
        self.notes: dict[ClientId, list[Note]] = {}
        self.talks: dict[ClientId | None, UUID] = {}

    async def furnish(self) -> "House":
        for client in self.clients:
            row = a_client(client, workspace=self.id, notes=f"profile of {client}")
            ref = row.profile.ref
            await self.opened.queue.want([an_item(ref)], workspace=self.id)
            (lease,) = await self.opened.queue.claim(limit=1)
            assert await self.opened.store.put_client(row, indexed(row.profile), lease=lease)
            self.notes[client] = [
                a_note(f"{n} of {client}", workspace=self.id, client=client) for n in range(2)
            ]
            for note in self.notes[client]:
                await self.index(note)
            self.talks[client] = await self.say(note, about=client)
        both = [self.notes[client][0] for client in self.clients]
        self.talks[None] = await self.say(*both)
        return self

    async def index(self, note: Note) -> None:
        await self.opened.queue.want([an_item(note.ref)], workspace=self.id)
        (lease,) = await self.opened.queue.claim(limit=1)
        assert await self.opened.store.replace(indexed(note), lease=lease)

    async def say(self, *notes: Note, about: ClientId | None = None) -> UUID:
        """One sentence from each note."""
        conversation = uuid4()
        await self.opened.conversations.add_turn(
            conversation=conversation,
            client=about,
            user=USER,
            workspace=self.id,
            turn=a_turn(*notes),
        )
        return conversation

    async def heard(self, about: ClientId | None) -> list[list[str | None]]:
        turns = await self.opened.conversations.turns(
            self.talks[about], user=USER, workspace=self.id
        )
        return [[said.text if said else None for said in turn.sentences] for turn in turns]

    async def held(self) -> set[UUID]:
        return {item.id for item in await self.opened.store.catalogue(workspace=self.id)}

    def subject(self, client: int = 0, note: int | None = None) -> Subject:
        whose = self.clients[client]
        if note is None:
            return Subject(self.id, "clients", whose)
        return Subject(self.id, "sessions", self.notes[whose][note].ref.id)

    def ids_of(self, client: int) -> set[UUID]:
        whose = self.clients[client]
        return {whose, *(note.ref.id for note in self.notes[whose])}

    async def erase(self, subject: Subject, **more: Any) -> SignedReceipt | None:
        done = await self.opened.eraser.erase(subject, asked_by="operator", **more)
        assert done is not None
        return done.receipt


def a_turn(*notes: Note) -> Turn:
    said = [
        Sentence(note.fields["subjective"], [], {note.ref: Source(note.client)}) for note in notes
    ]
    return Turn(uuid4(), "?", said, {"status": "answered"}, NOW)


@pytest.fixture
async def house(opened: Container) -> House:
    return await House(opened).furnish()


async def where(owner: Owner, ids: set[UUID]) -> dict[UUID, set[str]]:
    """The tables in which an id occurs at all, in any column, JSON included."""
    found: dict[UUID, set[str]] = {id: set() for id in ids}
    for table in metadata.tables:
        for row in await owner.fetch(f"SELECT to_jsonb(t)::text FROM {table} t"):
            for id in ids:
                if str(id) in row[0]:
                    found[id].add(table)
    return found


async def test_an_erased_client_is_named_by_audit_tombstone_and_receipt_only(
    house: House, owner: Owner
) -> None:
    """Their id stands in the three tables that must keep it, their sessions' ids nowhere; the other client stays."""
    mine, theirs = house.ids_of(0), house.ids_of(1)
    before = await where(owner, theirs)
    receipt = await house.erase(house.subject(0))
    assert receipt is not None

    places = await where(owner, mine)
    assert places.pop(house.clients[0]) == NAMED_IN
    assert set(map(frozenset, places.values())) == {frozenset()}
    assert await where(owner, theirs) == before
    assert await house.heard(house.clients[0]) == []
    kept = house.notes[house.clients[1]][0].fields["subjective"]
    assert await house.heard(None) == [[None, kept]]
    assert await house.held() == theirs


async def test_an_erased_note_leaves_its_client(house: House, owner: Owner) -> None:
    """One note goes with the sentences said from it; its client, their profile and other note stay."""
    subject = house.subject(0, note=0)
    await house.erase(subject)

    assert (await where(owner, {subject.id}))[subject.id] == NAMED_IN
    assert await house.held() == (house.ids_of(0) | house.ids_of(1)) - {subject.id}
    assert len(await house.heard(house.clients[0])) == 1
    assert (await house.heard(None))[0][0] is None


async def test_the_receipt_says_what_was_removed_and_holds_offline(house: House) -> None:
    """Counts by table, a search of every table afterwards that found nothing, what remains; signed by our key."""
    receipt = await house.erase(house.subject(0))
    assert receipt is not None
    told = receipt.told
    assert told["removed"] == {
        "note_catalogue": 3,
        "session_vectors": 3,
        "vector_codes": 3,
        "bags": 3,
        "index_changes": 3,
        "conversations": 1,
        "turn_sources": 2,
        "work": 3,
    }
    assert set(told["found"]) == {table.name for table in SEARCHED if _uuids(table)}
    assert set(told["found"].values()) == {0}
    assert any("backups" in line for line in told["remains"])

    keys = own_ring(house.opened.settings.signing_keys_dir)
    assert holds(receipt, keys)
    for changed in ({"removed": {}}, {"asked_by": "event"}, {"entity_id": str(uuid4())}):
        assert not holds(replace(receipt, told={**told, **changed}), keys)
    assert not holds(receipt, {})
    assert [one.id for one in await house.opened.eraser.receipts(workspace=house.id)] == [
        receipt.id
    ]


def _uuids(table: Any) -> bool:
    names = [column.name for column in table.c if isinstance(column.type, Uuid)]
    return bool(set(names) - {"workspace_id"})


def test_every_table_is_searched_or_says_why_not() -> None:
    """A new table is searched for what was erased, unless it stands in the short list of those that may keep ids."""
    assert {*SEARCHED, *KEEPING} == {*CONTENT_TABLES, *SYSTEM_TABLES}
    assert {table.name for table in KEEPING} == NAMED_IN | {"audit_checkpoints", "audit_heads"}


async def test_what_would_leave_traces_is_not_done(
    house: House, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure that forgot a table is rolled back as a whole, and fails aloud instead of signing a lie."""

    async def forgetful(*_: object, **__: object) -> None: ...

    monkeypatch.setattr(erasing, "erase_talks_about", forgetful)
    before = await where(owner, house.ids_of(0))
    with pytest.raises(TracesLeft):
        await house.erase(house.subject(0))
    assert await where(owner, house.ids_of(0)) == before


async def test_a_late_event_makes_no_second_receipt(house: House) -> None:
    """What is erased already is refused without a word; if something came back, a new receipt tells of it."""
    assert await house.erase(house.subject(0)) is not None
    assert await house.erase(house.subject(0)) is None
    assert len(await house.opened.eraser.receipts(workspace=house.id)) == 1


async def test_sessions_that_only_pazpaz_knows_go_with_their_client(
    house: House, owner: Owner
) -> None:
    """A dead letter of a client, which no table here links to them, is erased when PazPaz named it as theirs."""
    dead = uuid4()
    await house.opened.queue.want(
        [an_item(NoteRef(house.id, "sessions", dead))], workspace=house.id
    )
    await owner.execute("UPDATE work SET parked_at = now() WHERE key = $1", dead)
    await house.erase(house.subject(0), sessions=[dead])

    assert (await where(owner, {dead}))[dead] == set()


async def test_a_worker_in_the_middle_of_an_erased_note_writes_nothing(house: House) -> None:
    """It pulled the text before the erasure; its lease is gone with the row, for a note and for a client's note."""
    for subject, note in ((house.subject(0, note=0), 0), (house.subject(1), 1)):
        late = house.notes[house.clients[subject.entity == "clients"]][note]
        await house.opened.queue.want([an_item(late.ref)], workspace=house.id)
        (lease,) = await house.opened.queue.claim(limit=1)
        await house.erase(subject)
        assert not await house.opened.store.replace(indexed(late), lease=lease)
        assert late.ref.id not in await house.held()


async def test_an_answer_stored_during_an_erasure_does_not_outlive_it(
    house: House, owner: Owner
) -> None:
    """A turn that was being written when the erasure began is shredded by it; one that comes after is not kept."""
    client = house.clients[0]
    note, keys = house.notes[client][0], await house.opened.keys.keys(workspace=house.id)
    talks = PgConversations(house.opened.database, house.opened.keys)
    async with house.opened.database.tenant_tx(house.id) as connection:
        await require_current(connection, keys, house.opened.keys)
        erasing_it = asyncio.create_task(house.erase(house.subject(0)))
        await asyncio.sleep(0.2)  # as far as it can: it waits for whoever writes
        assert not erasing_it.done()
        late = asyncio.create_task(
            talks.add_turn(
                conversation=uuid4(),
                client=client,
                user=USER,
                workspace=house.id,
                turn=a_turn(note),
            )
        )
        await asyncio.sleep(0.2)
        assert not late.done()
    await asyncio.gather(erasing_it, late)

    assert (await where(owner, {client}))[client] == NAMED_IN


async def test_the_tombstone_is_lifted_by_an_operator_only(house: House) -> None:
    """Lifted, the note may be indexed again, and the trail tells of it; there is no second stone to lift."""
    subject = house.subject(0, note=0)
    await house.erase(subject)
    assert await house.opened.queue.buried(workspace=house.id) == {("sessions", subject.id)}

    assert await house.opened.eraser.lift(subject)
    assert not await house.opened.eraser.lift(subject)
    assert await house.opened.queue.buried(workspace=house.id) == frozenset()
    await house.index(house.notes[house.clients[0]][0])
    assert subject.id in await house.held()
    told = await house.opened.audit.last("erasure.lifted", workspace=house.id)
    assert told is not None
    assert told.entry.details["entity_id"] == str(subject.id)


async def test_an_operators_wish_stays_the_operators(house: House) -> None:
    """A worker that carries it out asks for nothing itself, and the receipt says so."""
    subject = house.subject(0, note=0)
    await house.opened.queue.want_erased(subject, asked_by="operator")
    (lease,) = await house.opened.queue.claim(limit=1)
    done = await house.opened.eraser.erase(subject, asked_by="event", lease=lease)

    assert done is not None
    assert done.receipt is not None
    assert done.receipt.told["asked_by"] == "operator"


async def test_a_lifted_tombstone_stays_lifted(house: House) -> None:
    """The event that set it, repeated afterwards, was heard already."""
    subject = house.subject(0, note=0)
    purge = Event(uuid4(), house.id, "sessions", subject.id, "purged")
    assert await house.opened.queue.accept([purge]) == 1
    assert await house.opened.eraser.lift(subject)

    assert await house.opened.queue.accept([purge]) == 0
    assert await house.opened.queue.buried(workspace=house.id) == frozenset()
    for lease in await house.opened.queue.claim(limit=1):
        await house.opened.queue.done(lease)


async def test_only_a_younger_word_reopens_an_erased_practice(house: House) -> None:
    """A status event from before the erasure, repeated after it, lifts nothing; one from after it does."""
    whole = Subject(house.id, "workspaces", house.id)
    await house.erase(whole)
    for age, reopened in ((-60, False), (60, True)):
        at = now() + timedelta(seconds=age)
        event = Event(uuid4(), house.id, "workspaces", house.id, "status", occurred_at=at)
        await house.opened.queue.accept([event])
        assert await house.opened.eraser.reopen(workspace=house.id) is reopened
    for lease in await house.opened.queue.claim(limit=1):
        await house.opened.queue.done(lease)


async def test_a_question_under_way_in_an_erased_practice_is_closed(
    house: House, owner: Owner
) -> None:
    """Its closing row says that nobody knows how it ended; the list of open questions names the practice no more."""
    from service.domain.audit import AuditEntry

    chat = uuid4()
    await house.opened.audit.append(
        AuditEntry("chat.opened", user=USER, chat=chat), workspace=house.id
    )
    await house.erase(Subject(house.id, "workspaces", house.id))
    closed = await house.opened.audit.last("chat.closed", workspace=house.id)
    assert closed is not None
    assert (closed.entry.chat, closed.entry.details["outcome"]) == (chat, "unknown")
    assert (await where(owner, {house.id}))[house.id] == NAMED_IN | {"audit_heads"}


# After a restore


@pytest.fixture
async def restoration(opened: Container, owner: Owner, tmp_path: Path) -> PgRestoration:
    await owner.execute("TRUNCATE installation, erasures, work, tombstones")
    restoration = PgRestoration(opened.database, ReceiptFolder(tmp_path))
    await restoration.note_server()
    return restoration


def restorer(opened: Container, restoration: PgRestoration) -> Restorer:
    async def nobody() -> list[WorkspaceId]:
        return [WorkspaceId(UUID(int=7))]

    made = restorer_of(opened)
    parts = {"restoration": restoration, "receipts": restoration.receipts}
    parts |= {"workspaces": nobody, "feed": nobody}
    erasure = replace(made.erasure, notes=_NoPazPaz())
    return replace(made, erasure=erasure, **parts)


class _NoPazPaz:
    async def manifest(self, **_: object) -> Any:
        for nothing in ():
            yield nothing


async def test_a_dump_in_another_server_is_not_ready_until_all_was_compared(
    opened: Container, restoration: PgRestoration, owner: Owner
) -> None:
    """Each step may be repeated; ready again when the comparisons, and the looks they asked for, are done."""
    assert await restoration.reason() is None
    await owner.execute("UPDATE installation SET system_identifier = '1'")
    assert await restoration.reason() == "other_server"

    works = restorer(opened, restoration)
    assert [await works.step(), await works.step()] == [False, False]
    assert await restoration.reason() == "not_reconciled"
    (lease,) = await opened.queue.claim(limit=4)
    assert lease.kind == "reconcile"
    await opened.queue.done(lease)
    assert await works.step() is True
    assert await restoration.reason() is None


async def test_a_dump_that_comes_back_into_the_same_server_is_noticed(
    restoration: PgRestoration, owner: Owner
) -> None:
    """By the numbers of database and table, which a dump cannot bring along. An installation of an older release, that
    did not note them, is no restored one, and notes them at the next look."""
    await owner.execute("UPDATE installation SET oids = NULL")
    assert await restoration.reason() is None
    await restoration.note_server()
    state = await restoration.state()
    assert state is not None
    assert state.oids
    await owner.execute("UPDATE installation SET oids = '1/1'")
    assert await restoration.reason() == "other_database"


async def test_after_a_restore_no_memory_of_before_is_current(
    opened: Container, restoration: PgRestoration, owner: Owner
) -> None:
    """The epoch went back, so the next change would have a number that a process holds of another content: it goes
    ahead of all there were instead, no log leads there, and the practice's trail tells of it once."""
    house = await House(opened).furnish()
    held = await opened.store.epoch(workspace=house.id)
    await owner.execute(
        "UPDATE index_epoch SET epoch = $1 WHERE workspace_id = $2", held - 1, house.id
    )
    await restoration.begin()

    works = restorer(opened, restoration)
    assert [await works.step(), await works.step()] == [False, False]
    assert await opened.store.epoch(workspace=house.id) > held
    assert await opened.store.changed_clients(workspace=house.id, since=held) is None
    told = [row.entry.action for row in await opened.audit.rows(workspace=house.id)]
    assert (told[-1], told.count("database.restored")) == ("database.restored", 1)


async def test_after_a_promotion_memories_are_forgotten_and_nobody_waits(
    opened: Container, restoration: PgRestoration, owner: Owner
) -> None:
    """A standby may have missed the last changes, and their numbers would come again: once, all go ahead."""
    house = await House(opened).furnish()
    held = await opened.store.epoch(workspace=house.id)
    await owner.execute("UPDATE installation SET timeline = timeline - 1")

    assert await restorer(opened, restoration).step() is True
    ahead = await opened.store.epoch(workspace=house.id)
    assert ahead > held
    assert await restorer(opened, restoration).step() is True
    assert await opened.store.epoch(workspace=house.id) == ahead


async def test_what_pazpaz_told_since_the_backup_is_done_before_anybody_is_answered(
    opened: Container, restoration: PgRestoration, owner: Owner
) -> None:
    """It is read again from where the backup was, so that a purge whose receipt nobody kept is one again; what is told
    later holds nobody up."""
    house = await House(opened).furnish()
    purge = Event(uuid4(), house.id, "clients", house.clients[0], "purged")

    async def feed() -> None:
        await opened.queue.accept([purge])

    await restoration.begin()
    works = replace(restorer(opened, restoration), feed=feed)
    assert await works.step() is False
    (purging,), (comparing,) = [await opened.queue.claim(limit=4) for _ in range(2)]
    assert (purging.kind, comparing.kind) == ("clients", "reconcile")
    await opened.queue.done(comparing)
    assert await works.step() is False
    await opened.queue.done(purging)
    later = replace(purge, id=uuid4(), entity_id=house.clients[1], kind="upserted")
    await opened.queue.accept([later])
    assert await works.step() is True


async def test_a_new_database_beside_receipts_takes_the_place_of_one_that_is_lost(
    opened: Container, restoration: PgRestoration, owner: Owner
) -> None:
    """Nobody is answered from it until it has forgotten what that one had."""
    house = await House(opened).furnish()
    receipt = await house.erase(house.subject(0))
    assert receipt is not None
    restoration.receipts.write([receipt])
    await owner.execute("TRUNCATE installation, erasures")
    assert await restoration.reason() == "receipts_missing"


async def test_a_receipt_that_is_written_meanwhile_shuts_nothing(
    opened: Container, restoration: PgRestoration
) -> None:
    """Its row was there before its file: while the house is asked whether it was restored, others may erase."""
    house = await House(opened).furnish()

    class Busy(Database):
        @asynccontextmanager
        async def system_tx(self) -> AsyncIterator[AsyncConnection]:
            async with opened.database.system_tx() as connection:
                yield connection
            receipt = await house.erase(house.subject(0))
            assert receipt is not None
            restoration.receipts.write([receipt])

    busy = PgRestoration(Busy.__new__(Busy), restoration.receipts)
    assert await busy.reason() is None
    assert await restoration.reason() is None


async def test_receipts_whose_files_are_lacking_are_written_by_the_clock(
    opened: Container, restoration: PgRestoration
) -> None:
    """Only those that could not be written at their time are read, and nobody waits for the disk."""
    house, loop, read = await House(opened).furnish(), current_thread(), list[SignedReceipt]()
    there, late = [await house.erase(house.subject(number)) for number in (0, 1)]
    assert there is not None
    assert late is not None
    restoration.receipts.write([there])

    class Watched(ReceiptFolder):
        def write(self, receipts: Iterable[SignedReceipt]) -> int:
            assert current_thread() is not loop
            read.extend(receipts)
            return super().write(read)

    works = clockwork_of(replace(opened, receipts=Watched(restoration.receipts.path)))
    for _ in range(2):
        await works.chores["receipts"].do()
    assert read == [late]
    assert restoration.receipts.ids() == {there.id, late.id}


async def test_a_folder_that_cannot_be_read_keeps_a_restored_database_shut(
    opened: Container, restoration: PgRestoration, tmp_path: Path
) -> None:
    """What it tells of may be in the database again, however often the worker looks."""
    await restoration.begin()
    await asyncio.to_thread(tmp_path.rmdir)
    works = restorer(opened, restoration)
    for _ in range(2):
        with pytest.raises(ReceiptNotWritten):
            await works.step()
    assert await restoration.reason() == "not_reconciled"


async def test_a_restore_waits_for_pazpaz(opened: Container, restoration: PgRestoration) -> None:
    """Away, it is asked again at the next step: nothing is told twice, and nothing failed."""

    async def away() -> list[WorkspaceId]:
        raise SourceUnavailable

    house = await House(opened).furnish()
    await restoration.begin()
    works = replace(restorer(opened, restoration), workspaces=away)
    assert [await works.step(), await works.step()] == [False, False]
    assert await opened.audit.last("database.restored", workspace=house.id) is None
    assert await restoration.reason() == "not_reconciled"


async def test_what_was_erased_since_the_backup_is_erased_again(
    opened: Container, restoration: PgRestoration, owner: Owner
) -> None:
    """The folder has a receipt that the old database does not: its subject goes again, and the receipt is kept."""
    house = await House(opened).furnish()
    saved = await _rows_of(owner)
    receipt = await house.erase(house.subject(0))
    assert receipt is not None
    assert restoration.receipts.write([receipt]) == 1
    assert await restoration.reason() is None
    await _put_back(owner, saved)
    assert house.clients[0] in await house.held()
    assert await restoration.reason() == "receipts_missing"

    await restorer(opened, restoration).step()
    assert await house.held() == house.ids_of(1)
    kept = {one.id: one for one in await opened.eraser.receipts(workspace=house.id)}
    assert kept[receipt.id] == receipt
    assert {one.told["asked_by"] for one in kept.values()} == {"operator", "receipt"}
    assert await restoration.reason() == "not_reconciled"


async def test_a_forged_receipt_erases_nothing(
    opened: Container, restoration: PgRestoration
) -> None:
    """Whoever can write into the folder cannot have anything erased: the house stays shut, and says why."""
    house = await House(opened).furnish()
    receipt = await house.erase(house.subject(0))
    assert receipt is not None
    other = house.subject(1)
    told = {**receipt.told, "id": str(uuid4()), "entity_id": str(other.id)}
    restoration.receipts.write([replace(receipt, told=told)])

    with pytest.raises(BadReceipt):
        await restorer(opened, restoration).step()
    assert other.id in await house.held()
    assert await restoration.reason() == "receipts_missing"


TABLES = ("note_catalogue", "session_vectors", "vector_codes", "bags", "tombstones", "erasures")


async def _rows_of(owner: Owner) -> Mapping[str, list[str]]:
    """A backup, as far as these tests need one."""
    return {
        table: [row[0] for row in await owner.fetch(f"SELECT to_jsonb(t)::text FROM {table} t")]
        for table in TABLES
    }


async def _put_back(owner: Owner, saved: Mapping[str, list[str]]) -> None:
    for table in reversed(TABLES):
        await owner.execute(f"DELETE FROM {table}")
    for table in TABLES:
        for row in saved[table]:
            await owner.execute(
                f"INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, $1::jsonb)).*",
                json.dumps(json.loads(row)),
            )


async def test_a_note_that_changed_its_client_goes_with_the_one_it_belongs_to(
    house: House, owner: Owner
) -> None:
    """What was said from it while it was another client's goes too; what another client's note is now, stays."""
    mine, theirs = house.clients
    moved, lost = house.notes[theirs][0], house.notes[mine][0]
    await house.index(replace(moved, client=mine))
    await house.index(replace(lost, client=theirs))
    await house.erase(house.subject(0))

    assert (await where(owner, {moved.ref.id}))[moved.ref.id] == set()
    assert moved.ref.id not in await house.held()
    assert lost.ref.id in await house.held()
