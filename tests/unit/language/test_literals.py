"""What every match of a pattern holds: a pattern that is passed over could not have been found."""

import re
from pathlib import Path

import pytest

from service.demo.trust.injection import read_attacks, read_lookalikes
from service.language.disguise import undisguised
from service.language.injection import _EVIDENCE
from service.language.literals import required

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
    """On every attack and look-alike, the quick look and the pattern agree."""
    texts = [one.text for one in (*read_attacks(DATA)[::3], *read_lookalikes(DATA))]
    for read in (reading for text in texts for reading in undisguised(text)):
        for sign in _EVIDENCE:
            assert sign.is_in(read) == bool(sign.pattern.search(read))
