"""Mutants whose figures are wrong: numbers, dates, doses, scales, counts."""

import re
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from service.demo.trust.edits import count, replaced, replaced_everywhere
from service.demo.trust.material import Statement
from service.demo.trust.words import (
    COUNTED,
    DOSE_UNITS,
    DURATIONS,
    FREQUENCIES,
    MONTHS,
    SCALES,
    SIDES,
    WEEKDAYS,
)

_NUMBER = re.compile(r"(?<![A-Za-z\d.,:])(?<![A-Za-z]-)(\d+(?:[.,:]\d+)*)(?![\d%]|[.,:]\d)")
_HEBREW_DAY = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{1,2})(?![\d.]|\s*מעלות|\s*מ\"ג|\s*שניות)")
_RANGE = re.compile(r"\s*(?:-|–|to|עד)\s*")
_SCORE = re.compile(r"(\d+) ?(/| מתוך | out of ) ?(\d+)")


def number(statement: Statement, dice: Random) -> Iterator[str]:
    """A number close to it, or one that the passage says of something else; no dose and no date."""
    text = statement.text
    kept = {match.span(1) for match in (*_doses(statement), *_days(statement))}
    for match in _NUMBER.finditer(text):
        if match.span(1) not in kept:
            for other in _others(match[1], statement, dice):
                yield text[: match.start(1)] + other + text[match.end(1) :]


def date(statement: Statement, dice: Random) -> Iterator[str]:
    """Another day, another month, another day of the week."""
    text = statement.text
    for match in _days(statement):
        yield text[: match.start(1)] + _another_day(match[1], dice) + text[match.end(1) :]
    for match in _HEBREW_DAY.finditer(text) if statement.language == "he" else ():
        if int(match[2]) <= len(MONTHS["he"]):
            yield f"{text[: match.start(1)]}{_another_day(match[1], dice)}{text[match.end(1) :]}"
    yield from _another_month(statement, dice)
    yield from replaced(text, WEEKDAYS[statement.language])


def dose(statement: Statement, dice: Random) -> Iterator[str]:
    """Another amount, a decimal point elsewhere, another unit."""
    text = statement.text
    for match in _doses(statement):
        amount = match[1]
        for other in (
            f"{float(amount) * 10:.10g}",
            f"{float(amount) / 10:.10g}",
            f"{float(amount) * 2:.10g}",
        ):
            yield text[: match.start(1)] + other + text[match.end(1) :]
        unit = DOSE_UNITS[statement.language][match[2]]
        yield text[: match.start(2)] + unit + text[match.end(2) :]


def exchanged(statement: Statement, dice: Random) -> Iterator[str]:
    """Two figures, or the two sides, of a sentence that says both, each in the other's place."""
    text, scores = statement.text, list(_SCORE.finditer(statement.text))
    for one, other in pairwise(scores):
        yield _changed_over(text, one, other)
    if not scores:
        for one, other in pairwise(_NUMBER.finditer(text)):
            if not _RANGE.fullmatch(text, one.end(), other.start()) or _is_course(text, one):
                yield _changed_over(text, one, other)
    sides = SIDES[statement.language]
    if count(text, tuple(sides)) == 2 and (both := replaced_everywhere(text, sides)) != text:
        yield both


def counted(statement: Statement, dice: Random) -> Iterator[str]:
    """A number that is written as a word."""
    yield from replaced(statement.text, COUNTED[statement.language])


def scale(statement: Statement, dice: Random) -> Iterator[str]:
    """Another end of the scale, or another questionnaire."""
    text = statement.text
    for match in _SCORE.finditer(text):
        for end in (int(match[3]) // 2, int(match[3]) * 10):
            yield text[: match.start(3)] + str(end) + text[match.end(3) :]
    yield from replaced(text, SCALES[statement.language])


def frequency(statement: Statement, dice: Random) -> Iterator[str]:
    """How often, changed."""
    yield from replaced(statement.text, FREQUENCIES[statement.language])


def duration(statement: Statement, dice: Random) -> Iterator[str]:
    """How long, in another unit."""
    yield from replaced(statement.text, DURATIONS[statement.language])


def _changed_over(text: str, one: re.Match[str], other: re.Match[str]) -> str:
    between = text[one.end() : other.start()]
    return text[: one.start()] + other[0] + between + one[0] + text[other.end() :]


def _is_course(text: str, first: re.Match[str]) -> bool:
    """ "From 40 to 65" is another course the other way round, "4 to 5 hours" the same range."""
    return bool(re.search(r"(?:from |מ-)$", text[: first.start()]))


def _another_month(statement: Statement, dice: Random) -> Iterator[str]:
    """With its capital, or "may" would be one."""
    months = MONTHS[statement.language]
    later = months[dice.randint(2, 5) :]
    for text in replaced(statement.text, dict(zip(months, [*later, *months], strict=False))):
        if " may " not in statement.text or " may " in text:
            yield text


def _others(said: str, statement: Statement, dice: Random) -> Iterator[str]:
    if said.isdecimal():
        yield str(
            int(said) + dice.choice([one for one in (-2, -1, 1, 2, 10) if int(said) + one > 0])
        )
    else:
        yield said[:-1] + str((int(said[-1]) + dice.randint(1, 9)) % 10)
    noted = {one for passage in statement.cited for one in _NUMBER.findall(passage.chunk.text)}
    if elsewhere := sorted(noted - set(_NUMBER.findall(statement.text))):
        yield dice.choice(elsewhere)


def _doses(statement: Statement) -> Iterator[re.Match[str]]:
    units = "|".join(map(re.escape, DOSE_UNITS[statement.language]))
    return re.finditer(rf"(?<![\d.,])(\d+(?:\.\d+)?)[ -]?({units})(?!\w)", statement.text)


def _days(statement: Statement) -> Iterator[re.Match[str]]:
    """A day beside its month; the day is group 1 of each."""
    months = "|".join(MONTHS[statement.language])
    yield from re.finditer(
        rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th)? [בל]?(?:{months})(?!\w)", statement.text
    )
    if statement.language == "en":
        yield from re.finditer(rf"(?:{months}) (\d{{1,2}})(?!\d)", statement.text)


def _another_day(day: str, dice: Random) -> str:
    return str(dice.choice([one for one in range(1, 29) if one != int(day)]))
