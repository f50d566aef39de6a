"""Spans of time without a number: "a week" is not "a month", nor "half days" "half weeks"."""

from collections.abc import Sequence

from service.chat.grounding.evidence import Source
from service.language.spans import spans
from service.language.statements import Part


def spans_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether a claim measures by a span of time that the evidence does not mention, and that mentions another."""
    claimed = spans(part.text)
    told = frozenset[str]().union(*(source.said.spans for source in evidence))
    return bool(told) and not claimed <= told
