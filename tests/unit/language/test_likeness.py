"""How much of a question a text covers."""

import pytest

from service.language.likeness import coverage, likeness


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


def ranked(question, *texts):
    """Whether each text is more like the question than the next."""
    found = likeness(question, texts, rarity=lambda feature: 1.0)
    return found == sorted(set(found), reverse=True)


def test_likeness_is_a_share():
    """The question itself is wholly like it, what shares no word is not like it at all."""
    asked = "panic attacks at night"
    assert likeness(asked, [asked, "the sea", ""], rarity=lambda feature: 1.0) == [
        pytest.approx(1.0),
        0.0,
        0.0,
    ]
    assert likeness("?!", ["anything"], rarity=lambda feature: 0.0) == [0.0]


def test_what_one_clause_says_counts_more():
    """The words of a question must be said of one thing."""
    assert ranked("stiff left knee", "Left knee: stiff, right: fine", "Right knee stiff, left fine")
    assert ranked("left ear blocked", "ear blocked, the left", "ear, left side, blocked")


def test_a_denial_is_found_by_any_denial():
    """Whichever word denies it, in either direction."""
    assert ranked("who isn't allergic to nuts", "Not allergic to nuts.", "Is allergic to nuts.")
    assert ranked("מי לא אלרגי לאגוזים", "אינו אלרגי לאגוזים", "אלרגי לאגוזים")
    assert ranked("allergic to nuts", "Allergic to nuts.", "Never was allergic to nuts.")
    assert ranked("אלרגי לאגוזים", "אלרגי לאגוזים", "איננו אלרגי לאגוזים")


def test_only_what_stands_behind_it_is_denied():
    """Another thing's denial in the same clause takes nothing away."""
    assert likeness("knee pain", ["Knee pain without fever"], rarity=lambda feature: 1.0) == (
        likeness("knee pain", ["Knee pain with fever"], rarity=lambda feature: 1.0)
    )


def test_one_word_can_be_said_in_full() -> None:
    """It has no neighbours to stand beside."""
    [said, other] = likeness("lisinopril?", ["On lisinopril 10 mg.", "On aspirin."], rarity=len)
    assert said == pytest.approx(1.0)
    assert other == 0.0
