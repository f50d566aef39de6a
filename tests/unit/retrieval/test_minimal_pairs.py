"""What differs in one thing is told apart."""

from uuid import UUID

import pytest

from service.domain.answers import Language, Question
from tests.fakes import a_note
from tests.unit.retrieval.minimal_pairs import BESIDE, PAIRS, Pair
from tests.unit.retrieval.test_search import Practice


def _cases():
    for language, pairs in PAIRS.items():
        for pair in pairs:
            for asked, (question, why) in enumerate(zip(pair.questions, pair.beyond, strict=True)):
                marks = [pytest.mark.xfail(strict=True, reason=why)] if why else []
                name = f"{language} {pair.kind}: {question}"
                yield pytest.param(language, pair, asked, marks=marks, id=name)


@pytest.mark.parametrize(("language", "pair", "asked"), list(_cases()))
async def test_the_right_twin_comes_first(language: Language, pair: Pair, asked: int):
    """A question brings the note it asks for before the one that differs in one thing, and before all others.

    The twin is kept first, so that a tie would bring it first.
    """
    practice = Practice()
    right = a_note(pair.notes[asked], id=UUID(int=2))
    twin = a_note(pair.notes[1 - asked], id=UUID(int=1))
    await practice.keep(twin, right, *map(a_note, BESIDE[language]))
    found = await practice.find(Question(pair.questions[asked], language))

    assert found.ranked[0] == right.ref
