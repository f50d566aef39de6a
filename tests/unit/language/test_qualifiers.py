"""Small words that turn what is said beside them."""

import pytest

from service.language.qualifiers import qualifier, qualifiers_in
from service.language.text import tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Isn't", "not"),
        ("denies", "without"),
        ("ללא", "ואין"),
        ("שאינה", "no"),
        ("בעבר", "formerly"),
        ("currently", "כיום"),
        ("after", "לאחר"),
    ],
)
def test_words_of_a_class_say_the_same(one, other):
    """In both languages, with apostrophes and Hebrew prefixes."""
    [one], [other] = tokens(one), tokens(other)
    assert qualifier(one) == qualifier(other) is not None


def test_classes_and_other_words_stay_apart():
    """Before is not after, the past not now, and a knee no qualifier."""
    assert len(qualifiers_in(tokens("before after past now not"))) == 5
    assert qualifiers_in(tokens("the left knee of the mother")) == frozenset()
