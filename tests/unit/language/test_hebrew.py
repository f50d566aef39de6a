"""Hebrew stems and readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.hebrew import begins_with_and, readings, stem_hebrew
from service.language.hebrew_words import FORMS, NAMES_WITH_VAV, WHOLE
from service.language.text import normalise
from tests.unit.language.hebrew_pairs import APART, SAME

hebrew = st.text(alphabet="אבגדהוזחטיכלמנסעפצקרשת", min_size=1, max_size=9)


def indexed(one: str, other: str) -> bool:
    """Whether two words have one stem."""
    return stem_hebrew(normalise(one)) == stem_hebrew(normalise(other))


def found(asked: str, noted: str) -> bool:
    """Whether a question with one word finds a note with the other."""
    return stem_hebrew(normalise(noted)) in readings(normalise(asked))


def test_forms_of_a_word_share_the_stem_that_is_indexed():
    """0.96 of the listed forms; a prefix letter and an ending cut off by length alone brought 0.40 together."""
    assert sum(indexed(*pair) for pair in SAME) >= 0.96 * len(SAME)


def test_a_question_finds_the_forms_of_its_words():
    """0.99 of the listed forms, in both directions."""
    assert sum(found(a, b) and found(b, a) for a, b in SAME) >= 0.985 * len(SAME)


def test_words_that_only_look_alike_stay_apart():
    """Of the listed pairs one shares its stem: "ילדות" is girls and childhood; before, nine did."""
    assert [pair for pair in APART if indexed(*pair)] == [("ילד", "ילדות")]
    assert sum(found(*pair) for pair in APART) <= 1


@pytest.mark.parametrize(
    "word", ["שינה", "מטופל", "הליכה", "כאב", "לחץ", "בלוטה", "משפחה", "משקל", "שבוע"]
)
def test_a_first_letter_that_is_no_prefix_stays(word):
    """A known word is read as itself alone, and so behind a prefix."""
    assert len(readings(normalise(word))) == 1
    assert readings(normalise(f"ול{word}"))[0] == readings(normalise(word))[0]


def test_the_leg_may_be_meant_by_a_question_that_reads_habit():
    """What a question may mean besides is read there and not indexed: asked about legs, no note on habits comes."""
    assert found("הרגל", "ברגל")
    assert not found("רגל", "הרגל")


@pytest.mark.parametrize("name", ["דנה", "יוסי", "לירון", "מיכל", "הדס", "נועה"])
@pytest.mark.parametrize("prefix", ["ל", "ש", "ו", "מ", "כש", "ול"])
def test_a_name_is_found_behind_a_prefix(name, prefix):
    """And without the prefix by a question that has it."""
    assert found(name, prefix + name)
    assert found(prefix + name, name)


@given(hebrew)
def test_the_indexed_stem_is_a_reading_of_its_word(word):
    """A question repeated word for word finds its note, and the readings stay few."""
    assert readings(word)[0] == stem_hebrew(word)
    assert len(readings(word)) <= 400


@given(st.text(min_size=1))
def test_any_word_has_a_reading(word):
    """However odd it is."""
    assert readings(word)


def test_a_name_that_begins_with_and_is_no_known_word():
    """Or another client's name would pass for a word that anybody may say."""
    assert {"ורדה", "ויקטור"} <= NAMES_WITH_VAV
    assert NAMES_WITH_VAV.isdisjoint(WHOLE | FORMS.keys())
    assert not begins_with_and("ורדה")
    assert begins_with_and("ושינה")
