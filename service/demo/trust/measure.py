"""Runs statements through the gate, and holds each verdict against what is known of the statement."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from service.chat.citing import AnswerText
from service.commands.progress import Tick
from service.demo.trust import gate
from service.demo.trust.material import Shelf, Statement
from service.demo.trust.mutate import Mutant
from service.domain.answers import Passage, Span, Verdict

Fate = Literal["admitted", "repaired", "withheld"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a statement; `kind` is None where it is true."""

    statement: Statement
    kind: str | None
    fate: Fate
    reason: str | None
    """Why it was withheld or repaired."""
    faults: tuple[str, ...]
    """What is wrong with the verdict itself, whatever the statement."""
    whole: bool
    """Whether every passage that it leans on is quoted for it."""
    seconds: float


async def tried(
    statements: Sequence[Statement],
    mutants: Sequence[Mutant],
    shelf: Shelf,
    tick: Tick,
    *,
    confirmed: bool = False,
) -> list[Outcome]:
    """The outcomes, the true ones first."""
    cases = [(one, None) for one in statements]
    outcomes = list[Outcome]()
    for statement, kind in [*cases, *((one.statement, one.kind) for one in mutants)]:
        outcomes.append(await _try(statement, kind, shelf, confirmed))
        tick(len(outcomes))
    return outcomes


async def _try(statement: Statement, kind: str | None, shelf: Shelf, confirmed: bool) -> Outcome:
    """The gate sees further passages, as in an answer, and must keep to those that the sentence cites."""
    passages = shelf.before(statement)
    began = perf_counter()
    verdict = await gate.judge(statement.claim, passages, confirmed=confirmed)
    seconds = perf_counter() - began
    quoted = {span.passage_id for span in verdict.spans}
    return Outcome(
        statement,
        kind,
        fate=_fate(verdict, statement),
        reason=verdict.withheld or verdict.repaired,
        faults=tuple(dict.fromkeys(_faults(verdict, statement, passages))),
        whole=quoted >= {passage.id for passage in statement.cited},
        seconds=seconds,
    )


def _fate(verdict: Verdict, statement: Statement) -> Fate:
    """A repair that is not the note's own words is none: what the model wrote was shown."""
    if not verdict.admitted:
        return "withheld"
    if verdict.repaired and _is_own_words(verdict, statement):
        return "repaired"
    return "admitted"


def _is_own_words(verdict: Verdict, statement: Statement) -> bool:
    """Whether nothing but quotes of the passages that the sentence cites, and marks between them, is left of it."""
    rest = verdict.claim.text
    for quote in sorted((span.quote for span in verdict.spans), key=len, reverse=True):
        rest = rest.replace(quote, "")
    noted = [passage.chunk.text for passage in statement.cited]
    quotes_are_noted = all(any(span.quote in text for text in noted) for span in verdict.spans)
    return quotes_are_noted and not re.search(r"\w", rest)


def _faults(verdict: Verdict, statement: Statement, passages: Sequence[Passage]) -> Iterator[str]:
    if verdict.admitted != bool(verdict.spans):
        yield "admitted without a quote, or withheld with one"
    if verdict.repaired and not _is_own_words(verdict, statement):
        yield "a repair that is not the note's own words"
    if verdict.admitted and not verdict.repaired and verdict.claim != statement.claim:
        yield "a sentence that was changed and not flagged"
    cited = {passage.id: passage for passage in statement.cited}
    if any(span.passage_id not in cited for span in verdict.spans):
        yield "a quote of a passage that is not cited"
    known = [(span, cited[span.passage_id]) for span in verdict.spans if span.passage_id in cited]
    if not all(_is_exact(span, passage) for span, passage in known):
        yield "a quote that is not field[start:end]"
    if known and verdict.admitted:
        yield from _faults_of_answer(verdict, passages)


def _is_exact(span: Span, passage: Passage) -> bool:
    chunk, field = passage.chunk, passage.note.fields[passage.chunk.field]
    inside = chunk.start <= span.start < span.end <= chunk.end
    return inside and field[span.start : span.end] == span.quote


def _faults_of_answer(verdict: Verdict, passages: Sequence[Passage]) -> Iterator[str]:
    """In an answer's text, after a line that moves everything on: emoji and both directions of writing."""
    answer = AnswerText(passages)
    answer.add_heading("🙂 נמצאו 2 sessions")
    answer.add(verdict)
    by_ref = {passage.note.ref: passage.note for passage in passages}
    for citation in answer.citations:
        if answer.text[citation.answer_start : citation.answer_end] != verdict.claim.text:
            yield "a stretch of the answer that is not the sentence"
        if by_ref[citation.note].fields[citation.field][citation.start : citation.end] != (
            citation.quote
        ):
            yield "a citation that is not field[start:end]"


def quantile(seconds: Iterable[float], share: float) -> float:
    """Milliseconds that so many stay within."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0
