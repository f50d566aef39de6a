"""Answers that count: from the notes to the line that a therapist reads."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest

from service.chat.graph import build_graph
from service.chat.state import ChatContext
from service.chat.timeline import heading, lines
from service.domain.answers import Question, SearchStatement
from service.domain.audit import Trail
from service.domain.identity import ClientId, Principal
from service.domain.scope import Within
from service.retrieval.exhaustive import Course, Point, Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from tests.fakes import (
    CLIENT,
    NOW,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    InMemoryWorkQueue,
    a_client,
    a_context,
    a_note,
    a_passage,
    index,
)
from tests.unit.doubles import USER

OTHER_CLIENT = ClientId(UUID(int=12))
SEARCH = SearchStatement(0, None, None, 0, complete=True)
FIRST, LAST = date(2026, 3, 3), date(2026, 7, 9)


def a_course(points: int, read: int, **changes) -> Course:
    passage = a_passage("Sleep poor.")
    counts = {"ruled_out": 0, "unreadable": 0, "left": 0, "has_topic": True}
    days = {"first_day": FIRST, "last_day": FIRST if read == 1 else LAST}
    return Course(
        points=(Point(passage, "Sleep poor."),) * points,
        notes=tuple(a_note("Sleep poor.") for _ in range(read)),
        **(counts | days | changes),
    )


def told(
    course: Course, *, withheld: int = 0, complete: bool = True, drafts: int = 0
) -> tuple[str, str]:
    verdicts = [SimpleNamespace(admitted=False)] * withheld
    search = replace(SEARCH, complete=complete, unsearched_drafts=drafts)
    hebrew, english = (heading(course, verdicts, search, one).text for one in ("he", "en"))
    return hebrew, english


@pytest.mark.parametrize(
    ("points", "read", "hebrew", "english"),
    [
        (7, 23, "הוזכר ב-7 מתוך 23 פגישות שנקראו", "Mentioned in 7 of 23 sessions read"),
        (2, 23, "הוזכר בשתי פגישות מתוך 23 שנקראו", "Mentioned in 2 of 23 sessions read"),
        (1, 23, "הוזכר בפגישה אחת מתוך 23 שנקראו", "Mentioned in 1 of 23 sessions read"),
        (2, 2, "הוזכר בשתי הפגישות שנקראו", "Mentioned in 2 of 2 sessions read"),
        (1, 2, "הוזכר בפגישה אחת מתוך שתיים שנקראו", "Mentioned in 1 of 2 sessions read"),
        (
            0,
            23,
            "לא נמצא אזכור באף אחת מ-23 הפגישות שנקראו",
            "No mention found in 23 sessions read",
        ),
        (0, 2, "לא נמצא אזכור באף אחת משתי הפגישות שנקראו", "No mention found in 2 sessions read"),
    ],
)
def test_a_heading_counts_sessions_in_both_languages(points, read, hebrew, english):
    """Exact, and grammatical for one and two."""
    days = ", מ-3.3.2026 עד 9.7.2026.", ", 3.3.2026 to 9.7.2026."
    assert told(a_course(points, read)) == (hebrew + days[0], english + days[1])


@pytest.mark.parametrize(
    ("course", "hebrew", "english"),
    [
        (
            a_course(1, 1),
            "הוזכר בפגישה היחידה שנקראה, ב-3.3.2026.",
            "Mentioned in 1 of 1 session read, 3.3.2026.",
        ),
        (
            a_course(0, 1),
            "לא נמצא אזכור בפגישה היחידה שנקראה, ב-3.3.2026.",
            "No mention found in 1 session read, 3.3.2026.",
        ),
        (
            a_course(0, 1, has_topic=False),
            "פגישה אחת שנקראה, ב-3.3.2026.",
            "1 session read, 3.3.2026.",
        ),
        (
            a_course(0, 2, has_topic=False),
            "שתי פגישות שנקראו, מ-3.3.2026 עד 9.7.2026.",
            "2 sessions read, 3.3.2026 to 9.7.2026.",
        ),
        (
            a_course(3, 4, ruled_out=1996),
            "הוזכר ב-3 מתוך 2,000 פגישות שנסרקו, מ-3.3.2026 עד 9.7.2026.",
            "Mentioned in 3 of 2,000 sessions searched, 3.3.2026 to 9.7.2026.",
        ),
        (
            a_course(0, 0, unreadable=1),
            "לא ניתן היה לקרוא אף פגישה. פגישה אחת לא ניתנת לקריאה כרגע.",
            "No session could be read. 1 session could not be read.",
        ),
    ],
    ids=[
        "one",
        "none in one",
        "one without topic",
        "two without topic",
        "practice",
        "nothing read",
    ],
)
def test_a_heading_of_few_of_a_practice_and_of_no_topic(course, hebrew, english):
    """Each says what was done, and no more."""
    assert told(course) == (hebrew, english)


def test_a_heading_says_what_is_missing():
    """Beyond the bound, unreadable, waiting for the index, not shown, held back."""
    hebrew, english = told(a_course(41, 500, left=738, unreadable=2), withheld=1, complete=False)
    assert english.removeprefix("Mentioned in 41 of 500 sessions read, 3.3.2026 to 9.7.2026. ") == (
        "Read 500 of 1,240; the older ones were not read. 2 sessions could not be read. "
        "Recent changes may be missing. The newest 40 are shown. 1 of the quotes is held back."
    )
    assert hebrew.removeprefix("הוזכר ב-41 מתוך 500 פגישות שנקראו, מ-3.3.2026 עד 9.7.2026. ") == (
        "נקראו 500 מתוך 1,240; הישנות יותר לא נקראו. שתי פגישות לא ניתנות לקריאה כרגע. "
        "ייתכן ששינויים מהזמן האחרון חסרים. מוצגות 40 האחרונות. ציטוט אחד אינו מוצג."
    )


def test_a_heading_tells_of_drafts_that_are_not_in_its_counts():
    """In the words of any other answer that found nothing."""
    hebrew, english = told(a_course(0, 23), drafts=2, complete=False)
    assert english.endswith(
        "9.7.2026. Two sessions are still drafts. Recent changes may be missing."
    )
    assert hebrew.endswith("שתי פגישות עדיין בטיוטה. ייתכן ששינויים מהזמן האחרון חסרים.")


def test_of_a_practice_the_bound_is_of_those_that_may_mention_it():
    """Those ruled out by the index were not left out."""
    _, english = told(a_course(3, 500, left=112, ruled_out=1000))
    assert "Read 500 of 612 that may mention it;" in english


def test_a_line_names_the_client_only_among_several():
    """One line stays one line, and a name that could act as a link is left to the card."""
    one = Point(a_passage("Sleep poor."), "Sleep poor.")
    note = replace(one.passage.note, client=OTHER_CLIENT)
    other = replace(one, passage=replace(one.passage, note=note, client_name="Mika\nOren"))
    link = replace(other, passage=replace(other.passage, client_name="[x](javascript:y)"))

    def leads(*points: Point) -> list[str]:
        return [claim.lead for claim in lines(replace(a_course(0, 0), points=points))]

    assert leads(one, one) == ["1.11.2026: "] * 2
    assert leads(one, other) == ["1.11.2026, דנה לוי: ", "1.11.2026, Mika Oren: "]
    assert leads(one, link)[1] == "1.11.2026: "


async def of_the_client(question: Question, *, context) -> Within:
    return Within.client(question.client)


class Practice:
    """Notes in a store, and the graph over them."""

    graph = build_graph()

    def __init__(self) -> None:
        self.queue = InMemoryWorkQueue()
        self.store = InMemoryChunkStore(self.queue)
        self.source, self.keys, self.trail = InMemoryNoteSource(), InMemoryKeyStore(), Trail()
        self.source.take(a_client())

    async def keep(self, *notes):
        self.source.take(*notes)
        await index(*notes, store=self.store, embedder=NoVectors(), keys=self.keys)

    def context(self) -> ChatContext:
        lexical = LexicalIndex(self.store)
        return ChatContext(
            principal=Principal(USER, WORKSPACE, "owner"),
            store=self.store,
            finder=SimpleNamespace(scope=of_the_client),
            model=SimpleNamespace(model="scripted-1"),
            spare=SimpleNamespace(model="scripted-2"),
            reader=Reader(self.store, self.source, self.keys, lexical, People(self.store)),
            calls=a_context(),
            clock=lambda: NOW,
            trail=self.trail,
        )

    async def ask(self, question: Question):
        state = await self.graph.ainvoke({"question": question}, context=self.context())
        return state["answer"]

    async def streamed(self, question: Question):
        graph, state = self.graph, {"question": question}
        return [
            event
            async for event in graph.astream(state, context=self.context(), stream_mode="custom")
            if event["type"] != "step"
        ]


class NoVectors:
    """Reading all needs none."""

    model = "none"
    crosses_languages = False

    async def embed(self, texts, *, purpose, context):
        return [[1.0] for _ in texts]


SLEEP = Question(
    "Every session where sleep was mentioned", "en", CLIENT, intent="list", topic="sleep"
)
HEBREW = Question("באילו פגישות הוזכרה שינה?", "he", CLIENT, intent="list", topic="שינה")


def on_day(day: int, text: str, **more):
    return replace(a_note(text, **more), session_date=datetime(2026, 3, day, 9, tzinfo=UTC))


@pytest.fixture
def practice():
    return Practice()


async def test_a_course_is_a_counted_heading_and_a_cited_line_a_session(practice):
    """No model is asked; each place in the answer and in the note is exact, in code points."""
    await practice.keep(
        on_day(9, "🙂 Sleep 6 h 🙂. Walks."),
        on_day(3, "Sleep 5 h."),
        on_day(5, "Sea."),
        on_day(12, "Tired.", plan="Sleep 5 h."),
    )
    answer = await practice.ask(SLEEP)

    assert answer.text.split("\n") == [
        "Mentioned in 3 of 4 sessions read, 3.3.2026 to 12.3.2026.",
        "3.3.2026: Sleep 5 h. [1]",
        "9.3.2026: 🙂 Sleep 6 h 🙂. [2]",
        "12.3.2026: Sleep 5 h. [3]",
    ]
    assert (answer.status, answer.model, answer.withheld) == ("answered", "none", 0)
    for one in answer.citations:
        field = practice.source.sessions[one.note.id].fields[one.field]
        assert answer.text[one.answer_start : one.answer_end] == one.quote
        assert field[one.start : one.end] == one.quote
    assert (answer.search.notes_read, answer.search.notes_total) == (4, 4)
    assert answer.heading.sources == {
        note.ref: CLIENT for note in practice.source.sessions.values()
    }
    assert sorted(use.use for use in practice.trail.uses.values()) == ["cited"] * 3 + ["read"]


async def test_a_hebrew_question_is_answered_in_hebrew(practice):
    """With the sentence as it stands, denials kept."""
    await practice.keep(on_day(3, "אין שינוי בשינה. הולך."), on_day(5, "ים."), on_day(6, "טיול."))

    assert (await practice.ask(HEBREW)).text.split("\n") == [
        "הוזכר בפגישה אחת מתוך 3 שנקראו, מ-3.3.2026 עד 6.3.2026.",
        "3.3.2026: אין שינוי בשינה. [1]",
    ]


async def test_nothing_found_is_an_abstention_with_exact_counts(practice):
    """It cites nothing, and leans on no note."""
    await practice.keep(on_day(3, "Sea."), on_day(5, "Sun."))
    answer = await practice.ask(SLEEP)

    assert answer.text == "No mention found in 2 sessions read, 3.3.2026 to 5.3.2026."
    assert (answer.status, answer.citations, answer.heading) == ("abstained", (), None)


async def test_an_empty_scope_says_that_there_is_nothing_to_search(practice):
    """As in any other answer."""
    answer = await practice.ask(SLEEP)

    assert answer.text == "Not found: there are no session notes to search yet."
    assert (answer.status, answer.search.notes_total) == ("abstained", 0)


async def test_without_a_topic_the_count_is_the_answer(practice):
    """How many sessions there were."""
    await practice.keep(on_day(3, "Sea."), on_day(5, "Sun."))
    answer = await practice.ask(replace(SLEEP, text="How many sessions did we have?", topic=""))

    assert answer.text == "2 sessions read, 3.3.2026 to 5.3.2026."
    assert (answer.status, len(answer.heading.sources)) == ("answered", 2)


async def test_at_most_forty_lines_are_shown_and_all_are_counted(practice):
    """The newest ones."""
    days = [
        datetime(2026, 1, 1, tzinfo=UTC).replace(month=m, day=d)
        for m in (1, 2)
        for d in range(1, 25)
    ]
    await practice.keep(*(replace(a_note("Sleep 5 h."), session_date=day) for day in days))
    answer = await practice.ask(SLEEP)
    first, *rest = answer.text.split("\n")

    assert (
        first
        == "Mentioned in 48 of 48 sessions read, 1.1.2026 to 24.2.2026. The newest 40 are shown."
    )
    assert (len(rest), rest[0], len(answer.citations)) == (40, "9.1.2026: Sleep 5 h. [1]", 40)
    assert (answer.status, answer.retrieved_count) == ("answered", 48)


async def test_open_work_makes_it_partial(practice):
    """A note that waits for the index may mention it."""
    await practice.keep(on_day(3, "Sleep 5 h."))
    await practice.queue.want_whole([WORKSPACE], kind="workspaces")
    answer = await practice.ask(SLEEP)

    assert (answer.status, answer.search.complete) == ("partial", False)
    assert "Recent changes may be missing." in answer.text


async def test_an_unreadable_note_makes_it_partial(practice):
    """The count is of what was read."""
    await practice.keep(on_day(3, "Sleep 5 h."), lost := on_day(5, "Sleep 6 h."))
    practice.source.unreadable[lost.ref.id] = "decrypt_failed"
    answer = await practice.ask(SLEEP)

    assert (answer.status, answer.search.notes_read, answer.search.notes_total) == ("partial", 1, 2)
    assert "1 session could not be read." in answer.text


async def test_a_quote_that_may_not_be_shown_is_counted_and_held_back(practice):
    """A link in a note never reaches the answer, not even where only counting was asked for."""
    await practice.keep(on_day(3, "Sleep 5 h."), on_day(5, "Sleep app: https://sleep.example.org"))
    answer = await practice.ask(SLEEP)

    assert (answer.status, answer.withheld, len(answer.citations)) == ("partial", 1, 1)
    assert answer.text.startswith("Mentioned in 2 of 2 sessions read")
    assert "1 of the quotes is held back." in answer.text
    assert "https" not in answer.text


async def test_the_heading_streams_before_the_lines(practice):
    """Whoever streams sees what the answer will say, and no quote that was not admitted."""
    await practice.keep(on_day(3, "Sleep 5 h."), on_day(5, "Sleep app: www.example.org"))
    head, *claims = await practice.streamed(SLEEP)

    assert (head["type"], head["text"][:21]) == ("heading", "Mentioned in 2 of 2 s")
    assert [one["verdict"].claim.text for one in claims] == ["Sleep 5 h."]


async def test_a_course_stays_with_the_client(practice):
    """The scope of the question is the scope of the count."""
    practice.source.take(a_client(OTHER_CLIENT))
    await practice.keep(on_day(3, "Sleep 5 h."), on_day(4, "Sleep 6 h.", client=OTHER_CLIENT))
    answer = await practice.ask(SLEEP)
    whole = await practice.ask(replace(SLEEP, client=None))

    assert {one.client for one in answer.citations} == {CLIENT}
    assert answer.search.notes_total == 1
    assert "Mentioned in 2 of 2 sessions" in whole.text
    assert await practice.store.coverage(workspace=WORKSPACE, within=Within.client(CLIENT))


RIVER = replace(SLEEP, text="Every session where a river was mentioned", topic="river")


async def test_notes_in_the_other_language_make_a_count_partial(practice):
    """Their mentions may be missed, so the heading counts them."""
    await practice.keep(on_day(3, "Saw a river."), on_day(5, "טיילה ליד הנחל."), on_day(6, "ים."))
    answer = await practice.ask(RIVER)

    assert answer.text.split("\n") == [
        "Mentioned in 1 of 3 sessions read, 3.3.2026 to 6.3.2026. 2 of the 3 notes are in Hebrew, "
        "where this search knows only names, numbers and common terms.",
        "3.3.2026: Saw a river. [1]",
    ]
    assert (answer.status, answer.search.other_language) == ("partial", 2)


async def test_no_mention_in_notes_hardly_read_is_partial_and_leans_on_no_note(practice):
    """In Hebrew too; nothing was found, and that is not the whole truth."""
    await practice.keep(on_day(3, "Saw a river."))
    answer = await practice.ask(replace(HEBREW, text="באילו פגישות הוזכר נחל?", topic="נחל"))

    assert answer.text == (
        "לא נמצא אזכור בפגישה היחידה שנקראה, ב-3.3.2026. "
        "הסיכום באנגלית, ובו החיפוש מכיר רק שמות, מספרים ומונחים נפוצים."
    )
    assert (answer.status, answer.citations, answer.heading) == ("partial", (), None)


async def test_a_topic_known_in_both_languages_or_none_at_all_is_counted_whole(practice):
    """Sleep has a word in the other language, and counting sessions needs no words."""
    await practice.keep(on_day(3, "Sleep 5 h."), on_day(5, "טיילה ליד הנחל."))
    for question in (SLEEP, replace(SLEEP, text="How many sessions did we have?", topic="")):
        answer = await practice.ask(question)
        assert (answer.status, answer.search.other_language) == ("answered", 0)
