"""Random lives of a practice against a plain model: after every quiescence the index and the answers agree with it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.adapters.limits.switches import PgSwitches
from service.container import Container
from service.demo.index_judge import Judge, Truth
from service.domain.answers import Question
from service.domain.audit import Trail
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import Client, Note, NoteRef, Pulled
from service.domain.scope import ANYWHERE
from service.ports.monolith import Event, EventEntity, EventKind
from service.worker import Worker
from tests.fakes import NOW, InMemoryNoteSource, a_client, a_note, round_of
from tests.integration.conftest import Owner

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "15"))
STEPS = 40
LEASE_SECONDS = 0.02
MOST_CRASHES = 3
"""Between two quiescences: a note in hand at five of them counts as a killer, and is parked."""
WORDS = ("running", "sleep", "mother", "breathing", "exam", "ריצה", "שינה", "אמא", "נשימה", "כאב")

CHANGES = ("edit", "delete", "archive", "suspend")
PACES = ("frozen", "beside", "alone")
"""A worker that read is overtaken after its lease, works beside another, or is the only one."""
PULLS = ("client", "note")
"""After which pull: the note's own, or that of its client, which is the last."""
RACES = list(product(CHANGES, PACES, PULLS))
LONG_SECONDS = 30.0

T = TypeVar("T")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)


class Racing(InMemoryNoteSource):
    """PazPaz, in which something may happen after a note was pulled and before the answer is used."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: dict[UUID, Callable[[], Awaitable[None]]] = {}

    async def fetch(self, **asked: Any) -> Pulled:  # type: ignore[override]
        pulled = await super().fetch(**asked)
        for key in self.meanwhile.keys() & {*asked.get("sessions", ()), *asked.get("clients", ())}:
            await self.meanwhile.pop(key)()
        return pulled


@dataclass
class World:
    """One practice: PazPaz as it is, what was told of it, and who works on it."""

    opened: Container
    owner: Owner
    workspace: WorkspaceId = field(default_factory=lambda: WorkspaceId(uuid4()))
    source: Racing = field(default_factory=Racing)
    untold: list[Event] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    lost: bool = False
    require_consent: bool = False
    ticks: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        queue = replace(self.opened.queue, lease_seconds=LEASE_SECONDS)
        self.container = replace(self.opened)
        vars(self.container).update(notes=self.source, queue=queue)  # what it would make when asked
        self.judge = Judge(self.owner, self.container)
        self.source.statuses[self.workspace] = "active"

    @property
    def status(self) -> str:
        return self.source.statuses[self.workspace]

    @property
    def notes(self) -> list[Note]:
        """In the order they were made: what is drawn must not hang on ids that differ from run to run."""
        return list(self.source.sessions.values())

    @property
    def clients(self) -> list[Client]:
        return list(self.source.clients.values())

    def new_id(self) -> UUID:
        self.made += 1
        return UUID(int=self.made << 64)

    def moment(self) -> datetime:
        self.ticks += 1
        return NOW + timedelta(milliseconds=self.ticks)

    def tell(self, entity: EventEntity, key: UUID, kind: EventKind = "upserted") -> None:
        self.untold.append(Event(uuid4(), self.workspace, entity, key, kind, self.moment()))

    def put(self, note: Note, **changes: Any) -> None:
        version = (note.version or 0) + 1
        moved = {"updated_at": self.moment(), "version": version}
        self.source.take(replace(note, **(moved | changes)))
        self.tell("sessions", note.ref.id)

    def put_client(self, client: Client, **changes: Any) -> None:
        changed = replace(client, **changes)
        state = "active" if changed.is_active else "archived"
        profile = replace(changed.profile, state=state, updated_at=self.moment())
        self.source.take(replace(changed, profile=profile))
        self.tell("clients", client.id)

    async def deliver(self, events: list[Event]) -> None:
        await self.container.queue.accept(events)
        self.told += events

    def suspend_or_reactivate(self) -> None:
        self.source.statuses[self.workspace] = (
            "active" if self.status == "suspended" else "suspended"
        )
        self.tell("workspaces", self.workspace, "status")

    async def deliver_all(self) -> None:
        untold, self.untold = self.untold, []
        await self.deliver(untold)

    async def work(self, *, lease_seconds: float = LEASE_SECONDS) -> None:
        queue = replace(self.container.queue, lease_seconds=lease_seconds)
        worker = Worker(queue, self.container.indexer)
        while await round_of(worker):
            pass

    async def switch_consent(self, required: bool) -> None:
        switches = PgSwitches(self.container.database)
        await switches.put("require_consent", required, workspace=self.workspace)
        self.require_consent = required

    async def crash(self) -> None:
        """A worker takes work and is never heard of again."""
        await self.container.queue.claim(limit=4)

    async def race(self, note: Note, race: tuple[str, str, str]) -> None:
        """A worker pulls the note as it stands; what it pulled changes in PazPaz before it writes."""
        change, pace, pull = race

        async def meanwhile() -> None:
            self._change(note, change)
            await self.deliver_all()
            if pace == "frozen":
                await asyncio.sleep(LEASE_SECONDS * 1.5)
            if pace != "alone":
                await self.work()

        await self.deliver_all()
        self.source.meanwhile[note.ref.id if pull == "note" else note.client] = meanwhile
        await self.work(lease_seconds=LEASE_SECONDS if pace == "frozen" else LONG_SECONDS)
        self.source.meanwhile.clear()

    def _change(self, note: Note, change: str) -> None:
        current = self.source.sessions[note.ref.id]
        if change == "edit":
            self.put(current, fields={"plan": self.own_text(["changed"])})
        elif change == "delete":
            self.put(current, state="deleted", version=current.version)
        elif change == "archive":
            self.put_client(self.source.clients[note.client], is_active=False)
        else:
            self.suspend_or_reactivate()

    def own_text(self, words: list[str]) -> str:
        """With a word that no other note has, so that search can tell it."""
        return " ".join([*words, f"w{self.new_id().int >> 64}"])

    async def settle(self) -> None:
        """Every event arrives, or else the lists are compared; then every look is taken."""
        await self.deliver_all()
        for _ in range(200):
            await self.work()
            if self.lost:
                await self.container.indexer.reconciler.repair(self.workspace)
                self.lost = False
            elif not await self._is_open():
                return
            await asyncio.sleep(LEASE_SECONDS)
        raise AssertionError("some look is never taken")

    async def _is_open(self) -> bool:
        query = (
            "SELECT count(*) FROM work WHERE workspace_id = $1 AND wanted > done AND parked_at IS NULL"
            " AND (kind = 'workspaces' OR NOT EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = $1"
            " AND t.entity IN ('workspaces', 'shut')))"
        )
        return bool(await self.owner.fetchval(query, self.workspace))

    def truth(self) -> Truth:
        if self.status != "active":
            return Truth({}, {}, frozenset(), shut=True)
        readable = {one.id for one in self.clients if self._may_be_read(one)}
        held = [one.profile for one in self.clients if one.id in readable]
        theirs = [one for one in self.notes if one.client in readable]
        held += [one for one in theirs if one.state == "active"]
        drafts = {("sessions", one.ref.id): one for one in theirs if one.state == "draft"}
        shut = {one.id: one.profile.updated_at for one in self.clients if one.id not in readable}
        notes = {(one.ref.entity, one.ref.id): one for one in held}
        return Truth(notes, shut, frozenset(), drafts=drafts)

    def _may_be_read(self, client: Client) -> bool:
        return client.is_active and (client.has_consent or not self.require_consent)

    async def check(self) -> None:
        truth = self.truth()
        await self.judge.judge(truth, self.workspace)
        if not truth.shut:
            await self._check_coverage(truth)
            await self._check_answers(truth)

    async def _check_coverage(self, truth: Truth) -> None:
        store = self.container.store
        said = await store.coverage(workspace=self.workspace, within=ANYWHERE)
        sessions = [note for note in truth.notes.values() if note.ref.entity == "sessions"]
        assert (said.notes_read, said.drafts, said.complete) == (len(sessions), 0, True)
        assert said.unsearched_drafts == len(truth.drafts)
        course = await store.sessions(workspace=self.workspace, within=ANYWHERE)
        assert {one.id for one in course} == {note.ref.id for note in sessions}
        for client in self.clients:
            known = await store.knows_client(client.id, workspace=self.workspace)
            assert known == (("clients", client.id) in truth.notes)

    async def _check_answers(self, truth: Truth) -> None:
        """Each note is found by its own words, and nothing else is read."""
        for note in list(truth.notes.values())[:3]:
            for text in note.fields.values():
                found = await self.container.finder.find(
                    Question(text, "en", max_results=10),
                    context=await self.container.contexts.of(workspace=self.workspace),
                    actor=UserId(uuid4()),
                    trail=Trail(),
                )
                assert {(ref.entity, ref.id) for ref in found.ranked} <= truth.notes.keys()
                assert note.ref in found.ranked


class Lives(RuleBasedStateMachine):
    """Rules are what people and machines do; `do` runs them on the loop that the parts were opened on."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    opened: ClassVar[Container]
    owner: ClassVar[Owner]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.opened, self.owner)
        self.crashes = 0

    @initialize(words=texts)
    def furnish(self, words: list[str]) -> None:
        """Two clients with two notes each, all of them indexed, so that every step has something to change."""
        for _ in range(2):
            self.put_client_in()
        for client in self.world.clients * 2:
            self.world.put(self._note_of(client, words))
        self.settle()

    def do(self, work: "Coroutine[Any, Any, T]") -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def one(self, data: st.DataObject, *states: str) -> Note | None:
        fitting = [note for note in self.world.notes if note.state in states]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    @precondition(lambda self: len(self.world.clients) < 3 and self.world.status != "deleted")
    @rule()
    def put_client_in(self) -> None:
        id = ClientId(self.world.new_id())
        client = a_client(id, workspace=self.world.workspace, notes="sleep and work")
        self.world.put_client(client)

    @precondition(lambda self: self.world.clients and self.world.status != "deleted")
    @rule(data=st.data(), words=texts, final=st.booleans())
    def create(self, data: st.DataObject, words: list[str], final: bool) -> None:
        note = self._new_note(data, words)
        self.world.put(note if final else replace(note, state="draft"))

    def _new_note(self, data: st.DataObject, words: list[str]) -> Note:
        return self._note_of(data.draw(st.sampled_from(self.world.clients)), words)

    def _note_of(self, client: Client, words: list[str]) -> Note:
        ref = NoteRef(self.world.workspace, "sessions", self.world.new_id())
        fields = {"subjective": self._own(words)}
        return Note(ref, client.id, "active", fields, NOW, session_date=NOW, version=0)

    def _own(self, words: list[str]) -> str:
        return self.world.own_text(words)

    @rule(data=st.data(), words=texts, name=st.sampled_from(["subjective", "plan"]))
    def edit(self, data: st.DataObject, words: list[str], name: str) -> None:
        if note := self.one(data, "draft", "active"):
            self.world.put(note, fields={**note.fields, name: self._own(words)})

    @rule(data=st.data())
    def empty_a_field(self, data: st.DataObject) -> None:
        if note := self.one(data, "active"):
            self.world.put(note, fields=dict(list(note.fields.items())[1:]))

    @rule(data=st.data())
    def finalize_or_reopen(self, data: st.DataObject) -> None:
        if note := self.one(data, "draft", "active"):
            self.world.put(note, state="active" if note.is_draft else "draft")

    @rule(data=st.data())
    def delete_or_restore(self, data: st.DataObject) -> None:
        """Neither changes the version, as in PazPaz."""
        if note := self.one(data, "active", "deleted"):
            state = "active" if note.state == "deleted" else "deleted"
            self.world.put(note, state=state, version=note.version)

    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        if note := self.one(data, "deleted"):
            del self.world.source.sessions[note.ref.id]
            self.world.tell("sessions", note.ref.id, "purged")

    @rule(data=st.data())
    def archive_or_bring_back(self, data: st.DataObject) -> None:
        if self.world.clients:
            client = data.draw(st.sampled_from(self.world.clients))
            self.world.put_client(client, is_active=not client.is_active)

    @rule(data=st.data())
    def consent_or_take_it_back(self, data: st.DataObject) -> None:
        if self.world.clients:
            client = data.draw(st.sampled_from(self.world.clients))
            self.world.put_client(client, has_consent=not client.has_consent)

    @rule(required=st.booleans())
    def require_consent(self, required: bool) -> None:
        self.do(self.world.switch_consent(required))

    @precondition(lambda self: self.world.status != "deleted")
    @rule()
    def suspend_or_reactivate(self) -> None:
        self.world.suspend_or_reactivate()

    @precondition(lambda self: self.world.ticks > 25 and self.world.status != "deleted")
    @rule(sure=st.integers(0, 5))
    def purge_the_practice(self, sure: int) -> None:
        if sure == 0:
            self.world.source.sessions.clear()
            self.world.source.clients.clear()
            self.world.source.statuses[self.world.workspace] = "deleted"
            self.world.tell("workspaces", self.world.workspace, "purged")

    @precondition(lambda self: self.world.untold)
    @rule(data=st.data())
    def deliver_some(self, data: st.DataObject) -> None:
        """In any order, and some that were delivered before once more."""
        some = data.draw(st.lists(st.sampled_from(self.world.untold), unique_by=lambda one: one.id))
        again = self.world.told[: data.draw(st.integers(0, 3))]
        self.world.untold = [one for one in self.world.untold if one not in some]
        self.do(self.world.deliver([*some, *again]))

    @precondition(lambda self: self.world.untold)
    @rule()
    def lose_what_is_on_its_way(self) -> None:
        self.world.untold = []
        self.world.lost = True

    @rule()
    def work(self) -> None:
        self.do(self.world.work())

    @precondition(lambda self: self.world.clients)
    @rule(data=st.data(), words=texts, race=st.sampled_from(RACES))
    def change_while_it_is_read(
        self, data: st.DataObject, words: list[str], race: tuple[str, str, str]
    ) -> None:
        """The pull was answered; before the index is written, it is no longer true, and that is told.

        It begins and ends in quiescence: a client's first look, or a comparison of lists, would heal what went wrong.
        """
        self.settle()
        note = self.one(data, "active") or self._new_note(data, words)
        self.world.put(note, fields={"subjective": self._own(words)})
        self.do(self.world.race(note, race))
        self.settle()

    @precondition(lambda self: self.crashes < MOST_CRASHES)
    @rule()
    def crash(self) -> None:
        self.crashes += 1
        self.do(self.world.crash())

    @rule()
    def settle(self) -> None:
        self.do(self.world.settle())
        self.do(self.world.check())
        self.crashes = 0

    def teardown(self) -> None:
        self.settle()


async def test_the_index_agrees_with_a_plain_model(opened: Container, owner: Owner) -> None:
    """Whatever happened, in whatever order, told late, twice or not at all."""
    Lives.loop, Lives.opened, Lives.owner = asyncio.get_running_loop(), opened, owner
    bounded = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    await asyncio.to_thread(run_state_machine_as_test, Lives, settings=bounded)


async def indexed_world(opened: Container, owner: Owner) -> tuple[World, Note]:
    """One client and one note, both indexed."""
    world = World(opened, owner)
    client = a_client(ClientId(world.new_id()), workspace=world.workspace, notes="sleep")
    note = a_note("running again", id=world.new_id(), workspace=world.workspace, client=client.id)
    world.put_client(client)
    world.put(note)
    await world.settle()
    return world, note


@pytest.mark.parametrize("race", RACES, ids=" ".join)
async def test_no_race_leaves_a_trace(
    opened: Container, owner: Owner, race: tuple[str, str, str]
) -> None:
    """Each change, after each pull, with each kind of other worker: in the end the index says what PazPaz says."""
    world, note = await indexed_world(opened, owner)
    world.put(note, fields={"subjective": world.own_text(["again"])})
    await world.race(note, race)
    await world.settle()

    await world.check()


async def test_a_reactivation_nobody_told_of_is_noticed(opened: Container, owner: Owner) -> None:
    """The event was lost, and PazPaz's outbox with it: the lists alone must bring the practice back."""
    world, _ = await indexed_world(opened, owner)
    for status in ("suspended", "active"):
        world.source.statuses[world.workspace] = status  # type: ignore[assignment]
        world.tell("workspaces", world.workspace, "status")
        if status == "active":
            world.untold, world.lost = [], True
        await world.settle()

    await world.check()
