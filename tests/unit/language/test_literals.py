"""What every match of a pattern holds: a pattern that is passed over could not have been found."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.demo.notes import read_rows
from service.demo.trust.injection import read_attacks, read_lookalikes
from service.language.disguise import undisguised
from service.language.injection import _PATTERNS, _SIEVE
from service.language.literals import Sieve, required
from service.language.risk_words import SIGNS, signs_in
from service.language.text import tokens

DATA = Path(__file__).parents[2] / "data" / "injection"


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("ignore (?:all|any) rules?", {"ignore a"}),
        ("(?:ab|cd)+x", {"ab", "cd"}),
        ("(?:ab|c)*xy", {"xy"}),
        ("(?:ab|[cd])x", None),
        (r"\w+", None),
        ("a.b", None),
        ("long(?:er|est)?|short", {"long", "short"}),
        ("(?!not)this", {"this"}),
        ("(?<=before)after", {"after"}),
    ],
)
def test_what_a_pattern_promises(pattern, literals):
    """The most telling strings that no match can lack."""
    found = required(re.compile(pattern))
    assert found == (None if literals is None else frozenset(literals))


def test_no_sign_is_passed_over():
    """On every attack and look-alike, what the sieve passes over no pattern finds."""
    texts = [one.text for one in (*read_attacks(DATA)[::3], *read_lookalikes(DATA))]
    for read in (reading for text in texts for reading in undisguised(text)):
        left = _SIEVE.left(read)
        assert [n for n in left if _PATTERNS[n].search(read)] == [
            n for n, pattern in enumerate(_PATTERNS) if pattern.search(read)
        ]


def test_no_danger_is_passed_over():
    """On every sentence that is known to speak of danger or to sound like it, all signs it has are left."""
    for row in read_rows(DATA.parent / "risk.jsonl"):
        text = " ".join(tokens(row["text"]))
        assert [sign for sign in SIGNS if sign.lines.said(text)] == [
            sign for sign in signs_in(text) if sign.lines.said(text)
        ]


@given(st.text(alphabet="abcd ", max_size=30))
def test_a_sieve_keeps_every_pattern_that_is_found(text):
    """Whatever the length of what a pattern requires, one letter or none included."""
    patterns = [
        re.compile(one) for one in ("abc", "ab(?:cd|da)", "ab", "a.c", "(?:abcd|ba)d*", "c+")
    ]
    sieve = Sieve([required(pattern) for pattern in patterns])
    found = {n for n, pattern in enumerate(patterns) if pattern.search(text)}
    assert found <= set(sieve.left(text))
