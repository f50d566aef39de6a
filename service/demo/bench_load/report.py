"""What is told of a load: a line a minute, and at the end what was proved before what was measured."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.demo.bench_load.asking import ANSWERED
from service.demo.bench_load.figures import SHARES, Growth, Window, percentiles
from service.demo.bench_load.plan import Plan

GOOD = "Nothing lost, nothing leaked, nothing wrong."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was proved, or was not."""

    name: str
    holds: bool
    told: str


def minute(number: int, window: Window) -> str:
    """Seconds at p50/p95/p99; of memory every process that is watched."""
    figures = window.figures()
    said = [
        f"{number:3}",
        f"{figures['questions']} questions",
        *(
            f"{title} {_three(figures[name])}"
            for name, title in (
                ("first_event", "event"),
                ("first_sentence", "sentence"),
                ("whole", "whole"),
            )
        ),
        f"{window.changes} changes",
        f"lag {_three(figures['lag'])}",
        *_unanswered(window),
    ]
    return "  ".join([*said, *_machine(window)])


def _three(told: Mapping[str, float]) -> str:
    return "/".join(f"{value:.2f}" for value in told.values()) or "-"


def _unanswered(window: Window) -> list[str]:
    return [f"{n} x {name}" for name, n in window.outcomes.items() if name not in ANSWERED]


def _machine(window: Window) -> Iterator[str]:
    if (sample := window.sample) is None:
        return
    yield "MB " + " ".join(f"{name} {mb:.0f}" for name, mb in sample.memory.items())
    yield f"database {sample.database:.0f}"
    yield f"{sample.connections} connections"


def verdict(found: Sequence[Finding], examples: Sequence[str]) -> Iterator[str]:
    """The first line is the whole of it."""
    bad = [one.name for one in found if not one.holds]
    yield f"WRONG: {', '.join(bad)}" if bad else GOOD
    for one in found:
        yield f"  {'ok   ' if one.holds else 'WRONG'}  {one.name:15}{one.told}"
    for example in examples:
        yield f"         {example}"


def measured(plan: Plan, seconds: float, total: Window, done: Mapping[str, int]) -> Iterator[str]:
    """What was asked and changed, and how long it took."""
    yield (
        f"{plan.practices} practices, {plan.therapists} therapists who think for {plan.think:g} s,"
        f" {seconds / 60:.1f} minutes: {total.outcomes.total()} questions"
        f" ({total.outcomes.total() / seconds:.2f} a second), {total.changes} changes"
    )
    yield f"  {'seconds':16}" + "".join(f"{f'p{share}':>8}" for share in SHARES) + f"{'of':>8}"
    for title, values in (
        ("first event", total.first_event),
        ("first sentence", total.first_sentence),
        ("whole answer", total.whole),
        ("change found", total.lag),
    ):
        yield _row(title, values)
    yield f"  outcomes: {_counts(total.outcomes)}"
    yield f"  changes: {_counts(done)}"


def _row(title: str, values: Sequence[float]) -> str:
    cells = "".join(f"{value:8.2f}" for value in percentiles(values).values())
    return f"  {title:16}{cells or '       -' * len(SHARES)}{len(values):8}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def grown(growths: Mapping[str, Growth]) -> Iterable[str]:
    """A line a process."""
    if not growths:
        return ["  memory: too short to tell (four minutes are needed)"]
    head = f"  {'MB':16}{'warm':>8}{'end':>8}{'grown':>9}{'MB an hour, second half':>26}"
    return [head, *(_growth(name, one) for name, one in growths.items())]


def _growth(name: str, one: Growth) -> str:
    return f"  {name:16}{one.warm:8.1f}{one.last:8.1f}{one.percent:+8.1f}%{one.slope:+26.1f}"
