"""Curves of a bench as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

COLOURS = ("#1b6ca8", "#4ea3d8", "#2a9d5c", "#c0392b", "#e08e2b", "#8e6bbf", "#b5838d")
GREY = "#777777"  # Of limits.
Points = Sequence[Mapping[str, Any]]


def plot_search(figures: Mapping[str, Any], path: Path) -> None:
    """Latency by group, by vectors of a workspace, and by workspaces of a memory that is too small for all."""
    picture = Figure(figsize=(15, 5.2), layout="constrained")
    groups, vectors, tenants = picture.subplots(1, 3, width_ratios=(1.25, 1, 1))
    _groups(groups, figures["cells"])
    _vectors(vectors, figures["growth"]["vectors"])
    _tenants(tenants, figures["growth"]["tenants"])
    picture.savefig(path, dpi=120)


def plot_cold(figures: Mapping[str, Any], path: Path) -> None:
    """How soon a workspace that is in no memory gives its first answer."""
    picture = Figure(figsize=(8, 5), layout="constrained")
    axes = picture.subplots()
    rows = figures["sizes"]
    for number, name in enumerate(key for key in rows[0] if key.endswith("_ms")):
        points = [(row["vectors"], row[name]) for row in rows if row.get(name)]
        title = name.removesuffix("_ms").replace("_", " ")
        axes.plot(*zip(*points, strict=True), marker="o", color=COLOURS[number], label=title)
    _logarithmic(axes, "vectors of the workspace", "ms until the first answer (median)")
    axes.set_title("Cold start")
    axes.legend()
    picture.savefig(path, dpi=120)


def _groups(axes: Axes, cells: Points) -> None:
    """A dot at p50, a line to p95."""
    whole = [cell for cell in cells if cell["limit"] == 10 and not cell["narrow"]]
    groups = list(dict.fromkeys(cell["group"] for cell in whole))
    ways = list(dict.fromkeys(cell["way"] for cell in whole))
    for number, way in enumerate(ways):
        own = [cell for cell in whole if cell["way"] == way]
        places = [groups.index(cell["group"]) + (number - len(ways) / 2) * 0.1 for cell in own]
        colour = GREY if way.startswith("limit") else COLOURS[number % len(COLOURS)]
        axes.vlines(places, [c["p50"] for c in own], [c["p95"] for c in own], color=colour, lw=2)
        axes.scatter(places, [c["p50"] for c in own], color=colour, s=28, label=way, zorder=3)
    axes.set_yscale("log")
    axes.set_xticks(range(len(groups)), groups)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    _labelled(axes, "workspaces asked", "ms a question: dot p50, line to p95")
    axes.set_title("Top 10 by size of the workspace")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)


def _vectors(axes: Axes, curve: Points) -> None:
    sizes = [point["vectors"] for point in curve]
    for number, (name, title) in enumerate(
        (("p50", "ours, in memory, p50"), ("p95", "p95"), ("limit_p50", "int8 codes read once"))
    ):
        colour = GREY if name == "limit_p50" else COLOURS[number]
        axes.plot(sizes, [point[name] for point in curve], marker="o", color=colour, label=title)
    _logarithmic(axes, "vectors of one workspace", "ms a question")
    axes.set_title("Growth by vectors (in memory, no database)")
    axes.legend(fontsize=8)


def _tenants(axes: Axes, curve: Points) -> None:
    counts = [point["tenants"] for point in curve]
    for number, (name, title) in enumerate((("p50", "p50"), ("p95", "p95"))):
        axes.plot(counts, [p[name] for p in curve], marker="o", color=COLOURS[number], label=title)
    _logarithmic(axes, "workspaces asked in turn", "ms a question, epoch included")
    beside = axes.twinx()
    megabytes = [point["bytes"] / 2**20 for point in curve]
    beside.plot(counts, megabytes, marker="s", ls="--", color=COLOURS[4], label="memory held, MiB")
    beside.set_ylabel("MiB")
    beside.set_ylim(bottom=0)
    axes.set_title("Growth by workspaces (memory bounded)")
    _one_legend(axes, beside)


def _one_legend(*axes: Axes) -> None:
    handles: list[Any] = []
    labels: list[str] = []
    for one in axes:
        more, names = one.get_legend_handles_labels()
        handles, labels = handles + more, labels + names
    axes[0].legend(handles, labels, fontsize=8, loc="upper left")


def _logarithmic(axes: Axes, x: str, y: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(_short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _labelled(axes, x, y)


def _labelled(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_minor_formatter(FuncFormatter(_short))
    axes.grid(which="major", axis="both", alpha=0.3)
    axes.spines["top"].set_visible(False)


def _short(value: float, _place: int | None = None) -> str:
    """1k for a thousand."""
    for unit, letter in ((10**6, "M"), (10**3, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"
