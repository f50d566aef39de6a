"""Where sentences begin and end."""

import itertools
import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.sentences import sentences


def said(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("היא ישנה טוב. הוא לא.", ["היא ישנה טוב.", "הוא לא."]),
        ('פנתה לד"ר. כהן אמר שכן.', ['פנתה לד"ר.', "כהן אמר שכן."]),
        ('ד"ר. כהן אמר. היא חזרה.', ['ד"ר. כהן אמר.', "היא חזרה."]),
        ("Dr. Cohen agreed. She left.", ["Dr. Cohen agreed.", "She left."]),
        ('מינון 7.5 מ"ג מאז 12.3.2026. ממשיכה.', ['מינון 7.5 מ"ג מאז 12.3.2026.', "ממשיכה."]),
        ("Took 5 mg. Slept well.", ["Took 5 mg.", "Slept well."]),
        ("Took 5 mg. daily.", ["Took 5 mg. daily."]),
        ("- sleep\n• appetite\n1. work\n2) home", ["sleep", "appetite", "work", "home"]),
        ("Plan: 1. rest. 2. walk.", ["Plan: 1. rest.", "walk."]),
        ("Really?! Yes.", ["Really?!", "Yes."]),
        ("I was... thinking.", ["I was... thinking."]),
        ('"Stop." She left.', ['"Stop."', "She left."]),
        ("e.g. a walk. Then home.", ["e.g. a walk.", "Then home."]),
        ("אין סוף", ["אין סוף"]),
        (" \n\t ", []),
    ],
)
def test_a_note_falls_into_its_sentences(text, expected):
    """Line breaks, bullets and numbers part; abbreviations, decimals and dates do not."""
    assert said(text) == expected


@given(st.text(alphabet=st.sampled_from('אבגד"ר Dr.1.5 \n\t-•?!…)א:')))
def test_sentences_are_in_order_and_lose_only_list_marks(text):
    """No span is blank, none overlaps, and what no span covers is white space or a list mark."""
    spans = sentences(text)
    covered = {place for start, end in spans for place in range(start, end)}
    left = "".join(c if i not in covered else "\x00" for i, c in enumerate(text))

    assert all(text[start:end].strip() for start, end in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert all(re.fullmatch(r"[-•.)\dא-ת]*", part) for part in re.split(r"[\x00\s]+", left))


@given(st.text(alphabet=st.sampled_from('אבגד"ר Dr.1.5 \n\r\u2028\t-•?!…)א:')))
def test_from_the_end_of_a_sentence_on_the_rest_is_as_in_the_whole(text):
    """Who reads a text as it is written begins where the last sentence ended, and finds the same ones."""
    spans = sentences(text)
    for number, (_, end) in enumerate(spans, 1):
        assert sentences(text, end) == spans[number:]


@pytest.mark.parametrize("text", ["?" * 50_000, '?"' * 25_000, "…" * 50_000 + '"' * 50_000])
def test_a_long_row_of_marks_takes_no_long_time(text):
    """A question may be nothing else, and the list of conversations reads each of them for its title."""
    started = process_time()
    assert sentences(f"{text}a") == [(0, len(text) + 1)]
    assert process_time() - started < 1
