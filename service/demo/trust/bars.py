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


def missed(outcomes: Sequence[Outcome], *, enough: bool = True) -> list[str]:
    """The bars that were not reached, a line each; `enough` also asks for the size of the set."""
    found = rows(outcomes)
    lines = [line for language in LANGUAGES for line in _missed_in(language, found, enough)]
    lines += [line for language in LANGUAGES for line in _missed_whole(language, outcomes)]
    faults = [fault for one in outcomes for fault in one.faults]
    lines += [f"{faults.count(fault)} verdicts: {fault}" for fault in dict.fromkeys(faults)]
    if (slow := quantile([one.seconds for one in outcomes], 0.95)) > SLOWEST_MS:
        lines.append(f"p95 of a sentence: {slow:.0f} ms, at most {SLOWEST_MS:.0f}")
    return lines


def _row(language: Language, kind: str | None, group: Sequence[Outcome]) -> Row:
    fates = [one.fate for one in group]
    return Row(language, kind, len(group), fates.count("withheld"), fates.count("repaired"))


def _missed_in(language: Language, found: Sequence[Row], enough: bool) -> Iterator[str]:
    true = next((row for row in found if (row.language, row.kind) == (language, None)), None)
    false = total(language, found)
    sizes = (true.total if true else 0, LEAST_TRUE), (false.total, LEAST_MUTANTS)
    if enough and any(size < least for size, least in sizes):
        yield f"{language}: too few sentences to tell"
    if true and true.caught > LOST:
        yield f"{language}: {true.caught:.1%} of true sentences lost, at most {LOST:.0%}"
    if false.total and false.caught < CAUGHT:
        yield f"{language}: {false.caught:.1%} of mutants caught, at least {CAUGHT:.0%}"
    for row in found:
        if row.language == language and row.kind and _is_low(row):
            yield f"{language}: {row.caught:.1%} of {row.kind} caught, at least {CAUGHT_OF_A_KIND:.0%}"


def _is_low(row: Row) -> bool:
    return row.total >= LEAST_OF_A_KIND and row.caught < CAUGHT_OF_A_KIND


def _missed_whole(language: Language, outcomes: Sequence[Outcome]) -> Iterator[str]:
    merged = [
        one.whole
        for one in outcomes
        if one.kind is None
        and one.statement.language == language
        and one.fate == "admitted"
        and len(one.statement.cited) > 1
    ]
    if merged and sum(merged) < WHOLE * len(merged):
        share = sum(merged) / len(merged)
        yield f"{language}: {share:.1%} of merged sentences quote every source, at least {WHOLE:.0%}"
