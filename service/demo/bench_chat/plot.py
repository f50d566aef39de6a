"""The growth of an answer's cost as a picture. matplotlib is of the group `demo`, so only who plots imports this."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"service": "#1b6ca8", "PazPaz": "#2a9d5c", "bare": "#777777"}
Cells = Sequence[Mapping[str, Any]]


def plot_growth(cells: Cells, path: Path) -> None:
    """By how many ask at once: an answer's own time and the CPU it takes, of each side; a PNG."""
    picture = Figure(figsize=(11, 7), layout="constrained")
    panels = picture.subplots(2, 2, sharex=True)
    for row, form in zip(panels, ("JSON", "events"), strict=True):
        shown = [cell for cell in cells if cell["form"] == form and cell["answers"]]
        _draw(row[0], shown, ("wall_p50", "wall_p95"), f"{form}: ms beside the provider's time")
        _draw(row[1], shown, ("cpu_p50",), f"{form}: ms of CPU of the serving process")
    picture.savefig(path, dpi=110)


def _draw(axes: Axes, cells: Cells, names: Sequence[str], title: str) -> None:
    for side, colour in COLOURS.items():
        own = sorted((one for one in cells if one["side"] == side), key=_askers)
        for name, line in zip(names, ("-", "--"), strict=False):
            ys = [one[name] for one in own]
            label = f"{side}, {name.rpartition('_')[2]}"
            axes.plot([*map(_askers, own)], ys, line, marker="o", color=colour, label=label)
    axes.set_title(title)
    axes.set_xlabel("questions at once")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)


def _askers(cell: Mapping[str, Any]) -> int:
    return int(cell["askers"])
