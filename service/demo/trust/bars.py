"""What the gate must reach, and whether it did."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from service.demo.trust.measure import Outcome, quantile
from service.domain.answers import Language

LANGUAGES: Sequence[Language] = ("he", "en")
CAUGHT, LOST = 0.99, 0.05
"""Of mutants, withheld or repaired at least; of true sentences, withheld or repaired at most."""
CAUGHT_OF_A_KIND, LEAST_OF_A_KIND = 0.90, 10
"""A kind with a handful of mutants is lost in the sum, so each has a floor; below so many, chance decides."""
WHOLE = 0.90
"""Of true sentences that lean on several passages, those quoted from each of them, of all that are admitted."""
SLOWEST_MS = 500.0
"""The 95th percentile of a sentence."""
LEAST_TRUE, LEAST_MUTANTS = 150, 300
"""A language of fewer shows nothing."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A bar by its name, and by how much it was missed."""

    bar: str
    told: str


@dataclass(frozen=True, slots=True)
class Row:
    """Outcomes of one language and kind, counted; `kind` is None for true sentences."""

    language: Language
    kind: str | None
    total: int
    withheld: int
    repaired: int

    @property
    def admitted(self) -> int:
        return self.total - self.withheld - self.repaired

    @property
    def caught(self) -> float:
        return 1 - self.admitted / self.total if self.total else 0.0


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """By language, the true ones first, then the kinds in the order they came in."""
    groups: dict[tuple[Language, str | None], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((one.statement.language, one.kind), []).append(one)
    return [_row(language, kind, group) for (language, kind), group in groups.items()]


def total(language: Language, some: Sequence[Row]) -> Row:
    """All mutants of a language together."""
    found = [row for row in some if row.language == language and row.kind]
    counts = (
        sum(getattr(row, name) for row in found) for name in ("total", "withheld", "repaired")
    )
    return Row(language, "all", *counts)


def missed(outcomes: Sequence[Outcome], *, enough: bool = True) -> list[Missed]:
    """The bars that were not reached; `enough` also asks for the size of the set."""
    found = rows(outcomes)
    missing = [one for language in LANGUAGES for one in _missed_in(language, found, enough)]
    missing += [one for language in LANGUAGES for one in _missed_whole(language, outcomes)]
    faults = [fault for one in outcomes for fault in one.faults]
    missing += [
        Missed(fault, f"of {faults.count(fault)} verdicts") for fault in dict.fromkeys(faults)
    ]
    if (slow := quantile([one.seconds for one in outcomes], 0.95)) > SLOWEST_MS:
        missing.append(Missed("p95 of a sentence", f"{slow:.0f} ms, at most {SLOWEST_MS:.0f}"))
    return missing


def _row(language: Language, kind: str | None, group: Sequence[Outcome]) -> Row:
    fates = [one.fate for one in group]
    return Row(language, kind, len(group), fates.count("withheld"), fates.count("repaired"))


def _missed_in(language: Language, found: Sequence[Row], enough: bool) -> Iterator[Missed]:
    true = next((row for row in found if (row.language, row.kind) == (language, None)), None)
    false = total(language, found)
    if enough and ((true.total if true else 0) < LEAST_TRUE or false.total < LEAST_MUTANTS):
        yield Missed(f"{language}: size", f"at least {LEAST_TRUE} true, {LEAST_MUTANTS} mutants")
    if true and true.caught > LOST:
        yield Missed(f"{language}: true sentences lost", f"{true.caught:.1%}, at most {LOST:.0%}")
    if false.total and false.caught < CAUGHT:
        yield Missed(f"{language}: mutants caught", f"{false.caught:.1%}, at least {CAUGHT:.0%}")
    for row in found:
        if row.language == language and row.kind and _is_low(row):
            told = f"{row.caught:.1%}, at least {CAUGHT_OF_A_KIND:.0%}"
            yield Missed(f"{language}: {row.kind} caught", told)


def _is_low(row: Row) -> bool:
    return row.total >= LEAST_OF_A_KIND and row.caught < CAUGHT_OF_A_KIND


def _missed_whole(language: Language, outcomes: Sequence[Outcome]) -> Iterator[Missed]:
    merged = [
        one.whole
        for one in outcomes
        if one.kind is None
        and one.statement.language == language
        and one.fate == "admitted"
        and len(one.statement.cited) > 1
    ]
    if merged and sum(merged) < WHOLE * len(merged):
        told = f"{sum(merged) / len(merged):.1%}, at least {WHOLE:.0%}"
        yield Missed(f"{language}: merged sentences that quote every source", told)
