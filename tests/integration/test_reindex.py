"""A second model beside the first: complete before it answers, swapped whole, dropped whole, never mixed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import uuid4

import pytest

from service.adapters.index.chunk_store import PgChunkStore
from service.adapters.index.index_models import covers
from service.adapters.index.reindexer import PgReindexer
from service.adapters.models.local_model import LocalReranker
from service.container import Container
from service.domain.answers import Hit, Question
from service.domain.audit import Trail
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import ManifestItem, Note, NoteRef
from service.domain.scope import ANYWHERE, Within
from service.ingestion.indexing import Indexer
from service.ports.calls import CallContext
from service.ports.index import IndexModels
from service.ports.models import Vector
from service.retrieval.dense import DenseIndex
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder
from service.vectors import DIMENSION
from service.worker import Worker
from tests.fakes import InMemoryNoteSource, a_client, a_context, a_note, embedders_of, round_of
from tests.integration.conftest import Owner, rows
from tests.journeys.practice import eventually
from tests.unit.doubles import SwitchedStandings

OLD, NEW = "old-model", "new-model"
NOTES = 12
SWITCHES = 40
QUESTION = Question("sleeps", "en", min_similarity=0.0)


@dataclass
class AxisEmbedder:
    """Puts every text at one place of its own space: within it all is alike, across two nothing is."""

    model: str
    axis: int
    pause: float = 0.0
    """So long that something may happen before the vector is used."""
    crosses_languages: bool = True

    async def embed(
        self, texts: Sequence[str], *, purpose: str, context: CallContext
    ) -> Sequence[Vector]:
        await asyncio.sleep(self.pause)
        return [[float(place == self.axis) for place in range(DIMENSION)] for _ in texts]


class WatchedIndex(DenseIndex):
    """The index, remembering every search: its model, how many notes it brought, and the least similarity."""

    def __init__(self, store: PgChunkStore) -> None:
        super().__init__(store)
        self.seen: list[tuple[str, int, float]] = []

    async def search(
        self,
        vector: Vector,
        *,
        workspace: WorkspaceId,
        model: str,
        within: Within,
        limit: int,
        epoch: int | None = None,
    ) -> Sequence[Hit]:
        hits = await super().search(
            vector, workspace=workspace, model=model, within=within, limit=limit, epoch=epoch
        )
        least = min((hit.similarity for hit in hits), default=0.0)
        self.seen.append((model, len({hit.ref for hit in hits}), least))
        return hits


class Practice:
    """A practice on the real database, with PazPaz and both models in this process."""

    def __init__(self, opened: Container) -> None:
        self.opened, self.id = opened, WorkspaceId(uuid4())
        self.client = a_client(ClientId(uuid4()), workspace=self.id)
        self.source = InMemoryNoteSource()
        self.source.take(self.client)
        self.old, self.new = AxisEmbedder(OLD, 1), AxisEmbedder(NEW, 2)
        vectors = opened.vector_table
        self.store = PgChunkStore(opened.database, opened.keys, vectors)
        self.dense = WatchedIndex(self.store)
        self.reindexer = PgReindexer(opened.database, vectors)
        embedders = embedders_of(self.old, self.new)
        self.indexer = Indexer(
            notes=self.source,
            store=self.store,
            queue=opened.queue,
            contexts=opened.contexts,
            embedders=embedders,
            erasure=opened.erasure,
            standings=SwitchedStandings(require_consent=False),
            on_embedded=opened.accounts.indexed,
        )
        self.finder = Finder(
            store=self.store,
            notes=self.source,
            embedders=embedders,
            reranker=LocalReranker(),
            spare=LocalReranker(),
            lexical=LexicalIndex(self.store),
            people=People(self.store),
            dense=self.dense,
        )
        self.notes = [self.note(number) for number in range(NOTES)]

    def note(self, number: int) -> Note:
        return a_note(f"Sleeps badly, {number}.", workspace=self.id, client=self.client.id)

    async def look(self, *notes: Note) -> None:
        """Takes them into PazPaz and lets a worker look."""
        self.source.take(*notes)
        await self.opened.queue.want(
            [_item(note) for note in notes], workspace=self.id, background=False
        )
        await self.work()

    async def work(self) -> None:
        worker = Worker(self.opened.queue, self.indexer)
        while await round_of(worker):
            pass

    async def models_of(self, ref: NoteRef) -> set[str]:
        """Those that the index has a note of."""
        return set((await self.store.digests_of([ref]))[ref])

    async def begin(self) -> None:
        assert await self.reindexer.begin(NEW, workspace=self.id) == "begun"
        lacking = await self.reindexer.lacking(workspace=self.id)
        await self.opened.queue.want(lacking, workspace=self.id, background=True)

    async def models(self) -> IndexModels | None:
        return await self.store.models(workspace=self.id)

    async def switch(self, *, back: bool = False, force: bool = False) -> str:
        return await self.reindexer.switch(workspace=self.id, back=back, force=force)

    async def search(self) -> tuple[str, int, float]:
        """What a question's search by meaning brought."""
        context = await self.opened.contexts.of(workspace=self.id)
        await self.finder.find(QUESTION, context=context, actor=None, trail=Trail())
        return self.dense.seen[-1]


def _item(note: Note) -> ManifestItem:
    return ManifestItem(note.ref.entity, note.ref.id, note.client, "active", note.updated_at)


@pytest.fixture
async def practice(opened: Container) -> AsyncIterator[Practice]:
    made = Practice(opened)
    await made.look(*made.notes)
    yield made
    assert not await opened.queue.claim(limit=1)


async def test_a_second_model_is_filled_compared_and_switched_to(practice: Practice) -> None:
    """Every note gets a vector beside, questions go on in the old space until the switch, then in the new one, and
    after a rollback in the old one again."""
    await practice.begin()
    assert await practice.switch() == "incomplete"
    assert await practice.search() == (OLD, NOTES, pytest.approx(1.0, abs=0.001))
    await practice.work()
    progress = await practice.reindexer.progress(workspace=practice.id)
    assert progress is not None
    assert (progress.notes, progress.covered, progress.looks) == (NOTES, NOTES, 0)
    assert progress.complete

    assert await practice.switch() == "switched"
    assert await practice.search() == (NEW, NOTES, pytest.approx(1.0, abs=0.001))
    assert await practice.switch(back=True) == "switched"
    assert await practice.search() == (OLD, NOTES, pytest.approx(1.0, abs=0.001))


async def test_a_draft_that_is_only_counted_lacks_no_model(practice: Practice) -> None:
    """It is in neither space, is not looked at for the sake of one, and holds no switch up."""
    await practice.look(replace(practice.note(NOTES), state="draft"))
    covered = await practice.store.coverage(workspace=practice.id, within=ANYWHERE)
    assert covered.unsearched_drafts == 1
    await practice.begin()
    assert len(await practice.reindexer.lacking(workspace=practice.id)) == NOTES
    await practice.work()
    progress = await practice.reindexer.progress(workspace=practice.id)
    assert progress is not None
    assert (progress.notes, progress.complete) == (NOTES, True)
    assert await practice.switch() == "switched"


async def test_a_repeated_step_changes_nothing(practice: Practice) -> None:
    """A command that was killed half-way through all workspaces can be run again."""
    assert await practice.switch() == "alone"
    assert await practice.reindexer.begin(OLD, workspace=practice.id) == "active"
    await practice.begin()
    await practice.begin()
    assert await practice.reindexer.begin("third", workspace=practice.id) == "occupied"
    await practice.work()
    assert await practice.switch(back=True) == "already"
    assert [await practice.switch(), await practice.switch()] == ["switched", "already"]
    assert await practice.models() == IndexModels(NEW, OLD)
    assert [await practice.switch(back=True), await practice.switch(back=True)] == [
        "switched",
        "already",
    ]
    assert await practice.models() == IndexModels(OLD, NEW)


async def test_an_incomplete_index_is_switched_to_by_force_only(practice: Practice) -> None:
    """While a look is open the switch is refused, and nothing has changed; an operator may insist."""
    before = await practice.store.epoch(workspace=practice.id)
    await practice.begin()
    assert await practice.switch() == "incomplete"
    assert await practice.models() == IndexModels(OLD, NEW)
    assert await practice.store.epoch(workspace=practice.id) == before
    assert await practice.switch(force=True) == "switched"
    assert await practice.store.epoch(workspace=practice.id) == before + 1
    assert (await practice.search())[:2] == (NEW, 0)
    await practice.work()
    assert (await practice.search())[:2] == (NEW, NOTES)


async def test_somebodys_edit_does_not_hold_the_switch_up(practice: Practice) -> None:
    """A note that both models have may be edited at any moment; it is looked at in both afterwards."""
    await practice.begin()
    await practice.work()
    edited = replace(practice.notes[0], fields={"plan": "Walk."})
    practice.source.take(edited)
    await practice.opened.queue.want([_item(edited)], workspace=practice.id)
    assert await practice.switch() == "switched"
    await practice.work()
    assert await practice.models_of(edited.ref) == {OLD, NEW}


async def test_what_is_begun_while_a_note_is_embedded_is_not_missed(practice: Practice) -> None:
    """A worker that read the models before the start writes nothing, and looks again."""
    edited = replace(practice.notes[0], fields={"plan": "Walk."})
    practice.source.take(edited)
    await practice.opened.queue.want([_item(edited)], workspace=practice.id)
    practice.old.pause = 0.2
    working = asyncio.create_task(practice.work())
    await asyncio.sleep(0.1)
    assert await practice.reindexer.begin(NEW, workspace=practice.id) == "begun"
    practice.old.pause = 0.0
    await working
    assert await practice.models_of(edited.ref) == {OLD, NEW}


async def test_a_start_waits_for_the_note_being_written(practice: Practice) -> None:
    """Between a writer's look at the models and its commit nobody begins another, so that no note slips through."""
    async with practice.opened.database.tenant_tx(practice.id) as connection:
        assert await covers(connection, practice.id, [OLD])
        starting = asyncio.create_task(practice.reindexer.begin(NEW, workspace=practice.id))
        await asyncio.sleep(0.2)
        assert not starting.done()
    assert await starting == "begun"


async def test_finish_drops_what_is_beside_and_nothing_else(
    practice: Practice, owner: Owner
) -> None:
    """Not before questions of before the switch are over; then vectors and digests of the old model are gone."""
    await practice.begin()
    await practice.work()
    assert await practice.reindexer.finish(workspace=practice.id) == "unswitched"
    await practice.switch()
    assert await practice.reindexer.finish(workspace=practice.id) == "recent"
    await _a_minute_passes(owner)
    assert await practice.reindexer.finish(workspace=practice.id) == "finished"
    assert await practice.reindexer.sweep(workspace=practice.id) == NOTES
    assert await practice.reindexer.sweep(workspace=practice.id) == 0

    assert await practice.models() == IndexModels(NEW)
    assert await _vectors(owner, practice) == {NEW: NOTES}
    assert await practice.models_of(practice.notes[0].ref) == {NEW}
    assert (await practice.search())[:2] == (NEW, NOTES)
    await practice.look(replace(practice.notes[0], fields={"plan": "Walk."}))
    assert await _vectors(owner, practice) == {NEW: NOTES}


async def test_an_abandoned_model_can_be_begun_again(practice: Practice, owner: Owner) -> None:
    """What a killed sweep left is not taken for an index: only notes with both vectors and digests count."""
    await practice.begin()
    await practice.work()
    assert await practice.reindexer.finish(workspace=practice.id, abandon=True) == "finished"
    await practice.look(replace(practice.notes[0], fields={"plan": "Walk."}))
    assert await _vectors(owner, practice) == {OLD: NOTES, NEW: NOTES - 1}

    await practice.begin()
    assert [item.id for item in await practice.reindexer.lacking(workspace=practice.id)] == [
        practice.notes[0].ref.id
    ]
    await practice.work()
    assert await _vectors(owner, practice) == {OLD: NOTES, NEW: NOTES}


async def test_a_sweep_waits_for_a_note_that_somebody_writes(
    practice: Practice, owner: Owner
) -> None:
    """It takes the others first, and ends only when that one is clean too."""
    await practice.begin()
    await practice.work()
    await practice.reindexer.finish(workspace=practice.id, abandon=True)

    async def one_is_left() -> bool:
        return await _vectors(owner, practice) == {OLD: NOTES, NEW: 1}

    async with owner.transaction():
        await owner.execute(
            "SELECT 1 FROM note_catalogue WHERE entity_id = $1 FOR UPDATE",
            practice.notes[0].ref.id,
        )
        sweeping = asyncio.create_task(practice.reindexer.sweep(workspace=practice.id))
        await eventually(one_is_left)
        await asyncio.sleep(0.2)
        assert await one_is_left()
        assert not sweeping.done()
    assert await sweeping == NOTES


async def test_each_step_is_told_in_the_trail(practice: Practice) -> None:
    """Which model answers after it, and which is beside; a step that changed nothing is not told."""
    await practice.begin()
    await practice.work()
    for back in (False, False, True):
        await practice.switch(back=back)
    await practice.reindexer.finish(workspace=practice.id)
    told = [row.entry for row in await practice.opened.audit.rows(workspace=practice.id)]
    assert [(one.action, one.details) for one in told if one.action.startswith("index.")] == [
        ("index.started", {"active": OLD, "beside": NEW}),
        ("index.switched", {"active": NEW, "beside": OLD}),
        ("index.switched", {"active": OLD, "beside": NEW}),
    ]


async def test_no_search_mixes_two_spaces(practice: Practice, owner: Owner) -> None:
    """Under switches, rollbacks and live edits every search brings every note, each as near as its own space has it."""
    await practice.begin()
    await practice.work()
    practice.old.pause = practice.new.pause = 0.003
    stop = asyncio.Event()

    async def searched(times: int) -> bool:
        return len(practice.dense.seen) > times

    async with asyncio.TaskGroup() as load:
        for _ in range(4):
            load.create_task(_ask_until(stop, practice))
        load.create_task(_edit_until(stop, practice))
        for number in range(SWITCHES):
            assert await practice.switch(back=bool(number % 2)) == "switched"
            await asyncio.sleep(0.02)
            await eventually(partial(searched, number + 1))
        stop.set()

    seen = practice.dense.seen
    assert {model for model, _, _ in seen} == {OLD, NEW}
    assert len(seen) > SWITCHES
    assert {(count, least > 0.99) for _, count, least in seen} == {(NOTES, True)}
    assert await _vectors(owner, practice) == {OLD: NOTES, NEW: NOTES}


async def test_a_mix_would_be_seen(practice: Practice) -> None:
    """A vector of one space compared in the other brings nothing that is near: what the test above looks for."""
    await practice.begin()
    await practice.work()
    [vector] = await practice.old.embed(["x"], purpose="query", context=a_context())
    asked = {"workspace": practice.id, "within": ANYWHERE, "limit": 100}
    hits = await practice.store.search(vector, model=NEW, **asked)
    assert [hit.similarity for hit in hits] == [0.0] * NOTES


async def _ask_until(stop: asyncio.Event, practice: Practice) -> None:
    while not stop.is_set():
        await practice.search()


async def _edit_until(stop: asyncio.Event, practice: Practice) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        note = practice.notes[number % NOTES]
        await practice.look(replace(note, fields={"subjective": f"Sleeps well, {number}."}))


async def _a_minute_passes(owner: Owner) -> None:
    await owner.execute("UPDATE index_models SET changed_at = changed_at - interval '61 seconds'")


async def _vectors(owner: Owner, practice: Practice) -> dict[str, int]:
    query = """
    SELECT model, count(*) FROM (
      SELECT model FROM session_vectors WHERE workspace_id = $1 UNION ALL
      SELECT model FROM sealed_vectors, generate_series(1, chunks) WHERE workspace_id = $1) AS either
    GROUP BY 1"""
    return dict(await owner.fetch(query, practice.id))


async def test_neighbours_keep_their_model(
    practice: Practice, opened: Container, owner: Owner
) -> None:
    """A step for one workspace leaves another's rows as they were."""
    neighbour = Practice(opened)
    await neighbour.look(*neighbour.notes)
    before = await rows(owner, "index_models", neighbour.id)
    await practice.begin()
    await practice.work()
    await practice.switch()
    assert await rows(owner, "index_models", neighbour.id) == before
    assert await neighbour.search() == (OLD, NOTES, pytest.approx(1.0, abs=0.001))
