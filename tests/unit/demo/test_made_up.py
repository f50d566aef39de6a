"""Notes of no one."""

import random
from collections import Counter
from statistics import fmean

from service.demo.made_up import made_up_notes, made_up_questions
from service.language.detect import language_of
from service.language.text import tokens
from tests.fakes import WORKSPACE


def chance():
    return random.Random(1)  # noqa: S311 - of a test


def notes(count=60):
    return list(made_up_notes(count, workspace=WORKSPACE, chance=chance()))


def test_they_are_as_long_as_notes_are_and_in_both_languages():
    """About 1,000 characters, half of them Hebrew, the common words far ahead of the rare ones."""
    texts = [" ".join(note.fields.values()) for note in notes()]
    assert 850 < fmean(map(len, texts)) < 1150
    assert Counter(map(language_of, texts)) == {"he": 30, "en": 30}
    counts = Counter(word for text in texts for word in tokens(text)).most_common()
    assert counts[0][1] > 10 * counts[200][1]


def test_the_same_chance_makes_the_same_notes():
    """So that two runs of a bench measure the same; a question is made of a note's words."""
    assert notes() == notes()
    [query] = made_up_questions(1, notes(1), chance())
    assert set(query.split()) <= set(" ".join(notes(1)[0].fields.values()).replace(".", "").split())
