"""Bounds: "at least three times" is not what "three times" says, nor "at most"."""

from collections.abc import Sequence

from service.chat.grounding.evidence import Source
from service.language.bounds import Bound, bounds
from service.language.statements import Part


def bounds_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether a claim bounds something that the evidence does not bound, or not on that side."""
    said = bounds(part.whole.text, part.amounts)
    claimed = [one for one in said if _is_claimed(one, part)]
    told = [one for source in evidence for one in source.said.bounds]
    return any(not any(_is_same(one, other) for other in told) for one in claimed)


def _is_claimed(bound: Bound, part: Part) -> bool:
    return not bound.is_aside and part.whole.clause_at(bound.start) in part.clauses


def _is_same(claimed: Bound, told: Bound) -> bool:
    """Of numbers the same one; of what is no number any."""
    if claimed.end_of != told.end_of:
        return False
    if claimed.amount is None or told.amount is None:
        return True
    return claimed.amount.is_said_by(told.amount)
