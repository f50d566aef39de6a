"""Which true claims in own words pass, and which mutants do, of those the guards were fitted on."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.chat.grounding import Support, repair, support
from service.chat.grounding.evidence import Remembered
from service.domain.answers import Passage
from service.domain.notes import Chunk
from service.language.chunking import chunk_note
from tests.fakes import a_note, a_passage

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data/grounding_dev.jsonl").read_text().splitlines()
]
FIELDS = ("subjective", "objective", "assessment", "plan")


def passages_of(row: dict[str, str]) -> list[Passage]:
    note = a_note(**{name: row[name] for name in FIELDS if name in row})
    day = datetime.fromisoformat(row["day"]).replace(hour=9, tzinfo=UTC)
    note = replace(note, session_date=day)
    return [
        Passage(f"{row['note']}-{number}", note, chunk, row["client"], 0.8)
        for number, chunk in enumerate(chunk_note(note), 1)
    ]


NOTES = {row["note"]: passages_of(row) for row in ROWS if "note" in row}
CLAIMS = [row for row in ROWS if "claim" in row]


PASSES_THOUGH_WRONG = {"האם נעלה את הסכינים."}
"""The mother is to lock the knives and has not: this verb's past begins as a future does."""
WITHHELD_THOUGH_TRUE = {
    # A word that no list has, which only a model may confirm.
    "Cycling is to begin the following week, provided pain stays under 3/10.",
    "Resistance goes up to the red band.",
    'לפני שבוע הוא החל לקחת ציפרלקס 10 מ"ג, ויש לו בחילות קלות בבוקר.',
    "שיחה עם היועצת תתקיים רק אם מאיה תסכים.",
    "השיחה עם אחיו בעניין הירושה תתקיים אחרי החג.",
    "היא רוצה לחזור לקבוצת ריקודי העם באפריל.",
    # Said in words too far from the note's.
    "She is to write a letter to her father that will not be sent.",
    "פגישה עם שני ההורים נקבעה ל-9 ביוני.",
    "According to his wife, who attended part of the session, he is not as irritable.",
    "He has stopped talking to Yossi, an old friend from the army.",
    "היא הולכת 300 מטר עם מקל ביד שמאל.",
}


@pytest.fixture(scope="module")
def judged() -> list[tuple[dict[str, str], Support]]:
    """Each claim with what is made of it."""
    read = Remembered()
    return [
        (
            row,
            support(row["claim"], [one for name in row["cites"] for one in NOTES[name]], read=read),
        )
        for row in CLAIMS
    ]


def test_every_mutant_but_one_is_withheld(judged):
    """Of 268 English ones none passes, of 235 Hebrew ones one: a rule that is loosened shows which it lets through."""
    wrong = [(row["claim"], found.how) for row, found in judged if row["kind"] != "true"]
    passing = {claim for claim, how in wrong if how in {"verbatim", "stated"}}
    assert (len(wrong), passing) == (503, PASSES_THOUGH_WRONG)


def test_every_true_claim_passes_but_a_few_in_other_words(judged):
    """A rule that is tightened shows which it costs."""
    true = [(row["claim"], found.how) for row, found in judged if row["kind"] == "true"]
    withheld = {claim for claim, how in true if how not in {"verbatim", "stated"}}
    assert (len(true), withheld) == (208, WITHHELD_THOUGH_TRUE)


REASONS = {
    "number": {"number_differs", "date_differs"},
    "dose": {"number_differs"},
    "unit": {"number_differs"},
    "date": {"date_differs"},
    "quote": {"quote_differs"},
    "time": {"time_differs"},
    "side": {"side_differs", "negation_differs"},
    "name": {"name_differs", "negation_differs"},
}


def test_the_reason_is_the_fact_that_was_changed(judged):
    """A wrong number is told as a wrong number: what is put right, and what operators count, goes by it."""
    told = {
        kind: {found.reason for row, found in judged if row["kind"] == kind} for kind in REASONS
    }
    assert {kind: reasons - {None} for kind, reasons in told.items()} == REASONS


def test_what_is_remembered_of_passages_changes_no_verdict():
    """An answer's sentences are judged by passages that were taken apart for the one before."""
    read = Remembered()
    for row in CLAIMS[::5]:
        cited = [passage for name in row["cites"] for passage in NOTES[name]]
        assert support(row["claim"], cited, read=read) == support(row["claim"], cited)


def test_every_span_is_what_the_field_says():
    """Whatever a claim is, a quote stands in its field at its offsets."""
    for row in CLAIMS:
        cited = {p.id: p for name in row["cites"] for p in NOTES[name]}
        for span in support(row["claim"], list(cited.values())).spans:
            passage = cited[span.passage_id]
            field = passage.note.fields[passage.chunk.field]
            assert field[span.start : span.end] == span.quote


def test_a_claim_may_rest_on_two_notes():
    """A course is told from both of its sessions, and both are quoted."""
    found = support("Pain on the stairs went down from 6/10 to 3/10.", NOTES["e3"] + NOTES["e4"])
    assert {span.passage_id.partition("-")[0] for span in found.spans} == {"e3", "e4"}


def test_what_only_a_model_could_confirm_is_likely():
    """No guard speaks against it, and one of its words stands in no note."""
    found = support("Resistance goes up to the red band.", NOTES["e4"])
    assert found.how == "likely"
    assert [span.quote for span in found.spans] == ["Progress to red band."]


@pytest.mark.parametrize(
    ("claim", "note", "quote"),
    [
        (
            "Sertraline was taken at 100 mg daily.",
            "Mood low. Sertraline 50 mg daily.",
            "Sertraline 50 mg daily.",
        ),
        (
            "הכאב בברך שמאל ירד השבוע.",
            "ישנה טוב. הכאב בברך ימין ירד השבוע.",
            "הכאב בברך ימין ירד השבוע.",
        ),
        ("The weather was nice.", "Knee pain is better.", None),
        (
            "Knee pain on the stairs is 9/10 in the evening at work.",
            "Knee pain 3/10. Slept well.",
            None,
        ),
        (
            "Sertraline was taken at 100 mg daily.",
            "Sertraline 50 mg daily. Slept badly. Sertraline 75 mg daily.",
            None,
        ),
        (
            "הכאב בברך שמאל ירד השבוע.",
            "הכאב בברך ימין ירד השבוע. ישנה. הכאב בברך ימין ירד מאוד השבוע.",
            None,
        ),
    ],
)
def test_a_wrong_fact_is_repaired_by_the_sentence_it_is_about(claim, note, quote):
    """The note's own sentence stands in its place, unless it is not clear which."""
    found = repair(claim, [a_passage(note)])
    assert (found and found[0]) == quote
    if found:
        assert note[found[1].start : found[1].end] == quote


ODD = [
    *("a" * 5000, "1" * 5000, "1," * 2500, "not " * 1250, "mother's " * 550),
    *("from 1 to 2 " * 400, "🙂" * 5000, "ו" * 5000),
]


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:6])
def test_odd_text_is_answered(text):
    """A row of anything, as a note or as a claim, is answered."""
    passage = Passage(
        "p1", a_note(text), Chunk("subjective", 0, 0, len(text), text), "דנה לוי", 0.8
    )
    assert support("No pain of 5 mg in the left knee.", [passage]).reason
    assert support(f"{text[:900]} x", [passage]).how in {"none", "likely", "stated"}
