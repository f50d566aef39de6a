"""What an answer that found nothing says of the search."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.chat.not_found import not_found
from service.domain.answers import Question, SearchStatement
from service.domain.scope import Period, Place, When

TODAY = date(2026, 11, 1)
MARCH, JULY = date(2026, 3, 3), date(2026, 7, 9)
OLD, OLDER = date(2025, 3, 3), date(2024, 12, 31)


def said(search: SearchStatement, language: str, when: When | None = None, **more: object) -> str:
    question = Question("?", language, when=when)  # type: ignore[arg-type]
    return not_found(search, question, today=TODAY, **more)  # type: ignore[arg-type]


def a_search(
    notes: int, first: date | None = MARCH, last: date | None = JULY, drafts: int = 0, **more: int
) -> SearchStatement:
    return SearchStatement(notes, first, last, drafts, **({"complete": True} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("search", "hebrew", "english"),
    [
        (
            a_search(14, unsearched_drafts=2),
            "לא נמצאה תשובה ב-14 סיכומים, מ-3 במרץ עד 9 ביולי; שתי פגישות עדיין בטיוטה.",
            "Not found in 14 notes, 3 March to 9 July; two sessions are still drafts.",
        ),
        (
            a_search(1, MARCH, MARCH, unsearched_drafts=1, complete=False),
            "לא נמצאה תשובה בסיכום אחד, מ-3 במרץ; פגישה אחת עדיין בטיוטה; ייתכן ששינויים מהזמן האחרון חסרים.",
            "Not found in one note, 3 March; one session is still a draft; recent changes may be missing.",
        ),
        (
            a_search(2, OLD, JULY, unsearched_drafts=3),
            "לא נמצאה תשובה בשני סיכומים, מ-3 במרץ 2025 עד 9 ביולי 2026; שלוש פגישות עדיין בטיוטה.",
            "Not found in two notes, 3 March 2025 to 9 July 2026; three sessions are still drafts.",
        ),
        (
            a_search(10, OLDER, OLD, unsearched_drafts=11),
            "לא נמצאה תשובה בעשרה סיכומים, מ-31 בדצמבר 2024 עד 3 במרץ 2025; 11 פגישות עדיין בטיוטה.",
            "Not found in ten notes, 31 December 2024 to 3 March 2025; 11 sessions are still drafts.",
        ),
        (
            a_search(1240, OLD, OLD + timedelta(days=9)),
            "לא נמצאה תשובה ב-1,240 סיכומים, מ-3 במרץ עד 12 במרץ 2025.",
            "Not found in 1,240 notes, 3 March to 12 March 2025.",
        ),
        (
            a_search(3, None, None, 1),
            "לא נמצאה תשובה בשלושה סיכומים, אחד מהם טיוטה.",
            "Not found in three notes, one of them a draft.",
        ),
        (
            a_search(2, None, None, 2),
            "לא נמצאה תשובה בשני סיכומים, שניהם טיוטות.",
            "Not found in two notes, both of them drafts.",
        ),
    ],
    ids=["many", "one", "two", "ten", "thousands", "a draft among them", "both drafts"],
)
def test_it_tells_what_was_searched_in_both_languages(
    search: SearchStatement, hebrew: str, english: str
) -> None:
    """Exact counts, days with the years they need, drafts, and what may be missing."""
    assert said(search, "he") == hebrew
    assert said(search, "en") == english


NOTHING = a_search(0, None, None)


@pytest.mark.parametrize(
    ("when", "hebrew", "english"),
    [
        (
            None,
            "אין עדיין סיכומי פגישות שאפשר לחפש בהם",
            "there are no session notes to search yet",
        ),
        (
            Period(MARCH, JULY),
            "מ-3 במרץ עד 9 ביולי אין סיכומי פגישות שאפשר לחפש בהם",
            "from 3 March to 9 July there are no session notes to search",
        ),
        (
            Period(OLD, OLD),
            "ב-3 במרץ 2025 אין סיכומי פגישות שאפשר לחפש בהם",
            "on 3 March 2025 there are no session notes to search",
        ),
        (
            Period(first=MARCH),
            "החל מ-3 במרץ אין סיכומי פגישות שאפשר לחפש בהם",
            "since 3 March there are no session notes to search",
        ),
        (
            Period(last=OLD),
            "עד 3 במרץ 2025 אין סיכומי פגישות שאפשר לחפש בהם",
            "until 3 March 2025 there are no session notes to search",
        ),
        (
            Period(),
            "אין עדיין סיכומי פגישות שאפשר לחפש בהם",
            "there are no session notes to search yet",
        ),
        (
            Place("oldest", 1, skip=8),
            "אין פגישה כזאת בין הסיכומים שאפשר לחפש בהם",
            "there is no such session among the notes that can be searched",
        ),
    ],
    ids=["never", "period", "day", "since", "until", "any time", "place"],
)
def test_where_there_was_nothing_to_search_it_says_why(
    when: When | None, hebrew: str, english: str
) -> None:
    """No notes at all, none of those days, or no session at that place; a client may have nothing but drafts."""
    assert said(NOTHING, "he", when) == f"לא נמצאה תשובה: {hebrew}."
    assert said(NOTHING, "en", when) == f"Not found: {english}."
    drafts = a_search(0, None, None, unsearched_drafts=2)
    assert said(drafts, "he", when) == f"לא נמצאה תשובה: {hebrew}; שתי פגישות עדיין בטיוטה."
    assert said(drafts, "en", when) == f"Not found: {english}; two sessions are still drafts."


def test_notes_that_could_hardly_be_read_are_told_behind_it() -> None:
    """All of them in the other language, while a model was away."""
    search = a_search(2, other_language=2, unsearched_drafts=1)
    assert said(search, "en", degraded=("embedder",)) == (
        "Not found in two notes, 3 March to 9 July; one session is still a draft. The search was limited, because the "
        "language service is away; ask again later. Both notes are in Hebrew, where this search knows only names, "
        "numbers and common terms."
    )
    assert said(search, "he").endswith(
        "פגישה אחת עדיין בטיוטה. שני הסיכומים באנגלית, ובהם החיפוש מכיר רק שמות, מספרים ומונחים נפוצים."
    )


EN = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
HE = {
    "אחד": 1, "אחת": 1, "שני": 2, "שתי": 2, "שניים": 2, "שלושה": 3, "שלוש": 3, "ארבעה": 4, "ארבע": 4,
    "חמישה": 5, "חמש": 5, "שישה": 6, "שש": 6, "שבעה": 7, "שבע": 7, "שמונה": 8, "תשעה": 9, "תשע": 9,
    "עשרה": 10, "עשר": 10,
}  # fmt: skip
PATTERNS = {
    "en": (
        r"in (\S+) notes?",
        r", (\S+) of them (?:a draft|drafts)",
        r"; (\S+) sessions? (?:is|are) still",
    ),
    "he": (
        r"תשובה ב-?(?:סיכום )?(\d[\d,]*|\w+)",
        r", (\S+) מהם",
        r"; (?:פגישה )?(\S+) (?:פגישות )?עדיין",
    ),
}


def number(word: str, language: str) -> int:
    words = {word: place for place, word in enumerate(EN, 1)} if language == "en" else HE
    return words.get(word) or int(word.replace(",", ""))


def counts_in(text: str, language: str) -> list[int]:
    """The numbers of the sentence, read back; all that are drafts are said without a number of their own."""
    whole = {"en": (", a draft", "both of them", "all of them"), "he": (", טיוטה", "שניהם", "כולם")}
    found = [re.search(pattern, text) for pattern in PATTERNS[language]]
    if any(words in text for words in whole[language]):
        found[1] = found[0]
    return [number(one.group(1), language) if one else 0 for one in found]


counts = st.integers(0, 30) | st.integers(0, 30_000)


@pytest.mark.parametrize("language", ["en", "he"])
@given(notes=counts, share=st.floats(0, 1), left=counts, complete=st.booleans(), days=st.booleans())
@example(notes=1, share=1.0, left=1, complete=True, days=False)
@example(notes=2, share=0.5, left=2, complete=False, days=True)
@example(notes=10, share=0.1, left=10, complete=True, days=True)
def test_the_counts_of_the_sentence_are_those_of_the_search(
    language: str, notes: int, share: float, left: int, complete: bool, days: bool
) -> None:
    """Whatever they are: read back from the words, each is the statement's own, and none is left out."""
    drafts = round(notes * share)
    ends = (MARCH, JULY) if days and notes else (None, None)
    search = a_search(notes, *ends, drafts, unsearched_drafts=left, complete=complete)
    text = said(search, language)
    assert counts_in(text, language) == [notes, drafts, left]
    missing = "recent changes may be missing" if language == "en" else "חסרים"
    assert (missing in text) is not complete


@given(first=st.dates(date(2020, 1, 1), TODAY), length=st.integers(0, 2000))
def test_a_year_is_told_where_it_is_not_this_one(first: date, length: int) -> None:
    """Both days can be read back without guessing: a year that is missing is the other's, or this one."""
    last = min(first + timedelta(days=length), TODAY)
    told = [int(year) for year in re.findall(r"\b20\d\d\b", said(a_search(5, first, last), "en"))]
    if first.year == last.year:
        assert told == ([] if last.year == TODAY.year else [last.year])
    else:
        assert told == [first.year, last.year]


@pytest.mark.parametrize(
    ("count", "language", "told"),
    [
        (1, "en", "9 July. One sentence is held back."),
        (2, "he", "9 ביולי. 2 משפטים לא הוצגו."),
    ],
)
def test_what_was_held_back_is_told(count: int, language: str, told: str) -> None:
    """Something was written and may not be shown, so "not found" alone would be no whole truth."""
    assert said(a_search(14), language, withheld=count).endswith(told)
