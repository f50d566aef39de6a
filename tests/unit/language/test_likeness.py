"""How much of a question a text covers."""

import pytest

from service.language.likeness import coverage


def test_the_text_that_says_it_covers_more():
    """Inflection and prefixes do not hide a word."""
    near, far = coverage("מתי החלו החרדות והכאבים?", ["חרדה מאז מרץ", "שיחה על העבודה"])

    assert near > 0.3 > far


def test_stop_words_cover_nothing():
    """A text that shares only "what did she" with the question says nothing about it."""
    assert coverage("what did she say about insomnia", ["she did say what about it"]) == [0.0]


def test_everything_asked_is_all_covered():
    """A question repeated word for word is covered whole."""
    assert coverage("panic attacks at night", ["Panic attacks at night."]) == [pytest.approx(1.0)]


def test_nothing_asked_is_never_covered():
    """A question without a word has no answer."""
    assert coverage("?!", ["anything"]) == [0.0]
    assert coverage("sleep", []) == []
