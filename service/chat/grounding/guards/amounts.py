"""Amounts: each is told in the evidence, and counted there of the same thing at the same time."""

import re
from collections.abc import Sequence

from service.chat.grounding.binding import Bound, Mark, bound, misbound
from service.chat.grounding.evidence import Source
from service.chat.grounding.guards.courses import plain_amounts, runs_backwards
from service.chat.grounding.guards.days import is_dated
from service.language.amounts import AGE, Amount
from service.language.dates import Day
from service.language.rates import rate_at, rates
from service.language.statements import Part, Unit
from service.language.terms import kind
from service.language.units import DOSES

_AGED = re.compile(r",?\s(?:is|was|aged|בן|בת|בגיל)?\s?", re.IGNORECASE)
_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31)}


def amounts_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether an amount is not in the evidence, or only where something else is counted."""
    if any(
        not _is_counted(amount, part, evidence) for amount in part.amounts if not amount.is_aside
    ):
        return True
    return (
        _is_of_another_time(part, evidence)
        or _are_misplaced(part, evidence)
        or runs_backwards(part, evidence)
        or _is_of_another_day(part, evidence)
    )


def is_rated(unit: Unit, part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it is a stretch of time that the evidence counts in too, whatever it calls it: "a week", "weekly"."""
    if not any(kind(one) == "frequency" for one in unit.concepts):
        return False
    start, end = part.whole.words[unit.start].start, part.whole.words[unit.end - 1].end
    rate = rate_at(part.whole.text, start, end)
    return bool(rate) and any(rate in rates(source.said.text) for source in evidence)


def is_dosed(unit: Unit, part: Part) -> bool:
    """Whether a dose stands right behind a word that no list has: it is a drug, whatever it is called."""
    end = part.whole.words[unit.end - 1].end
    behind = (one for one in part.amounts if 0 < one.start - end <= 2)
    return not unit.concepts and any(one.unit in DOSES for one in behind)


def is_aged(unit: Unit, part: Part) -> bool:
    """Whether an age follows a word that no list has: it is whose age that is."""
    end = part.whole.words[unit.end - 1].end
    behind = (one for one in part.amounts if one.start - end > 0)
    return not unit.concepts and any(
        one.unit == AGE and _AGED.fullmatch(part.whole.text, end, one.start) for one in behind
    )


def _is_counted(amount: Amount, part: Part, evidence: Sequence[Source]) -> bool:
    """Whether the evidence has an amount at all."""
    if any(amount.is_said_by(one) for source in evidence for one in source.said.amounts):
        return True
    return _is_a_day(amount, part, evidence) or _is_between(amount, evidence)


def _is_a_day(amount: Amount, part: Part, evidence: Sequence[Source]) -> bool:
    """ "12.3" may be one."""
    return any(
        not day.is_sure and day.start == amount.start and is_dated(day, part, evidence)
        for day in part.days
    )


def _is_between(amount: Amount, evidence: Sequence[Source]) -> bool:
    """Whether it is the time between the sessions: "within two weeks"."""
    sessions = sorted({source.passage.note.day for source in evidence if source.passage.note.day})
    if len(sessions) < 2 or amount.unit not in _DAYS or not amount.value.isdigit():
        return False
    least, most = (one * int(amount.value) for one in _DAYS[amount.unit])
    return least <= (sessions[-1] - sessions[0]).days <= most


def _is_of_another_time(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it counts by the month what is only counted by the week."""
    claimed = rates(part.text)
    told = frozenset[str]().union(*(rates(source.said.text) for source in evidence))
    return bool(claimed and told) and claimed.isdisjoint(told)


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


def _with_their_days(part: Part) -> list[tuple[Amount, Day]]:
    """Each amount with the day behind it, or before it where the first day stands before the first amount."""
    counted, days = plain_amounts(part), sorted(part.days, key=lambda one: one.start)
    if not counted or not days:
        return []
    if days[0].start < counted[0].start:
        starts = [0, *(one.end for one in counted)]
        return [
            (amount, before[-1])
            for amount, start in zip(counted, starts, strict=False)
            if (before := [day for day in days if start <= day.start < amount.start])
        ]
    ends = [*(one.start for one in counted[1:]), len(part.whole.text)]
    return [
        (amount, behind[0])
        for amount, end in zip(counted, ends, strict=True)
        if (behind := [day for day in days if amount.end <= day.start < end])
    ]


def _is_of_another_day(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether, of several amounts each with its day, one is another day's: "9 on 14.4 and 13 on 28.4"."""
    pairs = _with_their_days(part)
    if len(pairs) < 2:
        return False
    return any(
        not any(
            amount.is_said_by(one) and is_dated(day, part, [source])
            for source in evidence
            for one in source.said.amounts
        )
        for amount, day in pairs
    )
