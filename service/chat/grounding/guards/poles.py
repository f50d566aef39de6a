"""Poles: each thing that a claim tells is affirmed, denied or turned into its contrary as the evidence has it."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.chat.grounding.evidence import SAME, Source
from service.chat.grounding.guards.courses import tells_course
from service.chat.grounding.guards.directions import agrees_with_numbers, is_direction
from service.domain.answers import WithheldReason
from service.language.statements import Part, Statement, Unit
from service.language.terms import concept, kind, opposite

_BESIDE = frozenset(
    ["person", "place", "body", "daytime", "colour", "general", "opposite", "frequency"]
)
_HOW_IT_IS = (
    "improved",
    "worsened",
    "increased",
    "decreased",
    "good",
    "bad",
    "changed",
    "often",
    "always",
    "all",
)


def polarity(part: Part, evidence: Sequence[Source]) -> WithheldReason | None:
    """Why not: the evidence denies what the claim affirms, affirms what it denies, or says its contrary; else None."""
    for unit in part.units:
        if _is_pole(unit):
            if reason := _pole_differs(unit, part, evidence):
                return reason
        elif (unit.weight > 0 or _is_of_risk(unit)) and _is_denied_otherwise(unit, part, evidence):
            return "negation_differs"
    return None


def _is_of_risk(unit: Unit) -> bool:
    """A plan or an intent, which tell so little elsewhere that they weigh nothing."""
    return bool(unit.concepts & (concept("plan") | concept("intention")))


def _is_pole(unit: Unit) -> bool:
    return any(opposite(one) is not None for one in unit.concepts)


def _is_denied_otherwise(unit: Unit, part: Part, evidence: Sequence[Source]) -> bool:
    if unit.polarity == 0 or _carries_pole(unit, part.whole):
        return False
    told = [
        _Told(
            source.fit(part.telling, one.clause),
            one.polarity in (0, unit.polarity)
            or (_carries_pole(one, source.said) and not _says_how(unit, one, part, source))
            or (not _is_of_risk(unit) and _denies_alike(unit, one, part, source)),
            is_same=True,
        )
        for source in evidence
        for one in source.matching(unit)
    ]
    return _all_differ(told)


def _denies_alike(unit: Unit, one: Unit, part: Part, source: Source) -> bool:
    """Whether both deny the same other thing in the same clauses: "the meniscus shows no tear", "no meniscus tear".

    Of people, places and parts of the body it is enough that they do so anywhere: "no longer speaks to an old friend".
    """
    is_beside = any(kind(each) in _BESIDE for each in unit.concepts) and not (
        _is_pole(unit) or _is_of_risk(unit)
    )
    return any(
        own.polarity == other.polarity == -1
        for own in part.telling
        if own is not unit and (is_beside or own.clause == unit.clause)
        for other in source.matching(own)
        if other is not one and (is_beside or other.clause == one.clause)
    )


@dataclass(frozen=True, slots=True)
class _Told:
    fit: float
    agrees: bool
    is_same: bool


def _all_differ(told: Sequence[_Told]) -> bool:
    """Whether none agrees of those that stand where the claim fits best; its own word tells more than its contrary."""
    best = max((one.fit for one in told), default=0.0)
    fitting = [one for one in told if one.fit >= best - SAME]
    same = [one for one in fitting if one.is_same]
    return bool(told) and not any(one.agrees for one in same or fitting)


def _pole_differs(unit: Unit, part: Part, evidence: Sequence[Source]) -> WithheldReason | None:
    if unit.concepts & (concept("before") | concept("after")) and _counts_next(unit, part.whole):
        return None
    if is_direction(unit) and tells_course(part):
        agrees = agrees_with_numbers(unit, part)
        if agrees is not None and unit.polarity < 0:
            return "negation_differs"
        if agrees is not None:
            return None if agrees else "direction_differs"
    against = {opposite(one) for one in unit.concepts} - unit.concepts
    told = [
        _Told(
            source.fit(part.telling, one.clause),
            _agrees(unit, one)
            or (bool(one.concepts & unit.concepts) and _denies_alike(unit, one, part, source)),
            bool(one.concepts & unit.concepts),
        )
        for source in evidence
        for one in source.said.units
        if one.concepts & unit.concepts or one.concepts & against
    ]
    if told and _all_differ(told):
        return "negation_differs" if all(one.is_same for one in told) else "direction_differs"
    if not told and _is_denied_how(unit, part.whole):
        return "negation_differs"
    if not told and is_direction(unit) and agrees_with_numbers(unit, part) is False:
        return "direction_differs"
    return None


def _agrees(unit: Unit, one: Unit) -> bool:
    if 0 in (unit.polarity, one.polarity):
        return True
    is_same = bool(one.concepts & unit.concepts)
    if not unit.weight and not unit.concepts & _how_it_is():
        return is_same  # "before", "after": which thing they stand by is denied elsewhere
    return is_same == (one.polarity == unit.polarity)


def _counts_next(unit: Unit, said: Statement) -> bool:
    """Whether it is "two weeks ago" in Hebrew, which is "before two weeks"."""
    end = said.words[unit.end - 1].end
    return any(0 <= one.start - end <= 2 for one in said.amounts)


def _is_denied_how(unit: Unit, said: Statement) -> bool:
    """Whether it denies how something is: "not changed"; "not any more" does not."""
    is_any = unit.start > 0 and said.words[unit.start - 1].text == "any"
    return unit.polarity < 0 and bool(unit.concepts & _how_it_is()) and not is_any


def _carries_pole(unit: Unit, said: Statement) -> bool:
    """Whether a denial beside it falls on how it is: "not sleeping well" denies "well"."""
    how = _how_it_is()
    return any(
        one.clause == unit.clause and one is not unit and one.concepts & how and one.polarity == -1
        for one in said.units
    )


def _says_how(unit: Unit, one: Unit, part: Part, source: Source) -> bool:
    """Whether the claim affirms beside it the very way that the note denies beside its own: "sleeps well"."""
    denied = frozenset(
        concept
        for other in source.said.units
        if other.clause == one.clause and other.polarity == -1
        for concept in other.concepts & _how_it_is()
    )
    return any(
        own.clause == unit.clause and own.polarity == 1 and own.concepts & denied
        for own in part.units
    )


def _how_it_is() -> frozenset[int]:
    return frozenset(one for term in _HOW_IT_IS for one in concept(term))
