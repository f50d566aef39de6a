"""How many true claims in own words pass, and how many mutants do, of those the guards were fitted on."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.chat.grounding import repair, support
from service.chat.grounding.evidence import Remembered
from service.domain.answers import Passage
from service.domain.notes import Chunk
from service.language.chunking import chunk_note
from service.language.detect import language_of
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


@pytest.fixture(scope="module")
def admitted() -> Counter[tuple[str, bool, bool]]:
    """Claims by language, whether true, and whether admitted."""
    counts: Counter[tuple[str, bool, bool]] = Counter()
    for row in CLAIMS:
        cited = [passage for name in row["cites"] for passage in NOTES[name]]
        how = support(row["claim"], cited).how
        passes = how in {"verbatim", "stated"}
        counts[language_of(row["claim"]), row["kind"] == "true", passes] += 1
    return counts


@pytest.mark.parametrize("language", ["he", "en"])
def test_mutants_are_withheld(admitted, language):
    """At least 99 in a hundred; of 268 English ones none passed when this was written, of 235 Hebrew ones one."""
    wrong, right = admitted[language, False, True], admitted[language, False, False]
    assert wrong + right >= 230
    assert wrong <= 0.01 * (wrong + right)


@pytest.mark.parametrize("language", ["he", "en"])
def test_true_claims_pass(admitted, language):
    """All but a few in a hundred: in Hebrew six of 107 have a word that no list has, which rules may not pass."""
    withheld, shown = admitted[language, True, False], admitted[language, True, True]
    assert withheld + shown >= 100
    assert withheld <= 0.06 * (withheld + shown)


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
