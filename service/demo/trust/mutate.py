"""Makes false sentences of true ones, each wrong in one way; the same seed makes the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import TypeVar, get_args

from service.demo.trust import sources, values, wording
from service.demo.trust.material import Shelf, Statement
from service.domain.answers import Language, Passage

T = TypeVar("T")
Kind = Callable[[Statement, Shelf, Random], Iterator[Statement]]
PER_SENTENCE, PER_KIND = 3, 60
"""Mutants of one kind: of one sentence, and of all sentences of a language, so that no kind outvotes the others."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A false statement, and the true one that it was made of."""

    kind: str
    statement: Statement
    origin: Statement


def _reworded(make: Callable[[Statement, Random], Iterator[str]]) -> Kind:
    def kind(statement: Statement, shelf: Shelf, dice: Random) -> Iterator[Statement]:
        return (replace(statement, text=text) for text in make(statement, dice))

    return kind


def _recited(
    make: Callable[[Statement, Shelf, Random], Iterator[tuple[Passage, ...]]],
) -> Kind:
    def kind(statement: Statement, shelf: Shelf, dice: Random) -> Iterator[Statement]:
        return (replace(statement, cited=cited) for cited in make(statement, shelf, dice))

    return kind


def _grafted(statement: Statement, shelf: Shelf, dice: Random) -> Iterator[Statement]:
    return (replace(statement, text=text) for text in sources.grafted(statement, shelf, dice))


KINDS: Mapping[str, Kind] = {
    "number": _reworded(values.number),
    "date": _reworded(values.date),
    "dose": _reworded(values.dose),
    "side": _reworded(wording.side),
    "negation": _reworded(wording.negation),
    "subject": _reworded(wording.subject),
    "name": _reworded(wording.name),
    "fabricated citation": _recited(sources.fabricated_citation),
    "swapped client": _recited(sources.swapped_client),
    "direction": _reworded(wording.direction),
    "time": _reworded(wording.time),
    "quote": _reworded(wording.quote),
    "exchanged": _reworded(values.exchanged),
    "counted": _reworded(values.counted),
    "addition": _reworded(wording.addition),
    "invention": _reworded(wording.invention),
    "scale": _reworded(values.scale),
    "frequency": _reworded(values.frequency),
    "duration": _reworded(values.duration),
    "certainty": _reworded(wording.certainty),
    "opposite": _reworded(wording.opposite),
    "activity": _reworded(wording.activity),
    "quantifier": _reworded(wording.quantifier),
    "grafted": _grafted,
}
HELD_OUT = frozenset(list(KINDS)[-len(KINDS) // 3 :])
"""A third: nobody has seen how the gate judges these before the closing run, so no rule was made for them."""


def kinds(*, held_out: bool) -> tuple[str, ...]:
    """The kinds that are kept back, or the others."""
    return tuple(kind for kind in KINDS if (kind in HELD_OUT) == held_out)


def mutants(
    statements: Sequence[Statement],
    shelf: Shelf,
    names: Sequence[str],
    *,
    seed: int = 1,
    per_kind: int = PER_KIND,
) -> list[Mutant]:
    """False statements of these kinds, at most `per_kind` of each in a language."""
    return [
        one
        for language in get_args(Language)
        for name in names
        for one in _of_all(
            [one for one in statements if one.language == language], shelf, name, seed, per_kind
        )
    ]


def _of_all(
    statements: Sequence[Statement], shelf: Shelf, name: str, seed: int, most: int
) -> Sequence[Mutant]:
    """From the statements in any order, until there are enough to choose from."""
    dice = _dice(seed, name)
    made = (
        one
        for true in dice.sample(statements, len(statements))
        for one in of(true, shelf, name, seed)
    )
    return _some(list(islice(made, PER_SENTENCE * most)), most, dice)


def of(statement: Statement, shelf: Shelf, name: str, seed: int = 1) -> list[Mutant]:
    """What one kind makes of one statement; each is of that sentence and seed alone."""
    dice = _dice(seed, name, statement.id)
    made = {(one.text, one.claim.passage_ids): one for one in KINDS[name](statement, shelf, dice)}
    false = [one for one in made.values() if _is_false(one, statement)]
    return [Mutant(name, one, statement) for one in _some(false, PER_SENTENCE, dice)]


def _is_false(mutant: Statement, true: Statement) -> bool:
    """Not the same again, not literally in a note that it cites, and not known to be true as well."""
    if mutant.text == true.text:
        return mutant.claim.passage_ids != true.claim.passage_ids
    said = (passage.chunk.text for passage in mutant.cited)
    return mutant.text not in true.also_true and not any(mutant.text in text for text in said)


def _some(found: Sequence[T], most: int, dice: Random) -> Sequence[T]:
    """At most so many of them, in their order."""
    if len(found) <= most:
        return found
    return [found[place] for place in sorted(dice.sample(range(len(found)), most))]


def _dice(seed: int, *more: str) -> Random:
    return Random(":".join([str(seed), *more]))  # noqa: S311 - no secret is made of it
