"""Days: a day is told in the evidence, or it is that of the session."""

from collections.abc import Sequence

from service.chat.grounding.evidence import Source
from service.language.dates import Day
from service.language.statements import Part


def days_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether a day is neither in the evidence nor the day of its session."""
    return any(one.is_sure and not is_dated(one, part, evidence) for one in part.days)


def is_dated(day: Day, part: Part, evidence: Sequence[Source]) -> bool:
    """Whether a day is told in the evidence, or is its session's where no other day is told."""
    if any(day.is_said_by(one) for source in evidence for one in source.said.days):
        return True
    told = [
        one
        for source in evidence
        for one in _days_there(part, source)
        if one.is_sure and (one.weekday is None) == (day.weekday is None)
    ]
    if told and not any(
        own.is_said_by(one) or one.is_said_by(own) for one in told for own in part.whole.days
    ):
        return False
    sessions = (source.passage.note.day for source in evidence)
    return any(one is not None and day.is_on(one) for one in sessions)


def _days_there(part: Part, source: Source) -> list[Day]:
    """Those in the clauses that say something of the claim, or nothing but a day: another clause may be of another
    time."""
    clauses, telling = source.clauses_for(part), {unit.clause for unit in source.said.telling}
    return [
        one
        for one in source.said.days
        if (at := source.said.clause_at(one.start)) in clauses or at not in telling
    ]
