"""Guards: each compares one kind of fact in a claim with the evidence for it, and objects where they differ."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from service.chat.grounding.binding import Bound, Mark, bound, misbound
from service.chat.grounding.evidence import Source
from service.domain.answers import WithheldReason
from service.language.amounts import AGE, Amount, rate_at, rates
from service.language.dates import Day
from service.language.modality import Modality, is_done, modality
from service.language.polarity import denials, is_denial
from service.language.proper_names import has_names, names
from service.language.quotations import quoted, says
from service.language.sides import Side, side_at
from service.language.statements import Part, Statement, Unit
from service.language.subjects import (
    gender,
    is_mutual,
    is_person,
    leaders,
    mentions,
    owner,
    people,
    subject,
    subjects,
)
from service.language.terms import concept, kind, opposite

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
_ALREADY = re.compile(
    r"\balready\b|\b(?:has|have|had) begun\b|(?<![א-ת])כבר(?![א-ת])", re.IGNORECASE
)
_AGED = re.compile(r",?\s(?:is|was|aged|בן|בת|בגיל)?\s?", re.IGNORECASE)
_DEGREES = re.compile(r"\bdegrees?\b|°|מעלות", re.IGNORECASE)  # Of a range of motion.
_SINCE = re.compile(r"\bsince\b|\bfrom\b|(?<![א-ת])מאז", re.IGNORECASE)
_SAME = 1e-9
# What is better when there is more of it, and when there is less.
_MORE_IS_BETTER = (
    *(
        "range of motion",
        "flexion",
        "extension",
        "straight leg raise",
        "strength",
        "sleep",
        "appetite",
        "balance",
        "energy",
        "concentration",
    ),
    *("mood", "walk", "confidence", "motivation", "function"),
)
_LESS_IS_BETTER = (
    *(
        "pain",
        "anxiety",
        "depression",
        "phq-9",
        "gad-7",
        "swelling",
        "stress",
        "worry",
        "fear",
        "anger",
        "fatigue",
    ),
    *("symptom", "panic attack", "headache", "nightmare", "distress", "tension", "stiffness"),
    *("tug", "suds", "pcl"),
)


def objection(part: Part, evidence: Sequence[Source]) -> WithheldReason | None:
    """The first reason why the evidence does not bear out the facts of a claim."""
    return next((reason for guard, reason in _GUARDS if guard(part, evidence)), None) or _polarity(
        part, evidence
    )


def misquotes(text: str, texts: Sequence[str]) -> bool:
    """Whether it quotes what none of these texts says word for word."""
    return any(not any(says(source, quote) for source in texts) for quote in quoted(text))


def misnames(text: str, evidence: Sequence[Source]) -> bool:
    """Whether it names somebody or something that the passages do not; each passage's client may be named.

    Who is the client of one passage is not what another client's passage is about.
    """
    wanted = names(text)
    passages = {source.passage.id: source.passage for source in evidence}.values()
    if not wanted or not passages:
        return False
    if not has_names(wanted, [f"{one.client_name}\n{one.chunk.text}" for one in passages]):
        return True
    clients = [
        name for name in wanted if any(has_names([name], [one.client_name]) for one in passages)
    ]
    return any(not has_names(clients, [one.client_name, one.chunk.text]) for one in passages)


def amounts_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether an amount is not in the evidence, or only where something else is counted."""
    if any(
        not _is_counted(amount, part, evidence) for amount in part.amounts if not amount.is_aside
    ):
        return True
    return (
        _is_of_another_time(part, evidence)
        or _are_misplaced(part, evidence)
        or _runs_backwards(part, evidence)
        or _is_of_another_day(part, evidence)
    )


def days_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether a day is neither in the evidence nor the day of its session."""
    return any(one.is_sure and not _is_dated(one, part, evidence) for one in part.days)


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


def subjects_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether the evidence tells of somebody else: the mother's surgery is not the client's."""
    return (
        any(_is_anothers(part, source) for source in evidence)
        or _is_mentioned_more(part, evidence)
        or _is_led_by_another(part, evidence)
        or _is_named_elsewhere(part, evidence)
    )


def times_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether what is planned, possible or past is told as what is, or the other way round."""
    return any(_clash(part, source) or _is_done_already(part, source) for source in evidence)


def denials_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it denies something, and nothing is denied in the evidence or said there by its contrary."""
    said = [word.text for word in part.whole.words]
    clauses = {part.whole.clauses[at] for at in denials(said)} & set(part.clauses)
    return bool(clauses) and not any(
        source.turns or _is_contrary(part, clauses, source) for source in evidence
    )


def _is_contrary(part: Part, clauses: set[int], source: Source) -> bool:
    against = {opposite(one) for u in part.units if u.clause in clauses for one in u.concepts}
    return not source.meant.isdisjoint(one for one in against if one is not None)


def amounts_are_denied(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it denies an amount that the evidence only affirms: "was not 17"."""
    told = [(source.said, one) for source in evidence for one in source.said.amounts]
    for amount in part.amounts:
        same = [_is_turned(said, one) for said, one in told if amount.is_said_by(one)]
        if same and not any(same) and not amount.is_aside and _is_denied(part.whole, amount):
            return True
    return False


def _is_denied(said: Statement, amount: Amount) -> bool:
    """Whether a denial stands before an amount in its clause."""
    place = next(at for at, word in enumerate(said.words) if word.end > amount.start)
    before = (at for at in range(place) if is_denial(said.words[at].text))
    return any(said.clauses[at] == said.clauses[place] for at in before)


def _is_turned(said: Statement, amount: Amount) -> bool:
    """Whether anything of its clause is denied or not said for sure."""
    clause = said.clause_at(amount.start)
    turned = any(unit.polarity != 1 and unit.clause == clause for unit in said.units)
    return turned or _is_denied(said, amount)


Guard = Callable[[Part, Sequence[Source]], bool]
_GUARDS: tuple[tuple[Guard, WithheldReason], ...] = (
    (days_differ, "date_differs"),
    (amounts_differ, "number_differs"),
    (sides_differ, "side_differs"),
    (subjects_differ, "subject_differs"),
    (times_differ, "time_differs"),
    (denials_differ, "negation_differs"),
    (amounts_are_denied, "negation_differs"),
)


# Amounts and days.


def _is_counted(amount: Amount, part: Part, evidence: Sequence[Source]) -> bool:
    """Whether the evidence has an amount at all."""
    if any(amount.is_said_by(one) for source in evidence for one in source.said.amounts):
        return True
    return _is_a_day(amount, part, evidence) or _is_between(amount, evidence)


def _is_of_another_time(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it counts by the month what is only counted by the week."""
    claimed = rates(part.text)
    told = frozenset[str]().union(*(rates(source.said.text) for source in evidence))
    return bool(claimed and told) and claimed.isdisjoint(told)


def is_rated(unit: Unit, part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it is a stretch of time that the evidence counts in too, whatever it calls it: "a week", "weekly"."""
    if not any(kind(one) == "frequency" for one in unit.concepts):
        return False
    start, end = part.whole.words[unit.start].start, part.whole.words[unit.end - 1].end
    rate = rate_at(part.whole.text, start, end)
    return bool(rate) and any(rate in rates(source.said.text) for source in evidence)


_DOSES = frozenset(["mg", "mcg", "g", "ml", "iu"])


def is_dosed(unit: Unit, part: Part) -> bool:
    """Whether a dose stands right behind a word that no list has: it is a drug, whatever it is called."""
    end = part.whole.words[unit.end - 1].end
    behind = (one for one in part.amounts if 0 < one.start - end <= 2)
    return not unit.concepts and any(one.unit in _DOSES for one in behind)


def is_aged(unit: Unit, part: Part) -> bool:
    """Whether an age follows a word that no list has: it is whose age that is."""
    end = part.whole.words[unit.end - 1].end
    behind = (one for one in part.amounts if one.start - end > 0)
    return not unit.concepts and any(
        one.unit == AGE and _AGED.fullmatch(part.whole.text, end, one.start) for one in behind
    )


def _are_misplaced(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether an amount is counted of something else there: "A 0.5 mg and B 50 mg" is not the reverse."""
    stated = [one for one in part.amounts if not one.is_aside]
    claimed = bound(part.whole, list(map(_mark, stated)), clauses=part.clauses)
    told = [one for source in evidence for one in _counted_in(source)]
    return misbound(claimed, told, _is_same_amount)


def _counted_in(source: Source) -> list[Bound]:
    marks = [_mark(one) for one in source.said.amounts]
    return bound(source.said, marks, clauses=source.said.clauses)


def _mark(amount: Amount) -> Mark:
    return Mark(amount, amount.kind, amount.start, amount.end)


def _is_same_amount(claimed: Mark, told: Mark) -> bool:
    one, other = claimed.value, told.value
    return isinstance(one, Amount) and isinstance(other, Amount) and one.is_said_by(other)


_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31)}


def _is_between(amount: Amount, evidence: Sequence[Source]) -> bool:
    """Whether it is the time between the sessions: "within two weeks"."""
    sessions = sorted({source.passage.note.day for source in evidence if source.passage.note.day})
    if len(sessions) < 2 or amount.unit not in _DAYS or not amount.value.isdigit():
        return False
    least, most = (one * int(amount.value) for one in _DAYS[amount.unit])
    return least <= (sessions[-1] - sessions[0]).days <= most


def _is_a_day(amount: Amount, part: Part, evidence: Sequence[Source]) -> bool:
    """ "12.3" may be one."""
    return any(
        not day.is_sure and day.start == amount.start and _is_dated(day, part, evidence)
        for day in part.days
    )


def _is_dated(day: Day, part: Part, evidence: Sequence[Source]) -> bool:
    if any(day.is_said_by(one) for source in evidence for one in source.said.days):
        return True
    told = [
        one
        for source in evidence
        for one in source.said.days
        if one.is_sure and (one.weekday is None) == (day.weekday is None)
    ]
    if told and not any(
        own.is_said_by(one) or one.is_said_by(own) for one in told for own in part.whole.days
    ):
        return False
    sessions = (source.passage.note.day for source in evidence)
    return any(one is not None and day.is_on(one) for one in sessions)


def _runs_backwards(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether "from 8 to 5" is "from 5 to 8" in the evidence, or a course of more is in another order."""
    return _tells_course(part) and any(
        _is_backwards(*pair, evidence) for pair in pairwise(_course(part))
    )


def _tells_course(part: Part) -> bool:
    return bool(_FROM_TO.search(part.text) or _THEN.search(part.text))


def _course(part: Part) -> list[Amount]:
    """The amounts that follow one another: of the kind of which there are most, two at least."""
    begins = _FROM_TO.search(part.whole.text)
    least = begins.start() if begins else 0
    counted = [one for one in plain_amounts(part) if one.start >= least]
    if len(counted) < 2:
        return []
    most = Counter(one.kind for one in counted).most_common(1)[0][0]
    same = [one for one in counted if one.kind == most]
    return same if len(same) > 1 else counted if len(counted) == 2 else []


def _is_backwards(first: Amount, last: Amount, evidence: Sequence[Source]) -> bool:
    if first.value == last.value:
        return True  # no course goes from 5 to 5
    for source in evidence:
        before = [one.start for one in source.said.amounts if first.is_said_by(one)]
        after = [one.start for one in source.said.amounts if last.is_said_by(one)]
        if before and after and before[0] > after[0]:
            return not _BACK.search(source.said.text[after[0] : before[0]])
    return _is_later_first(first, last, evidence)


def plain_amounts(part: Part) -> list[Amount]:
    """In order, without what may be a day."""
    stated = (one for one in part.amounts if not one.is_aside)
    counted = (
        one for one in stated if not any(day.start <= one.start < day.end for day in part.days)
    )
    return sorted(counted, key=lambda one: one.start)


def _is_of_another_day(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether, of several amounts each with its day behind it, one is another day's: "9 on 14.4 and 13 on 28.4"."""
    counted = plain_amounts(part)
    pairs = []
    for at, amount in enumerate(counted):
        until = counted[at + 1].start if at + 1 < len(counted) else len(part.whole.text)
        pairs += [(amount, day) for day in part.days if amount.end <= day.start < until][:1]
    if len(pairs) < 2:
        return False
    return any(
        not any(
            amount.is_said_by(one) and _is_dated(day, part, [source])
            for source in evidence
            for one in source.said.amounts
        )
        for amount, day in pairs
    )


def _is_later_first(first: Amount, last: Amount, evidence: Sequence[Source]) -> bool:
    """Whether the first amount is a later session's."""

    def session(amount: Amount) -> list[str]:
        holding = [
            s
            for s in evidence
            if s.passage.note.day and any(amount.is_said_by(one) for one in s.said.amounts)
        ]
        return [
            source.passage.note.day.isoformat() for source in holding if source.passage.note.day
        ]

    before, after = session(first), session(last)
    return bool(before and after) and min(before) > max(after)


# Sides.


_SIDED = frozenset(["body", "symptom"])


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


def _side_marks(said: Statement) -> list[Mark]:
    return [
        Mark(one.side, "side", said.words[one.start].start, said.words[one.end - 1].end)
        for one in said.sides
    ]


def _is_same_side(claimed: Mark, told: Mark) -> bool:
    return claimed.value == told.value or (told.value == "both" and claimed.value != "both")


def _sided(part: Part) -> Iterator[tuple[Unit, Side]]:
    for unit in part.telling:
        side = side_at(unit.start, part.whole.sides)
        if (
            side
            and any(kind(one) in _SIDED for one in unit.concepts)
            and not _is_side(unit, part.whole)
        ):
            yield unit, side


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
        if 0 < fit >= best - _SAME
    ]
    return bool(told) and all(one and not one & (claimed | {"both"}) for one in told)


def _sides_of(said: Statement, clause: int) -> set[Side]:
    return {one.side for one in said.sides if said.clauses[one.start] == clause}


def _is_side(unit: Unit, said: Statement) -> bool:
    return any(one.start <= unit.start < one.end for one in said.sides)


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


# Subjects.


def _is_anothers(part: Part, source: Source) -> bool:
    named = people(part.whole.units)
    if any(not source.matching(unit) for unit in part.units if is_person(unit) and people([unit])):
        return False  # the person is unsaid here: that is for coverage to say
    return any(_is_clause_anothers(part, clause, source, named) for clause in part.clauses)


def _is_clause_anothers(part: Part, clause: int, source: Source, named: frozenset[int]) -> bool:
    own = [unit for unit in part.telling if unit.clause == clause and not is_person(unit)]
    matched = [(unit, one) for unit in own for one in source.matching(unit)]
    if not matched:
        return False
    best = max(source.fit(own, one.clause) for _, one in matched)
    told = [(unit, one) for unit, one in matched if source.fit(own, one.clause) >= best - _SAME]
    return all(_is_told_of_another(unit, one, part, source, named) for unit, one in told)


def _is_told_of_another(
    unit: Unit, one: Unit, part: Part, source: Source, named: frozenset[int]
) -> bool:
    of = owner(source.said, one)
    claimed = _claimed(part, unit)
    if of:
        return not (of & named)
    may_be = subjects(source.said, one.clause)
    genders = {gender(part.whole, unit.clause), gender(source.said, one.clause)} - {""}
    if not claimed and len(genders) == 2:
        return True
    if claimed:
        return not any(claimed & who for who in may_be) and not (
            is_mutual(one) and people(source.said.units) & claimed
        )
    if frozenset() in may_be:
        return False
    others = frozenset[int]().union(*may_be)
    return not others & named or not (is_mutual(one) or _has_both(part, source))


def _claimed(part: Part, unit: Unit) -> frozenset[int]:
    """Who the claim tells it of: the subject of its clause, else the last one before."""
    for clause in range(unit.clause, -1, -1):
        who = subject(part.whole, clause)
        if who is not None:
            return who
    return owner(part.whole, unit)


def _is_mentioned_more(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether who leads a clause is named more often than the evidence does: "her mother spoke of her mother"."""
    leading = [who for clause in part.clauses if (who := subject(part.whole, clause))]
    return any(
        mentions(part.units, who) > sum(mentions(source.said.units, who) for source in evidence) > 0
        for who in leading
    )


def _is_named_elsewhere(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether who leads the claim stands in one sentence of the evidence, and all that is told in another."""
    who = subject(part.whole, part.clauses[0])
    own = [unit for unit in part.telling if not is_person(unit)]
    told = [source for source in evidence if any(source.matching(unit) for unit in own)]
    if not who or not told:
        return False
    return not any(people(source.said.units) & who for source in told)


def _is_led_by_another(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether a clause begins with one name, and where the evidence says it with another: "Tom asked", "Ann asked"."""
    led = [source for source in evidence if source.leaders]
    named = leaders(part.whole) if led else {}
    return any(
        _has_other_leader(part, clause, name, source)
        for clause, name in named.items()
        if clause in part.clauses
        for source in led
    )


def _has_other_leader(part: Part, clause: int, name: str, source: Source) -> bool:
    said, passage = part.whole, source.passage
    if not has_names([name], [passage.client_name, passage.chunk.text]):
        return False  # nobody of that name is known here: that is for the names to say
    own = [one for one in said.of_clause(clause) if said.words[one.start].text != name]
    fits = {one: source.fit(own, one) for one in set(source.said.clauses)}
    best = max(fits.values(), default=0.0)
    told = {source.leaders.get(one, "") for one, fit in fits.items() if 0 < fit >= best - _SAME}
    return bool(told) and all(one and not has_names([name], [one]) for one in told)


def _has_both(part: Part, source: Source) -> bool:
    """Whether the claim's subject cannot be told: it names people and nobody leads."""
    return all(subject(part.whole, clause) is None for clause in part.clauses) and bool(
        people(part.units)
    )


# Time.


def _clash(part: Part, source: Source) -> bool:
    clauses = source.clauses_for(part)
    if not clauses:
        return False
    text = source.said.of_clauses(clauses)
    note, claim = _modality_of_note(text, source), _modality_of_claim(part)
    if note == claim:
        return False
    return (
        _CLASHES.get((claim, note), False)
        or ((claim, note) == ("past", "told") and not is_done(text))
        or (note == "instructed" and claim in {"told", "past"} and is_done(part.text))
    )


def _is_done_already(part: Part, source: Source) -> bool:
    """Whether it says that what is only to be done has happened, be there an "if" or not."""
    if not _ALREADY.search(part.text) or _ALREADY.search(source.said.text):
        return False
    text = source.said.of_clauses(source.clauses_for(part))
    return (
        bool(text) and not is_done(text) and _modality_of_note(text, source) not in {"told", "past"}
    )


def _modality_of_claim(part: Part) -> Modality:
    own, whole = modality(part.text), modality(part.whole.text)
    if own == "told" and is_done(part.text):
        return own
    return (
        whole
        if whole == "hypothetical" or (own == "told" and whole in {"planned", "advised"})
        else own
    )


def _modality_of_note(text: str, source: Source) -> str:
    own = modality(text)
    if own != "told":
        return own
    whole = modality(source.said.text)
    if whole == "hypothetical" and source.said.text.split()[0].casefold() in {"if", "אם"}:
        return whole
    if source.passage.chunk.field == "plan" and not is_done(text):
        return "instructed"
    is_ahead = source.said.days and not is_done(text) and not _SINCE.search(source.said.text)
    return "dated" if is_ahead else "told"


_CLASHES = {
    ("told", "hypothetical"): True,
    ("past", "hypothetical"): True,
    ("advised", "hypothetical"): True,
    ("planned", "hypothetical"): True,
    ("told", "planned"): True,
    ("past", "planned"): True,
    ("planned", "told"): True,
    ("planned", "past"): True,
    ("hypothetical", "told"): True,
    ("hypothetical", "past"): True,
    ("hypothetical", "planned"): True,
    ("hypothetical", "instructed"): True,
    ("told", "past"): True,
    ("hypothetical", "dated"): True,
    ("past", "dated"): True,
    ("advised", "past"): True,
    ("past", "advised"): True,
}


# Negation and direction.


def _polarity(part: Part, evidence: Sequence[Source]) -> WithheldReason | None:
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


@dataclass(frozen=True, slots=True)
class _Told:
    fit: float
    agrees: bool
    is_same: bool


def _is_denied_otherwise(unit: Unit, part: Part, evidence: Sequence[Source]) -> bool:
    if unit.polarity == 0 or _carries_pole(unit, part.whole):
        return False
    told = [
        _Told(
            source.fit(part.telling, one.clause),
            one.polarity in (0, unit.polarity)
            or _carries_pole(one, source.said)
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


_BESIDE = frozenset(
    ["person", "place", "body", "daytime", "colour", "general", "opposite", "frequency"]
)


def _all_differ(told: Sequence[_Told]) -> bool:
    """Whether none agrees of those that stand where the claim fits best; its own word tells more than its contrary."""
    best = max((one.fit for one in told), default=0.0)
    fitting = [one for one in told if one.fit >= best - _SAME]
    same = [one for one in fitting if one.is_same]
    return bool(told) and not any(one.agrees for one in same or fitting)


def _is_pole(unit: Unit) -> bool:
    return any(opposite(one) is not None for one in unit.concepts)


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


def _is_denied_how(unit: Unit, said: Statement) -> bool:
    """Whether it denies how something is: "not changed"; "not any more" does not."""
    is_any = unit.start > 0 and said.words[unit.start - 1].text == "any"
    return unit.polarity < 0 and bool(unit.concepts & _how_it_is()) and not is_any


def _how_it_is() -> frozenset[int]:
    return frozenset(one for term in _HOW_IT_IS for one in concept(term))


def _carries_pole(unit: Unit, said: Statement) -> bool:
    """Whether a denial beside it falls on how it is: "not sleeping well" denies "well"."""
    how = _how_it_is()
    return any(
        one.clause == unit.clause and one is not unit and one.concepts & how and one.polarity == -1
        for one in said.units
    )


def _pole_differs(unit: Unit, part: Part, evidence: Sequence[Source]) -> WithheldReason | None:
    if unit.concepts & (concept("before") | concept("after")) and _counts_next(unit, part.whole):
        return None
    if _is_course(unit) and _tells_course(part):
        agrees = _agrees_with_numbers(unit, part)
        if agrees is not None and unit.polarity < 0:
            return "negation_differs"
        if agrees is not None:
            return None if agrees else "direction_differs"
    poles = {one for one in unit.concepts if opposite(one) is not None}
    against = {opposite(one) for one in poles} - unit.concepts
    told = [
        _Told(
            source.fit(part.telling, one.clause),
            _agrees(unit, one, poles)
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
    if not told and _is_course(unit) and _agrees_with_numbers(unit, part) is False:
        return "direction_differs"
    return None


def _counts_next(unit: Unit, said: Statement) -> bool:
    """Whether it is "two weeks ago" in Hebrew, which is "before two weeks"."""
    end = said.words[unit.end - 1].end
    return any(0 <= one.start - end <= 2 for one in said.amounts)


def _agrees(unit: Unit, one: Unit, poles: set[int]) -> bool:
    if 0 in (unit.polarity, one.polarity):
        return True
    is_same = bool(one.concepts & unit.concepts)
    if not unit.weight:  # "before", "after": which thing they stand by is denied elsewhere
        return is_same
    return is_same == (one.polarity == unit.polarity)


def _is_course(unit: Unit) -> bool:
    return _any_of(
        unit.concepts,
        ("increased", "decreased", "improved", "worsened", "lengthen", "shorten"),
    )


def told_by_numbers(unit: Unit, part: Part) -> bool:
    """Whether a course says a direction: "fell" from 8 to 5, and pain that "improved" so."""
    return _is_course(unit) and _agrees_with_numbers(unit, part) is True


def _agrees_with_numbers(unit: Unit, part: Part) -> bool | None:
    """Whether a direction is that of a course; None where there is none, or nobody knows which is better."""
    rising = is_rising(part)
    if rising is None:
        return False if _turns_back(unit, part) else None
    if _any_of(unit.concepts, _UP + _DOWN):
        return _any_of(unit.concepts, _UP if rising else _DOWN)
    about = frozenset(one for other in part.telling for one in other.concepts)
    more = _any_of(about, _MORE_IS_BETTER) or bool(_DEGREES.search(part.text))
    less = _any_of(about, _LESS_IS_BETTER)
    if more == less:
        return None
    return bool(unit.concepts & concept("improved" if rising == more else "worsened"))


_UP, _DOWN = ("increased", "lengthen"), ("decreased", "shorten")


def _turns_back(unit: Unit, part: Part) -> bool:
    """Whether a course of which only one direction is told goes the other way too: "fell from 7 to 2 and then 4"."""
    values = [_number(one) for one in _course(part)]
    up, down = concept("increased"), concept("decreased")
    told = frozenset(one for other in part.units for one in other.concepts)
    if (
        None in values
        or len(values) < 3
        or not unit.concepts & (up | down)
        or (told & up and told & down)
    ):
        return False
    steps = {last > first for first, last in pairwise([one or 0.0 for one in values])}
    return steps != {bool(unit.concepts & up)}


def told_by_measure(unit: Unit, part: Part, evidence: Sequence[Source]) -> bool:
    """Whether the evidence says "down" of pain that "eased", or "improved" of strength that "increased"."""
    same = [
        term
        for term in ("improved", "worsened", "increased", "decreased")
        if unit.concepts & concept(term)
    ]
    about = frozenset(one for other in part.telling for one in other.concepts)
    more, less = _any_of(about, _MORE_IS_BETTER), _any_of(about, _LESS_IS_BETTER)
    if len(same) != 1 or more == less or unit.polarity != 1:
        return False
    wanted = concept((_LIKE_MORE if more else _LIKE_LESS)[same[0]])
    return any(
        one.concepts & wanted and one.polarity == 1 and _is_beside_measure(one, part, source)
        for source in evidence
        for one in source.said.units
    )


_LIKE_MORE = {
    "improved": "increased",
    "worsened": "decreased",
    "increased": "improved",
    "decreased": "worsened",
}
_LIKE_LESS = {
    "improved": "decreased",
    "worsened": "increased",
    "increased": "worsened",
    "decreased": "improved",
}


def _is_beside_measure(one: Unit, part: Part, source: Source) -> bool:
    """Whether the clause it stands in has what the claim tells of."""
    return any(
        other.clause == one.clause and other is not one
        for unit in part.telling
        for other in source.matching(unit)
        if unit.weight == 1
    )


def _any_of(about: frozenset[int], terms: Sequence[str]) -> bool:
    return any(about & concept(term) for term in terms)


def is_rising(part: Part) -> bool | None:
    """Whether each amount of a course is greater than the one before it, or each less; else None."""
    values = [_number(one) for one in _course(part)]
    known = [one for one in values if one is not None]
    steps = {(last > first) - (last < first) for first, last in pairwise(known)}
    return steps == {1} if len(known) == len(values) and steps in ({1}, {-1}) else None


def _number(amount: Amount) -> float | None:
    figure = amount.value.partition("/")[0]
    return float(figure) if figure.replace(".", "", 1).isdigit() else None
