"""The amounts a text states: numbers in figures and words, with their units, scores and ranges."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from service.language.number_words import in_words
from service.language.text import normalise
from service.language.units import counted_unit, unit_of

# Each piece is bounded, so that no row of digits is read twice. A letter before, or a letter and a hyphen of Latin
# script, makes a name of it: L4, PHQ-9.
_PIECE = r"\d{1,9}(?:,\d{3})*(?:\.\d{1,6})?"
_BEFORE = r"(?<![\dA-Za-z.,:/])(?<![A-Za-z]-)"
# "In May 2025 to 16" is no range.
_YEAR_ENDS = r"(?<=\D(?:19|20)\d\d)\s?(?:to|עד|[-–])\s?\d{1,3}(?!\d)"
_FIGURE = re.compile(
    rf"{_BEFORE}(?P<first>{_PIECE})"
    rf"(?:(?!{_YEAR_ENDS})\s?(?P<join>-+>|→|[x×X:/–-]|out of|מתוך|to|עד)\s?[-–]?(?P<second>{_PIECE}))?"
    rf"(?:[/.](?P<third>\d{{1,4}}))?"
    r"[ \t\u00a0-]*(?P<unit>%|\$|₪|[^\W\d_][^\s\d.,;:!?/()\[\]–-]*)?"
)
# L4-5, PHQ-9, T12: names, not amounts; "x10" is one.
_NAMED = re.compile(r"(?<![A-Za-z\d])(?![xX]\d)[A-Za-z]{1,12}-?\d{1,4}(?:[-–/]\d{1,3})?(?!\d)")
_OF_SETS = re.compile(r"\s*-?(?:sets?|סט|סטים)\s+(?:of|של)\s+", re.IGNORECASE)
_EVERY_OTHER = re.compile(r"\bevery (?:other|second) (day|week|month)\b", re.IGNORECASE)
_TIMES = re.compile(  # "x3 weeks" is for three weeks
    r"(?<![\w.,])[xX×](\d{1,3})(?!\d|[.,]\d|[A-Za-zא-ת]|\s?(?:sec|min|hour|hr|day|week|wk|month|mo|year|yr)"
    r"|\s(?:דק|שע|ימ|יום|שבוע|חודש|שנ))"
)
# Between two numbers, and before them, of which one range is made: "two to three", "between 40 and 50", "בין 3 ל-4".
_RANGE = re.compile(r"\s?(?:-|–|\bto\b|\bor\b|(?<![א-ת])(?:עד|או)(?![א-ת]))\s?", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:\bbetween|(?<![א-ת])[ושכ]?בין)\s$", re.IGNORECASE)
_BETWEEN_AND = re.compile(r"\s(?:and\s|ל-?\s?|ו-?\s?|לבין\s)", re.IGNORECASE)
_APART = 8  # Code points between "twice" and its "daily".
_AGE_BEFORE = re.compile(
    r"(?:(?<![א-ת])ו?(?:בן|בת|בני|בנות|בגיל|גיל)|\b(?:aged?|age of))\s*$", re.IGNORECASE
)
_AGE_BEHIND = re.compile(r"[- ](?:years?|yrs?)[- ]?(?:olds?)\b|[- ]?y/?o\b", re.IGNORECASE)
# Where an age may stand alone: "47, nurse", "two sons, 6 and 9".
_LISTED = re.compile(r"(?:^|,\s|\band\s|\bat\s|(?<![א-ת])ו-?)$")
AGE = "age"
_LOOSE = ({"", "times"}, {"", "set"}, {"", "rep"}, {"", "day"}, {"", "shekel"}, {"", "dollar"})
_TO_TEN = frozenset(f"{half / 2:g}" for half in range(21))  # Whole and half points of a scale.
_ARROWS = (">", "→")
_OVER = frozenset(["/", "out of", "מתוך"])
_FROM = re.compile(r"(?:\bfrom|(?<![א-ת])מ-?)\s*$", re.IGNORECASE)
_DAILY = re.compile(
    r"\b(?:once(?! (?:she|he|they|the|it|a month|a year))|(?<!-)one(?! hundred| thousand)"
    r"|daily|every day|each day|weekly|every week)\b"
    r"|\b(?:a|per) (?:day|week)\b"
    r"|(?<![א-ת])(?:פעם(?:\s+אחת)?\s+ב?|פעם אחת|אחת\s+ל(?=יום|שבוע|חודש)|כל יום|מדי יום)",
    re.IGNORECASE,
)
_ONE_DAILY = re.compile(r"once$|פעם|אחת", re.IGNORECASE)
_TIMES_BEFORE = re.compile(r"[xX×]\s?$")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as a text states it: `text[start:end]`, without its unit."""

    value: str
    """In figures without needless zeros: "50", "0.5", "6/10", "2-5", "3:30"."""
    unit: str
    """In its canonical form; empty where the next word is none."""
    start: int
    end: int
    is_aside: bool = False
    """Said without being stated: an end of a range, or that "daily" is once. It answers a claim and makes none."""

    may_be_age: bool = False
    """It stands alone where a note writes an age."""

    @property
    def kind(self) -> str:
        """What it may be confused with: amounts of the same unit, or other scores."""
        return "/" if "/" in self.value else self.unit

    def is_said_by(self, other: "Amount") -> bool:
        """Whether the other one states it: the same value and unit, or a score out of ten without its ten."""
        if AGE in (self.unit, other.unit):
            is_age = self.unit == other.unit or not self.unit or other.may_be_age
            return self.value == other.value and is_age
        if self.value == other.value and (self.unit == other.unit or self._is_loose(other)):
            return True
        scores = {self.value.removesuffix("/10"), other.value.removesuffix("/10")}
        return scores <= _TO_TEN and len(scores) == 1 and self.unit == other.unit == ""

    def _is_loose(self, other: "Amount") -> bool:
        """ "Twice" says of arguments what "two" does, and "10 of 14 days" counts ten days."""
        return {self.unit, other.unit} in _LOOSE


def amounts(text: str) -> list[Amount]:
    """All amounts in order of their kind of writing: in figures, then in words."""
    bare = _NAMED.sub(lambda match: "\u00b7" * len(match.group()), text)
    figures = [one for match in _FIGURE.finditer(bare) for one in _read(match, bare)]
    figures += [one for one in _repeated(text) if not any(_overlap(one, own) for own in figures)]
    found = list(_ranged(_with_repetitions([*figures, *_spelled(text)], text), text))
    found += _every_other(text)
    often = [one.end for one in found if one.unit == "times"]
    once = (one for one in _once(text) if not any(0 <= one.start - end <= _APART for end in often))
    return [*found, *once]


def _spelled(text: str) -> Iterator[Amount]:
    return (Amount(*one) for one in in_words(text))


def _with_repetitions(found: list[Amount], text: str) -> Iterator[Amount]:
    """Of "3 sets of 10" the ten are repetitions."""
    ends = [one.end for one in found if one.unit == "set"]
    for one in found:
        is_of = any(_OF_SETS.fullmatch(text, end, one.start) for end in ends if end < one.start)
        yield replace(one, unit="rep") if is_of and not one.unit else one


def _repeated(text: str) -> Iterator[Amount]:
    """ "x3" by itself is three times."""
    for match in _TIMES.finditer(text):
        yield Amount(_plain(match[1]), "times", match.start(1), match.end(1))


def _overlap(one: "Amount", other: "Amount") -> bool:
    return one.start < other.end and other.start < one.end


def _ranged(found: Iterable[Amount], text: str) -> Iterator[Amount]:
    """Two numbers that are the ends of a range state it, and are asides of it."""
    held = sorted(found, key=lambda one: one.start)
    ends = {first: last for first, last in pairwise(held) if _is_range(first, last, text)}
    asides = {*ends, *ends.values()}
    for one in held:
        if last := ends.get(one):
            yield Amount(f"{one.value}-{last.value}", last.unit, one.start, last.end)
        yield replace(one, is_aside=True) if one in asides else one


def _is_range(first: Amount, last: Amount, text: str) -> bool:
    plain = first.value.isdigit() and last.value.isdigit() and int(first.value) < int(last.value)
    if not plain or first.unit not in {"", last.unit} or first.is_aside or last.is_aside:
        return False
    before, between = text[max(0, first.start - 9) : first.start], text[first.end : last.start]
    if _BETWEEN.search(before):
        return bool(_BETWEEN_AND.fullmatch(between))
    return bool(_RANGE.fullmatch(between)) and not _FROM.search(before)


def _every_other(text: str) -> Iterator[Amount]:
    """ "Every other day" is every two days."""
    for match in _EVERY_OTHER.finditer(text):
        yield Amount("2", unit_of(match[1].casefold()), match.start(), match.end())


def _once(text: str) -> Iterator[Amount]:
    """That what is daily, or "once", happens one time; more often is said by another amount."""
    for match in _DAILY.finditer(text):
        yield Amount(
            "1", "times", match.start(), match.end(), is_aside=not _ONE_DAILY.match(match.group())
        )


def _read(match: re.Match[str], text: str) -> Iterator[Amount]:
    """The amounts of a figure, or of two or three that a sign or a word joins."""
    if not match["second"]:
        yield _alone(match, text)
    elif match["join"] in "xX×" and not match["third"]:
        yield from _sets(match)
    elif match["third"] or match["join"] in (*_OVER, ":"):
        yield _joined(match)
    else:
        yield from _course_or_range(match, text)


def _alone(match: re.Match[str], text: str) -> Amount:
    value, unit = _plain(match["first"]), _unit(match)
    start, end = match.span("first")
    if _is_age(match, text):
        return Amount(value, AGE, start, end)
    if not unit and _TIMES_BEFORE.search(text, max(0, start - 2), start):
        unit = "times"
    alone = not unit and bool(_LISTED.search(text[max(0, start - 4) : start]))
    return Amount(value, unit, start, end, may_be_age=alone)


def _sets(match: re.Match[str]) -> Iterator[Amount]:
    """ "3x10" is three sets of ten, "2x500 mg" two of 500."""
    unit = _unit(match)
    yield Amount(_plain(match["first"]), "" if unit else "set", *match.span("first"))
    yield Amount(_plain(match["second"]), unit or "rep", *match.span("second"))


def _joined(match: re.Match[str]) -> Amount:
    """A score ("7/10", "5 of 14 days"), a time of day, or three figures: "9/12/25"."""
    first, second, third = (
        _plain(one) if one else "" for one in match.group("first", "second", "third")
    )
    join, start = match["join"], match.start("first")
    if third:
        return Amount(join.join((first, second, third)), "", start, match.end("third"))
    end = match.end("second")
    if join == ":":
        return Amount(first if second == "0" else f"{first}:{second}", "", start, end)
    unit = _unit(match)
    return Amount(f"{first}/{second}", "" if unit == "times" else unit, start, end)


def _course_or_range(match: re.Match[str], text: str) -> Iterator[Amount]:
    """ "From 17 to 12" and "17 -> 12" are two amounts; "2-5" is a range, and "2 to 5" has its ends as asides."""
    first, second, unit = _plain(match["first"]), _plain(match["second"]), _unit(match)
    start, is_word = match.start("first"), match["join"] in {"to", "עד"}
    from_one = is_word and bool(_FROM.search(text, max(0, start - 8), start))
    is_course = from_one or match["join"].endswith(_ARROWS)
    if not is_course:
        yield Amount(f"{first}-{second}", unit, start, match.end("second"))
    if is_course or is_word:
        yield Amount(first, unit, *match.span("first"), is_aside=not is_course)
        yield Amount(second, unit, *match.span("second"), is_aside=not is_course)


def _plain(figure: str) -> str:
    number = Decimal(figure.replace(",", ""))
    return format(number.normalize(), "f") if number else "0"


def _is_age(match: re.Match[str], text: str) -> bool:
    start, end = match.span("first")
    before = text[max(0, start - 12) : start]
    return bool(_AGE_BEFORE.search(before) or _AGE_BEHIND.match(text, end))


def _unit(match: re.Match[str]) -> str:
    return counted_unit(normalise(match["unit"] or ""))
