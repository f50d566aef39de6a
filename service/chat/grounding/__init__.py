"""Whether passages support a sentence, and with which words. Deterministic; unsure means no."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.chat.grounding.evidence import Read, coverage, read
from service.chat.grounding.findings import borne_out
from service.chat.grounding.guards.names import misnames, misquotes
from service.chat.grounding.own_words import places, verbatim
from service.domain.answers import Passage, Span, WithheldReason
from service.language.statements import Statement
from service.language.text import tokens

MOST_WORDS = 120  # No sentence that somebody reads is longer; a claim of more is not looked into.
REPAIRED, CLEAR_BY = 0.5, 0.1


@dataclass(frozen=True, slots=True)
class Support:
    """How far passages bear out a sentence: `spans` is empty exactly when `reason` says why they do not."""

    how: Literal["verbatim", "stated", "likely", "none"]
    """A note's own words; said in other words that rules can follow; nothing speaks against it, yet only a model
    could confirm it; not supported."""
    spans: tuple[Span, ...] = ()
    reason: WithheldReason | None = None


def support(text: str, passages: Sequence[Passage], *, read: Read = read) -> Support:
    """The spans that support a sentence, or the reason why none do.

    Each of its parts is borne out by a sentence of a note whose facts are the same, or by neighbouring ones; what it
    quotes and whom it names stands in the notes cited. `read` may remember a passage for one answer.
    """
    if quotes := tuple(span for one in passages if (span := verbatim(text, one))):
        return Support("verbatim", quotes)
    if not passages or not 0 < len(tokens(text)) <= MOST_WORDS:
        return Support("none", reason="unsupported")
    if any(places(text, passage.chunk.text) for passage in passages):
        return Support("none", reason="negation_differs")  # cut out of a sentence that turns it
    said = Statement.of(text)
    if misquotes(text, [passage.chunk.text for passage in passages]):
        return Support("none", reason="quote_differs")
    found = borne_out(said, [source for passage in passages for source in read(passage)])
    evidence = [source for one in found for source in one.evidence]
    reason = next((one.reason for one in found if one.reason), None)
    if not reason and misnames(text, evidence):
        reason = "name_differs"
    if reason:
        return Support("none", reason=reason)
    spans = tuple(dict.fromkeys(source.span for source in evidence))
    return Support("likely" if any(one.is_likely for one in found) else "stated", spans)


def repair(text: str, passages: Sequence[Passage], *, read: Read = read) -> tuple[str, Span] | None:
    """The one sentence of the passages that a sentence is about, to be shown in its place; None when unsure."""
    if len(tokens(text)) > MOST_WORDS:
        return None
    said = Statement.of(text)
    part = said.part(sorted(set(said.clauses)))
    if sum(unit.weight for unit in part.telling) < 2:
        return None
    graded = sorted(
        ((coverage(part, [source]), source) for passage in passages for source in read(passage)),
        key=lambda one: -one[0],
    )
    if not graded or graded[0][0] < REPAIRED:
        return None
    best = graded[0][1]
    rivals = [worth for worth, one in graded[1:2] if one.span.quote != best.span.quote]
    if rivals and rivals[0] > graded[0][0] - CLEAR_BY:
        return None
    return (best.span.quote, best.span) if not misnames(text, [best]) else None
