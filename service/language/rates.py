"""The stretches of time that a text counts in."""

import re

from service.language.text import normalise
from service.language.units import unit_of

_RATE = re.compile(
    r"\b(?:an?|per|each|every|last|past)\s(?P<en>day|night|evening|week|month|year)\b"
    r"|\b(?P<adverb>daily|nightly|weekly|monthly|yearly)\b"
    r"|/\s?(?P<slash>day|d|week|wk|month|mo|year|yr)\b"
    r"|(?<![א-ת])(?:[בל]|כל\s|מדי\s)(?P<he>יום|שבוע|חודש|שנה)(?![א-ת])(?!\s(?:הבא|הקרוב|ראשון|שני|שלישי|רביעי|חמישי|שישי))",
    re.IGNORECASE,
)


def rates(text: str) -> frozenset[str]:
    """The stretches of time that something is counted in: "three a week", "weekly", "פעם בחודש"."""
    return frozenset(_period(match) for match in _RATE.finditer(text))


def rate_at(text: str, start: int, end: int) -> str:
    """The one of them that a stretch of the text is part of, or holds; empty if none."""
    found = (one for one in _RATE.finditer(text) if one.start() < end and start < one.end())
    return next(map(_period, found), "")


def _period(match: re.Match[str]) -> str:
    word = normalise(match["en"] or match["adverb"] or match["slash"] or match["he"])
    return (
        "day"
        if word in {"daily", "night", "nightly", "evening", "d"}
        else unit_of(word.removesuffix("ly"))
    )
