"""Which spans of time a text names."""

import pytest

from service.language.spans import spans


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A week ago, then monthly.", {"week", "month"}),
        ("לפני חודש, בשבועיים האחרונים", {"month", "week"}),
        ("every night for an hour", {"day", "hour"}),
        ("פעם בשנתיים", {"year"}),
        ("ביום שני, היום, ביום הולדת", set()),
        ("a 7-year-old", set()),
        ("שנת הצהריים", set()),
    ],
)
def test_spans_are_named_with_a_number_or_without(text, named):
    """Weekdays, today, birthdays, ages and sleep are none."""
    assert spans(text) == named
