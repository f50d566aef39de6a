"""Directions: "fell" is what numbers do, "improved" what that means for what they measure."""

import re
from collections.abc import Sequence
from itertools import pairwise

from service.chat.grounding.evidence import Source
from service.chat.grounding.guards.courses import course, is_rising, number
from service.language.statements import Part, Unit
from service.language.terms import concept

# What is better when there is more of it, and when there is less.
_MORE_IS_BETTER = (
    *(
        "range of motion",
        "flexion",
        "extension",
        "straight leg raise",
        "strength",
        "sleep",
        "appetite",
        "balance",
        "energy",
        "concentration",
    ),
    *("mood", "walk", "confidence", "motivation", "function"),
)
_LESS_IS_BETTER = (
    *(
        "pain",
        "anxiety",
        "depression",
        "phq-9",
        "gad-7",
        "swelling",
        "stress",
        "worry",
        "fear",
        "anger",
        "fatigue",
    ),
    *("symptom", "panic attack", "headache", "nightmare", "distress", "tension", "stiffness"),
    *("tug", "suds", "pcl"),
)
_DEGREES = re.compile(r"\bdegrees?\b|°|מעלות", re.IGNORECASE)  # Of a range of motion.
_UP, _DOWN = ("increased", "lengthen"), ("decreased", "shorten")
_LIKE_MORE = {
    "improved": "increased",
    "worsened": "decreased",
    "increased": "improved",
    "decreased": "worsened",
}
_LIKE_LESS = {
    "improved": "decreased",
    "worsened": "increased",
    "increased": "worsened",
    "decreased": "improved",
}


def told_by_numbers(unit: Unit, part: Part) -> bool:
    """Whether a course says a direction: "fell" from 8 to 5, and pain that "improved" so."""
    return is_direction(unit) and agrees_with_numbers(unit, part) is True


def is_direction(unit: Unit) -> bool:
    """Whether it says that there is more of something or less, or that it is better or worse."""
    return _any_of(
        unit.concepts,
        ("increased", "decreased", "improved", "worsened", "lengthen", "shorten"),
    )


def agrees_with_numbers(unit: Unit, part: Part) -> bool | None:
    """Whether a direction is that of a course; None where there is none, or nobody knows which is better."""
    rising = is_rising(part)
    if rising is None:
        return False if _turns_back(unit, part) else None
    if _any_of(unit.concepts, _UP + _DOWN):
        return _any_of(unit.concepts, _UP if rising else _DOWN)
    about = frozenset(one for other in part.telling for one in other.concepts)
    more = _any_of(about, _MORE_IS_BETTER) or bool(_DEGREES.search(part.text))
    less = _any_of(about, _LESS_IS_BETTER)
    if more == less:
        return None
    return bool(unit.concepts & concept("improved" if rising == more else "worsened"))


def _turns_back(unit: Unit, part: Part) -> bool:
    """Whether a course of which only one direction is told goes the other way too: "fell from 7 to 2 and then 4"."""
    values = [number(one) for one in course(part)]
    up, down = concept("increased"), concept("decreased")
    told = frozenset(one for other in part.units for one in other.concepts)
    if (
        None in values
        or len(values) < 3
        or not unit.concepts & (up | down)
        or (told & up and told & down)
    ):
        return False
    steps = {last > first for first, last in pairwise([one or 0.0 for one in values])}
    return steps != {bool(unit.concepts & up)}


def told_by_measure(unit: Unit, part: Part, evidence: Sequence[Source]) -> bool:
    """Whether the evidence says "down" of pain that "eased", or "improved" of strength that "increased"."""
    same = [
        term
        for term in ("improved", "worsened", "increased", "decreased")
        if unit.concepts & concept(term)
    ]
    about = frozenset(one for other in part.telling for one in other.concepts)
    more, less = _any_of(about, _MORE_IS_BETTER), _any_of(about, _LESS_IS_BETTER)
    if len(same) != 1 or more == less or unit.polarity != 1:
        return False
    wanted = concept((_LIKE_MORE if more else _LIKE_LESS)[same[0]])
    return any(
        one.concepts & wanted and one.polarity == 1 and _is_beside_measure(one, part, source)
        for source in evidence
        for one in source.said.units
    )


def _is_beside_measure(one: Unit, part: Part, source: Source) -> bool:
    """Whether the clause it stands in has what the claim tells of."""
    return any(
        other.clause == one.clause and other is not one
        for unit in part.telling
        for other in source.matching(unit)
        if unit.weight == 1
    )


def _any_of(about: frozenset[int], terms: Sequence[str]) -> bool:
    return any(about & concept(term) for term in terms)
