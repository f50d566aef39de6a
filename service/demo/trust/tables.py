"""What the gate did, as small tables of text."""

from collections import Counter
from collections.abc import Iterator, Sequence

from service.demo.trust.bars import LANGUAGES, Row, rows, total
from service.demo.trust.material import Shelf
from service.demo.trust.measure import Outcome, quantile
from service.domain.answers import Language
from service.evaluation.tables import aligned


def fate_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A line for the true sentences of a language, one for each kind of mutant, and their sum."""
    found = rows(outcomes)
    heading = ["", "", "n", "withheld", "repaired", "admitted", "caught"]
    ordered = [row for language in LANGUAGES for row in _of(language, found)]
    yield from aligned([heading, *(_cells(row) for row in ordered)])


def _of(language: Language, found: Sequence[Row]) -> list[Row]:
    mine = [row for row in found if row.language == language]
    return [*mine, total(language, mine)] if mine else []


def _cells(row: Row) -> list[str]:
    counts = [str(row.total), str(row.withheld), str(row.repaired), str(row.admitted)]
    return [row.language, row.kind or "true", *counts, f"{row.caught:.1%}"]


def how_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The true sentences by how they were written, and why they were lost."""
    true = [one for one in outcomes if one.kind is None]
    heading = ["", "written", "n", "lost", "", "why"]
    yield from aligned([heading, *_how_cells(true)], left=2)


def _how_cells(true: Sequence[Outcome]) -> Iterator[list[str]]:
    for language, how in dict.fromkeys((one.statement.language, one.statement.how) for one in true):
        mine = [
            one for one in true if (one.statement.language, one.statement.how) == (language, how)
        ]
        lost = Counter(one.reason or "-" for one in mine if one.fate != "admitted")
        why = ", ".join(f"{reason} {count}" for reason, count in lost.most_common())
        share = f"{lost.total() / len(mine):.1%}"
        yield [language, how, str(len(mine)), str(lost.total()), share, why]


def speed_line(outcomes: Sequence[Outcome]) -> str:
    seconds = [one.seconds for one in outcomes]
    p50, p95 = quantile(seconds, 0.5), quantile(seconds, 0.95)
    return f"a sentence is judged in {p50:.1f} ms (p50), {p95:.1f} ms (p95)"


def wrong_lines(outcomes: Sequence[Outcome], shelf: Shelf) -> Iterator[str]:
    """The true sentences that were lost and the false ones that were admitted, with their sources' names."""
    for one in outcomes:
        if (one.fate == "admitted") != (one.kind is None):
            cited = ", ".join(shelf.place(passage) for passage in one.statement.cited)
            name = f"{one.statement.id} {one.kind or one.statement.how}"
            yield f"{name}: {one.statement.text}  <{cited}>  {one.fate} {one.reason or ''}".rstrip()
