"""Which sentences of the notes bear out a claim, as one or part by part."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.chat.grounding.evidence import Source, coverage, likeness
from service.chat.grounding.grouping import grouped
from service.chat.grounding.guards.repeats import told_of_both
from service.chat.grounding.neighbours import completing, telling_the_rest
from service.chat.grounding.verdict import LIKELY, verdict
from service.domain.answers import WithheldReason
from service.language.statements import Part, Statement

# Sentences that cover this much less than the best one may be meant instead of it.
NEAR_BEST = 0.15
MOST_TRIED = 6
_AT_FIRST = re.compile(
    r"\b(?:at first|initially|originally|at baseline)\b|(?<![א-ת])[בש]?(?:התחלה|תחילה)(?![א-ת])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for a part of a claim."""

    evidence: tuple[Source, ...] = ()
    reason: WithheldReason | None = None
    is_likely: bool = False


def borne_out(said: Statement, held: Sequence[Source]) -> list[Finding]:
    """What bears out a claim as one, else part by part, else clause by clause."""
    whole = said.part(sorted(set(said.clauses)))
    if told_of_both(whole, held):
        return [Finding(reason="direction_differs")]
    first = _evidence(whole, held)
    if not first.reason and not first.is_likely:
        return _from_more(first, whole, held)
    best = [first]
    for parts in (grouped(whole, 2), grouped(whole, 1)):
        if len(parts) < 2:
            continue
        found = [_evidence(part, held) for part in parts]
        if not any(one.reason for one in found):
            return found
        if best == [first]:
            best = found
    return best if first.reason == "unsupported" else [first]


def _from_more(first: Finding, whole: Part, held: Sequence[Source]) -> list[Finding]:
    """With what bears out each of its parts, where more passages are cited than bear it out as one."""
    if len({one.passage.id for one in held}) == len({one.passage.id for one in first.evidence}):
        return [first]
    parts = grouped(whole, 2)
    found = [_evidence(part, held) for part in parts] if len(parts) > 1 else []
    return [first] if any(one.reason or one.is_likely for one in found) else [first, *found]


def _evidence(part: Part, held: Sequence[Source]) -> Finding:
    """The sentences that bear out a part: one of each passage that has one."""
    graded = sorted(((likeness(part, one), one) for one in held), key=lambda one: -one[0])
    best = graded[0][0] if graded else 0.0
    if not part.telling or best <= 0 or _most_covered(part, graded) < LIKELY:
        return Finding(reason="unsupported")
    near = [one for worth, one in graded if worth > 0 and worth >= best - NEAR_BEST][:MOST_TRIED]
    tried = [_in_its_session(part, *_judged(part, one, held), held) for one in near]
    for wanted in ("stated", "likely"):
        bearing = [evidence for how, evidence in tried if how == wanted]
        if bearing:
            return Finding(_of_each_passage(bearing), is_likely=wanted == "likely")
    return Finding(reason=tried[0][0])  # type: ignore[arg-type]


def _in_its_session(
    part: Part, how: str, evidence: tuple[Source, ...], held: Sequence[Source]
) -> tuple[str, tuple[Source, ...]]:
    """What was "at first" is told by the first of the sessions cited, else at another time."""
    days = [one.passage.note.day for one in held if one.passage.note.day]
    is_first = not days or any(one.passage.note.day == min(days) for one in evidence)
    if how in {"stated", "likely"} and not is_first and _AT_FIRST.search(part.text):
        return "time_differs", evidence
    return how, evidence


def _most_covered(part: Part, graded: Sequence[tuple[float, Source]]) -> float:
    return max(coverage(part, [one]) for worth, one in graded[:MOST_TRIED] if worth > 0)


def _of_each_passage(bearing: Sequence[tuple[Source, ...]]) -> tuple[Source, ...]:
    by_passage: dict[str, tuple[Source, ...]] = {}
    for evidence in bearing:
        by_passage.setdefault(evidence[0].passage.id, evidence)
    return tuple(source for evidence in by_passage.values() for source in evidence)


def _judged(part: Part, source: Source, held: Sequence[Source]) -> tuple[str, tuple[Source, ...]]:
    """`stated` or `likely` or the reason against it, of a sentence with what its neighbours add."""
    alone = verdict(part, (source,))
    if alone == "stated":
        return alone, _with_the_rest(part, source, held)
    for more in completing(part, source, held):
        found = verdict(part, (source, *more))
        if found == "stated":
            return found, (source, *more)
        if alone == "number_differs" and found not in {"likely", "unsupported"}:
            alone = found  # what still speaks against it where all its numbers stand
    return alone, (source,)


def _with_the_rest(part: Part, source: Source, held: Sequence[Source]) -> tuple[Source, ...]:
    """With the sentence of another passage that says, of the same things, what this one leaves unsaid."""
    for other in telling_the_rest(part, source, held):
        if verdict(part, (source, other)) == "stated":
            return source, other
    return (source,)
