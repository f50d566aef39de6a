"""What bounds a number, and on which side."""

import pytest

from service.language.amounts import amounts
from service.language.bounds import bounds


def said(text: str) -> list[tuple[str, str | None]]:
    return [
        (one.end_of, one.amount and one.amount.value)
        for one in bounds(text, amounts(text))
        if not one.is_aside
    ]


@pytest.mark.parametrize(
    ("text", "end", "value"),
    [
        ("Practises at least 3 times a week.", "least", "3"),
        ("מתרגלת לפחות שלוש פעמים בשבוע.", "least", "3"),
        ("5 kg or more", "least", "5"),
        ("sits >20 min", "least", "20"),
        ("לשבת יותר מ-20 דקות", "least", "20"),
        ("no more than 5 kg", "most", "5"),
        ("לכל היותר 10 חזרות", "most", "10"),
    ],
)
def test_a_bound_is_told_with_its_number(text, end, value):
    """In both languages, in words and in signs, before the number and behind it."""
    assert set(said(text)) == {(end, value)}


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("Avoid sitting for more than 20 minutes.", "most"),
        ("להימנע מישיבה מעל 20 דקות.", "most"),
        ("Not for less than 20 minutes.", "least"),
        ("לא פחות מ-20 דקות", "least"),
    ],
)
def test_what_is_not_to_be_more_is_so_much_at_most(text, end):
    """A denial turns a bound round, once."""
    assert set(said(text)) == {(end, "20")}


@pytest.mark.parametrize(
    "text",
    [
        "Over the weekend she slept.",
        "under pressure",
        "went up to 50 mg",
        "3 to 5 times",
        "מעל הברך",
    ],
)
def test_other_uses_of_these_words_bound_nothing(text):
    """A word that bounds beside a number says something else elsewhere."""
    assert said(text) == []


def test_at_least_bounds_what_is_no_number_too():
    """ "At least partly" is a claim of its own."""
    assert said("ההתמדה חלקית לפחות") == [("least", None)]


@pytest.mark.parametrize("text", ["up to 4 tablets", "squats to 4", "עד 4 כדורים"])
def test_how_far_something_goes_may_be_a_bound(text):
    """It answers a claim, and makes none."""
    [bound] = bounds(text, amounts(text))
    assert (bound.end_of, bound.is_aside) == ("most", True)
