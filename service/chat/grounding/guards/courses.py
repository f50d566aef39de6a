"""Courses: amounts that follow one another, and which of them comes first."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from service.chat.grounding.evidence import SAME, Source
from service.language.amounts import Amount
from service.language.statements import Part

_FROM_TO = re.compile(
    r"\bfrom\b.{0,60}?\bto\b|(?<![א-ת])מ-?\s?\d.{0,40}?(?<![א-ת])ל-?\s?\d", re.IGNORECASE
)
_BACK = re.compile(
    r"\b(?:from|compared|versus|vs|was|previously|last)\b|לעומת|מ-|היה|קודם", re.IGNORECASE
)
_THEN = re.compile(
    r"\b(?:then|later|finally|eventually|afterwards|followed by)\b"
    r"|(?<![א-ת])ו?(?:אז|אחר כך|לאחר מכן|לבסוף|בהמשך|בסוף|דרך)(?![א-ת])",
    re.IGNORECASE,
)


def runs_backwards(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether "from 8 to 5" is "from 5 to 8" in the evidence, or a course of more is in another order."""
    return tells_course(part) and any(
        _is_backwards(*pair, part, evidence) for pair in pairwise(course(part))
    )


def tells_course(part: Part) -> bool:
    """Whether it says that something went from here to there, or what came then."""
    return bool(_FROM_TO.search(part.text) or _THEN.search(part.text))


def course(part: Part) -> list[Amount]:
    """The amounts that follow one another: of the kind of which there are most, two at least."""
    begins = _FROM_TO.search(part.whole.text)
    least = begins.start() if begins else 0
    counted = [one for one in plain_amounts(part) if one.start >= least]
    if len(counted) < 2:
        return []
    most = Counter(one.kind for one in counted).most_common(1)[0][0]
    same = [one for one in counted if one.kind == most]
    return same if len(same) > 1 else counted if len(counted) == 2 else []


def plain_amounts(part: Part) -> list[Amount]:
    """In order, without what may be a day."""
    stated = (one for one in part.amounts if not one.is_aside)
    counted = (
        one for one in stated if not any(day.start <= one.start < day.end for day in part.days)
    )
    return sorted(counted, key=lambda one: one.start)


def is_rising(part: Part) -> bool | None:
    """Whether each amount of a course is greater than the one before it, or each less; else None."""
    values = [number(one) for one in course(part)]
    known = [one for one in values if one is not None]
    steps = {(last > first) - (last < first) for first, last in pairwise(known)}
    return steps == {1} if len(known) == len(values) and steps in ({1}, {-1}) else None


def number(amount: Amount) -> float | None:
    """What an amount begins with: 7 of "7/10"; None where that is no plain number."""
    figure = amount.value.partition("/")[0]
    return float(figure) if figure.replace(".", "", 1).isdigit() else None


def _is_backwards(first: Amount, last: Amount, part: Part, evidence: Sequence[Source]) -> bool:
    if first.value == last.value:
        return True  # no course goes from 5 to 5
    before, after = (_places(one, part, evidence) for one in (first, last))
    for source, one in before:
        same = [other for told, other in after if told is source]
        if same and one.start > same[0].start:
            return not _BACK.search(source.said.text[same[0].start : one.start])
    days = [
        [day for source, _ in found if (day := source.passage.note.day)]
        for found in (before, after)
    ]
    return all(days) and min(days[0]) > max(days[1])


def _places(amount: Amount, part: Part, evidence: Sequence[Source]) -> list[tuple[Source, Amount]]:
    """Where the evidence says it, of those only that say most of what the claim does: "ISI 24, PCL-5 41" has no PCL-5
    of 24."""
    found = [
        (source.fit(part.telling, source.said.clause_at(one.start)), source, one)
        for source in evidence
        for one in source.said.amounts
        if amount.is_said_by(one)
    ]
    best = max((fit for fit, _, _ in found), default=0.0)
    return [(source, one) for fit, source, one in found if fit >= best - SAME]
