"""The words that times are said in, English and Hebrew, and the shape of what they add up to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from service.domain.scope import When
from service.language.number_words import NUMBERS

Kind = Literal["place", "day", "relative", "month", "year"]
Role = Literal["in", "since", "until", "before", "after", "for"]
Unit = Literal["day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that say a time, at `text[start:end]`. Whether it is the sessions' time they do not say."""

    when: When
    start: int
    end: int
    kind: Kind
    """How it is named: "the third session", "12.3", "last week", "March", "2025"."""
    role: Role = "in"


def _numbered(lines: str) -> dict[str, int]:
    """The words of each line stand for its number, counted from 1."""
    return {
        word: number
        for number, line in enumerate(lines.strip().splitlines(), 1)
        for word in line.split()
    }


ORDINALS = _numbered("""
first 1st ראשונה ראשון
second 2nd שנייה שניה שני
third 3rd שלישית שלישי
fourth 4th רביעית רביעי
fifth 5th חמישית חמישי
sixth 6th שישית שישי
seventh 7th שביעית שביעי
eighth 8th שמינית שמיני
ninth 9th תשיעית תשיעי
tenth 10th עשירית עשירי
""")
# By their first month, of three; as the calendar has them where winters are short.
SEASONS = {
    "spring": 3,
    "summer": 6,
    "autumn": 9,
    "winter": 12,
    "אביב": 3,
    "קיץ": 6,
    "סתיו": 9,
    "חורף": 12,
}
UNITS: dict[str, tuple[Unit, int]] = {
    **dict.fromkeys(("day", "days", "יום", "ימים"), ("day", 1)),
    **dict.fromkeys(("week", "weeks", "שבוע", "שבועות"), ("week", 1)),
    **dict.fromkeys(("month", "months", "חודש", "חודשים"), ("month", 1)),
    **dict.fromkeys(("year", "years", "שנה", "שנים"), ("year", 1)),
    "יומיים": ("day", 2),
    "שבועיים": ("week", 2),
    "חודשיים": ("month", 2),
    "שנתיים": ("year", 2),
    **dict.fromkeys(("half a year", "half year", "חצי שנה", "חצי השנה"), ("month", 6)),
}
MANY = frozenset({"days", "weeks", "months", "years", "ימים", "שבועות", "חודשים", "שנים"})
"""Units that mean nothing without a number: "years ago" is no time."""


def pattern_of(names: Iterable[str]) -> str:
    """A pattern of any of them, the longest first: none is cut short by one that begins it."""
    return "(?:" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + ")"


def english(names: Iterable[str]) -> str:
    """One of those names that are English."""
    return pattern_of(name for name in names if name.isascii())


def hebrew(names: Iterable[str]) -> str:
    """One of those names that are Hebrew."""
    return pattern_of(name for name in names if not name.isascii())


EN_NUMBER = rf"(?:{english(NUMBERS)}|\d{{1,3}})"
HE_NUMBER = rf"(?:{hebrew(NUMBERS)}|\d{{1,3}})"

_BEGIN = r"(?<![\w'’\"״׳./-])"
_END = r"(?!\w|['’\"״׳]\w|[./:־-]\d)"  # no "last week's", no "2025-26", no "12.3.4"


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern that matches whole words only."""
    return re.compile(f"{_BEGIN}(?:{pattern}){_END}", re.IGNORECASE)


def number(word: str | None) -> int:
    """One where no number is said."""
    if not word:
        return 1
    return int(word) if word.isdigit() else NUMBERS[word.lower()]
