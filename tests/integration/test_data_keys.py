"""Keys of workspaces are changed while others write and read, and whoever changes them may die at any point."""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from pazpaz_ai_client.signing import PrivateKey
from service.adapters.conversations.conversations import PgConversations
from service.adapters.erasure.eraser import PgEraser
from service.adapters.index.chunk_store import PgChunkStore
from service.adapters.index.plain_vectors import PlainVectors
from service.adapters.key_rotation import SEALED, PgKeyRotation, Resealed
from service.adapters.key_store import KeysRotated, PgKeyStore
from service.adapters.postgres.database import Database, open_database
from service.adapters.postgres.tables import metadata
from service.adapters.work.work_queue import PgWorkQueue
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.domain.erasure import Subject
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.risk import RiskSpan
from service.domain.turns import Sentence, Turn
from service.errors import BadSettings, KeyUnavailable, SealBroken
from service.ports.clock import now
from service.ports.index import IndexedNote, Space
from service.ports.monolith import Event
from service.security.keys import KeyEncryptionKey, new_key
from tests.fakes import NOW, a_bag, a_client, a_note
from tests.integration.conftest import Owner
from tests.tables import empty_tables

SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LATER = timedelta(days=1)
KILLS = 12
CATALOGUE = "note_catalogue"
WRITERS = 4


@pytest.fixture(scope="module")
async def database(databases_apart: Databases, owner: Owner) -> AsyncIterator[Database]:
    async with open_database(databases_apart.worker, pool_size=12) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def nothing_stored(owner: Owner) -> None:
    await empty_tables(owner)


@dataclass
class Process:
    """One process of the service: its own memory of keys."""

    database: Database
    kek: KeyEncryptionKey
    others: tuple[KeyEncryptionKey, ...] = ()
    keys: PgKeyStore = field(init=False)
    user: UserId = field(default_factory=lambda: UserId(uuid4()))

    def __post_init__(self) -> None:
        self.keys = PgKeyStore(self.database, self.kek, now, self.others)
        self.store = PgChunkStore(self.database, self.keys, PlainVectors(self.database))
        self.talks = PgConversations(self.database, self.keys)
        self.rotation = PgKeyRotation(self.database, self.keys)
        self.queue = PgWorkQueue(self.database, lease_seconds=60, debounce=0, debounce_limit=0)

    def twin(self) -> "Process":
        return Process(self.database, self.kek, self.others)

    async def index(
        self,
        workspace: WorkspaceId,
        session: UUID | None = None,
        *,
        client: ClientId | None = None,
        risk: tuple[RiskSpan, ...] = (),
    ) -> UUID:
        """A note's bag and what is sealed of its row, as a worker writes them."""
        of = client or ClientId(uuid4())
        note = a_note("היא ישנה טוב יותר", workspace=workspace, client=of)
        ref = NoteRef(workspace, "sessions", session or uuid4())
        note = replace(note, ref=ref)
        await self.queue.accept([Event(uuid4(), workspace, "sessions", ref.id, "upserted")])
        (lease,) = await self.queue.claim(limit=1)
        index = (await self.keys.keys(workspace=workspace)).index
        bag = a_bag(note, key=index)
        written = IndexedNote(note, bag, [Space("model", {}, frozenset(), [])], risk=risk)
        assert await self.store.replace(written, lease=lease)
        return ref.id

    async def meet(
        self,
        workspace: WorkspaceId,
        name: str,
        *,
        is_active: bool = True,
        id: ClientId | None = None,
    ) -> ClientId:
        """A client, as a worker writes them."""
        client = a_client(id or ClientId(uuid4()), name=(name, "לוי"), workspace=workspace)
        ref, index = client.profile.ref, (await self.keys.keys(workspace=workspace)).index
        await self.queue.accept([Event(uuid4(), workspace, "clients", ref.id, "upserted")])
        (lease,) = await self.queue.claim(limit=1)
        bag, space = a_bag(client.profile, key=index), Space("model", {}, frozenset(), [])
        indexed = IndexedNote(client.profile, bag, [space]) if is_active else None
        assert await self.store.put_client(client, indexed, lease=lease)
        return client.id

    async def say(self, workspace: WorkspaceId, conversation: UUID, text: str) -> UUID:
        said = Sentence(text, [{"quote": text}], {})
        turn = Turn(uuid4(), f"{text}?", [said, None, said], {"status": "answered"}, NOW)
        await self.talks.add_turn(
            conversation=conversation, client=None, user=self.user, workspace=workspace, turn=turn
        )
        return turn.id

    async def reads(self, workspace: WorkspaceId, conversation: UUID) -> list[tuple[UUID, str]]:
        turns = await self.talks.turns(conversation, user=self.user, workspace=workspace)
        for turn in turns:
            assert turn.sentences[1] is None
            assert turn.question == f"{turn.sentences[0].text}?" == f"{turn.sentences[2].text}?"
        return [(turn.id, turn.sentences[0].text) for turn in turns]


@pytest.fixture
def process(database: Database) -> Process:
    return Process(database, KeyEncryptionKey(new_key()))


async def rotate(process: Process, workspace: WorkspaceId) -> Resealed:
    """The whole way, as the command goes it."""
    began = await process.rotation.begin(workspace=workspace)
    await process.rotation.renew(workspace=workspace, older_than=began)
    done = await process.rotation.reseal(workspace=workspace)
    await process.rotation.finish(workspace=workspace)
    return done


async def furnished(process: Process) -> tuple[WorkspaceId, UUID]:
    """A practice with three notes, each a bag and a sealed row of the catalogue, and three turns."""
    workspace, conversation = WorkspaceId(uuid4()), uuid4()
    for number in range(3):
        await process.index(workspace)
        await process.say(workspace, conversation, f"sentence {number}")
    return workspace, conversation


async def epochs(owner: Owner, table: str, column: str = "key_epoch") -> set[int]:
    return {row[0] for row in await owner.fetch(f"SELECT DISTINCT {column} FROM {table}")}


def test_every_sealed_table_is_known() -> None:
    """A table with a key epoch that a rotation does not seal anew would lose its key."""
    epochs = {table.name for table in metadata.sorted_tables if "key_epoch" in table.c}
    assert {sealed.table.name for sealed in SEALED} == epochs


async def test_a_rotation_leaves_nothing_under_the_old_key(process: Process, owner: Owner) -> None:
    """Every row is sealed with the new key, opens to the same, and the old key is destroyed; others keep theirs."""
    workspace, conversation = await furnished(process)
    other, _ = await furnished(process)
    theirs = await process.keys.living(workspace=other)
    before = await process.reads(workspace, conversation)
    _, bags = await process.store.bags(workspace=workspace)
    old = await process.keys.keys(workspace=workspace)

    assert await rotate(process.twin(), workspace) == Resealed(rows=9, left=0)
    reader = process.twin()
    reader.user = process.user
    assert await reader.reads(workspace, conversation) == before
    assert (await reader.store.bags(workspace=workspace))[1] == bags
    (stored,) = await process.keys.living(workspace=workspace)
    assert stored.epoch > old.epoch
    sealed = await owner.fetch("SELECT key_epoch FROM bags WHERE workspace_id = $1", workspace)
    assert {row[0] for row in sealed} == {stored.epoch}
    assert await process.keys.living(workspace=other) == theirs
    assert await owner.fetchval("SELECT count(*) FROM key_rotations") == 0


async def test_names_outlive_a_rotation(process: Process, owner: Owner) -> None:
    """They are counted, sealed anew and open to the same, also where an old key is remembered; a row of the catalogue
    that has nothing sealed is left alone."""
    workspace, _ = await furnished(process)
    met = [await process.meet(workspace, name) for name in ("דנה", "Noa")]
    await process.meet(workspace, "רון", is_active=False)
    before, old = (
        (await process.store.people(workspace=workspace))[1],
        await epochs(owner, CATALOGUE),
    )
    remembered = await process.keys.keys(workspace=workspace)
    await process.rotation.renew(workspace=workspace, older_than=now() + LATER)
    assert await process.rotation.stale(workspace=workspace) == 9 + len(met)

    assert await process.twin().rotation.reseal(workspace=workspace) == Resealed(9 + len(met), 0)
    process.keys._remember(remembered)
    people = (await process.store.people(workspace=workspace))[1]
    assert set(people) == set(before)
    assert {(one.client, one.first) for one in people} == set(zip(met, ("דנה", "Noa"), strict=True))
    assert None in (new := await epochs(owner, CATALOGUE))
    assert new & old == {None}


async def test_what_notes_say_of_danger_outlives_a_rotation(process: Process) -> None:
    """It opens to the same under the new key, and while an old key is remembered."""
    workspace, client = WorkspaceId(uuid4()), ClientId(uuid4())
    span = RiskSpan("abuse", "past", "subjective", 0, 17)
    await process.index(workspace, client=client, risk=(span,))
    before = await process.store.risks(workspace=workspace, clients=[client])
    remembered = await process.keys.keys(workspace=workspace)

    assert await rotate(process.twin(), workspace) == Resealed(rows=2, left=0)
    process.keys._remember(remembered)
    assert await process.store.risks(workspace=workspace, clients=[client]) == before
    assert [one.spans for one in before] == [(span,)]


async def test_names_from_before_are_filled_by_the_next_look(
    process: Process, owner: Owner
) -> None:
    """A client indexed by the version before has none, and stops neither search nor a rotation."""
    workspace, _ = await furnished(process)
    dana = await process.meet(workspace, "דנה")
    await owner.execute("UPDATE note_catalogue SET key_epoch = NULL, sealed = NULL")
    await process.meet(workspace, "Noa")

    assert [one.first for one in (await process.store.people(workspace=workspace))[1]] == ["Noa"]
    assert await rotate(process, workspace) == Resealed(rows=7, left=0)
    await process.meet(workspace, "דנה", id=dana)
    assert len((await process.store.people(workspace=workspace))[1]) == 2


async def test_a_process_that_remembers_the_old_key_reads_and_writes_on(process: Process) -> None:
    """Its memory is five minutes old, and neither history, search nor a new turn fails or is sealed with it."""
    workspace, conversation = await furnished(process)
    before = await process.keys.keys(workspace=workspace)
    await rotate(process.twin(), workspace)

    assert len(await process.reads(workspace, conversation)) == 3
    process.keys._remember(before)
    assert len((await process.store.bags(workspace=workspace))[1]) == 3
    process.keys._remember(before)
    await process.say(workspace, conversation, "afterwards")
    process.keys._remember(before)
    await process.index(workspace)
    assert await process.rotation.stale(workspace=workspace) == 0
    assert len(await process.reads(workspace, conversation)) == 4


async def test_both_steps_are_told_in_the_trail(process: Process, owner: Owner) -> None:
    """New keys, their destroyed ancestors and another wrapping are a row of the workspace's chain each."""
    workspace, _ = await furnished(process)
    (first,) = await process.keys.living(workspace=workspace)
    await rotate(process, workspace)
    (last,) = await process.keys.living(workspace=workspace)
    changed = Process(process.database, KeyEncryptionKey(new_key()), (process.kek,))
    await changed.rotation.rewrap(workspace=workspace)

    told = await owner.fetch(
        "SELECT details::text FROM audit WHERE workspace_id = $1 AND action = 'keys.changed' ORDER BY seq",
        workspace,
    )
    assert [json.loads(row[0]) for row in told] == [
        {"workspace_keys": first.epoch, "wrapped_by": process.kek.id},
        {"workspace_keys": last.epoch, "wrapped_by": process.kek.id, "instead_of": first.epoch},
        {"workspace_keys": last.epoch, "destroyed": [first.epoch]},
        {"rewrapped": [last.epoch], "wrapped_by": changed.kek.id},
    ]


async def test_a_second_run_goes_on_and_does_not_begin_again(process: Process) -> None:
    """Cut off after new keys were made, a rotation makes no newer ones; finished, the next one does."""
    workspace, _ = await furnished(process)
    began = await process.rotation.begin(workspace=None)
    assert await process.rotation.renew(workspace=workspace, older_than=began)

    again = await process.twin().rotation.begin(workspace=None)
    assert again == began
    assert not await process.rotation.renew(workspace=workspace, older_than=again)
    assert await process.rotation.reseal(workspace=workspace) == Resealed(9, 0)
    await process.rotation.finish(workspace=None)
    assert await process.rotation.begin(workspace=None) > began


async def killed_at_random(
    work: Callable[[], Awaitable[object]], chance: random.Random, times: int = KILLS
) -> int:
    """Begins work, kills it where it stands, begins it anew; at last lets it end. How often it was cut off."""
    cut = 0
    for _ in range(times):
        task = asyncio.ensure_future(work())
        await asyncio.sleep(chance.uniform(0, 0.06))
        cut += task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await work()
    return cut


async def test_rotations_under_load_lose_nothing(process: Process, owner: Owner) -> None:
    """Both keys are changed again and again, each cut off at random points, while processes write and read: every
    bag and turn opens afterwards, and no row, key or wrapping is an old one."""
    chance, stop = random.Random(SEED), asyncio.Event()  # noqa: S311 - repeatable, no secret
    workspace, _ = await furnished(process)
    first = await process.keys.keys(workspace=workspace)
    fresh = KeyEncryptionKey(new_key())
    changed = Process(process.database, fresh, (process.kek,))
    crowd = [Process(process.database, process.kek, (fresh,)) for _ in range(WRITERS)]
    said: dict[UUID, dict[UUID, str]] = {}

    async def writes_and_reads(one: Process, conversation: UUID) -> None:
        mine = said[conversation] = {}
        session = uuid4()
        while not stop.is_set():
            text = f"sentence {len(mine)}"
            mine[await one.say(workspace, conversation, text)] = text
            assert dict(await one.reads(workspace, conversation)) == mine
            assert (await one.store.bags(workspace=workspace))[1]
            if one is crowd[0]:  # one worker: a claim takes whatever is there
                await one.index(workspace, session)

    async def renewed_and_resealed() -> None:
        twin = changed.twin()
        began = await twin.rotation.begin(workspace=None)
        await twin.rotation.renew(workspace=workspace, older_than=began)
        assert (await twin.rotation.reseal(workspace=workspace)).left == 0
        await twin.rotation.finish(workspace=None)

    async def rewrapped() -> None:
        await changed.twin().rotation.rewrap(workspace=workspace)

    async def rotations() -> int:
        try:
            return await killed_at_random(renewed_and_resealed, chance) + await killed_at_random(
                rewrapped, chance, 3
            )
        finally:
            stop.set()

    conversations = [uuid4() for _ in crowd]
    cut, *_ = await asyncio.gather(
        rotations(),
        *(writes_and_reads(one, at) for one, at in zip(crowd, conversations, strict=True)),
    )

    print(f"\nseed {SEED}: cut off {cut} times, {sum(map(len, said.values()))} turns")  # noqa: T201
    assert cut > KILLS // 2, f"seed {SEED}"
    (stored,) = await changed.keys.living(workspace=workspace)
    assert stored.epoch > first.epoch
    assert await epochs(owner, "bags") == await epochs(owner, "turns") == {stored.epoch}
    assert stored.kek_id == fresh.id
    alone = Process(process.database, fresh)
    for one, conversation in zip(crowd, conversations, strict=True):
        alone.user = one.user
        assert dict(await alone.reads(workspace, conversation)) == said[conversation]
    assert len((await alone.store.bags(workspace=workspace))[1]) == 4


async def test_a_shredded_sentence_stays_shredded(process: Process, owner: Owner) -> None:
    """Rotation seals what is there: an emptied question or sentence does not come back, nor stop it."""
    workspace, conversation = await furnished(process)
    await owner.execute("UPDATE turns SET question = NULL, sentences[1] = NULL")
    assert (await rotate(process, workspace)).left == 0

    turns = await process.talks.turns(conversation, user=process.user, workspace=workspace)
    assert [(turn.question, turn.sentences[0]) for turn in turns] == [(None, None)] * 3
    assert {turn.sentences[2].text for turn in turns} == {f"sentence {n}" for n in range(3)}


async def test_a_row_that_does_not_open_keeps_its_key(process: Process, owner: Owner) -> None:
    """Its key is not destroyed, it is counted, and every other row is sealed anew; mended, it is taken along."""
    workspace, _ = await furnished(process)
    whole = await owner.fetchrow("SELECT entity_id, sealed FROM bags LIMIT 1")
    await owner.execute("UPDATE bags SET sealed = '\\x01ff' WHERE entity_id = $1", whole[0])

    assert await rotate(process, workspace) == Resealed(rows=8, left=1)
    assert len(await process.keys.living(workspace=workspace)) == 2
    await owner.execute(
        "UPDATE bags SET sealed = $2 WHERE entity_id = $1", whole["entity_id"], whole["sealed"]
    )
    assert await process.rotation.reseal(workspace=workspace) == Resealed(rows=1, left=0)
    assert len(await process.keys.living(workspace=workspace)) == 1


async def test_a_row_that_somebody_holds_is_waited_for(
    process: Process, databases_apart: Databases
) -> None:
    """It is neither skipped for good nor does its key go before it: the others are done meanwhile."""
    workspace, _ = await furnished(process)
    holder = await asyncpg.connect(databases_apart.owner.replace("+asyncpg", ""))
    locked = "SELECT FROM turns WHERE workspace_id = $1 LIMIT 1 FOR UPDATE"
    try:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group, holder.transaction():
            await holder.execute(locked, workspace)
            rotation = group.create_task(rotate(process, workspace))
            while await process.twin().rotation.stale(workspace=workspace) != 1:  # noqa: ASYNC110 - only the database knows
                await asyncio.sleep(0.02)
            assert len(await process.keys.living(workspace=workspace)) == 2
    finally:
        await holder.close()
    assert rotation.result() == Resealed(rows=9, left=0)
    assert len(await process.keys.living(workspace=workspace)) == 1


@dataclass
class Storing:
    """A turn being stored, stopped where it has looked at its keys and written nothing."""

    task: "asyncio.Task[UUID]"
    go_on: asyncio.Event

    async def done(self) -> None:
        self.go_on.set()
        await self.task


async def a_turn_being_stored(
    process: Process, workspace: WorkspaceId, conversation: UUID
) -> Storing:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(PgConversations):
        async def _require_open(self, connection: Any, keys: Any) -> None:
            await PgConversations._require_open(self, connection, keys)
            begun.set()
            await go_on.wait()

    slow = process.twin()
    slow.talks, slow.user = Slow(slow.database, slow.keys), process.user
    task = asyncio.create_task(slow.say(workspace, conversation, "late"))
    await begun.wait()
    return Storing(task, go_on)


async def test_no_key_goes_while_a_turn_is_being_stored(process: Process) -> None:
    """New keys wait for a writer that has begun, and what it wrote is sealed anew with the rest."""
    workspace, conversation = await furnished(process)
    storing = await a_turn_being_stored(process, workspace, conversation)
    rotation = asyncio.ensure_future(rotate(process.twin(), workspace))
    await asyncio.sleep(0.2)
    assert len(await process.keys.living(workspace=workspace)) == 1
    await storing.done()

    assert await rotation == Resealed(rows=10, left=0)
    assert len(await process.reads(workspace, conversation)) == 4


async def test_a_turn_being_stored_does_not_outlive_its_practice(
    process: Process, owner: Owner
) -> None:
    """An erasure waits for it too: neither a turn without a key is left, nor a turn at all."""
    workspace, _ = await furnished(process)
    signing = PrivateKey.generate("ai-tests-1")
    eraser = PgEraser(process.database, process.keys, lambda: signing)
    whole = Subject(workspace, "workspaces", workspace)
    storing = await a_turn_being_stored(process, workspace, uuid4())
    erasure = asyncio.ensure_future(eraser.erase(whole, asked_by="operator"))
    await asyncio.sleep(0.2)
    await storing.done()

    assert await erasure
    for table in ("turns", "conversations", "bags", "workspace_keys"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_an_overtaken_rotation_seals_nothing(process: Process, owner: Owner) -> None:
    """Where another operator made yet newer keys, rows are not sealed with the ones in between, whose key goes."""
    workspace, _ = await furnished(process)
    await process.rotation.renew(workspace=workspace, older_than=now() + LATER)
    between = await process.keys.keys(workspace=workspace)
    await process.twin().rotation.renew(workspace=workspace, older_than=now() + LATER)

    for sealed in SEALED:
        with pytest.raises(KeysRotated):
            await process.rotation._reseal_some(sealed, between, after=None)
    assert between.epoch not in await epochs(owner, "bags") | await epochs(owner, "turns")


async def test_what_is_moved_between_epochs_does_not_open(process: Process, owner: Owner) -> None:
    """Neither a wrapped key nor a sealed row opens as one of another epoch, column or row."""
    workspace, conversation = await furnished(process)
    other, _ = await furnished(process)
    for one in (workspace, other):
        assert await process.rotation.renew(workspace=one, older_than=now() + LATER)
    await process.say(workspace, conversation, "of the new epoch")
    for change in (
        "UPDATE workspace_keys SET wrapped_seal = b.wrapped_seal FROM workspace_keys b"
        " WHERE workspace_keys.workspace_id = $1 AND b.workspace_id = $1 AND b.epoch <> workspace_keys.epoch",
        "UPDATE workspace_keys SET wrapped_index = b.wrapped_index FROM workspace_keys b"
        " WHERE workspace_keys.workspace_id = $1 AND b.workspace_id = $1 AND b.epoch <> workspace_keys.epoch",
        "UPDATE workspace_keys SET wrapped_seal = wrapped_index, wrapped_index = wrapped_seal WHERE workspace_id = $1",
        "UPDATE workspace_keys SET wrapped_seal = b.wrapped_seal FROM workspace_keys b"
        " WHERE workspace_keys.workspace_id = $1 AND b.workspace_id <> $1 AND b.epoch = workspace_keys.epoch",
        "UPDATE turns SET key_epoch = b.epoch FROM workspace_keys b"
        " WHERE turns.workspace_id = $1 AND b.workspace_id = $1 AND b.epoch <> turns.key_epoch",
        "UPDATE turns SET sentences = ARRAY[sentences[3], NULL, sentences[1]] WHERE workspace_id = $1",
        "UPDATE turns SET question = sentences[1] WHERE workspace_id = $1",
        "UPDATE turns SET question = b.question FROM turns b"
        " WHERE turns.workspace_id = $1 AND b.workspace_id = $1 AND b.id <> turns.id AND b.key_epoch = turns.key_epoch",
        "UPDATE turns SET question = b.question FROM turns b WHERE turns.workspace_id = $1 AND b.workspace_id <> $1",
    ):
        reader = process.twin()
        reader.user = process.user
        assert len(await reader.reads(workspace, conversation)) == 4
        reader.keys.drop(workspace)
        before = await _kept(owner)
        assert (await owner.execute(change, workspace)) != "UPDATE 0", change
        with pytest.raises(SealBroken):
            await reader.reads(workspace, conversation)
        await _put_back(owner, before)


async def _kept(owner: Owner) -> list[tuple[str, list[Any]]]:
    return [
        (table, await owner.fetch(f"SELECT * FROM {table}"))
        for table in ("workspace_keys", "turns")
    ]


async def _put_back(owner: Owner, kept: list[tuple[str, list[Any]]]) -> None:
    for table, rows in kept:
        await owner.execute(f"DELETE FROM {table}")
        for row in rows:
            places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
            names = ", ".join(row.keys())
            await owner.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", *row.values())


async def test_keys_are_wrapped_anew_and_stay_the_same(process: Process) -> None:
    """Every epoch's keys open under the new key-encryption key alone, with the same values; a second run finds
    nothing to do."""
    workspace, conversation = await furnished(process)
    await process.rotation.renew(workspace=workspace, older_than=now() + LATER)
    before = await process.keys.keys(workspace=workspace)
    fresh = KeyEncryptionKey(new_key())
    changed = Process(process.database, fresh, (process.kek,))

    assert await changed.rotation.rewrap(workspace=workspace) == 2
    assert await changed.rotation.rewrap(workspace=workspace) == 0
    alone = Process(process.database, fresh)
    assert await alone.keys.keys(workspace=workspace) == before
    alone.user = process.user
    assert len(await alone.reads(workspace, conversation)) == 3
    with pytest.raises(KeyUnavailable):
        await process.twin().keys.keys(workspace=workspace)


async def test_without_the_old_wrapping_key_nothing_is_touched(process: Process) -> None:
    """Who cannot open a workspace's keys changes none of them."""
    workspace, _ = await furnished(process)
    stored = await process.keys.living(workspace=workspace)
    stranger = Process(process.database, KeyEncryptionKey(new_key()))

    for change in (
        stranger.rotation.rewrap(workspace=workspace),
        stranger.rotation.renew(workspace=workspace, older_than=now() + LATER),
        stranger.rotation.reseal(workspace=workspace),
    ):
        with pytest.raises(KeyUnavailable):
            await change
    assert await process.keys.living(workspace=workspace) == stored


async def test_a_key_that_opens_nothing_is_refused_at_the_start(process: Process) -> None:
    """A rollout with the wrong one ends at its first pod; one of several that opens is enough, and none is needed."""
    mine, other = process.kek, KeyEncryptionKey(new_key())
    await Process(process.database, other).keys.refuse_key_of_another()  # nothing is stored yet
    await furnished(process)

    await process.keys.refuse_key_of_another()
    await Process(process.database, other, (mine,)).keys.refuse_key_of_another()
    with pytest.raises(BadSettings, match=f"this is {other.id}, .* wrapped by {mine.id};"):
        await Process(process.database, other).keys.refuse_key_of_another()


async def test_the_apis_login_may_not_change_keys(databases_apart: Databases) -> None:
    """It is told which login may, before anything is begun."""
    async with open_database(databases_apart.api) as database:
        api = Process(database, KeyEncryptionKey(new_key()))
        with pytest.raises(BadSettings, match="the worker's login"):
            await api.rotation.refuse_narrow_login()
    async with open_database(databases_apart.worker) as database:
        await Process(database, api.kek).rotation.refuse_narrow_login()


async def test_a_workspace_that_was_erased_gets_no_keys(process: Process, owner: Owner) -> None:
    """A rotation that comes after the erasure makes none, and fails at none."""
    workspace = WorkspaceId(uuid4())

    assert await rotate(process, workspace) == Resealed(0, 0)
    assert await owner.fetchval("SELECT count(*) FROM workspace_keys") == 0


async def command(stage: Stage, url: str, *words: str, **settings: str) -> tuple[int, str, str]:
    """The command as an operator runs it: its exit code, and what it said."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "keys", *words),
        env={**environment, **stage.worker_environment, "DATABASE_URL": url, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


async def test_what_the_command_cannot_do_is_one_line(
    stage: Stage, databases_apart: Databases
) -> None:
    """The wrong login and an unknown workspace are told before anything is begun, with exit code 2."""
    unknown = str(uuid4())
    assert await command(stage, databases_apart.api, "rotate", "--wrapping") == (
        2,
        "",
        "pazpaz-agent: DATABASE_URL: changing keys takes the worker's login\n",
    )
    assert await command(
        stage, databases_apart.worker, "rotate", "--data", "--workspace", unknown
    ) == (2, "", f"pazpaz-agent: no keys of a workspace {unknown} are stored\n")


async def test_the_command_counts_what_it_had_to_leave(
    stage: Stage, databases_apart: Databases, database: Database, owner: Owner
) -> None:
    """A row that does not open, and a workspace whose keys do not: told by id, counted, exit code 1."""
    kek = KeyEncryptionKey.from_base64(stage.keys.key_encryption_key.read_text())
    workspace, _ = await furnished(Process(database, kek))
    shut, _ = await furnished(Process(database, KeyEncryptionKey(new_key())))
    one = "(SELECT id FROM turns WHERE workspace_id = $1 LIMIT 1)"
    await owner.execute(f"UPDATE turns SET question = '\\x01ff' WHERE id = {one}", workspace)

    code, out, err = await command(stage, databases_apart.worker, "rotate", "--data")
    said = "1 of 2 workspaces have new keys: 8 rows sealed anew, 1 rows left under an older key.\n"
    assert (code, out) == (1, said)
    assert f"workspace {shut}: its keys do not open (key_away)\n" in err
    assert f"workspace {workspace}: 1 rows stay under an older key\n" in err
    code, out, err = await command(stage, databases_apart.worker, "rotate", "--wrapping")
    assert (code, out.splitlines()[0]) == (1, f"2 keys are wrapped by {kek.id}, 1 by another.")
    assert f"workspace {shut}: its keys do not open (key_away)\n" in err
