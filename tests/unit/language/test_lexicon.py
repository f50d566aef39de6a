"""Other ways to say what is asked."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.features import stem
from service.language.lexicon import Equivalent, LexiconMalformed, _lexicon, equivalents, parse
from service.language.text import tokens


def said(text: str) -> dict[str, set[str]]:
    """For each stretch of a text that can be said otherwise, the other ways."""
    words = tokens(text)
    return {
        " ".join(words[one.start : one.end]): {" ".join(term) for term in one.terms}
        for one in equivalents(words)
    }


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ("איך הוא ישן, ומה עם השינה?", "sleep"),
        ("בשינה", "sleep"),
        ("three times", "3"),
        ("7 hours", "שבע"),
        ("כשהחרדות חוזרות", "anxiety"),
        ("התרופות", "medication"),
        ("her medications", "תרופה"),
        ("BP", "לחץ דם"),
        ('ל"ד', "blood pressure"),
        ("בלחץ הדם", None),
        ("טווחי התנועה", "ROM"),
        ("Cipralex", "אסציטלופרם"),
        ("לציפרלקס", "escitalopram"),
        ("Hx", "history"),
        ("SI", "אובדנות"),
        ("SI joint", "sacroiliac joint"),
        ("GAD-7", "GAD7"),
        ("בבית הספר", None),
        ("ד״ר", "doctor"),
        ("grandma", "סבתא"),
    ],
)
def test_what_is_asked_can_be_said_otherwise(asked, other):
    """In short, in full, by brand or in the other language; inflected and behind prefixes."""
    ways = set().union(*said(asked).values())

    assert other is None or " ".join(tokens(other)) in ways


def test_the_longest_term_is_meant():
    """ "SI joint" has nothing to do with suicide, nor "chest pain" with any pain."""
    assert equivalents(["si", "joint"])[0].end == 2
    assert "suicidal ideation" not in said("SI joint")["si joint"]


def test_an_ambiguous_term_is_understood_and_not_looked_for():
    """ "PT" may be physiotherapy; who asks for physiotherapy does not want every "pt"."""
    assert "physiotherapy" in said("PT")["pt"]
    assert "pt" not in said("physiotherapy")["physiotherapy"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left", "right"),
        ("שמאל", "ימין"),
        ("mother", "father"),
        ("אמא", "סבתא"),
        ("escitalopram", "citalopram"),
        ("abduction", "adduction"),
        ("internal rotation", "external rotation"),
        ("hypertension", "blood pressure"),
        ("ילד", "hypertension"),
        ("flexion", "extension"),
        ("depression", "anxiety"),
    ],
)
def test_what_differs_stays_apart(one, other):
    """A wrong equivalent quotes the wrong note."""
    assert " ".join(tokens(other)) not in set().union(*said(one).values())


def test_no_group_holds_a_denial():
    """Nothing becomes its opposite by another word."""
    denials = {"no", "not", "without", "לא", "בלי", "ללא", "אינ"}
    ways = {term for others in _lexicon().others.values() for term in others}

    assert {term for term in ways if denials.intersection(term)} == {
        tuple(tokens("no show")),
        tuple(tokens("לא הגיע לפגישה")),
    }


def test_nothing_is_its_own_equivalent():
    """Other ways alone, each another stem."""
    for term, others in _lexicon().others.items():
        assert term not in {tuple(map(stem, other)) for other in others}


@pytest.mark.parametrize("line", ["sleep", "sleep =", "= sleep", "sleep = ?"])
def test_a_malformed_line_is_named(line):
    """Whoever extends the file reads where it is wrong."""
    with pytest.raises(LexiconMalformed, match="line 3"):
        parse(["# a comment", "sleep = שינה", line])


@given(st.lists(st.text() | st.sampled_from(["si", "joint", "לחצ", "דמ", "range", "of", "motion"])))
def test_any_words_have_their_equivalents_in_order(words):
    """No word breaks it; stretches follow one another and are never empty."""
    found: list[Equivalent] = equivalents(words)

    assert all(0 <= one.start < one.end <= len(words) and one.terms for one in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
