"""A conversation's title: short, of one line, and harmless in a list."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.titles import CUT, LONGEST, title

SAID = {
    "איך הברך?": "איך הברך?",
    "  How is\n the knee?  And the hip?": "How is the knee?",
    "What did Dr. Levi say? I forgot.": "What did Dr. Levi say?",
    "?": "?",
    "\u200b\u2066\ufeff": None,
    "\u202eecho\u202c back\u2069": "echo back",
    "כאב\u200f בברך": "כאב בברך",
    "👩\u200d⚕️ said?": "👩\u200d⚕️ said?",
    "When did she first mention that her sleep was getting worse after the accident?": (
        "When did she first mention that her sleep was getting worse…"
    ),
    "a" * 61: "a" * 59 + CUT,
    "x" * 50 + ", " + "y" * 20: "x" * 50 + CUT,
    "ב" * 58 + "בּבב": "ב" * 58 + CUT,
}


@pytest.mark.parametrize(("question", "expected"), SAID.items())
def test_a_title_is_the_first_sentence_cut_behind_a_word(question: str, expected: str) -> None:
    """In both languages; controls and marks of direction do not come along, joined signs stay whole."""
    assert title(question) == expected


@given(st.text(st.characters() | st.sampled_from(" \n.?!\u200d\u202e\u05bc👩אבab"), max_size=200))
def test_a_title_fits_its_line_whatever_was_asked(question: str) -> None:
    """One line of at most sixty code points, nothing in it that steers a terminal or turns a text around."""
    found = title(question)
    if found is None:
        assert not any(sign.isalnum() for sign in question)
        return
    assert 0 < len(found) <= LONGEST
    assert found == " ".join(found.split())
    kinds = {unicodedata.category(sign) for sign in found if sign != "\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    asked = iter(question)
    assert all(sign in asked for sign in found.removesuffix(CUT) if sign != " ")
