"""The evaluation, tried on the rules as they are: one guard taken out, and the kind it stands against gets through."""

from pathlib import Path

import pytest

from service.chat import grounding
from service.chat.grounding import guards, verdict
from service.demo.trust.bars import CAUGHT_OF_A_KIND, LEAST_OF_A_KIND, rows
from service.demo.trust.material import read_material
from service.demo.trust.measure import tried
from service.demo.trust.mutate import kinds, mutants
from service.language import statements as statements_of
from service.language import terms

OURS = Path(__file__).parents[3] / "data" / "trust"
FEW = 24  # Mutants of a kind in a language.


def without(*names):
    """The guards that give these reasons, taken out of the row of guards."""

    def seed(monkeypatch):
        kept = tuple(one for one in guards._GUARDS if one[1] not in names)
        monkeypatch.setattr(guards, "_GUARDS", kept)

    return seed


def without_poles(monkeypatch):
    """Neither denials nor directions are compared."""
    without("negation_differs")(monkeypatch)
    monkeypatch.setattr(guards, "polarity", lambda part, evidence: None)


def without_names(monkeypatch):
    """Neither looked for in the passages, nor missed among the words that nothing covers, which are let pass."""
    monkeypatch.setattr(grounding, "misnames", lambda text, evidence: False)
    monkeypatch.setattr(verdict, "_missing", lambda left: None)
    monkeypatch.setattr(verdict, "MOST_UNKNOWN", 9)
    monkeypatch.setattr(verdict, "STATED", 0.0)


def without_quotations(monkeypatch):
    monkeypatch.setattr(grounding, "misquotes", lambda text, texts: False)


REMOVED = {
    "number": without("number_differs"),
    "dose": without("number_differs"),
    "date": without("date_differs"),
    "side": without("side_differs"),
    "subject": without("subject_differs"),
    "time": without("time_differs"),
    "negation": without_poles,
    "direction": without_poles,
    "name": without_names,
    "quote": without_quotations,
}


@pytest.fixture(scope="module")
def case():
    shelf, statements = read_material(OURS)
    made = kinds(held_out=False)
    return shelf, mutants(statements, shelf, made, per_kind=FEW)


async def caught(kind, case) -> dict[str, float]:
    """By language, where there are enough mutants for a floor."""
    shelf, false = case
    mine = [one for one in false if one.kind == kind]
    outcomes = await tried([], mine, shelf, lambda done: None)
    return {one.language: one.caught for one in rows(outcomes) if one.total >= LEAST_OF_A_KIND}


@pytest.mark.parametrize("kind", REMOVED)
async def test_a_guard_that_is_removed_is_missed(kind, case, monkeypatch):
    """With it the kind is held off in some language; without it the evaluation fails there."""
    before = await caught(kind, case)
    REMOVED[kind](monkeypatch)
    after = await caught(kind, case)
    assert any(after[one] < CAUGHT_OF_A_KIND <= before[one] for one in before), (before, after)


async def lost_in_hebrew(shelf, true) -> float:
    mine = [one for one in true if one.language == "he" and one.how == "paraphrased"]
    outcomes = await tried(mine, [], shelf, lambda done: None)
    return sum(one.fate != "admitted" for one in outcomes) / len(outcomes)


async def test_hebrew_read_with_the_english_stemmer_loses_true_sentences(monkeypatch):
    """A word is then only what it looks like, and the bar for true sentences is missed by far."""
    shelf, true = read_material(OURS)
    before = await lost_in_hebrew(shelf, true)
    # What an English stemmer makes of a Hebrew word is the word.
    monkeypatch.setattr(statements_of, "forms_of", lambda word: frozenset({f"s{word}"}))
    monkeypatch.setattr(terms, "keys", lambda word: frozenset({word}))
    assert await lost_in_hebrew(shelf, true) > before + 0.1
