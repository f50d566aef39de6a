"""Repeats: of two things that differ in the note, a claim may not tell one way of both."""

from collections import Counter
from collections.abc import Iterator, Sequence

from service.chat.grounding.evidence import Source
from service.chat.grounding.guards.directions import is_direction
from service.language.statements import Part, Unit
from service.language.terms import opposite


def told_of_both(part: Part, held: Sequence[Source]) -> bool:
    """Whether it says something more often than its sentences do, which say the contrary of the same things too.

    "Negative on the left and on the right negative", of a note that has one of each; "positive at first, and positive
    now", of two sessions that differ.
    """
    claimed = Counter(pole for unit in part.units if unit.polarity == 1 for pole in _poles(unit))
    more = {pole for pole, times in claimed.items() if times > 1 and opposite(pole) not in claimed}
    if not more:
        return False
    told = Counter(
        pole for source in held for unit in _beside(part, source) for pole in _poles(unit)
    )
    return any(told[opposite(pole) or -1] and claimed[pole] > told[pole] for pole in more)


def _poles(unit: Unit) -> Iterator[int]:
    if not is_direction(unit):
        yield from (one for one in unit.concepts if opposite(one) is not None)


def _beside(part: Part, source: Source) -> Iterator[Unit]:
    """The affirmed units that stand in one clause with something else that the claim tells of."""
    shared = {
        one.clause
        for unit in part.telling
        if not any(True for _ in _poles(unit))
        for one in source.matching(unit)
    }
    yield from (one for one in source.said.units if one.clause in shared and one.polarity == 1)
