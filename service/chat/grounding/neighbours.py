"""What may stand beside a sentence as evidence for the same claim."""

from collections.abc import Iterator, Sequence

from service.chat.grounding.evidence import Source, likeness
from service.chat.grounding.guards.poles import polarity
from service.chat.grounding.verdict import left_unsaid
from service.language.amounts import Amount
from service.language.dates import Day
from service.language.statements import Part


def completing(part: Part, source: Source, held: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
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
    yield from ((one,) for one in telling_the_rest(part, source, held))
    if len(part.amounts) + len(part.days) > 1:
        adding = [one for one in held if one is not source and _adds_fact(part, source, one)]
        yield from ((one,) for one in adding)
        yield from _series(part, source, adding)
    yield from _of_their_days(part, source, held)


def telling_the_rest(part: Part, source: Source, held: Sequence[Source]) -> Iterator[Source]:
    """Sentences of other passages that say, of the same things, what this one leaves unsaid."""
    left = left_unsaid(part, (source,))
    for other in held:
        if other.passage is source.passage or not any(other.matching(unit) for unit in left):
            continue
        if _shares_subject(part, source, other):
            yield other


def _series(part: Part, source: Source, adding: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    """One place for each amount that is missing: "from 17 to 12 and then to 6" is told by three sessions."""
    found: list[Source] = []
    for amount in _missing_amounts(part, source):
        if not any(_states(one, amount) for one in found):
            holding = [one for one in adding if _states(one, amount)]
            found += [max(holding, key=lambda one: likeness(part, one))] if holding else []
    if len(found) > 1:
        yield tuple(found)


def _of_their_days(
    part: Part, source: Source, held: Sequence[Source]
) -> Iterator[tuple[Source, ...]]:
    """A sentence of each other session whose day a claim names: "limped in May, and walked well in June".

    Of none that says the contrary: what is true of one day only is not true of both.
    """
    own = source.passage.note.day
    others = [day for day in part.days if day.is_sure and not (own and day.is_on(own))]
    if not others or polarity(part, (source,)):
        return
    missing = _missing_amounts(part, source)
    alike = [one for one in held if _shares_subject(part, source, one)]
    found = [_best_of(day, part, alike, missing) for day in others]
    if all(found):
        yield tuple(dict.fromkeys(ways[0] for ways in found))
        yield tuple(dict.fromkeys(one for ways in found for one in ways))


def _best_of(
    day: Day, part: Part, alike: Sequence[Source], missing: Sequence[Amount]
) -> tuple[Source, ...]:
    """Of a session's day: the likest sentence with an amount that is missing, and the likest of all."""
    there = [one for one in alike if (at := one.passage.note.day) and day.is_on(at)]
    telling = sorted(
        (one for one in there if not polarity(part, (one,))), key=lambda one: -likeness(part, one)
    )
    counting = [one for one in telling if any(_states(one, amount) for amount in missing)]
    return tuple(dict.fromkeys([*counting[:1], *telling[:1]]))


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
    return has and _shares_subject(part, source, other)


def _shares_subject(part: Part, source: Source, other: Source) -> bool:
    return any(other.matching(unit) for unit in part.telling if source.matching(unit))
