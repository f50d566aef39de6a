"""The days, months and weekdays a text names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from service.language.months import NUMBER_OF

_WEEKDAYS = """
Monday Mon שני ב'|Tuesday Tues Tue שלישי ג'|Wednesday Wed רביעי ד'|Thursday Thurs Thur Thu חמישי ה'|Friday Fri שישי ו'
Saturday שבת|Sunday ראשון א'
"""
_WEEKDAY_OF = {
    way.casefold(): number
    for number, ways in enumerate(re.split(r"[|\n]", _WEEKDAYS.strip()))
    for way in ways.split()
}
_LATIN = "|".join(sorted((way for way in NUMBER_OF if way.isascii()), key=len, reverse=True))
_HEBREW = "|".join(way for way in NUMBER_OF if not way.isascii())
_MONTH = rf"(?:(?P<en>\b(?:{_LATIN})\b\.?)|(?P<he>(?<![א-ת])[בלמוהש]{{0,2}}(?:{_HEBREW})(?![א-ת])))"
_YEAR = r"(?:,?\s+(?P<year>(?:19|20)\d\d)(?!\d))?"
_NAMED = re.compile(
    rf"(?:(?<!\d)(?P<before>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?{_MONTH}"
    rf"(?:\s+(?P<after>\d{{1,2}})(?:st|nd|rd|th)?(?![\d/:.]\d|\d|\s*%))?{_YEAR}",
    re.IGNORECASE,
)
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_FULL = re.compile(r"(?<![\d./])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?![\d./]\d|\d)")
_SHORT = re.compile(
    r"(?<![\d./:])(?<![A-Za-z]-)(\d{1,2})(?:\.(\d{1,2})|/(?!10(?!\d))(\d{1,2}))(?![\d%]|[./:]\d)"
)
_WEEKDAY = re.compile(
    r"\b(?P<en>Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Mon|Tues?|Wed|Thurs?|Fri)s?\b"
    r"|(?<![א-ת])[בלמוהש]{0,2}(?:יום|ימי)\s+(?P<he>ראשון|שני|שלישי|רביעי|חמישי|שישי|שבת|[א-ו]['׳])(?![א-ת])"
)
_HINT = re.compile(
    rf"\d|\b(?:{_LATIN})\b|{_HEBREW}|day\b|day'?s\b|\b(?:Mon|Tue|Wed|Thu|Fri)|יום|ימי",
    re.IGNORECASE,
)
# A month that is a verb too stands with a number, or behind one of these.
_VERBS = frozenset(["may", "march", "mar"])
_IN = re.compile(
    r"\b(?:in|of|since|by|until|till|from|during|last|early|late|mid|and)[\s-]$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Day:
    """What is named of a day; `is_sure` not where "12.3" might be a number."""

    day: int | None
    month: int | None
    year: int | None
    weekday: int | None
    """From Monday, 0."""
    start: int
    end: int
    is_sure: bool = True

    def is_said_by(self, other: "Day") -> bool:
        """Whether everything named here is named there, years only where both have one."""
        if self.weekday is not None:
            return self.weekday == other.weekday
        same_year = None in (self.year, other.year) or self.year == other.year
        return self.month == other.month and self.day in (None, other.day) and same_year

    def is_on(self, session: date) -> bool:
        """Whether that day may be called so."""
        if self.weekday is not None:
            return self.weekday == session.weekday()
        return (
            self.month == session.month
            and self.day in (None, session.day)
            and self.year in (None, session.year)
        )


def days(text: str) -> list[Day]:
    """Every day, month and weekday named; overlapping ones only as a whole date, the unsure ones last."""
    found: list[Day] = []
    if not _HINT.search(text):
        return found
    for one in (*_iso(text), *_full(text), *_named(text), *_weekdays(text), *_short(text)):
        if all(one.end <= other.start or one.start >= other.end for other in found):
            found.append(one)
    return found


def covered(days_named: Sequence[Day], start: int, end: int) -> bool:
    """Whether a stretch belongs to a day that is surely one."""
    return any(one.is_sure and one.start < end and start < one.end for one in days_named)


def _iso(text: str) -> Iterator[Day]:
    for match in _ISO.finditer(text):
        year, month, day = map(int, match.groups())
        yield from _valid(day, month, year, match)


def _full(text: str) -> Iterator[Day]:
    for match in _FULL.finditer(text):
        year = int(match[4])
        yield from _valid(int(match[1]), int(match[3]), year + 2000 if year < 100 else year, match)


def _short(text: str) -> Iterator[Day]:
    for match in _SHORT.finditer(text):
        for one in _valid(int(match[1]), int(match[2] or match[3]), None, match):
            yield Day(one.day, one.month, None, None, one.start, one.end, is_sure=False)


def _named(text: str) -> Iterator[Day]:
    for match in _NAMED.finditer(text):
        number = match["before"] or match["after"]
        if match["en"]:
            said = match["en"].rstrip(".")
            if not said[0].isupper() or (said.casefold() in _VERBS and not _is_month(match, text)):
                continue
            month = NUMBER_OF[said.casefold()]
        else:
            month = next(value for way, value in NUMBER_OF.items() if match["he"].endswith(way))
        year = int(match["year"]) if match["year"] else None
        yield from _valid(int(number) if number else None, month, year, match)


def _is_month(match: re.Match[str], text: str) -> bool:
    start = match.start("en")
    return bool(
        match["before"]
        or match["after"]
        or match["year"]
        or _IN.search(text[max(0, start - 8) : start])
    )


def _weekdays(text: str) -> Iterator[Day]:
    for match in _WEEKDAY.finditer(text):
        said = (match["en"] or match["he"]).casefold().replace("׳", "'")
        yield Day(None, None, None, _WEEKDAY_OF[said], match.start(), match.end())


def _valid(day: int | None, month: int, year: int | None, match: re.Match[str]) -> Iterator[Day]:
    if 1 <= month <= 12 and (day is None or 1 <= day <= 31):
        yield Day(day, month, year, None, match.start(), match.end())
