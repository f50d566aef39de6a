"""Subjects: who it is that something is told of."""

from collections.abc import Sequence

from service.chat.grounding.evidence import SAME, Source
from service.language.proper_names import has_names
from service.language.statements import Part, Unit
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


def subjects_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether the evidence tells of somebody else: the mother's surgery is not the client's."""
    return (
        any(_is_anothers(part, source) for source in evidence)
        or _is_mentioned_more(part, evidence)
        or _is_led_by_another(part, evidence)
        or _is_named_elsewhere(part, evidence)
    )


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
    told = [(unit, one) for unit, one in matched if source.fit(own, one.clause) >= best - SAME]
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
    return not others & named or not (is_mutual(one) or _has_nobody_lead(part))


def _claimed(part: Part, unit: Unit) -> frozenset[int]:
    """Who the claim tells it of: the subject of its clause, else the last one before."""
    for clause in range(unit.clause, -1, -1):
        who = subject(part.whole, clause)
        if who is not None:
            return who
    return owner(part.whole, unit)


def _has_nobody_lead(part: Part) -> bool:
    """Whether the claim's subject cannot be told: it names people and nobody leads."""
    return all(subject(part.whole, clause) is None for clause in part.clauses) and bool(
        people(part.units)
    )


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
    told = {source.leaders.get(one, "") for one, fit in fits.items() if 0 < fit >= best - SAME}
    return bool(told) and all(one and not has_names([name], [one]) for one in told)
