"""Whether passages support a sentence, and with which words. Deterministic; unsure means no."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from service.chat.grounding.evidence import Read, Source, coverage, likeness, read, unsaid
from service.chat.grounding.guards import objection
from service.chat.grounding.guards.amounts import is_aged, is_dosed, is_rated
from service.chat.grounding.guards.directions import told_by_measure, told_by_numbers
from service.chat.grounding.guards.names import misnames, misquotes
from service.domain.answers import Passage, Span, WithheldReason
from service.language.amounts import Amount
from service.language.causes import reason_at
from service.language.modality import modality
from service.language.polarity import is_denial
from service.language.sentences import around
from service.language.statements import Part, Statement, Unit
from service.language.subjects import is_person
from service.language.terms import kind
from service.language.text import tokens

# Of a claim's words, by what they weigh, that its evidence must say. Fitted on tests/data/grounding_dev.jsonl.
STATED, LIKELY = 0.6, 0.3
MOST_UNKNOWN = 0  # Words that no list has and the note does not say: one passed twice the mutants, for 4 % of truth.
NEAR_BEST = (
    0.15  # Sentences that cover this much less than the best one may be meant instead of it.
)
MOST_TRIED = 6
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


@dataclass(frozen=True, slots=True)
class _Finding:
    """What was found for a part of a claim."""

    evidence: tuple[Source, ...] = ()
    reason: WithheldReason | None = None
    is_likely: bool = False


def support(text: str, passages: Sequence[Passage], *, read: Read = read) -> Support:
    """The spans that support a sentence, or the reason why none do.

    Each of its parts is borne out by a sentence of a note whose facts are the same, or by neighbouring ones; what it
    quotes and whom it names stands in the notes cited. `read` may remember a passage for one answer.
    """
    if quotes := tuple(span for one in passages if (span := _verbatim(text, one))):
        return Support("verbatim", quotes)
    if not passages or not 0 < len(tokens(text)) <= MOST_WORDS:
        return Support("none", reason="unsupported")
    if any(_places(text, passage.chunk.text) for passage in passages):
        return Support("none", reason="negation_differs")  # cut out of a sentence that turns it
    said = Statement.of(text)
    if misquotes(text, [passage.chunk.text for passage in passages]):
        return Support("none", reason="quote_differs")
    found = _found(said, [source for passage in passages for source in read(passage)])
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


# The note's own words.


def _verbatim(text: str, passage: Passage) -> Span | None:
    """Where the note says exactly this: whole words and numbers, and no 'not' or 'if' left outside the quote."""
    source, chunk = passage.chunk.text, passage.chunk
    if not text:
        return None
    for start, end in _places(text, source):
        first, last = around(source, start, end)
        said = source[first:last]
        if _denials(text) == _denials(said) and modality(text) == modality(said):
            return Span(passage.id, chunk.start + start, chunk.start + end, text)
    return None


def _places(text: str, source: str) -> list[tuple[int, int]]:
    """Where these words stand, neither beginning nor ending inside a word or a number: "5 mg" is not in "2.5 mg"."""
    if text not in source:  # told a thousand times as fast as a pattern is made of it
        return []
    before = r"(?<!\w)(?<!\d[.,:/–-])" if text[:1].isalnum() else ""
    after = r"(?!\w)(?![.,:/–-]\d)" if text[-1:].isalnum() else ""
    return [match.span() for match in re.finditer(before + re.escape(text) + after, source)]


def _denials(text: str) -> int:
    return sum(map(is_denial, tokens(text)))


# Its own words.


def _found(said: Statement, held: Sequence[Source]) -> list[_Finding]:
    """What bears out a claim as one, else part by part, else clause by clause."""
    whole = said.part(sorted(set(said.clauses)))
    first = _evidence(whole, held)
    if not first.reason and not first.is_likely:
        return _from_more(first, whole, held)
    best = [first]
    for parts in (_grouped(whole, 2), _grouped(whole, 1)):
        if len(parts) < 2:
            continue
        found = [_evidence(part, held) for part in parts]
        if not any(one.reason for one in found):
            return found
        if best == [first]:
            best = found
    specific = first.reason not in (None, "unsupported") or not first.reason
    return [first] if specific else best


def _from_more(first: _Finding, whole: Part, held: Sequence[Source]) -> list[_Finding]:
    """With what bears out each of its parts, where more passages are cited than bear it out as one."""
    if len({one.passage.id for one in held}) == len({one.passage.id for one in first.evidence}):
        return [first]
    parts = _grouped(whole, 2)
    found = [_evidence(part, held) for part in parts] if len(parts) > 1 else []
    return [first] if any(one.reason or one.is_likely for one in found) else [first, *found]


def _grouped(whole: Part, least: int) -> list[Part]:
    """Its clauses, each joined to the one before it until it says so many things of which one is known well.

    A clause with nothing of its own belongs to the one before it: "extensions (10 reps every 2 hours)".
    """
    groups: list[list[int]] = []
    for clause in whole.clauses:
        own = whole.whole.part([clause])
        if not groups and _is_heading(own):
            continue
        if groups and not (_is_enough(whole.whole.part(groups[-1]), least) and own.telling):
            groups[-1].append(clause)
        else:
            groups.append([clause])
    if len(groups) > 1 and not _is_enough(whole.whole.part(groups[-1]), least):
        last = groups.pop()
        groups[-1] += last
    return [whole.whole.part(group) for group in groups]


_HEADING = re.compile(
    r"(?:the\s)?(?:next\s)?(?:steps?|plans?|tasks?|goals?|homework|follow-up)(?:\s(?:is|was|are|were|includes?))?"
    r"|ה?(?:המשך|תוכנית|תכנית|צעדים הבאים|מטלות|מטרות|סוכם|סיכום)",
    re.IGNORECASE,
)


def _is_heading(part: Part) -> bool:
    """Whether it only says that a list of what is to be done comes: "Next steps:"."""
    end = part.whole.text.find(part.text) + len(part.text)
    return part.whole.text[end : end + 1] == ":" and bool(_HEADING.fullmatch(part.text))


def _is_enough(part: Part, least: int) -> bool:
    counts = bool(part.telling) and bool(part.amounts)
    return part.substance >= least + (0 if part.is_full else 1) and (part.is_full or counts)


def _evidence(part: Part, held: Sequence[Source]) -> _Finding:
    """The sentences that bear out a part: one of each passage that has one."""
    graded = sorted(((likeness(part, one), one) for one in held), key=lambda one: -one[0])
    best = graded[0][0] if graded else 0.0
    if not part.telling or best <= 0 or _most_covered(part, graded) < LIKELY:
        return _Finding(reason="unsupported")
    near = [one for worth, one in graded if worth > 0 and worth >= best - NEAR_BEST][:MOST_TRIED]
    tried = [_in_its_session(part, *_judged(part, one, held), held) for one in near]
    for wanted in ("stated", "likely"):
        bearing = [evidence for how, evidence in tried if how == wanted]
        if bearing:
            return _Finding(_of_each_passage(bearing), is_likely=wanted == "likely")
    return _Finding(reason=tried[0][0])  # type: ignore[arg-type]


_AT_FIRST = re.compile(
    r"\b(?:at first|initially|originally|at baseline)\b|(?<![א-ת])[בש]?(?:התחלה|תחילה)(?![א-ת])",
    re.IGNORECASE,
)


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
    alone = _verdict(part, (source,))
    if alone == "stated":
        return alone, _with_the_rest(part, source, held)
    for more in _completing(part, source, held):
        found = _verdict(part, (source, *more))
        if found == "stated":
            return found, (source, *more)
        if alone == "number_differs" and found not in {"likely", "unsupported"}:
            alone = found  # what still speaks against it where all its numbers stand
    return alone, (source,)


def _with_the_rest(part: Part, source: Source, held: Sequence[Source]) -> tuple[Source, ...]:
    """With the sentence of another passage that says, of the same things, what this one leaves unsaid."""
    for other in _telling_the_rest(part, source, held):
        if _verdict(part, (source, other)) == "stated":
            return source, other
    return (source,)


def _telling_the_rest(part: Part, source: Source, held: Sequence[Source]) -> Iterator[Source]:
    left = _left(part, (source,))
    for other in held if left else ():
        if other.passage is source.passage or not any(other.matching(unit) for unit in left):
            continue
        if any(other.matching(unit) for unit in part.telling if source.matching(unit)):
            yield other


def _verdict(part: Part, evidence: Sequence[Source]) -> str:
    if reason := objection(part, evidence):
        return reason
    left = _left(part, evidence)
    total = sum(unit.weight for unit in part.telling)
    worth = 1 - sum(unit.weight for unit in left) / total if total else 0.0
    if reason := _missing(left):
        return reason
    if _is_reason(part, left):
        return "unsupported"
    if any(is_dosed(unit, part) or is_aged(unit, part) for unit in left):
        return "name_differs"
    unknown = sum(not unit.concepts for unit in left)
    is_known = not any(unit.weight == 1 or _is_whereto(unit, part) for unit in left)
    is_known = is_known and unknown <= MOST_UNKNOWN
    if not _tells(part, left):
        return "unsupported"
    if worth >= STATED and is_known:
        return "stated"
    return "likely" if worth >= STATED or len(left) == 1 else "unsupported"


def _is_reason(part: Part, left: Sequence[Unit]) -> bool:
    """Whether one of these is what a claim gives as a reason: that is never a word which may be added."""
    said, begins = part.whole, reason_at(part.whole.text)
    return begins is not None and any(
        said.words[unit.start].start >= begins for unit in left if unit.weight > _LITTLE
    )


_LITTLE = 0.5  # Beside a word that no list has, 0.7: what says little by itself weighs less.


def _is_whereto(unit: Unit, part: Part) -> bool:
    """Whether a word that no list has stands behind "in", "to" or "from", written into it: it may be any place."""
    word = part.whole.words[unit.start].text
    return not unit.concepts and word[0] in "בלמ" and len(word) > _LEAST_PLACE


_LEAST_PLACE = 3


def _left(part: Part, evidence: Sequence[Source]) -> list[Unit]:
    """What no word of the evidence says, and no amount of it either."""
    return [
        unit
        for unit in unsaid(part, evidence)
        if not told_by_numbers(unit, part)
        and not told_by_measure(unit, part, evidence)
        and not is_rated(unit, part, evidence)
        and not _is_counted(unit, part)
    ]


def _is_counted(unit: Unit, part: Part) -> bool:
    """Whether it is part of an amount, which a guard has found: "every other day"."""
    start, end = part.whole.words[unit.start].start, part.whole.words[unit.end - 1].end
    return any(one.start <= start and end <= one.end for one in part.amounts if not one.is_aside)


def _tells(part: Part, left: Sequence[Unit]) -> bool:
    """Whether the evidence says more than whom it is about, where the claim does."""
    telling = [unit for unit in part.telling if not is_person(unit)]
    if telling and all(unit in left for unit in telling):
        return False
    alone = {unit.clause for unit in left} - {
        unit.clause for unit in part.telling if unit not in left
    }
    return not any(_is_all_of_clause(clause, part) for clause in alone)


_LEADS_UP = re.compile(r":|,?\s*[\"“”„״]")


def _is_all_of_clause(clause: int, part: Part) -> bool:
    """Whether its words are all that a clause tells: "and then vanished"; a list or a quote may still follow."""
    own = part.whole.part([clause])
    end = part.whole.text.find(own.text) + len(own.text)
    leads_up = _LEADS_UP.match(part.whole.text, end)
    return not (own.amounts or own.days or leads_up)


_HARD_KINDS: dict[str, WithheldReason] = {
    "drug": "name_differs",
    "person": "subject_differs",
    "body": "unsupported",
    "daytime": "unsupported",
    "colour": "unsupported",
    "feeling": "unsupported",
    "frequency": "number_differs",
    "direction": "direction_differs",
    "severity": "unsupported",
}


def _missing(left: Sequence[Unit]) -> WithheldReason | None:
    """Why something that every wording would say may not be left unsaid by the note."""
    for unit in left:
        if unit.weight < 1:
            continue
        kinds = [kind(one) for one in unit.concepts]
        if kinds and all(one in _HARD_KINDS for one in kinds):
            return _HARD_KINDS[kinds[0]]
    return None


def _completing(part: Part, source: Source, held: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    """What may stand beside a sentence: a neighbour that the claim says whole, or another place of the same subject
    with an amount or a day that is missing.
    """
    at = held.index(source)
    near = [
        one
        for one in held[max(0, at - 1) : at + 2]
        if one is not source and one.passage is source.passage
    ]
    yield from ((one,) for one in near if _is_used_up(part, one) or _adds_clause(part, source, one))
    yield from ((one,) for one in _telling_the_rest(part, source, held))
    if len(part.amounts) + len(part.days) > 1:
        adding = [one for one in held if one is not source and _adds_fact(part, source, one)]
        yield from ((one,) for one in adding)
        yield from _series(part, source, adding)


def _series(part: Part, source: Source, adding: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    """One place for each amount that is missing: "from 17 to 12 and then to 6" is told by three sessions."""
    found: list[Source] = []
    for amount in _missing_amounts(part, source):
        if not any(_states(one, amount) for one in found):
            holding = [one for one in adding if _states(one, amount)]
            found += [max(holding, key=lambda one: likeness(part, one))] if holding else []
    if len(found) > 1:
        yield tuple(found)


def _missing_amounts(part: Part, source: Source) -> list[Amount]:
    return [one for one in part.amounts if not one.is_aside and not _states(source, one)]


def _states(source: Source, amount: Amount) -> bool:
    return any(amount.is_said_by(own) for own in source.said.amounts)


def _is_used_up(part: Part, source: Source) -> bool:
    units = source.said.telling
    return bool(units) and all(any(own.is_said_by(unit) for own in part.telling) for unit in units)


def _adds_clause(part: Part, source: Source, other: Source) -> bool:
    """Whether a clause of it, all of which the claim says, has an amount that is missing: "lasted ten minutes"."""
    return any(
        one.is_said_by(own) and other.fit(part.telling, other.said.clause_at(own.start)) == 1
        for one in part.amounts
        if not any(one.is_said_by(held) for held in source.said.amounts)
        for own in other.said.amounts
    )


def _adds_fact(part: Part, source: Source, other: Source) -> bool:
    has = any(_states(other, one) for one in _missing_amounts(part, source))
    shared = any(other.matching(unit) for unit in part.telling if source.matching(unit))
    return has and shared
