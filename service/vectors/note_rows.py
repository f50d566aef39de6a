"""The chunks of one note in one model, with their vectors: what every table of vectors is written from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.vectors import DIMENSION


@dataclass(frozen=True, slots=True, eq=False)
class NoteRows:
    """The chunks of one note in one model; row i of each column is one chunk."""

    fields: tuple[str, ...]
    """Distinct names."""
    field: NDArray[np.uint8]
    """Each chunk's place in `fields`."""
    ordinal: NDArray[np.uint16]
    halves: NDArray[np.float16]
    """Shape (n, DIMENSION)."""

    def __len__(self) -> int:
        return len(self.field)

    @property
    def places(self) -> list[tuple[str, int]]:
        """Of each chunk its field and its number in it."""
        names = [self.fields[one] for one in self.field.tolist()]
        return list(zip(names, self.ordinal.tolist(), strict=True))

    def of(self, fields: Iterable[str]) -> "NoteRows":
        """The chunks of these fields."""
        wanted = [place for place, name in enumerate(self.fields) if name in set(fields)]
        mine = np.isin(self.field, wanted)
        return NoteRows(self.fields, self.field[mine], self.ordinal[mine], self.halves[mine])


def note_rows(places: Sequence[tuple[str, int]], vectors: Sequence[Any]) -> NoteRows:
    """Of chunks by field and ordinal; `vectors` are sequences of DIMENSION numbers, and become half as exact.

    Raises ValueError for a number that is none, or too large for a half.
    """
    fields = tuple(dict.fromkeys(name for name, _ in places))
    with np.errstate(over="ignore"):
        halves = np.array(vectors, np.float32).reshape(-1, DIMENSION).astype(np.float16)
    if not np.isfinite(halves).all():
        raise ValueError("a vector has a number that is none")
    field = np.array([fields.index(name) for name, _ in places], np.uint8)
    return NoteRows(fields, field, np.array([number for _, number in places], np.uint16), halves)


def joined(kept: NoteRows, fresh: NoteRows) -> NoteRows:
    """Both, in this order."""
    fields = tuple(dict.fromkeys((*kept.fields, *fresh.fields)))
    moved = [_renamed(one.fields, fields)[one.field] for one in (kept, fresh)]
    return NoteRows(
        fields,
        np.concatenate(moved),
        np.concatenate([kept.ordinal, fresh.ordinal]),
        np.concatenate([kept.halves, fresh.halves]),
    )


def _renamed(names: Sequence[str], among: Sequence[str]) -> NDArray[np.uint8]:
    return np.array([among.index(name) for name in names], np.uint8)
