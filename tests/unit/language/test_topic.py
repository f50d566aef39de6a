"""What a question is about, and whether a text says it."""

import pytest

from service.language.topic import Topic


def says(text: str, topic: str, **how: bool) -> bool:
    return Topic.of(topic, **how).said_in([text]) == [True]


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("sleep", "Sleeping in the recliner."),
        ("headaches", "No headache this week."),
        ("every session where sleep was mentioned", "Sleep: 5 h."),
        ("שינה", "אין שינוי בשינה."),
        ("כאבי ראש", "אין כאב ראש."),
        ("אחיו", "התקשר לאחיו רועי."),
    ],
)
def test_inflections_and_denials_are_mentions(topic, text):
    """Stems are compared, words that say how it is asked do not count, and a denial mentions too."""
    assert says(text, topic)


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("left knee", "R knee 5/10."),
        ("ברך שמאל", "כאב בברך ימין."),
        ("sleep", "Slipped on the stairs."),
    ],
)
def test_of_a_few_words_all_must_be_said(topic, text):
    """The other knee is no mention, however many of the words a sentence shares."""
    assert not says(text, topic)


def test_of_many_words_one_may_be_missing():
    """A long topic is hardly ever said to the letter."""
    topic = "burning pain, right heel, morning"
    assert says("Heel pain burning at night, right side.", topic)
    assert not says("Heel pain on the right.", topic)


def test_asked_for_its_numbers_a_measure_need_not_be_named():
    """Notes give the number: "pain 6/10" is the pain score. Alone, the measure is what is asked about."""
    assert says("Pain 6/10.", "pain score", measured=True)
    assert says("הכאב 6/10.", "ציון הכאב", measured=True)
    assert not says("Pain 6/10.", "pain score")
    assert not says("Pain 6/10.", "score", measured=True)


def test_nothing_is_said_of_no_topic():
    """A question of frame words alone has no words that a note could say."""
    assert not Topic.of("how many sessions did we have?")
    assert not Topic.of("כמה פגישות היו?")
