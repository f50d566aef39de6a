"""Words that are one word in two alphabets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.text import normalise
from service.language.transliteration import LEAST, skeleton

SAME = [
    ("Cipralex", "ציפרלקס"),
    ("Ritalin", "ריטלין"),
    ("Prozac", "פרוזק"),
    ("Concerta", "קונצרטה"),
    ("Eltroxin", "אלטרוקסין"),
    ("metformin", "מטפורמין"),
    ("etoricoxib", "אטוריקוקסיב"),
    ("escitalopram", "אסציטלופרם"),
    ("quetiapine", "קווטיאפין"),
    ("Wellbutrin", "וולבוטרין"),
    ("Voltaren", "וולטרן"),
    ("Schwartz", "שוורץ"),
    ("Rosenberg", "רוזנברג"),
]


@pytest.mark.parametrize(("latin", "hebrew"), SAME)
def test_a_name_keeps_its_consonants_in_either_alphabet(latin: str, hebrew: str) -> None:
    """Drugs and family names have one skeleton, however they are written."""
    assert skeleton(normalise(latin)) == skeleton(normalise(hebrew)) != ""


@pytest.mark.parametrize(
    "word", ["תרופה", "שינה", "כאב", "dana", "sleep", "12", "ד", "x-ray", "אb"]
)
def test_few_consonants_say_nothing(word: str) -> None:
    """Short words, numbers and words of both alphabets have none: too many would meet by chance."""
    assert skeleton(normalise(word)) == ""


@given(st.text())
def test_any_text_has_a_skeleton_or_none(word: str) -> None:
    """Whatever comes, it is nothing or at least so many of the shared consonants."""
    bare = skeleton(normalise(word))
    assert bare == "" or (len(bare) >= LEAST and set(bare) <= set("bdgklmnprst"))
