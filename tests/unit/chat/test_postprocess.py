"""From verdicts to the answer a therapist reads."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from service.chat.filter import admit
from service.chat.not_found import not_found
from service.chat.postprocess import cite, leave_trail, postprocess
from service.domain.answers import Claim, Question, SearchStatement, Verdict
from service.domain.audit import Trail
from service.domain.usage import Meter
from service.language.injection import orders_in
from service.retrieval.enough import Decision
from service.retrieval.search import Found
from tests.fakes import NOW, a_context, a_passage

AWAY = "the language service is away; ask again later"
NO_BUDGET = "the day's budget for the language service is used up; ask again tomorrow"
SEARCH = SearchStatement(12, date(2025, 1, 31), date(2026, 11, 1), 2, complete=True)


def verdicts_of(*pairs: tuple[str, list]) -> list[Verdict]:
    """Each sentence, admitted by the passages beside it."""
    return [admit(Claim(text, tuple(p.id for p in used)), used) for text, used in pairs]


async def answer(verdicts, passages=(), *, search=SEARCH, language="en", away=()):
    state = {
        "question": Question("?", language),
        "decision": Decision("answer", ("good_match",)),
        "verdicts": verdicts,
        "found": Found(tuple(passages), ranked=()),
        "search": search,
        "written_by": "scripted-1",
    }
    calls = a_context(meter=Meter(away=dict(away)))
    context = SimpleNamespace(trail=Trail(), calls=calls, today=NOW.date(), orders=orders_in)
    runtime = SimpleNamespace(context=context)
    return (await postprocess(state, runtime))["answer"]


def test_markers_follow_each_sentence_and_count_on():
    """One line a sentence, one marker a quote, and each marker names one citation."""
    one, two = a_passage("Slept well.", id="p1"), a_passage("Slept well. Ate.", id="p2")
    verdicts = verdicts_of(("Slept well.", [one, two]), ("Ate.", [two]))
    text, citations = cite(verdicts, [one, two])
    assert text == "Slept well. [1] [2]\nAte. [3]"
    assert [citation.marker for citation in citations] == [1, 2, 3]
    assert [citation.note for citation in citations] == [one.note.ref, two.note.ref, two.note.ref]


@pytest.mark.parametrize(
    "said",
    [
        ["Slept well.", "Ate."],
        ["🙂 Slept 👨‍👩‍👧 well 🙂.", "Ate 🙂."],
        ["הכאב ירד ל-3.", "ישנה טוב 🙂.", "Slept well."],
        ["e\u0301te\u0301 …", 'ד"ר כהן בדק.'],
    ],
    ids=["plain", "emoji", "Hebrew", "joined"],
)
def test_places_in_the_answer_and_in_the_note_count_code_points(said):
    """answer[answer_start:answer_end] is the sentence, field[start:end] is the quote."""
    field = " ".join(said)
    passage = a_passage(field)
    verdicts = verdicts_of(*((text, [passage]) for text in said))
    text, citations = cite(verdicts, [passage])
    assert [text[c.answer_start : c.answer_end] for c in citations] == said
    assert [field[c.start : c.end] for c in citations] == [c.quote for c in citations] == said


def test_a_citation_names_the_note_as_it_is_now():
    """Client, day, version and draft state come with the quote."""
    passage = a_passage("Slept well.", similarity=0.75)
    draft = replace(passage, note=replace(passage.note, state="draft"))
    _, [citation] = cite(verdicts_of(("Slept well.", [draft])), [draft])
    note = passage.note
    assert (citation.client, citation.client_name) == (note.client, "דנה לוי")
    assert (citation.session_date, citation.note_version) == (note.session_date, note.version)
    assert (citation.similarity, citation.field, citation.is_draft) == (0.75, "subjective", True)


async def test_an_answer_of_admitted_sentences_only():
    """Withheld sentences are counted, and neither their text nor their citations appear."""
    passage = a_passage("Slept well.")
    good, bad = verdicts_of(("Slept well.", [passage]), ("The mother died.", [passage]))
    whole = await answer([good], [passage])
    part = await answer([good, bad], [passage])

    assert (whole.status, whole.withheld, whole.text) == ("answered", 0, "Slept well. [1]")
    assert (part.status, part.withheld, part.text) == ("partial", 1, "Slept well. [1]")
    assert part.model == "scripted-1"
    assert part.search == SEARCH


@pytest.mark.parametrize("language", ["he", "en"])
async def test_without_an_admitted_sentence_the_answer_is_an_honest_not_found(language):
    """Nothing withheld shines through: the text says what was searched, and cites nothing."""
    passage = a_passage("Slept well.")
    for verdicts in ([], verdicts_of(("The mother died.", [passage]))):
        said = await answer(verdicts, [passage], language=language)
        assert said.status == "abstained"
        assert said.citations == ()
        held = len(verdicts)
        asked = Question("?", language)
        assert said.text == not_found(SEARCH, asked, today=NOW.date(), withheld=held)
        assert (said.language, said.withheld) == (language, len(verdicts))


@pytest.mark.parametrize(
    ("away", "lacking", "why"),
    [
        ({"model": "timeout"}, ("model",), AWAY),
        ({"model": "cut", "embedder": "circuit_open"}, ("embedder", "model"), AWAY),
        ({"reranker": "no_budget", "model": "no_budget"}, ("budget",), NO_BUDGET),
    ],
)
async def test_what_stood_in_for_a_model_is_told(away, lacking, why):
    """Whether sentences were found or not, the answer is degraded and says what was away; a budget is back tomorrow."""
    passage = a_passage("Slept well.")
    said = await answer(verdicts_of(("Slept well.", [passage])), [passage], away=away)
    nothing = await answer([], [], away=away)
    assert (said.status, said.degraded, said.text) == ("degraded", lacking, "Slept well. [1]")
    assert (nothing.status, nothing.degraded) == ("degraded", lacking)
    assert nothing.text.endswith(f"The search was limited, because {why}.")


async def test_notes_are_counted_once_however_many_chunks_they_gave():
    """retrieved_count is of notes."""
    one, other = a_passage("Slept.", id="p1"), a_passage("Ate.", id="p3")
    again = replace(one, id="p2")
    assert (await answer([], [one, again, other])).retrieved_count == 2


async def test_an_unsure_decision_makes_the_answer_partial() -> None:
    """What was found is shown, but not as if it were the whole answer."""
    passage = a_passage("Sleeps well.")
    state = {
        "question": Question("?", "en"),
        "decision": Decision("partial", ("weak_match",)),
        "verdicts": verdicts_of(("Sleeps well.", [passage])),
        "found": Found((passage,), ranked=()),
        "search": SEARCH,
    }
    runtime = SimpleNamespace(
        context=SimpleNamespace(
            trail=Trail(), calls=a_context(), today=NOW.date(), orders=orders_in
        )
    )

    assert (await postprocess(state, runtime))["answer"].status == "partial"


def test_the_trail_tells_cited_from_withheld():
    """A note a sentence rests on is cited, one whose sentence was withheld is withheld, and cited outweighs it."""
    one, two = a_passage("Slept well.", id="p1"), a_passage("Ate.", id="p2")
    trail = Trail()
    trail.saw(one.note, "read")
    verdicts = verdicts_of(("Ran a mile.", [one]), ("Ran far.", [two]), ("Ate.", [two]))
    leave_trail(trail, verdicts, [one, two])
    assert {use.ref: use.use for use in trail.uses.values()} == {
        one.note.ref: "withheld",
        two.note.ref: "cited",
    }


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "he",
            "לא נמצאה תשובה ב-12 סיכומים, שניים מהם טיוטות, מ-31 בינואר 2025 עד 1 בנובמבר 2026. "
            "9 מתוך 12 הסיכומים באנגלית, "
            "ובהם החיפוש מכיר רק שמות, מספרים ומונחים נפוצים.",
        ),
        (
            "en",
            "Not found in 12 notes, two of them drafts, 31 January 2025 to 1 November 2026. "
            "9 of the 12 notes are in Hebrew, where this search knows only names, numbers and common terms.",
        ),
    ],
)
async def test_nothing_found_over_notes_hardly_searched_is_partial(language, text):
    """It says how many they are; what is found and sure stands as it is."""
    search, passage = replace(SEARCH, other_language=9), a_passage("Slept well.")
    none = await answer([], search=search, language=language)
    held_back = await answer(
        verdicts_of(("Ate.", [passage])), [passage], search=search, language=language
    )
    sure = await answer(verdicts_of(("Slept well.", [passage])), [passage], search=search)

    assert (none.status, none.text, none.heading) == ("partial", text, None)
    assert held_back.status == "partial"
    assert held_back.text != text
    assert set(text.split(". ")) < set(held_back.text.split(". "))
    assert (sure.status, sure.text) == ("answered", "Slept well. [1]")
