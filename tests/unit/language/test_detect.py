"""The languages a note can be searched in."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.language.detect import language_of, languages_of


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("ישנה טוב. הולכת לים.", {"he"}),
        ("Sleeps well. Walks by the sea.", {"en"}),
        ("התחילה Cipralex 10 mg בבוקר. ROM מלא בכתף.", {"he"}),
        ("ישנה טוב השבוע, בלי סיוטים.\nVAS 6/10.\nPHQ-9: 14.", {"he"}),
        ("Sleeps well, no nightmares. אמא.", {"en"}),
        ("Sleeps well this week.\nישנה טוב השבוע, בלי סיוטים.", {"he", "en"}),
        ("6/10, 14. 12.3.2026", set()),
        ("", set()),
    ],
    ids=["he", "en", "drug", "scores", "a word", "both", "no letters", "empty"],
)
def test_a_note_is_searched_in_the_languages_of_its_sentences(text, languages):
    """A third of the letters makes a language of the note; foreign names and scores do not."""
    assert languages_of(text) == languages


@given(st.text(alphabet="abcאבג .\n5", max_size=60))
@example("א. 5")
def test_whatever_has_a_letter_can_be_searched_in_some_language(text):
    """And a single sentence in its own language."""
    found = languages_of(text)
    assert bool(found) == any(map(str.isalpha, text))
    if "." not in text and "\n" not in text and found:
        assert found == {language_of(text)}
