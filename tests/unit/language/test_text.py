"""Normal forms and words."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.detect import language_of
from service.language.text import clauses, normalise, tokens, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("שָׁלוֹם", "שלום"),
        ("ד״ר", 'ד"ר'),
        ("ג׳יימס", "ג'יימס"),
        ("\u200fמטופל\u200e", "מטופל"),
        ("ﬁrst", "First"),
        ("חרדות", "חרדות"),
        ("don’t", "don't"),
        ("הולך", "הולכ"),
    ],
)
def test_spellings_of_one_word_share_a_normal_form(one, other):
    """Niqqud, quotes, bidi controls, ligatures, case and final letters make no difference."""
    assert normalise(one) == normalise(other)


def test_words_keep_their_place_in_the_original():
    """Offsets point into the text as it was written, niqqud and all."""
    text = 'אָמַר ד״ר לוי: 7.5 מ"ג'

    assert [text[w.start : w.end] for w in words(text)] == ["אָמַר", "ד״ר", "לוי", "7.5", 'מ"ג']


def test_a_decimal_and_a_date_are_one_word():
    """A changed digit then changes the word."""
    assert tokens("7.5 mg on 12.3.2026.") == ["7.5", "mg", "on", "12.3.2026"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50mg", ["50", "mg"]),
        ("50 mg", ["50", "mg"]),
        ('50מ"ג', ["50", "מג"]),
        ("7.5mg, 1,000 steps", ["7.5", "mg", "1000", "steps"]),
        ("3x10, 1st, L5", ["3x10", "1st", "l5"]),
        ("לMRI", ["ל", "mri"]),
        ("ה-MRI", ["ה", "mri"]),
        ("בPHQ-9", ["ב", "phq", "9"]),
        ("ב2024", ["ב", "2024"]),
        ("אל־ביתה של בן-זוגה", ["אל", "ביתה", "של", "בנ", "זוגה"]),
        ("ד''ר, ת״ז", ["דר", "תז"]),
        ("cafe\u0301", ["café"]),
    ],
)
def test_a_dose_a_prefix_and_a_hyphen_part_words(text, expected):
    """What is written together is found by who asks for the part: the number, the unit, the Latin name."""
    assert tokens(text) == expected


@given(st.text() | st.text(alphabet='5.,1mgאל"׳-־\u200e\u05b8\ud800 '))
def test_any_text_has_words_in_order(text):
    """No text breaks the reader, and spans follow one another."""
    found = words(text)

    assert [word.text for word in found] == tokens(text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Left ear blocked, right ear fine.",
            [["left", "ear", "blocked"], ["right", "ear", "fine"]],
        ),
        ("Pain 7.5, was 6/10", [["pain", "7.5"], ["was", "6/10"]]),
        ("Ankle (left) - taped\nSFMA", [["ankle"], ["left"], ["taped"], ["sfma"]]),
        ("...", []),
    ],
)
def test_marks_part_clauses(text, expected):
    """What a comma, a bracket or a line parts is not said of one thing; numbers keep theirs."""
    assert clauses(text) == expected


@given(st.text() | st.text(alphabet='5.,:1mgאל"׳-־()\n \u05b8\ud800'))
def test_clauses_lose_no_word(text):
    """However a text is cut, its words are the same."""
    assert list(itertools.chain(*clauses(text))) == tokens(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("מה אמרה על השינה?", "he"),
        ("What did she say about sleep?", "en"),
        ("המטופלת נוטלת Escitalopram מאז March", "he"),
        ("She said שלום and left the room", "en"),
        ("12.3", "he"),
    ],
)
def test_the_letters_decide_the_language(text, language):
    """Latin drug names do not make a Hebrew sentence English."""
    assert language_of(text) == language
