"""A load as a picture. matplotlib is of the group `demo`, so only who plots imports this."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from service.demo.plots import COLOURS

Minutes = Sequence[Mapping[str, Any]]
LINES = {"p50": "-", "p95": "--", "p99": ":"}
STEPS = {"first_event": "first event", "first_sentence": "first sentence", "whole": "whole answer"}


def plot_load(figures: Mapping[str, Any], path: Path) -> None:
    """By the minute: how long answers took, how late changes were found, how much came; and memory, look by look."""
    picture = Figure(figsize=(13, 8), layout="constrained")
    (answers, lag), (memory, traffic) = picture.subplots(2, 2)
    minutes = figures["minutes"]
    for colour, (name, title) in zip(COLOURS, STEPS.items(), strict=False):
        _shares(answers, minutes, name, title, colour)
    _titled(answers, "Answers through PazPaz", "seconds")
    _shares(lag, minutes, "lag", "found", COLOURS[0])
    _titled(lag, "Changes, from PazPaz's answer to the index", "seconds")
    _memory(memory, figures["samples"])
    _traffic(traffic, minutes)
    picture.savefig(path, dpi=110)


def _shares(axes: Axes, minutes: Minutes, name: str, title: str, colour: str) -> None:
    for share, style in LINES.items():
        points = [(number, one[name][share]) for number, one in enumerate(minutes, 1) if one[name]]
        if points:
            label = f"{title}, {share}"
            axes.plot(*zip(*points, strict=True), ls=style, marker=".", color=colour, label=label)


def _memory(axes: Axes, samples: Sequence[Mapping[str, Any]]) -> None:
    names = samples[0]["memory_mb"] if samples else {}
    minutes = [one["at"] / 60 for one in samples]
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(minutes, [one["memory_mb"][name] for one in samples], color=colour, label=name)
    axes.plot(
        minutes,
        [one["database_mb"] for one in samples],
        color="#777777",
        ls="--",
        label="databases, on disk",
    )
    _titled(axes, "Memory of each process", "MB")


def _traffic(axes: Axes, minutes: Minutes) -> None:
    numbers = range(1, len(minutes) + 1)
    refused = [
        sum(n for name, n in one["outcomes"].items() if name[:1].isdigit()) for one in minutes
    ]
    for colour, title, counts in (
        (COLOURS[0], "questions", [one["questions"] for one in minutes]),
        (COLOURS[2], "changes", [one["changes"] for one in minutes]),
        (COLOURS[3], "refused or failed", refused),
    ):
        axes.plot(numbers, counts, marker=".", color=colour, label=title)
    _titled(axes, "How much came, a minute", "")


def _titled(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("minutes")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(unit)
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.3)  # room for the legend
    axes.legend(fontsize=8, ncols=3, loc="upper left")
