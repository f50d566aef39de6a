"""Numbers and days as they are said in a sentence, in Hebrew and in English."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from service.language.months import ENGLISH, HEBREW

_ENGLISH = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_MASCULINE = ("אחד", "שניים", "שלושה", "ארבעה", "חמישה", "שישה", "שבעה", "שמונה", "תשעה", "עשרה")
_FEMININE = ("אחת", "שתיים", "שלוש", "ארבע", "חמש", "שש", "שבע", "שמונה", "תשע", "עשר")
_MONTHS: Mapping[str, Sequence[str]] = {"en": ENGLISH, "he": HEBREW}
_IN: Mapping[str, str] = {"en": "", "he": "ב"}


def number_en(count: int) -> str:
    """In words up to ten, in figures beyond."""
    return _ENGLISH[count - 1] if 1 <= count <= len(_ENGLISH) else f"{count:,}"


def number_he(count: int, *, feminine: bool) -> str:
    """The same, standing alone; before a noun one and two have forms of their own."""
    words = _FEMININE if feminine else _MASCULINE
    return words[count - 1] if 1 <= count <= len(words) else f"{count:,}"


def counted_he(count: int, one: str, two: str, many: str, *, feminine: bool) -> str:
    """A number and its noun: `one` and `two` are whole phrases, `many` is the plural noun."""
    few = {1: one, 2: two}
    return few.get(count) or f"{number_he(count, feminine=feminine)} {many}"


def day_said(day: date, language: Literal["he", "en"], *, with_year: bool) -> str:
    """3 March, 3 במרץ; with its year where that is not the present one."""
    said = f"{day.day} {_IN[language]}{_MONTHS[language][day.month - 1]}"
    return f"{said} {day.year}" if with_year else said


def days_said(
    first: date, last: date, language: Literal["he", "en"], *, today: date
) -> tuple[str, str]:
    """Both ends of a stretch of days: without years in the present one, with one year if both are of it, else two."""
    old = {first.year, last.year} != {today.year}
    return (
        day_said(first, language, with_year=old and first.year != last.year),
        day_said(last, language, with_year=old),
    )
