"""Measurements as small tables of text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from service.domain.answers import Language
from service.evaluation.abstention import Band, Cell, Curve, Point
from service.evaluation.asker import ARMS, WHOLE
from service.evaluation.fitting import Elsewhere, Fitted
from service.evaluation.metrics import TOP, Estimate
from service.evaluation.score import LEAST, TELLING, ArmsRow, ChangeRow, Faults, Row

SHOWN = 5  # Question ids that a fault is shown by.


def aligned(rows: Iterable[Sequence[str]], *, left: int = 2) -> Iterator[str]:
    """The first `left` columns begin together, the others end together; the first row is the heading."""
    rows = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def score_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Slices below LEAST questions are named, not shown."""
    kept = [row for row in rows if row.questions >= LEAST or row.figures is None]
    heading = ["", "slice", "n", f"nDCG@{TOP}", "95 %", f"recall@{TOP}", "MRR", "abstained"]
    yield from aligned([heading, *(_score_cells(row) for row in kept)])
    if folded := [row for row in rows if row not in kept]:
        named = ", ".join(f"{row.language} {row.name} ({row.questions})" for row in folded)
        yield f"fewer than {LEAST} questions: {named}"


def _score_cells(row: Row) -> list[str]:
    first, last = [row.language, row.name, str(row.questions)], f"{row.abstained:.3f}"
    if row.figures is None:
        return [*first, "-", "-", "-", "-", last]
    figures = row.figures
    rates = [f"{figures.recall:.4f}", f"{figures.mrr:.4f}"]
    return [*first, f"{figures.ndcg.mean:.4f}", _interval(figures.ndcg), *rates, last]


def _interval(one: Estimate, *, sign: str = "") -> str:
    return f"{one.low:{sign}.4f} {one.high:{sign}.4f}"


def ablation_lines(rows: Sequence[ArmsRow]) -> Iterator[str]:
    """nDCG@10 by arm; a last line says whether one arm beats the whole."""
    heading = ["", "slice", "n", *ARMS, WHOLE]
    yield from aligned([heading, *(_arms_cells(row) for row in rows)])
    stronger = [f"{arm} in {row.language} {row.name}" for row in rows for arm in row.stronger]
    whose = ", ".join(stronger) or "none"
    yield f"better alone than the whole, beyond 95 %, of {TELLING} questions or more: {whose}"


def _arms_cells(row: ArmsRow) -> list[str]:
    figures = [
        f"{value:.4f}" + ("*" if arm in row.stronger else "") for arm, value in row.ndcg.items()
    ]
    return [row.language, row.name, str(row.questions), *figures]


def change_lines(rows: Sequence[ChangeRow]) -> Iterator[str]:
    """A star where the interval leaves zero out."""
    kept = [row for row in rows if row.change.questions >= LEAST]
    heading = ["", "slice", "n", f"nDCG@{TOP} by", "95 %", "better", "worse", ""]
    yield from aligned([heading, *(_change_cells(row) for row in kept)])


def _change_cells(row: ChangeRow) -> list[str]:
    change = row.change
    moved = [f"{change.mean.mean:+.4f}", _interval(change.mean, sign="+")]
    counts = [str(change.questions), *moved, str(change.better), str(change.worse)]
    return [row.language, row.name, *counts, "*" if change.is_beyond_chance else ""]


def fault_lines(faults: Faults) -> Iterator[str]:
    """One line each, with the first ids."""
    yield _fault("sessions that must not be returned", faults.forbidden)
    yield _fault("sessions of another workspace or unknown", faults.foreign)
    yield _fault("sessions of another client than asked about", faults.astray)


def _fault(what: str, qids: Sequence[str]) -> str:
    named = f": {', '.join(qids[:SHOWN])}" + (", ..." if len(qids) > SHOWN else "")
    return f"{what}: {len(qids)} questions{named if qids else ''}"


def curve_lines(curve: Curve, coverages: Sequence[float]) -> Iterator[str]:
    """A line for each coverage asked for, and one for the decision in force."""
    kinds = list(curve.unanswerable)
    counted = (f"{kind} ({curve.unanswerable[kind]})" for kind in kinds)
    heading = [f"{curve.language} ({curve.answerable})", "threshold", "answered", "wrong", *counted]
    points = [curve.at(coverage) for coverage in coverages]
    rows = [_point_cells(point, kinds) for point in [*points, curve.in_force]]
    yield from aligned([heading, *rows], left=1)


def _point_cells(point: Point, kinds: Sequence[str]) -> list[str]:
    name, threshold = (
        ("in force", "-") if point.threshold is None else ("", f"{point.threshold:.3f}")
    )
    refused = [f"{point.refused[kind]:.3f}" for kind in kinds]
    return [name, threshold, f"{point.coverage:.3f}", f"{point.risk:.3f}", *refused]


def reliability_lines(bands: Sequence[Band], gap: float | None) -> Iterator[str]:
    """What a similarity is worth in each language."""
    languages = sorted({language for band in bands for language in band.cells})
    heading = ["similarity", *(cell for name in languages for cell in (f"{name} n", "right"))]
    yield from aligned([heading, *(_band_cells(band, languages) for band in bands)], left=1)
    if gap is not None:
        yield f"the languages differ by {gap:.3f} at the same similarity"


def _band_cells(band: Band, languages: Sequence[str]) -> list[str]:
    cells = [cell for name in languages for cell in _cell(band.cells[name])]
    return [f"{band.low:.2f}-{band.high:.2f}", *cells]


def _cell(cell: Cell) -> list[str]:
    return [str(cell.questions), "-" if cell.right is None else f"{cell.right:.3f}"]


def fitted_lines(fitted: Mapping[Language, Fitted]) -> Iterator[str]:
    """The curves, and their loss where they were fitted and elsewhere."""
    yield "      likeness   mass   base  questions    loss  elsewhere"
    for language, one in fitted.items():
        curve, elsewhere = one.curve, one.loss_elsewhere
        yield (
            f"  {language}  {curve.likeness:>8.2f}  {curve.mass:>5.2f}  {curve.base:>5.2f}"
            f"  {one.questions:>9}  {one.loss:>6.4f}  {'-' if elsewhere is None else f'{elsewhere:.4f}':>9}"
        )


def elsewhere_lines(found: Sequence[Elsewhere]) -> Iterator[str]:
    """Plain figures, and those of workspaces that had no say in the constants."""
    yield "            questions  nDCG@10  recall@10  elsewhere: nDCG@10  recall@10"
    for one in found:
        plain, elsewhere = one.plain, one.elsewhere
        yield (
            f"  {one.language}  {one.slice:<5} {plain.questions:>9}  {plain.ndcg.mean:>7.4f}  {plain.recall:>9.4f}"
            f"  {elsewhere.ndcg.mean:>18.4f}  {elsewhere.recall:>9.4f}"
        )
