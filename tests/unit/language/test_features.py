"""Features and their keyed hashes."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.language.asking import wanted
from service.language.features import digest64, features, grams, hashed, stem
from service.language.stopwords import content

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


def test_grams_are_padded_with_a_blank_each_side():
    """The beginning and the end of a word are features too."""
    assert grams("abcd") == [" abc", "abcd", "bcd "]
    assert grams("a") == [" a "]


@pytest.mark.parametrize(
    ("one", "other"),
    [("running", "runs"), ("ולשינה", "שינה"), ("השינה", "שינה"), ("במחשבות", "המחשבה")],
)
def test_inflections_share_a_stem(one, other):
    """English by Snowball, Hebrew by its prefix letters and endings."""
    assert stem(one) == stem(other)


def test_a_short_hebrew_word_keeps_three_letters():
    """What looks like a prefix or an ending is more often part of a short word."""
    assert stem("בית") == "בית"
    assert stem("ולד") == "ולד"
    assert stem("ילדה") == "ילד"


@given(st.text())
def test_a_bag_is_ascending_distinct_and_64_bit(text):
    """Any text, however odd, has a bag as the store expects it."""
    hashes, counts = hashed(text, KEY)

    assert list(hashes) == sorted(set(hashes))
    assert all(0 <= value < 2**64 for value in hashes)
    assert sum(counts) >= features(text).total()  # and the sounds


def test_a_name_is_asked_for_in_both_alphabets():
    """What a Hebrew note calls by its name, a question in Latin letters asks for, prefix letters or not."""
    for question, note in (("Cipralex?", "התחילה ציפרלקס"), ("ירד לריטלין", "on Ritalin 10 mg")):
        assert {digest64(one, KEY) for one in wanted(question)} & set(hashed(note, KEY)[0])
    assert not {digest64(one, KEY) for one in wanted("Prozac")} & set(hashed("ריטלין", KEY)[0])


def test_stop_words_weigh_little_in_a_question():
    """Where any word tells something, the others are asked for beside it."""
    weights = wanted("how was her sleep")
    assert weights["ssleep"] == 1.0
    assert 0 < weights["show"] < 0.5
    assert wanted("how was her")["show"] == 1.0


def test_nul_bytes_and_lone_surrogates_have_a_hash():
    """Text cut in the middle of a character must not stop the worker."""
    assert digest64("a\x00b\ud800", KEY) != digest64("a\x00b", KEY)


def test_hashes_of_two_workspaces_share_nothing():
    """Without the key nobody can test for a word."""
    assert not set(hashed("חרדה", KEY)[0]) & set(hashed("חרדה", OTHER_KEY)[0])


def test_content_leaves_out_stop_words_unless_there_is_nothing_else():
    """A question of stop words alone is still a question."""
    assert content(["מה", "המטופלת", "חרדה", "חרדה"]) == ["חרדה"]
    assert content(["what", "was", "it"]) == ["what", "was", "it"]


def test_a_bag_says_the_language_of_its_note_and_no_question_asks_for_it():
    """One feature more of every note that has letters, the same for both languages at once."""
    languages = {"he": "ישנה טוב.", "en": "Slept well.", "enhe": "Slept well. ישנה טוב."}
    marks = {name: digest64(f"x{name}", KEY) for name in languages}
    for name, text in languages.items():
        held = dict(zip(*hashed(text, KEY), strict=True))
        assert {held.get(mark, 0) for mark in marks.values()} == {0, 1}
        assert held[marks[name]] == 1
        assert not set(marks.values()) & {digest64(one, KEY) for one in wanted(f"{text} xhe xen")}
    assert hashed("6/10", KEY)[0] == tuple(sorted(digest64(f, KEY) for f in features("6/10")))


def test_threads_stem_at_once_what_each_stems_alone():
    """A stemmer keeps the word it is at; one for all threads mixed their words up, or raised."""
    words = [f"{first}{last}" for first in "bcdfgmprst" for last in _LATER]
    alone = [stem.__wrapped__(word) for word in words]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            at_once = list(
                threads.map(lambda _: [stem.__wrapped__(word) for word in words], range(8))
            )
    finally:
        sys.setswitchinterval(before)
    assert all(stems == alone for stems in at_once)


_LATER = ("unning", "eepingly", "ationalities", "essed", "ously", "iveness", "edly", "icating")
