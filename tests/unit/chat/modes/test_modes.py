"""A client's course, the next appointment, and a session, told in the notes' own words."""

import time
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.chat.modes.outline import outline
from service.chat.modes.sayings import sessions
from service.chat.modes.titles import TITLES
from service.chat.telling import run
from service.domain.answers import (
    MOST_OVERVIEWED,
    CitationDelta,
    Finished,
    Question,
    TextDelta,
)
from service.domain.identity import ClientId
from service.domain.progress import Line
from service.errors import ClientNeeded, ModelUnavailable
from service.language.chunking import LIMIT
from tests.fakes import CLIENT, NOW
from tests.unit.chat.modes.practice import Practice, on
from tests.unit.doubles import ScriptedModel

OTHER_CLIENT = ClientId(CLIENT.__class__(int=12))
NOTES = (
    on(
        "2026-02-02",
        "Neck pain since a fall in January. Pain 7/10 at night.",
        objective="Flexion 20. NDI 44.",
        assessment="Whiplash, irritable.",
        plan="Heat twice a day. Ask the GP about the old scan.",
    ),
    on(
        "2026-02-16",
        "Amitriptyline 10 mg started by the GP.",
        objective="Flexion 30.",
        assessment="Less irritable, guarding remains.",
        plan="Gentle rotation every hour. Letter to the insurer.",
    ),
    on(
        "2026-03-02",
        "Works half days. Pain 5/10. Letter to the insurer went out.",
        assessment="Fear of turning is the main driver now.",
        plan="Drive round the block.",
    ),
    on(
        "2026-03-16",
        "Drove round the block twice. Pain 3/10. Amitriptyline raised to 20 mg. Her sister's wedding is near?",
        objective="Flexion 45. NDI 18.",
        assessment="Clear improvement.",
        plan="Swimming once a week. Review the pillow.",
    ),
)


@pytest.fixture
async def practice():
    held = Practice()
    await held.keep(*NOTES)
    return held


async def test_a_course_is_told_in_sections_of_cited_lines(practice):
    """How it began, how it went, what was measured and taken, where it stands, what is planned."""
    answer = await practice.ask("summary", mode="summary")
    assert answer.text.split("\n") == [
        "4 sessions read, 2.2.2026 to 16.3.2026.",
        "Presenting problem",
        "2.2.2026: Neck pain since a fall in January. [1]",
        "2.2.2026: Pain 7/10 at night. [2]",
        "2.2.2026: Whiplash, irritable. [3]",
        "Course",
        "16.2.2026: Less irritable, guarding remains. [4]",
        "2.3.2026: Fear of turning is the main driver now. [5]",
        "Measures over time",
        "2.2.2026: Flexion 20. [6]",
        "16.3.2026: Flexion 45. [7]",
        "16.3.2026: Pain 3/10. [8]",
        "Medication and doses",
        "16.2.2026: Amitriptyline 10 mg started by the GP. [9]",
        "16.3.2026: Amitriptyline raised to 20 mg. [10]",
        "Last session",
        "16.3.2026: Clear improvement. [11]",
        "16.3.2026: Drove round the block twice. [12]",
        "Plan",
        "16.3.2026: Swimming once a week. [13]",
        "16.3.2026: Review the pillow. [14]",
    ]
    assert (answer.status, answer.model, answer.withheld) == ("answered", "none", 0)
    assert (answer.search.notes_read, answer.search.notes_total) == (4, 4)
    assert set(answer.heading.sources) == {note.ref for note in NOTES}


async def test_a_preparation_has_what_is_open_measured_new_and_asked(practice):
    """Newest first; what a later note takes up is not open any more."""
    answer = await practice.ask("prepare", mode="prepare")
    lines = answer.text.split("\n")
    assert lines == [
        "4 sessions read, 2.2.2026 to 16.3.2026.",
        "Plan",
        "16.3.2026: Swimming once a week. [1]",
        "16.3.2026: Review the pillow. [2]",
        "From earlier plans",
        "16.2.2026: Gentle rotation every hour. [3]",
        "Last measures",
        "16.3.2026: Flexion 45. [4]",
        "16.2.2026: Flexion 30. [5]",
        "16.3.2026: Pain 3/10. [6]",
        "2.3.2026: Pain 5/10. [7]",
        "Changes and news",
        "16.3.2026: Clear improvement. [8]",
        "16.3.2026: Amitriptyline raised to 20 mg. [9]",
        "From the session before",
        "2.3.2026: Works half days. [10]",
        "Questions and checks",
        "16.3.2026: Her sister's wedding is near? [11]",
        "2.2.2026: Ask the GP about the old scan. [12]",
    ]
    assert answer.status == "answered"
    assert "Drive round the block" not in answer.text, "it was done"
    assert "16.2.2026: Letter to the insurer" not in answer.text, "it was done"


async def test_titles_and_counts_are_in_the_askers_language(practice):
    """Quotes stay as they were written."""
    answer = await practice.ask("סיכום", mode="summary")
    lines = answer.text.split("\n")
    assert lines[:3] == [
        "4 פגישות שנקראו, מ-2.2.2026 עד 16.3.2026.",
        "הפנייה",
        "2.2.2026: Neck pain since a fall in January. [1]",
    ]
    assert set(TITLES["he"]) == set(TITLES["en"])


async def test_the_last_session_is_quoted_field_by_field(practice):
    """Briefly, and of nobody's other session."""
    answer = await practice.ask("what was in the last session?")
    assert answer.text.startswith("Subjective\n16.3.2026: Drove round the block twice. [1]\n")
    assert {citation.session_date.date().isoformat() for citation in answer.citations} == {
        "2026-03-16"
    }
    assert answer.heading is None
    plan = await practice.ask("מה תכננתי?")
    assert plan.text.split("\n") == [
        "תוכנית",
        "16.3.2026: Swimming once a week. [1]",
        "16.3.2026: Review the pillow. [2]",
    ]


async def test_the_form_is_of_the_client_named(practice):
    """And of nobody else; without one, a chosen mode is refused."""
    other = on("2026-04-01", "Shoulder stiff.", client=OTHER_CLIENT)
    await practice.keep(other, client=OTHER_CLIENT, name=("Noa", "Katz"))
    answer = await practice.ask("Summarise Noa's treatment", None)
    assert {citation.client for citation in answer.citations} == {OTHER_CLIENT}
    with pytest.raises(ClientNeeded):
        await practice.ask("summary", None, mode="summary")


async def test_a_client_without_notes_is_an_abstention():
    """There is nothing to sum up, and it says so."""
    empty = Practice()
    await empty.keep()
    answer = await empty.ask("summary", mode="summary")
    assert (answer.status, answer.citations, answer.heading) == ("abstained", (), None)


@pytest.mark.parametrize("mode", ["summary", "prepare"])
async def test_the_lines_that_are_streamed_are_the_answer(practice, mode):
    """Counts first, a title with the first line under it; put together they are the text, and so are the citations."""
    lines: list[Line] = []
    asked = {"question": Question("summary", "en", CLIENT, mode=mode)}

    def tell(progress):
        lines.extend([progress] if isinstance(progress, Line) else [])

    answer = await run(practice.graph, asked, practice.context(), tell=tell)
    assert "".join(line.text for line in lines) == answer.text
    assert [one for line in lines for one in line.citations] == list(answer.citations)
    assert all(answer.text[line.start :].startswith(line.text) for line in lines)


class Listening(ScriptedModel):
    """Remembers what it was given, and says the first sentence of it."""

    async def stream(self, question, passages, *, context):
        self.asked.append(question)
        self.given, self.veil = passages, context.veil
        text = "Neck pain since a fall in January."
        [holds] = [one.id for one in passages if text in one.chunk.text]
        yield TextDelta(text + " ")
        yield CitationDelta(0, len(text), (holds,))
        for delta in self.deltas:
            yield delta


async def test_a_model_writes_from_bounded_passages_and_is_verified():
    """The same choice, oldest first; what it makes up is withheld, and its counts are still exact."""
    model = Listening(
        TextDelta("She was cured by prayer."), CitationDelta(35, 59, ("p1",)), Finished("complete")
    )
    practice = Practice(model)
    await practice.keep(*NOTES)
    answer = await practice.ask("summary", mode="summary")

    assert answer.text.split("\n") == [
        "4 sessions read, 2.2.2026 to 16.3.2026.",
        "Neck pain since a fall in January. [1]",
    ]
    assert (answer.status, answer.model, answer.withheld) == ("partial", "scripted-1", 1)
    assert model.asked[0].form == "summary"
    days = [passage.note.day for passage in model.given]
    assert days == sorted(days)
    assert len(model.given) <= MOST_OVERVIEWED
    assert all(len(passage.chunk.text) <= LIMIT for passage in model.given)


class Away(ScriptedModel):
    """Refuses, or is not there."""

    async def stream(self, question, passages, *, context):
        raise ModelUnavailable("refused")
        yield


async def test_without_its_model_the_notes_own_lines_stand():
    """Degraded, in sections, each line verified."""
    practice = Practice(Away())
    await practice.keep(*NOTES)
    answer = await practice.ask("prepare", mode="prepare")
    assert (answer.status, answer.degraded, answer.model) == ("degraded", ("model",), "none")
    assert "Last measures\n16.3.2026: Flexion 45. [4]" in answer.text


async def test_a_model_that_writes_nothing_leaves_the_lines():
    """An empty answer to a summary of four sessions would be wrong."""
    practice = Practice(ScriptedModel(Finished("abstained")))
    await practice.keep(*NOTES)
    answer = await practice.ask("summary", mode="summary")
    assert (answer.status, answer.model) == ("answered", "none")
    assert "Presenting problem" in answer.text


async def test_the_clients_name_is_hidden_from_a_model():
    """A client who was read just now may be one that the index has not yet."""
    known = []

    class Knowing:
        def know(self, people):
            known.extend(people)

        def restore(self, text, *, as_in=""):
            return text

    practice = Practice(Listening(Finished("complete")))
    practice.calls = practice.calls.__class__(practice.calls.keys, veil=Knowing())
    await practice.keep(*NOTES)
    await practice.ask("summary", mode="summary")
    assert {one.name for one in known} == {"דנה לוי"}


WORDS = st.sampled_from(
    [
        "Pain 7/10. VAS 3",
        "כאב 5/10.",
        "PHQ-9: 12.",
        "🙂 sleeps well 🙂",
        "Ask about work?",
        "לבדוק לחץ דם.",
        "sertraline 50 mg\n",
        "לא ישנה.",
        "\u202bשמאל\u202c knee",
        "no change",
        "see www.example.org",
        "Plan: 3x10.",
        "x" * 500,
    ]
)
TEXT = st.lists(WORDS, max_size=6).map(" ".join)
FIELDS = st.fixed_dictionaries(
    {}, optional={name: TEXT for name in ("subjective", "objective", "assessment", "plan")}
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.dates(min_value=NOW.date().replace(year=2025), max_value=NOW.date()), FIELDS),
        max_size=6,
    ),
    st.sampled_from(["summary", "prepare"]),
    st.sampled_from(["סיכום", "summary"]),
)
async def test_every_line_quotes_its_note_exactly(given_notes, mode, text):
    """Whatever notes hold: each place in the answer and in the field is the quote, code point for code point."""
    practice = Practice()
    await practice.keep(*(on(day.isoformat(), **fields) for day, fields in given_notes))
    answer = await practice.ask(text, mode=mode)
    for one in answer.citations:
        assert practice.field(one)[one.start : one.end] == one.quote
        assert answer.text[one.answer_start : one.answer_end] == one.quote
    assert bool(answer.citations) == (answer.status != "abstained")
    assert "www" not in answer.text
    assert answer.text == (await practice.ask(text, mode=mode)).text


@pytest.mark.parametrize("form", ["summary", "prepare"])
def test_five_hundred_notes_take_less_than_a_second(form):
    """Of CPU; the loop is not held up, because a thread does it."""
    told = "Slept badly, pain {}/10. Walked {} minutes with her sister. Ask about work. " * 5
    notes = [
        on(str(date(2015, 1, 1) + n * timedelta(7)), told.format(*[n % 11] * 10), plan=told)
        for n in range(500)
    ]
    started = time.process_time()
    assert outline(Question("x", "en", form=form), sessions(notes))
    assert time.process_time() - started < 1.0
