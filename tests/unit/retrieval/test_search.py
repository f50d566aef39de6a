"""Finding passages."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from service.adapters.models.local_model import LocalEmbedder, LocalReranker, SecondLocalEmbedder
from service.domain.answers import Question
from service.domain.audit import Trail
from service.domain.identity import ClientId, UserId
from service.domain.scope import Period, Place, Within
from service.errors import ModelUnavailable, NoConsent
from service.language.chunking import LIMIT
from service.ports.index import IndexedNote, IndexModels, Space
from service.ports.monolith import MAX_IDS
from service.retrieval.asked_for import NEWEST
from service.retrieval.dense import DenseIndex
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Arms, Finder
from tests.fakes import (
    CLIENT,
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    a_bag,
    a_client,
    a_note,
    embedders_of,
    index,
)
from tests.unit.doubles import contexts_of

ACTOR = UserId(UUID(int=21))
OTHER_CLIENT = ClientId(UUID(int=12))
ASKED = Question("panic attacks at night", "en")


class Practice:
    """A practice whose notes are indexed and whose monolith answers."""

    def __init__(self) -> None:
        self.store, self.source, self.keys = (
            InMemoryChunkStore(),
            InMemoryNoteSource(),
            InMemoryKeyStore(),
        )
        self.source.take(a_client())
        self.finder = Finder(
            self.store,
            self.source,
            embedders_of(LocalEmbedder(), SecondLocalEmbedder()),
            LocalReranker(),
            LocalReranker(),
            LexicalIndex(self.store),
            People(self.store),
            DenseIndex(self.store),
        )

    async def keep(self, *notes, model=LocalEmbedder.model):
        self.source.take(*(note for note in notes if note.ref.entity == "sessions"))
        await index(
            *notes, store=self.store, embedder=self.finder.embedders.of(model), keys=self.keys
        )

    async def find(self, question=ASKED, *, workspace=WORKSPACE, actor=ACTOR):
        self.trail = Trail()
        context = await contexts_of(self.keys).of(workspace=workspace)
        self.meter = context.meter
        return await self.finder.find(question, context=context, actor=actor, trail=self.trail)


@pytest.fixture
def practice():
    return Practice()


async def test_passages_come_best_first_with_names_and_ids(practice):
    """The therapist sees whose note it is; the model sees p1, p2."""
    best, second = a_note("Panic attacks at night, every night."), a_note("Panic attacks at work.")
    await practice.keep(second, best, a_note("Went to the sea."))
    found = await practice.find()

    assert [(p.id, p.note.ref) for p in found.passages] == [("p1", best.ref), ("p2", second.ref)]
    assert {passage.client_name for passage in found.passages} == {"דנה לוי"}
    assert found.ranked[:2] == (best.ref, second.ref)
    assert found.passages[0].similarity >= found.passages[1].similarity >= 0.3


async def test_a_profile_is_found_like_a_session(practice):
    """What stands in a client's history answers too."""
    client = a_client(medical_history="Panic attacks at night since 2019.")
    practice.source.take(client)
    await practice.keep(client.profile)

    assert (await practice.find()).passages[0].note == client.profile


async def test_the_current_text_is_read_not_the_indexed_one(practice):
    """An answer never quotes what was corrected since."""
    note = a_note("Panic attacks at night.")
    await practice.keep(note)
    practice.source.take(replace(note, fields={"plan": "Panic attacks at night have stopped."}))
    [passage] = (await practice.find()).passages

    assert passage.chunk.text == "Panic attacks at night have stopped."


@pytest.mark.parametrize("state", ["deleted", "archived", "unreadable"])
async def test_a_note_no_longer_active_is_dropped(practice, state):
    """The source's word counts, not the index's."""
    note = a_note("Panic attacks at night.")
    await practice.keep(note)
    practice.source.take(replace(note, state=state))

    assert (await practice.find()).ranked == ()


async def test_missing_unreadable_and_archived_clients_notes_are_dropped(practice):
    """Whatever cannot be read at this moment is as if it were not there."""
    missing, unreadable, archived, kept = (a_note("Panic attacks at night.") for _ in range(4))
    archived = replace(archived, client=OTHER_CLIENT)
    await practice.keep(missing, unreadable, archived, kept)
    del practice.source.sessions[missing.ref.id]
    practice.source.unreadable[unreadable.ref.id] = "decrypt_failed"
    practice.source.take(a_client(OTHER_CLIENT, is_active=False))

    assert (await practice.find()).ranked == (kept.ref,)


async def test_a_draft_is_searched_as_the_store_returns_it(practice):
    """Whether drafts are indexed is not decided here."""
    draft = a_note("Panic attacks at night.", state="draft")
    await practice.keep(draft)

    assert (await practice.find()).passages[0].note.is_draft


async def test_another_practice_is_never_searched(practice):
    """The workspace is the first wall."""
    await practice.keep(a_note("Panic attacks at night.", workspace=OTHER_WORKSPACE))

    assert (await practice.find()).ranked == ()


async def test_a_question_about_a_client_stays_with_them(practice):
    """Also when the note changed hands after it was indexed."""
    mine = a_note("Panic attacks at night.")
    moved = a_note("Panic attacks at night.")
    practice.source.take(a_client(OTHER_CLIENT))
    await practice.keep(mine, moved, a_note("Panic attacks at night.", client=OTHER_CLIENT))
    practice.source.take(replace(moved, client=OTHER_CLIENT))
    found = await practice.find(replace(ASKED, client=CLIENT))

    assert found.ranked == (mine.ref,)


async def test_sessions_are_counted_not_chunks(practice):
    """`max_results` limits notes; a note gives up to three passages."""
    fields = {field: "Panic attacks at night." for field in ("objective", "assessment", "plan")}
    await practice.keep(*(a_note("Panic attacks at night.", **fields) for _ in range(3)))
    found = await practice.find(replace(ASKED, max_results=2))

    assert len({passage.note.ref for passage in found.passages}) == 2
    assert len(found.passages) == 6
    assert len(found.ranked) == 3


async def test_a_weak_match_is_ranked_but_no_passage(practice):
    """Below the least similarity nothing is shown to the model."""
    weak = a_note("A walk at night.")
    await practice.keep(weak)
    found = await practice.find(replace(ASKED, min_similarity=0.9))

    assert found.ranked == (weak.ref,)
    assert found.passages == ()


async def test_the_pull_is_made_for_the_one_who_asks(practice):
    """PazPaz checks again whether the actor may read."""
    await practice.keep(a_note("Panic attacks at night."))
    await practice.find()

    assert [actor for *_, actor in practice.source.pulls] == [ACTOR]


async def test_nothing_to_search_pulls_nothing(practice):
    """An empty practice costs PazPaz no call."""
    found = await practice.find()

    assert (found.passages, found.ranked, practice.source.pulls) == ((), (), [])


async def test_every_note_read_is_told_and_judged_by_the_spare_where_the_reranker_fails(practice):
    """What was pulled and may be quoted is in the trail, and nothing else; whose scale the scores are is told."""
    read, gone = a_note("the knee hurts"), a_note("the knee hurts again", state="deleted")
    await practice.keep(read, gone)

    class Away:
        model = "away"
        crosses_languages = False

        async def rerank(self, query, stretches, *, rarity, context):
            assert len(stretches) == 1
            raise ModelUnavailable("timeout")

    practice.finder = replace(practice.finder, reranker=Away())
    found = await practice.find()
    assert (found.ranked, found.judged_by) == ((read.ref,), LocalReranker.model)
    assert practice.meter.away == {"reranker": "timeout"}
    assert {(use.ref, use.use) for use in practice.trail.uses.values()} == {(read.ref, "read")}


async def test_without_consent_a_client_stays_out_where_it_is_required(practice):
    """Their notes reach no model, and a question about them alone is refused by its name."""
    kept, silent = a_note("panic attacks at night"), a_note("panic at night", client=OTHER_CLIENT)
    practice.source.take(replace(a_client(id=OTHER_CLIENT), has_consent=False))
    await practice.keep(kept, silent)
    assert {ref for ref in (await practice.find()).ranked} == {kept.ref, silent.ref}

    asked = replace(ASKED, require_consent=True)
    assert (await practice.find(asked)).ranked == (kept.ref,)
    assert (await practice.find(replace(asked, client=CLIENT))).ranked == (kept.ref,)
    with pytest.raises(NoConsent):
        await practice.find(replace(asked, client=OTHER_CLIENT))


async def test_a_question_is_asked_in_the_model_that_is_active(practice):
    """Whatever a new workspace would get: the index says which space its vectors are of."""
    note = a_note("Panic attacks at night.")
    await practice.keep(note, model=SecondLocalEmbedder.model)
    seen = []
    search = practice.finder.dense.search

    async def watched(vector, **asked):
        seen.append((asked["model"], await search(vector, **asked)))
        return seen[-1][1]

    practice.finder.dense.search = watched
    await practice.find()
    [(model, [hit])] = seen
    assert (model, hit.ref) == (SecondLocalEmbedder.model, note.ref)
    assert hit.similarity > 0.5


async def test_without_its_embedder_a_question_is_searched_by_words(practice):
    """A model that this process cannot run, or that is away, takes the search by meaning along and nothing else."""
    note = a_note("Panic attacks at night.")
    await practice.keep(note)
    practice.store.held[WORKSPACE] = IndexModels("elsewhere-1")
    found = await practice.find()
    assert found.ranked == (note.ref,)
    assert practice.meter.away == {"embedder": "not_runnable"}


@pytest.mark.parametrize(
    ("arms", "found"),
    [
        (Arms(grams=False, dense=False, rerank=False), {"stem"}),
        (Arms(words=False, dense=False, rerank=False), {"stem", "gram"}),
        (Arms(words=False, grams=False, dense=False), set()),
        (Arms(words=False, grams=False, rerank=False), {"stem", "gram", "neither"}),
        (Arms(rerank=False), {"stem", "gram", "neither"}),
    ],
    ids=["words", "grams", "no first stage", "dense", "fusion"],
)
async def test_one_arm_of_search_can_be_measured_alone(practice, arms, found):
    """Words share a stem, grams a piece of one; the embedder ranks everything."""
    notes = {
        "stem": a_note("Panics."),
        "gram": a_note("Nonpanicky."),
        "neither": a_note("Went to the sea."),
    }
    await practice.keep(*notes.values())
    ranked = (
        await practice.finder.find(
            Question("panic", "en"),
            context=await contexts_of(practice.keys).of(workspace=WORKSPACE),
            actor=ACTOR,
            trail=Trail(),
            arms=arms,
        )
    ).ranked
    assert {name for name, note in notes.items() if note.ref in ranked} == found


def on_day(month: int, text: str, **more):
    return replace(a_note(text, **more), session_date=datetime(2026, month, 1, 9, tzinfo=UTC))


async def put(practice: Practice, *clients) -> None:
    """The clients as PazPaz and the index have them, names and all."""
    practice.source.take(*clients)
    for client in clients:
        empty = Space(LocalEmbedder.model, {}, frozenset(), [])
        bag = a_bag(client.profile, key=b"k")
        await practice.store.put_client(client, IndexedNote(client.profile, bag, [empty]))


async def test_the_time_of_a_question_is_a_filter(practice):
    """The best note of another month is neither read nor found, and what was searched is told."""
    march, april = on_day(3, "Panic attacks at night."), on_day(4, "Some panic at night.")
    await practice.keep(march, april)
    since = Period(first=date(2026, 4, 1))

    found = await practice.find(replace(ASKED, when=since))
    assert (found.ranked, found.within) == ((april.ref,), Within(period=since))
    assert {use.ref for use in practice.trail.uses.values()} == {april.ref}
    last = await practice.find(replace(ASKED, when=Place("newest")))
    assert last.ranked == (april.ref,)
    assert (await practice.find(replace(ASKED, when=Place("oldest", skip=7)))).ranked == ()


async def test_a_client_who_is_named_is_searched_alone(practice):
    """With prefix letters too; the better note of somebody else is not theirs."""
    mine, other = (
        a_note("כאבי ראש בבוקר", client=CLIENT),
        a_note("כאבי ראש קשים, כאבי ראש כל יום", client=OTHER_CLIENT),
    )
    await put(practice, a_client(), a_client(OTHER_CLIENT, name=("רינה", "כהן")))
    await practice.keep(other, mine)

    named = await practice.find(Question("מה נאמר לדנה על כאבי ראש?", "he"))
    nobody = await practice.find(Question("למי יש כאבי ראש?", "he"))

    assert named.ranked == (mine.ref,)
    assert named.within == Within.client(CLIENT)
    assert set(nobody.ranked) == {mine.ref, other.ref}


async def test_who_may_be_named_is_looked_at_beside_all_others(practice):
    """A word that is a name and something else brings in the client's notes and shuts nobody out."""
    hers, other = a_note("The song went well."), a_note("Hope returns.", client=OTHER_CLIENT)
    await put(practice, a_client(name=("Hope", "Gray")), a_client(OTHER_CLIENT, name=("Ann", "Bo")))
    await practice.keep(hers, other)

    found = await practice.find(Question("is there any hope that the song goes well", "en"))
    assert set(found.ranked) == {hers.ref, other.ref}


async def test_a_follow_up_is_searched_in_its_own_words_too(practice):
    """What only the words as they were asked find is read as well."""
    own = a_note("Ashwagandha since May.")
    others = (a_note(f"Panic attacks at night. {'Rest. ' * n}") for n in range(MAX_IDS))
    await practice.keep(*others, own)

    alone = await practice.find(ASKED)
    beside = await practice.find(replace(ASKED, also=("ashwagandha?",)))
    assert own.ref not in alone.ranked
    assert own.ref in beside.ranked
    assert len(alone.ranked) == len(beside.ranked) == MAX_IDS


async def test_a_field_that_is_asked_for_comes_first(practice):
    """What was planned stands in the plan; the same words elsewhere come after it."""
    note = a_note("Walk by the sea daily.", plan="Walk by the sea daily.")
    await practice.keep(note)
    asked = Question("walk by the sea", "en")

    plain = await practice.find(asked)
    plan = await practice.find(replace(asked, fields=frozenset({"plan"})))
    assert [p.chunk.field for p in plain.passages] == ["subjective", "plan"]
    assert [p.chunk.field for p in plan.passages] == ["plan", "subjective"]


async def test_the_latest_of_what_all_notes_say_is_the_newest_notes(practice):
    """Of notes that say as much of "the latest score" the newest comes first, in either language."""
    scores = {(2026, 1, 5): "PHQ-9 14.", (2026, 5, 4): "PHQ-9 5.", (2026, 3, 2): "PHQ-9 9."}
    for day, text in scores.items():
        await practice.keep(replace(a_note(text), session_date=datetime(*day, tzinfo=UTC)))
    for text, language in (("latest PHQ-9 score", "en"), ("מה ציון ה-PHQ-9 האחרון?", "he")):
        found = await practice.find(Question(text, language))
        said = [passage.chunk.text for passage in found.passages]
        assert said == ["PHQ-9 5.", "PHQ-9 9.", "PHQ-9 14."]


@pytest.mark.parametrize("text", ["what is the pain like now", "מה מצב הכאב כעת"])
def test_a_bare_now_asks_for_no_order(text):
    """Most of what people say has such a word, and is as true of an older note."""
    assert not NEWEST.search(text)


async def test_neighbouring_chunks_are_one_passage(practice):
    """What hangs over a cut is quoted in one piece, with offsets into the field as it stands."""
    text = " ".join(f"Panic attack number {n} came at night, and she woke up." for n in range(24))
    note = a_note(text, plan="Panic attacks at night: breathe.")
    await practice.keep(note)

    found = await practice.find()
    spans = [(p.chunk.field, p.chunk.start, p.chunk.end) for p in found.passages]
    assert sorted(field for field, _, _ in spans) == ["plan", "subjective"]
    for passage in found.passages:
        chunk = passage.chunk
        assert note.fields[chunk.field][chunk.start : chunk.end] == chunk.text
    assert max(end - start for _, start, end in spans) > LIMIT
