"""Facts that a guard of their own compares: bounds, spans without a number, one thing told of both, certainty."""

import pytest

from service.chat.grounding import support
from tests.fakes import a_passage


def reason(text: str, *notes: str) -> str | None:
    passages = [a_passage(note, id=f"p{number}") for number, note in enumerate(notes, 1)]
    return support(text, passages).reason


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("She practised at least three times a week.", "Practised three times a week."),
        ("היא תרגלה לפחות שלוש פעמים בשבוע.", "תרגלה שלוש פעמים בשבוע."),
        ("Avoid sitting for less than 20 minutes.", "Avoid sitting for more than 20 minutes."),
        ("להימנע מישיבה של פחות מ-20 דקות.", "להימנע מישיבה של יותר מ-20 דקות."),
        ("Lifts at most 5 kg.", "Lifts at least 5 kg."),
    ],
)
def test_a_bound_that_the_note_does_not_set_is_not_told(claim, note):
    """A bound is added, or set on the other side."""
    assert reason(claim, note) == "number_differs"


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("She practised at least three times a week.", "Practised at least 3 times a week."),
        ("Avoid sitting for over 20 minutes.", "Avoid sitting longer than 20 minutes."),
        ("לשבת לכל היותר 20 דקות.", "לשבת לא יותר מ-20 דקות."),
        ("At most 4 tablets a day.", "Up to 4 tablets a day."),
        ("סקוואטים עד 60 מעלות.", "Squats to 60 degrees."),
        ("Sertraline is to go up to 50 mg.", "Sertraline is to go up to 50 mg."),
    ],
)
def test_the_notes_own_bound_is_told_in_other_words(claim, note):
    """The same side, by whatever words."""
    assert reason(claim, note) is None


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("כאב לה הגב במשך שבעת הימים האחרונים.", "כאב לה הגב במשך שלושת הימים האחרונים."),
        ("כאב לה הגב במשך שבעת הימים האחרונים.", "כאב לה הגב במשך 3 הימים האחרונים."),
        ("היא הולכת אלפיים צעדים ביום.", "היא הולכת אלף צעדים ביום."),
        ("היא מטופלת עשרה חודשים.", "היא מטופלת שנים עשר חודשים."),
        ("הכאב נמשך חמשה ימים.", "הכאב נמשך שלושה ימים."),
        ("היא ישנה שעתיים.", "היא ישנה שעתיים וחצי."),
        ("The pain lasted twenty days.", "The pain lasted twenty-one days."),
        ("Walks two hundred steps.", "Walks two hundred and fifty steps."),
    ],
)
def test_another_number_in_words_is_not_told(claim, note):
    """Whatever its form is: before a noun, in an older spelling, of several words."""
    assert reason(claim, note) == "number_differs"


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("הכאב נמשך חמישה ימים.", "הכאב נמשך חמשה ימים."),
        ("כאב לה הגב במשך שבעת הימים האחרונים.", "כאב לה הגב במשך 7 ימים אחרונים."),
        ("The pain lasted twenty-one days.", "The pain lasted 21 days."),
        ("היא הולכת 2,000 צעדים ביום.", "היא הולכת אלפיים צעדים ביום."),
    ],
)
def test_the_same_number_in_other_words_is_told(claim, note):
    """In figures or in words, in any spelling."""
    assert reason(claim, note) is None


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("She has not cried for a month.", "Has not cried for a week."),
        ("היא לא בכתה כבר חודש.", "לא בכתה כבר שבוע."),
        ("סבתו נפטרה לפני חודש.", "סבתו נפטרה לפני שבוע."),
        ("He is back at work for half weeks.", "Back at work for half days."),
    ],
)
def test_another_span_of_time_is_not_told(claim, note):
    """Also where no number stands beside it."""
    assert reason(claim, note) == "number_differs"


@pytest.mark.parametrize(
    ("claim", "notes"),
    [
        (
            "SLR was negative at 40 degrees on the left and negative on the right.",
            ["SLR positive at 40 degrees on the left, negative on the right."],
        ),
        (
            "SLR היה חיובי ב-40 מעלות בשמאל וחיובי בימין.",
            ["SLR חיובי ב-40 מעלות בשמאל, שלילי בימין."],
        ),
        (
            "The McMurray test was positive at first and is positive now.",
            ["McMurray test positive.", "McMurray test negative."],
        ),
    ],
)
def test_what_differs_in_the_note_is_not_told_one_way_of_both(claim, notes):
    """Two sides, or two sessions."""
    assert reason(claim, *notes) is not None


def test_both_may_be_told_as_they_are():
    """One of each, as the note has it."""
    claim = "SLR was positive at 40 degrees on the left and negative on the right."
    assert reason(claim, "SLR positive at 40 degrees on the left, negative on the right.") is None


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("The fatigue is definitely from iron deficiency.", "The fatigue is from iron deficiency."),
        ("העייפות בוודאות מחוסר ברזל.", "העייפות מחוסר ברזל."),
    ],
)
def test_certainty_that_the_note_does_not_have_is_not_told(claim, note):
    """A note's own certainty may be told."""
    assert reason(claim, note) == "time_differs"
    assert reason(claim, claim) is None


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        ("לאמה של דנה היה דיכאון.", "אמא שלה סבלה מדיכאון."),
        ("There was depression in her mother.", "Her mother suffered from depression."),
    ],
)
def test_who_is_named_without_leading_may_be_whom_the_note_lets_lead(claim, note):
    """A claim need not say first who has what."""
    assert reason(claim, note) is None
