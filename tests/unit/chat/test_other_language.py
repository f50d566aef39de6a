"""What is said of notes in the other language."""

import pytest

from service.chat.other_language import not_crossed
from service.domain.answers import SearchStatement


def a_search(count: int, of: int, **more) -> SearchStatement:
    return SearchStatement(of, None, None, 0, complete=True, other_language=count, **more)


@pytest.mark.parametrize(
    ("count", "of", "hebrew", "english"),
    [
        (1200, 1400, "1,200 מתוך 1,400 הסיכומים באנגלית, ובהם", "1,200 of the 1,400 notes are"),
        (12, 14, "12 מתוך 14 הסיכומים באנגלית, ובהם", "12 of the 14 notes are"),
        (2, 14, "שניים מתוך 14 הסיכומים באנגלית, ובהם", "2 of the 14 notes are"),
        (1, 14, "אחד מתוך 14 הסיכומים באנגלית, ובו", "1 of the 14 notes is"),
        (1, 2, "אחד מתוך שני הסיכומים באנגלית, ובו", "1 of the 2 notes is"),
        (14, 14, "כל 14 הסיכומים באנגלית, ובהם", "All 14 notes are"),
        (2, 2, "שני הסיכומים באנגלית, ובהם", "Both notes are"),
        (1, 1, "הסיכום באנגלית, ובו", "The note is"),
    ],
)
def test_notes_in_the_other_language_are_counted_in_both_languages(count, of, hebrew, english):
    """Exact, and grammatical for one, two, all and many."""
    search = a_search(count, of)
    assert not_crossed(search, "he") == f"{hebrew} החיפוש מכיר רק שמות, מספרים ומונחים נפוצים."
    assert not_crossed(search, "en") == (
        f"{english} in Hebrew, where this search knows only names, numbers and common terms."
    )


def test_a_count_is_of_all_in_scope():
    """In an answer that counts, more may be in scope than were read; without such notes nothing is said."""
    assert not_crossed(a_search(3, 5, notes_total=9), "en").startswith("3 of the 9 notes")
    assert not_crossed(a_search(0, 5), "he") == ""
