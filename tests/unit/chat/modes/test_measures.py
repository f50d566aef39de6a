"""What a sentence measures, in both languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.chat.modes.measures import measures


def read(text: str) -> list[tuple[str, str]]:
    return [(one.name, one.value) for one in measures(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pain 7/10 at night.", [("pain", "7")]),
        ("כאב בלילה 6/10, בבוקר 3/10.", [("pain", "6"), ("pain", "3")]),
        ("VAS 4 after work", [("pain", "4")]),
        ("מצב רוח 5/10", [("mood", "5")]),
        ("Anxiety down to 3/10.", [("anxiety", "3")]),
        ("PHQ-9: 14. GAD-7 = 9", [("PHQ", "14"), ("GAD", "9")]),
        ("ב-PHQ הבית 8", [("PHQ", "8")]),
        ("BDI-II 22, ODI 34%", [("BDI", "22"), ("ODI", "34")]),
        ("BP today 130/80", [("blood pressure", "130/80")]),
        ("לחץ דם 142/91 בעמידה", [("blood pressure", "142/91")]),
        ("כפיפה 108 מעלות", [("flexion", "108")]),
        ("AROM flex 125, ER 40.", [("flexion", "125"), ("external rotation", "40")]),
        ('משקל 62.5 ק"ג', [("weight", "62.5")]),
        ("ישנה 6 שעות", [("hours of sleep", "6")]),
        ("דופק מנוחה 58", [("pulse", "58")]),
    ],
)
def test_scales_and_values_are_read(text, expected):
    """By what is measured, the same name in both languages."""
    assert sorted(read(text)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "drug", "values"),
    [
        ("Started sertraline 50 mg in March.", "sertralin", ["50"]),
        ("sertraline raised to 100 mg", "sertralin", ["100"]),
        ('ציפרלקס הועלה 10 -> 15 מ"ג', "ציפרלקס", ["15"]),
        ('ציפרלקס 5 מ"ג לשבוע ואז 10 מ"ג', "ציפרלקס", ["5", "10"]),
        ("אלטרוקסין הועלה מ-75 ל-100 מק״ג", "אלטרוקסינ", ["100"]),
    ],
)
def test_a_dose_belongs_to_the_drug_before_it(text, drug, values):
    """However it was raised or lowered in between."""
    assert [(one.kind, one.name, one.value) for one in measures(text)] == [
        ("dose", drug, value) for value in values
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Squats 3x10.",
        "flex 3x15 no weight",
        "On 7/10 she travelled.",
        "Pain since 7/10.",
        "כאב מאז ה-7/10",
        "10 mg.",
        "10 חזרות",
        "slept at Dafna's 4 nights",
        "tandem 10/10/2025",
        "",
    ],
)
def test_what_is_no_measure_is_not_read(text):
    """Repetitions, dates and doses of nothing."""
    assert measures(text) == []


@given(st.text(max_size=200))
def test_any_text_is_read_and_every_value_stands_in_it(text):
    """No value is made up."""
    assert all(one.value in text for one in measures(text))
