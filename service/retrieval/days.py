"""Days as they are said: "since March 2025", "two weeks ago", "מה-3.3", "בחצי השנה האחרונה"."""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from service.domain.answers import Language
from service.domain.scope import Period
from service.language.detect import language_of
from service.language.months import NUMBER_OF
from service.retrieval.time_words import (
    EN_NUMBER,
    HE_NUMBER,
    MANY,
    SEASONS,
    UNITS,
    Kind,
    Phrase,
    Role,
    Unit,
    compiled,
    english,
    hebrew,
    number,
)

# How far a day "two weeks ago" may lie from the one counted back to, on either side: half of the unit, rounded up,
# because people round to the unit they speak in. What lies inside is still ranked, what lies outside is lost.
SLACK: dict[Unit, int] = {"day": 1, "week": 4, "month": 16, "year": 183}

Read = Callable[[re.Match[str], date], Period | None]
"""The days that words name, seen from a day: what they leave open is the latest that had begun by it."""


class _Anchor(NamedTuple):
    """Words that name days; `bare` where they do so with no preposition before them."""

    pattern: str
    read: Read
    kind: Kind
    roles: frozenset[Role]
    bare: bool


def _month(match: re.Match[str], seen: date) -> Period | None:
    month = NUMBER_OF[match["month"].lower()]
    year = int(match["year"] or seen.year - (month > seen.month))
    return _unit_of(date(year, month, 1), "month")


def _named_day(match: re.Match[str], seen: date) -> Period | None:
    return _day(int(match["day"]), NUMBER_OF[match["month"].lower()], match["year"], seen)


def _figures(match: re.Match[str], seen: date) -> Period | None:
    """Day first, as in Israel."""
    return _day(int(match["day"]), int(match["month"]), match["year"], seen)


def _day(day: int, month: int, year: str | None, seen: date) -> Period | None:
    """Without a year, the latest there was; a 29.2 lies up to eight years back."""
    known = [int(year) + 2000 * (len(year) == 2)] if year else []
    for one in known or range(seen.year, seen.year - 9, -1):
        if not (1 <= month <= 12 and 1 <= day <= monthrange(one, month)[1]):
            continue
        if known or date(one, month, day) <= seen:
            return Period(date(one, month, day), date(one, month, day))
    return None


def _year(match: re.Match[str], _: date) -> Period | None:
    return _unit_of(date(int(match["year"]), 1, 1), "year")


def _season(match: re.Match[str], seen: date) -> Period | None:
    """The latest that had begun; a winter is named by the year in which it began."""
    month = SEASONS[match["season"].lower()]
    return _three_months(int(match["year"] or seen.year - (month > seen.month)), month)


def _last_season(match: re.Match[str], today: date) -> Period | None:
    """The latest that is over: in November "last autumn" is last year's."""
    month = SEASONS[match["season"].lower()]
    begun = today.year - (month > today.month)
    days = _three_months(begun, month)
    return days if days.last and days.last < today else _three_months(begun - 1, month)


def _three_months(year: int, month: int) -> Period:
    first = date(year, month, 1)
    return Period(first, _back(first, -3, "month") - timedelta(days=1))


def _this(match: re.Match[str], today: date) -> Period | None:
    return _unit_of(today, _unit(match))


def _last(match: re.Match[str], today: date) -> Period | None:
    """The whole week, month or year before this one."""
    return _unit_of(_first_of(today, _unit(match)) - timedelta(days=1), _unit(match))


def _unit(match: re.Match[str]) -> Unit:
    return UNITS[match["unit"].lower().removeprefix("ה")][0]


def _unit_of(day: date, unit: Unit) -> Period:
    """The calendar week, month or year that a day lies in."""
    first = _first_of(day, unit)
    days = {"week": 7, "month": monthrange(first.year, first.month)[1], "year": 365}[unit]
    last = date(day.year, 12, 31) if unit == "year" else first + timedelta(days=days - 1)
    return Period(first, last)


def _first_of(day: date, unit: Unit) -> date:
    """Weeks begin on Sunday, as in Israel."""
    if unit == "week":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    return day.replace(day=1) if unit == "month" else date(day.year, 1, 1)


def _today(_: re.Match[str], today: date) -> Period | None:
    return Period(today, today)


def _yesterday(_: re.Match[str], today: date) -> Period | None:
    return Period(today - timedelta(days=1), today - timedelta(days=1))


def _ago(match: re.Match[str], today: date) -> Period | None:
    unit, count = _amount(match)
    middle, slack = _back(today, count, unit), timedelta(days=SLACK[unit])
    return Period(middle - slack, min(middle + slack, today)) if count else None


def _rolling(match: re.Match[str], today: date) -> Period | None:
    unit, count = _amount(match)
    return Period(_back(today, count, unit), today) if count else None


def _amount(match: re.Match[str]) -> tuple[Unit, int]:
    """How many of which unit; none where "years ago" does not say how many."""
    word = re.sub(r"\s+", " ", match["unit"].lower())
    unit, each = UNITS[word]
    vague = not match["n"] and (
        word in MANY or (unit, each) == ("day", 1)
    )  # "the last day" of what?
    return unit, 0 if vague else each * number(match["n"])


def _back(today: date, count: int, unit: Unit) -> date:
    if unit in {"day", "week"}:
        return today - timedelta(days=count * (7 if unit == "week" else 1))
    months = today.year * 12 + today.month - 1 - count * (12 if unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(today.day, monthrange(year, month)[1]))


_ANY: frozenset[Role] = frozenset({"in", "since", "until", "before", "after"})
_IN: frozenset[Role] = frozenset({"in"})
_WITHIN: frozenset[Role] = frozenset({"in", "for"})


def _anchors(*rows: tuple[str, Read, Kind, frozenset[Role], bool]) -> tuple[_Anchor, ...]:
    return tuple(_Anchor(*row) for row in rows)


_FROM: frozenset[Role] = frozenset({"in", "since"})
_ROLLS: tuple[Kind, frozenset[Role], bool] = ("relative", _WITHIN, True)

_TH = r"(?:st|nd|rd|th)?"
_MONTH = rf"(?P<month>{english(NUMBER_OF)})"
_CHODESH = rf"(?P<month>{hebrew(NUMBER_OF)})"
_DAY = r"(?P<day>\d{1,2})"
_FULL_YEAR = r"(?P<year>(?:19|20)\d\d)"
_NO_YEAR = r"(?P<year>)"
_SEASON = rf"(?P<season>{english(SEASONS)})"
_ONA = rf"(?P<season>{hebrew(SEASONS)})"
_UNIT = rf"(?P<unit>{english(UNITS)})"
_YECHIDA = rf"(?P<unit>{hebrew(UNITS)})"

_FIGURES = _anchors(
    (rf"{_DAY}[./](?P<month>\d{{1,2}})[./](?P<year>20\d\d|\d\d)", _figures, "day", _ANY, True),
    (r"(?P<year>20\d\d)-(?P<month>\d\d)-(?P<day>\d\d)", _figures, "day", _ANY, True),
    # "3/4" is a dose and "5/10" a pain; "since 3/4" is a day.
    (rf"{_DAY}[./](?P<month>\d{{1,2}}){_NO_YEAR}", _figures, "day", _ANY, False),
)
_ENGLISH = _FIGURES + _anchors(
    (rf"{_MONTH}\s+{_DAY}{_TH},?\s+{_FULL_YEAR}", _named_day, "day", _ANY, True),
    (
        rf"(?:the\s+)?{_DAY}{_TH}\s+(?:of\s+)?{_MONTH},?\s+{_FULL_YEAR}",
        _named_day,
        "day",
        _ANY,
        True,
    ),
    (rf"{_MONTH}\s+{_DAY}{_TH}{_NO_YEAR}", _named_day, "day", _ANY, False),
    (rf"(?:the\s+)?{_DAY}{_TH}\s+(?:of\s+)?{_MONTH}{_NO_YEAR}", _named_day, "day", _ANY, False),
    (rf"{_MONTH},?\s+(?:of\s+)?{_FULL_YEAR}", _month, "month", _ANY, True),
    # "May" and "march" are verbs too, and June a name.
    (rf"{_MONTH}{_NO_YEAR}", _month, "month", _ANY, False),
    (rf"(?:the\s+year\s+)?{_FULL_YEAR}", _year, "year", _ANY, False),
    (rf"(?:last|past|previous)\s+{_SEASON}{_NO_YEAR}", _last_season, "month", _FROM, True),
    (rf"(?:(?:this|the)\s+)?{_SEASON}\s+(?:of\s+)?{_FULL_YEAR}", _season, "month", _FROM, True),
    (rf"this\s+{_SEASON}{_NO_YEAR}", _season, "month", _FROM, True),
    # "Spring" is a verb and a coil too; "before the summer" may mean the one that is to come.
    (rf"(?:the\s+)?{_SEASON}{_NO_YEAR}", _season, "month", _FROM, False),
    (r"(?:last|previous)\s+(?P<unit>week|month|year)", _last, "relative", _ANY, True),
    (r"this\s+(?P<unit>week|month|year)", _this, "relative", _ANY, True),
    (r"yesterday", _yesterday, "day", _ANY, True),
    (r"today", _today, "day", _IN, True),
    (
        rf"(?:(?:about|around)\s+)?(?:(?:an?|(?P<n>{EN_NUMBER}))\s+)?{_UNIT}\s+ago",
        _ago,
        "relative",
        _FROM,
        True,
    ),
    # "The last month" rolls, "last month" is one of the calendar.
    (rf"(?:the\s+)?(?:last|past)\s+(?P<n>{EN_NUMBER})\s+{_UNIT}", _rolling, *_ROLLS),
    (rf"(?:the\s+last|(?:the\s+)?past)\s+(?P<n>){_UNIT}", _rolling, *_ROLLS),
)
_HEBREW = _FIGURES + _anchors(
    (rf"{_DAY}\s*(?:ב|ל)?{_CHODESH}(?:\s+|\s+ב-?){_FULL_YEAR}", _named_day, "day", _ANY, True),
    (rf"{_DAY}\s*(?:ב|ל){_CHODESH}{_NO_YEAR}", _named_day, "day", _ANY, False),
    (rf"(?:חודש\s+)?{_CHODESH}(?:\s+|\s+ב?שנת\s+|\s+ב-?){_FULL_YEAR}", _month, "month", _ANY, True),
    (rf"(?:חודש\s+)?{_CHODESH}{_NO_YEAR}", _month, "month", _ANY, False),
    (rf"(?:שנת\s+)?{_FULL_YEAR}", _year, "year", _ANY, False),
    (rf"{_ONA}{_NO_YEAR}\s+(?:שעבר|ה?קודם|ה?אחרון)", _last_season, "month", _FROM, True),
    (rf"{_ONA}(?:\s+|\s+ב?שנת\s+|\s+ב-?){_FULL_YEAR}", _season, "month", _FROM, True),
    (rf"{_ONA}{_NO_YEAR}(?:\s+הזה)?", _season, "month", _FROM, False),
    (r"(?P<unit>שבוע|חודש)\s+(?:שעבר|הקודם)", _last, "relative", _ANY, True),
    (r"(?P<unit>שנה)\s+(?:שעברה|הקודמת)", _last, "relative", _ANY, True),
    (rf"(?:(?P<n>{HE_NUMBER})\s+)?ה?{_YECHIDA}\s+ה?אחרו(?:ן|נה|נים|נות)", _rolling, *_ROLLS),
    (r"(?P<unit>השבוע|החודש|השנה)(?:\s+ה(?:זה|זאת|זו))?", _this, "relative", _ANY, True),
    (r"אתמול", _yesterday, "day", _ANY, True),
    (r"היום", _today, "day", _IN, True),
    (rf"לפני\s+כ?[־-]?(?:(?P<n>{HE_NUMBER})\s+)?{_YECHIDA}", _ago, "relative", _FROM, True),
)

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("in", "on", "during", "over", "within", "throughout", "across", "of"), "in"),
    **dict.fromkeys(("since", "from"), "since"),
    **dict.fromkeys(("until", "till", "up to", "through"), "until"),
    "before": "before",
    "after": "after",
    "for": "for",
    **dict.fromkeys(("ב", "בתאריך", "במהלך", "במשך", "לאורך"), "in"),
    **dict.fromkeys(("מאז", "מ", "מתאריך", "החל מ", "החל ב"), "since"),
    "עד": "until",
    "לפני": "before",
    **dict.fromkeys(("אחרי", "לאחר"), "after"),
}


def _one_of(anchors: tuple[_Anchor, ...], name: str) -> str:
    """Any of the anchors as one group; which one it was is read off its words."""
    each = "|".join(f"(?:{anchor.pattern})" for anchor in anchors)
    return rf"(?P<{name}>" + re.sub(r"\(\?P<\w+>", "(?:", each) + ")"


_PERIODS: dict[Language, tuple[re.Pattern[str], tuple[_Anchor, ...]]] = {
    "en": (
        compiled(
            rf"(?:between|from)\s+{_one_of(_ENGLISH, 'a')}"
            rf"\s+(?:and|to|until|till|through)\s+{_one_of(_ENGLISH, 'b')}"
            rf"|(?:(?P<role>{english(_ROLES)})\s+)?{_one_of(_ENGLISH, 'only')}"
        ),
        _ENGLISH,
    ),
    "he": (
        compiled(
            rf"ו?(?:בין|החל\s+מ|מ)[\s־-]*(?:ה[־-]?)?{_one_of(_HEBREW, 'a')}"
            rf"\s+(?:ועד|עד|לבין|ל)[\s־-]*(?:ה[־-]?)?{_one_of(_HEBREW, 'b')}"
            rf"|ו?(?:(?P<role>{hebrew(_ROLES)})(?:[\s־-]+|(?<=[במ])))?(?:ה[־-]?)?"
            rf"{_one_of(_HEBREW, 'only')}"
        ),
        _HEBREW,
    ),
}


def periods(text: str, today: date) -> Iterator[Phrase]:
    """Every period that is said. Sessions are never ahead of today: "in March" is the latest that had begun."""
    pattern, anchors = _PERIODS[language_of(text)]
    for match in pattern.finditer(text):
        said = _single(match, anchors, today) if match["only"] else _span(match, anchors, today)
        if said:
            yield said


def _single(match: re.Match[str], anchors: tuple[_Anchor, ...], today: date) -> Phrase | None:
    role = _ROLES[re.sub(r"\s+", " ", match["role"].lower())] if match["role"] else None
    anchor, days = _read(match["only"], anchors, today)
    if (role is None and not anchor.bare) or (role or "in") not in anchor.roles or days is None:
        return None
    when = _confined(days, role or "in", today)
    if when is None:
        return None
    return Phrase(when, match.start(), match.end(), anchor.kind, role or "in")


def _confined(days: Period, role: Role, today: date) -> Period | None:
    """The days since, until, before or after some; None when they have not begun."""
    first, last = days.first, days.last
    if first is None or last is None or first > today or (role == "after" and last >= today):
        return None
    day = timedelta(days=1)
    return {
        "since": Period(first, None),
        "until": Period(None, last),
        "before": Period(None, first - day),
        "after": Period(last + day, None),
    }.get(role, days)


def _span(match: re.Match[str], anchors: tuple[_Anchor, ...], today: date) -> Phrase | None:
    """From the one to the other, the first being the latest before the second."""
    anchor, last = _read(match["b"], anchors, today)
    _, first = _read(match["a"], anchors, last.first if last and last.first else today)
    if not (first and first.first and last and last.last) or first.first > min(last.last, today):
        return None
    return Phrase(Period(first.first, last.last), match.start(), match.end(), anchor.kind)


def _read(words: str, anchors: tuple[_Anchor, ...], seen: date) -> tuple[_Anchor, Period | None]:
    """Which anchor these words are, and the days it names."""
    for anchor in anchors:
        if match := re.fullmatch(anchor.pattern, words, re.IGNORECASE):
            return anchor, anchor.read(match, seen)
    raise AssertionError  # the words were found by one of these
