"""Sides: what hurts on the left does not hurt on the right."""

from collections.abc import Iterator, Sequence

from service.chat.grounding.binding import Bound, Mark, bound, misbound
from service.chat.grounding.evidence import SAME, Source
from service.language.sides import Side, side_at
from service.language.statements import Part, Statement, Unit
from service.language.terms import kind

_SIDED = frozenset(["body", "symptom"])


def sides_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether something is on another side in the evidence, or on one that its passages do not say."""
    if any(not _is_sided(unit, side, evidence) for unit, side in _sided(part)):
        return True
    claimed = bound(part.whole, _side_marks(part.whole), clauses=part.clauses)
    told = [
        one
        for source in evidence
        for one in bound(source.said, _side_marks(source.said), clauses=source.said.clauses)
    ]
    return (
        _is_on_no_side(claimed, evidence)
        or misbound(claimed, told, _is_same_side)
        or any(_is_on_other_side(part, clause, evidence) for clause in part.clauses)
    )


def _sided(part: Part) -> Iterator[tuple[Unit, Side]]:
    for unit in part.telling:
        side = side_at(unit.start, part.whole.sides)
        if (
            side
            and any(kind(one) in _SIDED for one in unit.concepts)
            and not _is_side(unit, part.whole)
        ):
            yield unit, side


def _is_sided(unit: Unit, side: Side, evidence: Sequence[Source]) -> bool:
    found = [
        side_at(one.start, source.said.sides)
        for source in evidence
        for one in source.matching(unit)
    ]
    told = {one for one in found if one}
    if not told:
        told = {one.side for source in evidence for one in source.said.sides}
    if not told:
        chunks = {source.passage.id: source.passage.chunk.text for source in evidence}
        told = {one.side for text in chunks.values() for one in Statement.of(text).sides}
        return told == {side}
    return side in told or (side != "both" and "both" in told)


def _is_on_no_side(claimed: Sequence[Bound], evidence: Sequence[Source]) -> bool:
    """Whether a side is none of those told; one that is all of a claim's must be in each sentence that has sides."""
    told = [_side_marks(source.said) for source in evidence if source.said.sides]
    is_one = len({one.mark.value for one in claimed}) == 1
    groups = told if is_one or not told else [[mark for marks in told for mark in marks]]
    return any(
        not any(_is_same_side(one.mark, mark) for mark in marks)
        for one in claimed
        for marks in groups
    )


def _is_on_other_side(part: Part, clause: int, evidence: Sequence[Source]) -> bool:
    """Whether a clause names one side, and those that the evidence fits it with best name others alone."""
    claimed = _sides_of(part.whole, clause)
    if len(claimed) != 1:
        return False
    said = part.whole
    own = [unit for unit in said.of_clause(clause) if not _is_side(unit, said)]
    places = [(source, one) for source in evidence for one in set(source.said.clauses)]
    fits = [source.fit(own, one) for source, one in places]
    best = max(fits, default=0.0)
    told = [
        _sides_of(source.said, one)
        for (source, one), fit in zip(places, fits, strict=True)
        if 0 < fit >= best - SAME
    ]
    return bool(told) and all(one and not one & (claimed | {"both"}) for one in told)


def _side_marks(said: Statement) -> list[Mark]:
    return [
        Mark(one.side, "side", said.words[one.start].start, said.words[one.end - 1].end)
        for one in said.sides
    ]


def _is_same_side(claimed: Mark, told: Mark) -> bool:
    return claimed.value == told.value or (told.value == "both" and claimed.value != "both")


def _sides_of(said: Statement, clause: int) -> set[Side]:
    return {one.side for one in said.sides if said.clauses[one.start] == clause}


def _is_side(unit: Unit, said: Statement) -> bool:
    return any(one.start <= unit.start < one.end for one in said.sides)
