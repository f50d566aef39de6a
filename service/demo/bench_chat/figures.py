"""From what was taken to what is told: time that is not the provider's, and quantiles of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.demo.bench_chat.asking import Form, Taken

CALLS = frozenset({"embed", "rerank", "chat"})
Calls = Mapping[str, Mapping[str, float]]
"""Lines of the provider's journal of one answer, by operation."""
Figures = Mapping[str, float]


@dataclass(slots=True)
class Cell:
    """All rounds of one side, form and number of askers; times in seconds."""

    cpu: list[float] = field(default_factory=list)
    """Of the serving process, an answer, a round."""
    beside: list[float] = field(default_factory=list)
    """The same of PazPaz, which is asked for logins and notes."""
    load: list[float] = field(default_factory=list)
    """The share of a core that the serving process used in a round."""
    wall: list[float] = field(default_factory=list)
    """Of each answer, without the provider's."""
    first: list[float] = field(default_factory=list)
    """To the first words of each, without what the provider took until they could be told."""
    faults: Counter[str] = field(default_factory=Counter)

    def add(
        self, taken: Iterable[Taken], journal: Mapping[str, Calls], *, holds_words: bool
    ) -> None:
        """With `holds_words` they are told once their sentence is over, not one by one."""
        for one in taken:
            calls = journal.get(one.mark, {})
            if fault := one.fault or _lacking(calls):
                self.faults[fault] += 1
                continue
            self.wall.append(one.wall - sum(call["seconds"] for call in calls.values()))
            if one.first is not None:
                self.first.append(one.first - until_words(calls, held=holds_words))

    def figures(self) -> Figures:
        """Milliseconds, and the load as it is."""
        times = {"cpu": self.cpu, "beside": self.beside, "wall": self.wall, "first": self.first}
        told = {
            f"{name}_p{share}": round(float(np.percentile(seconds, share)) * 1000, 3)
            for name, seconds in times.items()
            if seconds
            for share in (50, 95)
        }
        return {**told, "load": round(float(np.median(self.load)), 3), "answers": len(self.wall)}


def _lacking(calls: Calls) -> str | None:
    lacking = ", ".join(sorted(CALLS - calls.keys()))
    return f"provider not asked to {lacking}" if lacking else None


def until_words(calls: Calls, *, held: bool) -> float:
    """Seconds of the provider until its first words were there, or their whole sentence."""
    asked = calls["embed"]["seconds"] + calls["rerank"]["seconds"]
    return asked + calls["chat"]["sentence" if held else "first"]


def table(form: Form, rows: Sequence[tuple[int, Figures, Figures]]) -> Iterable[str]:
    """Rows of how many asked at once, what it took here, and what it took the bare service."""
    first = form == "events"
    yield (
        f"{form:>8}{'CPU p50':>9}{'p95':>8}{'bare':>8}{'ratio':>8}{'PazPaz':>8}{'load':>7}"
        f"{'time p50':>11}{'p95':>8}{'over bare':>11}{'p95':>8}"
        + (f"{'words p50':>12}{'p95':>8}{'over bare':>11}{'p95':>8}" if first else "")
    )
    for count, ours, bare in rows:
        yield (
            f"{count:8}{ours['cpu_p50']:9.1f}{ours['cpu_p95']:8.1f}{bare['cpu_p50']:8.1f}"
            f"{ours['cpu_p50'] / bare['cpu_p50']:8.2f}{ours['beside_p50']:8.1f}{ours['load']:7.2f}"
            + _beside("wall", ours, bare, 11)
            + (_beside("first", ours, bare, 12) if first else "")
        )


def growth_table(form: Form, rows: Sequence[tuple[int, Figures]]) -> Iterable[str]:
    """Rows of how many asked at once, what it took beside the provider's time, and of which process."""
    first = form == "events"
    yield (
        f"{form:>8}{'time p50':>10}{'p95':>8}{'API p50':>9}{'PazPaz':>8}{'load':>7}{'answers':>9}"
        + (f"{'words p50':>11}{'p95':>8}" if first else "")
    )
    for count, one in rows:
        yield (
            f"{count:8}{one['wall_p50']:10.1f}{one['wall_p95']:8.1f}{one['cpu_p50']:9.1f}"
            f"{one['beside_p50']:8.1f}{one['load']:7.2f}{one['answers']:9}"
            + (f"{one['first_p50']:11.1f}{one['first_p95']:8.1f}" if first else "")
        )


def _beside(name: str, ours: Figures, bare: Figures, width: int) -> str:
    p50, p95 = f"{name}_p50", f"{name}_p95"
    return (
        f"{ours[p50]:{width}.1f}{ours[p95]:8.1f}"
        f"{ours[p50] - bare[p50]:11.1f}{ours[p95] - bare[p95]:8.1f}"
    )
