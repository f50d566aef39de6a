"""What amounts and sides stand with: "7/10 on the stairs and 2/10 at rest" is not the reverse."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from service.chat.grounding.evidence import SAME
from service.language.amounts import Amount
from service.language.number_words import is_number_word
from service.language.sides import Side
from service.language.statements import Statement, Unit
from service.language.text import normal_forms
from service.language.units import unit_of

_ACROSS = 0.5  # What a word counts that stands before here and behind there, beside 1: wording moves, values stay.
_AND = "ו-"  # Before a number it ends no clause, as "and" does; what stands before it is of the value before.
_GOING_ON = normal_forms("when because since as who that כאשר")


@dataclass(frozen=True, slots=True)
class Mark:
    """A value in a text, as its place `text[start:end]`, and what makes values comparable: their kind."""

    value: Amount | Side
    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Bound:
    """A value with the units around it, up to the next value of its kind or the end of its stretch of clauses."""

    mark: Mark
    said: Statement
    stretch: int
    before: tuple[Unit, ...]
    after: tuple[Unit, ...]

    def fit(self, other: "Bound") -> float:
        """The share (0..1) of what stands with the other one, a note's, that stands with this one too."""
        total = len(other.before) + len(other.after)
        if not total:
            return 0.0
        said = sum(_worth(unit, self.before, self.after) for unit in other.before)
        said += sum(_worth(unit, self.after, self.before) for unit in other.after)
        return said / total


def bound(said: Statement, marks: Sequence[Mark], *, clauses: Sequence[int]) -> list[Bound]:
    """The values in these clauses of a statement, each with what stands around it.

    Values of a kind with nothing between them are of one thing: "from 8 to 5" is all said of the pain before it.
    """
    found: list[Bound] = []
    stretches = _stretches(said)
    telling = [unit for unit in said.telling if not _is_counting(said, unit)]
    for mark in sorted(marks, key=lambda one: one.start):
        if said.clause_at(mark.start) not in clauses:
            continue
        stretch = stretches[said.clause_at(mark.start)]
        units = (unit for unit in telling if stretches[unit.clause] == stretch)
        near = [(unit, said.words[unit.start].start) for unit in units]
        kind = [one for one in marks if one.kind == mark.kind]
        least = max((one.end for one in kind if one.end <= mark.start), default=0)
        most = min((one.start for one in kind if one.start >= mark.end), default=len(said.text))
        if least and said.text.endswith(_AND, 0, mark.start):
            least = mark.start
        before = tuple(unit for unit, at in near if least <= at < mark.start)
        after = tuple(unit for unit, at in near if mark.end <= at < most)
        found.append(Bound(mark, said, stretch, before, after))
    return [_with_its_row(one, found) for one in found]


def _stretches(said: Statement) -> dict[int, int]:
    """For each clause the first one that it goes on with: "6/10 when driving" is one stretch."""
    found: dict[int, int] = {}
    for word, clause in zip(said.words, said.clauses, strict=True):
        if clause not in found:
            is_part = word.text in _GOING_ON and clause - 1 in found
            found[clause] = found[clause - 1] if is_part else clause
    return found


def _is_counting(said: Statement, unit: Unit) -> bool:
    """Whether it is "twice" or "times", which stand with every amount of their kind."""
    word = said.words[unit.start].text
    return bool(unit_of(word)) or is_number_word(word)


def _with_its_row(one: Bound, found: Sequence[Bound]) -> Bound:
    row = [
        other for other in found if (other.mark.kind, other.stretch) == (one.mark.kind, one.stretch)
    ]
    first = last = row.index(one)
    while first > 0 and not row[first].before:
        first -= 1
    while last + 1 < len(row) and not row[last].after:
        last += 1
    return replace(one, before=row[first].before, after=row[last].after)


def misbound(
    claimed: Sequence[Bound], told: Sequence[Bound], is_said_by: Callable[[Mark, Mark], bool]
) -> bool:
    """Whether a value of the claim belongs to something else in what is told, or two have changed places."""
    chosen = []
    for one in claimed:
        alike = [other for other in told if is_said_by(one.mark, other.mark)]
        if alike:
            chosen.append((one, max(alike, key=one.fit)))
    free = [other for other in told if not any(is_said_by(one.mark, other.mark) for one in claimed)]
    if any(_is_another(one, own, free) for one, own in chosen):
        return True
    return any(_are_exchanged(*first, *second) for first, second in combinations(chosen, 2))


def _is_another(one: Bound, own: Bound, free: Sequence[Bound]) -> bool:
    rivals = (one.fit(other) for other in free if other.mark.kind == own.mark.kind)
    return max(rivals, default=0.0) > one.fit(own) + SAME


def _are_exchanged(one: Bound, own: Bound, other: Bound, others: Bound) -> bool:
    """In one sentence both places count together; of two sessions neither value may fit less well where it stands."""
    if own.mark.kind != others.mark.kind or own is others:
        return False
    gains = one.fit(others) - one.fit(own), other.fit(own) - other.fit(others)
    if own.said is others.said:
        return sum(gains) > SAME
    return min(gains) >= -SAME and max(gains) > SAME and one.fit(others) > 0 < other.fit(own)


def _worth(unit: Unit, here: Sequence[Unit], there: Sequence[Unit]) -> float:
    if any(one.is_said_by(unit) for one in here):
        return 1.0
    return _ACROSS if any(one.is_said_by(unit) for one in there) else 0.0
