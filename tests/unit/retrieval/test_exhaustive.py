"""Reading all notes of a scope."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.answers import Question
from service.domain.audit import Trail
from service.domain.identity import ClientId, UserId
from service.domain.scope import ANYWHERE, Period, Within
from service.errors import NoConsent, SourceUnavailable
from service.retrieval.exhaustive import Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from tests.fakes import (
    CLIENT,
    NOW,
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    a_client,
    a_note,
    index,
)

ACTOR = UserId(UUID(int=21))
OTHER_CLIENT = ClientId(UUID(int=12))
SLEEP = Question(
    "in which sessions was sleep mentioned?", "en", CLIENT, intent="list", topic="sleep"
)
HERS = Within.client(CLIENT)


class NoVectors:
    """Reading all needs none."""

    model = "none"
    crosses_languages = False

    async def embed(self, texts, *, purpose, context):
        return [[1.0] for _ in texts]


class Practice:
    """A practice whose notes are indexed and whose monolith answers."""

    def __init__(self) -> None:
        self.store, self.source = InMemoryChunkStore(), InMemoryNoteSource()
        self.source.take(a_client(), a_client(OTHER_CLIENT, name=("Mika", "Oren")))
        lexical, people = LexicalIndex(self.store), People(self.store)
        self.reader = Reader(self.store, self.source, InMemoryKeyStore(), lexical, people)
        self.trail = Trail()

    async def keep(self, *notes):
        self.source.take(*notes)
        await index(*notes, store=self.store, embedder=NoVectors(), keys=self.reader.keys)

    async def read(self, question=SLEEP, *, within=HERS):
        return await self.reader.read(
            question, workspace=WORKSPACE, within=within, actor=ACTOR, trail=self.trail
        )

    @property
    def read_refs(self):
        return {use.ref for use in self.trail.uses.values()}


@pytest.fixture
def practice():
    return Practice()


def on_day(number: int, text: str = "", **more):
    """A note of a day, counted from the first of all."""
    return replace(a_note(text, **more), session_date=NOW + timedelta(days=number))


def quotes(course) -> list[str]:
    return [point.quote for point in course.points]


async def test_every_session_that_mentions_it_is_a_point_by_day(practice):
    """All notes are read, what is denied is mentioned too, and each quote stands in its field."""
    await practice.keep(
        on_day(9, "Walks daily. Denies sleep problems."),
        on_day(2, "Knee better.", plan="Sleep diary."),
        on_day(5, "Went to the sea."),
    )
    course = await practice.read()

    assert quotes(course) == ["Sleep diary.", "Denies sleep problems."]
    assert (course.read, course.searched, course.total, course.is_whole) == (3, 3, 3, True)
    assert (course.first_day, course.last_day) == (
        NOW.date() + timedelta(days=2),
        NOW.date() + timedelta(days=9),
    )
    for point in course.points:
        chunk = point.passage.chunk
        assert point.quote in chunk.text == point.passage.note.fields[chunk.field]


async def test_both_languages_are_read(practice):
    """A Hebrew question finds mentions in both, negations included."""
    await practice.keep(
        on_day(1, "אין כאבי ראש. הולך כל יום."),
        on_day(2, "שבוע קשה, כאב ראש 6/10."),
        on_day(3, "No headaches."),
    )
    asked = Question("באילו פגישות הוזכרו כאבי ראש?", "he", CLIENT, intent="list", topic="כאבי ראש")

    said = ["אין כאבי ראש.", "שבוע קשה, כאב ראש 6/10.", "No headaches."]
    assert quotes(await practice.read(asked)) == said


async def test_without_a_topic_sessions_are_counted(practice):
    """Whatever words the question has: those that made no topic say when and how, and none is looked for."""
    await practice.keep(on_day(1, "Operation went well."), on_day(2, "Went to the sea."))
    asked = Question("how many sessions since the operation?", "en", CLIENT, intent="count")
    course = await practice.read(asked)

    assert (course.read, course.points, course.has_topic) == (2, (), False)


async def test_a_course_prefers_the_sentence_with_its_number(practice):
    """How a score went is told in numbers, where a session gives one; one point a session."""
    await practice.keep(
        on_day(1, "Pain is what brings her here. Pain 6/10 at night. Took 500 mg."),
        on_day(2, "Pain hardly there, walked far on all of the 3 days we had agreed."),
        on_day(3, "Pain 2/10."),
    )
    asked = Question(
        "how did the pain score change?", "en", CLIENT, intent="change", topic="pain score"
    )

    said = quotes(await practice.read(asked))
    assert said[0] == "Pain 6/10 at night."
    assert len(said) == 3
    assert said[2] == "Pain 2/10."


async def test_a_number_in_the_name_of_a_scale_is_not_its_score(practice):
    """ "PHQ-9" alone says no number."""
    await practice.keep(on_day(1, "PHQ-9 was filled in at home. Total of PHQ-9 is 14."))
    asked = Question("how did PHQ-9 go?", "en", CLIENT, intent="change", topic="PHQ-9")

    assert quotes(await practice.read(asked)) == ["Total of PHQ-9 is 14."]


async def test_a_field_that_is_asked_for_is_quoted_first(practice):
    """When the plan is asked for and says it, the plan is quoted."""
    await practice.keep(on_day(1, "Sleep poor.", plan="Sleep diary for a week."))

    asked = replace(SLEEP, fields=frozenset({"plan"}))
    assert quotes(await practice.read(asked)) == ["Sleep diary for a week."]


async def test_of_many_notes_the_newest_500_are_read(practice):
    """In batches of 50, and the rest is counted as left."""
    await practice.keep(*(on_day(n, "Sleep." if n == 1239 else "Sea.") for n in range(1240)))
    course = await practice.read()

    assert (course.read, course.left, course.total, course.is_whole) == (500, 740, 1240, False)
    assert course.first_day == NOW.date() + timedelta(days=740)
    assert quotes(course) == ["Sleep."]
    assert [(len(sessions), clients) for sessions, clients, _ in practice.source.pulls] == [
        (50, [CLIENT])
    ] * 10
    assert {actor for *_, actor in practice.source.pulls} == {ACTOR}
    assert len(practice.read_refs) == 500


class Gate(InMemoryNoteSource):
    """Answers a pull only once as many wait as are expected at once."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.open, self.most, self.expected = 0, 0, expected
        self.full = asyncio.Event()

    async def fetch(self, **asked):
        self.open += 1
        self.most = max(self.most, self.open)
        if self.open == self.expected:
            self.full.set()
        await self.full.wait()
        await asyncio.sleep(0)
        self.open -= 1
        return await super().fetch(**asked)


async def test_three_pulls_are_in_flight_and_no_more(practice):
    """They wait for each other here: two at once would hang, four would be counted."""
    gate = Gate(3)
    gate.take(*practice.source.clients.values())
    practice.source = gate
    practice.reader = replace(practice.reader, notes=gate, batch=2)
    await practice.keep(*(on_day(n, "Sleep.") for n in range(20)))

    async with asyncio.timeout(5):
        course = await practice.read()
    assert (course.read, gate.most) == (20, 3)


async def test_a_pull_that_fails_is_the_callers_error(practice):
    """Not a group of errors, and not half an answer; what was read before is in the trail."""
    await practice.keep(*(on_day(n, "Sleep.") for n in range(4)))
    practice.reader = replace(practice.reader, batch=2, in_flight=1)
    fetch, calls = practice.source.fetch, []

    async def failing(**asked):
        calls.append(asked)
        if len(calls) == 2:
            raise SourceUnavailable
        return await fetch(**asked)

    practice.source.fetch = failing
    with pytest.raises(SourceUnavailable):
        await practice.read()
    assert len(practice.read_refs) == 2


@pytest.mark.parametrize("state", ["deleted", "archived", "unreadable", None])
async def test_a_note_gone_between_the_list_and_the_pull_is_in_no_count(practice, state):
    """PazPaz's word at this moment counts, and the trail does not name it."""
    kept, gone = on_day(1, "Sleep fair."), on_day(2, "Sleep poor.")
    await practice.keep(kept, gone)
    del practice.source.sessions[gone.ref.id]
    if state:
        practice.source.take(replace(gone, state=state))
    course = await practice.read()

    assert quotes(course) == ["Sleep fair."]
    assert (course.total, course.is_whole, course.last_day) == (1, True, kept.day)
    assert practice.read_refs == {kept.ref}


async def test_what_cannot_be_read_is_told(practice):
    """A row that PazPaz cannot open may mention it: the count is not of the whole."""
    await practice.keep(on_day(1, "Sleep fair."), lost := on_day(2, "Sleep poor."))
    practice.source.unreadable[lost.ref.id] = "decrypt_failed"
    course = await practice.read()

    assert (course.read, course.unreadable, course.total, course.is_whole) == (1, 1, 2, False)


async def test_drafts_are_read_as_the_store_lists_them(practice):
    """And counted apart."""
    await practice.keep(on_day(1, "Sleep fair.", state="draft"), on_day(2, "Sleep poor."))
    course = await practice.read()

    assert (len(course.points), course.drafts) == (2, 1)
    assert course.points[0].passage.note.is_draft


async def test_nothing_of_another_client_or_practice(practice):
    """Also when a note changed hands after it was indexed."""
    moved = on_day(1, "Sleep moved.")
    await practice.keep(
        on_day(2, "Sleep mine."),
        on_day(3, "Sleep hers.", client=OTHER_CLIENT),
        on_day(4, "Sleep elsewhere.", workspace=OTHER_WORKSPACE),
        moved,
    )
    practice.source.take(replace(moved, client=OTHER_CLIENT))
    course = await practice.read()

    assert quotes(course) == ["Sleep mine."]
    assert course.total == 1
    assert {clients[0] for _, clients, _ in practice.source.pulls} == {CLIENT}


async def test_only_days_within_the_period_are_read(practice):
    """By the day the note has now, too."""
    await practice.keep(
        on_day(1, "Sleep early."), late := on_day(9, "Sleep late."), on_day(8, "Sea.")
    )
    practice.source.take(replace(late, session_date=NOW))
    within = replace(HERS, period=Period(first=NOW.date() + timedelta(days=5)))

    assert (await practice.read(within=within)).total == 1
    assert (await practice.read(within=within)).points == ()


async def test_without_consent_where_it_is_required(practice):
    """A question about that client is refused by its name; in a whole practice they are in no count."""
    practice.source.take(replace(a_client(), has_consent=False))
    await practice.keep(on_day(1, "Sleep."), on_day(2, "Sleep too.", client=OTHER_CLIENT))
    asked = replace(SLEEP, require_consent=True)
    with pytest.raises(NoConsent):
        await practice.read(asked)
    course = await practice.read(replace(asked, client=None), within=ANYWHERE)

    assert quotes(course) == ["Sleep too."]
    assert (course.total, practice.read_refs) == (1, {course.notes[0].ref})


async def test_a_whole_practice_is_counted_from_the_bags_and_read_where_they_match(practice):
    """No text is pulled of a note that the index rules out, and the quote is of the current text."""
    edited = on_day(3, "Sleep was poor.", client=OTHER_CLIENT)
    gone = on_day(4, "Sleep was fair.")
    sea = on_day(1, "Went to the sea.")
    await practice.keep(on_day(2, "Sleep 5 h."), edited, gone, sea)
    practice.source.take(
        replace(edited, fields={"plan": "Sleep is good."}), replace(gone, fields={"plan": "Rest."})
    )
    course = await practice.read(replace(SLEEP, client=None), within=ANYWHERE)

    assert quotes(course) == ["Sleep 5 h.", "Sleep is good."]
    assert (course.read, course.ruled_out, course.total) == (3, 1, 4)
    assert course.first_day == sea.day
    assert sea.ref not in practice.read_refs


async def test_a_practice_without_a_mention_pulls_nothing(practice):
    """The bags alone say so."""
    await practice.keep(on_day(1, "Went to the sea."))
    course = await practice.read(replace(SLEEP, client=None), within=ANYWHERE)

    assert (course.points, course.read, course.total) == ((), 0, 1)
    assert practice.source.pulls == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(), st.sampled_from(["here", "gone", "unreadable"]), st.integers(0, 30)
        ),
        max_size=12,
    ),
    st.integers(1, 8),
    st.integers(1, 4),
)
async def test_the_counts_always_add_up(sessions, most, batch):
    """Whatever is there, gone or unreadable: each session is in one count, and each mention read is a point."""
    practice = Practice()
    practice.reader = replace(practice.reader, most=most, batch=batch)
    notes = [on_day(day, "Sleep poor." if says else "Sea.") for says, _, day in sessions]
    await practice.keep(*notes)
    for note, (_, fate, _) in zip(notes, sessions, strict=True):
        if fate == "gone":
            del practice.source.sessions[note.ref.id]
        if fate == "unreadable":
            practice.source.unreadable[note.ref.id] = "too_large"
    course = await practice.read()

    by_day = sorted(zip(notes, sessions, strict=True), key=lambda one: (one[0].day, one[0].ref.id))
    newest = [(note, fate) for note, (_, fate, _) in by_day[-most:]]
    assert {n.ref for n in course.notes} == {n.ref for n, fate in newest if fate == "here"}
    assert course.unreadable == sum(fate == "unreadable" for _, fate in newest)
    assert course.left == max(0, len(notes) - most)
    assert course.total == course.read + course.unreadable + course.left
    days = [point.passage.note.day or date.min for point in course.points]
    assert days == sorted(days)
    assert len(course.points) == sum("Sleep" in n.fields["subjective"] for n in course.notes)
