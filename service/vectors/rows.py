"""A workspace's chunks in one model as columns; row i of each column is one chunk."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from service.domain.identity import ClientId
from service.domain.notes import NoteRef


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where each chunk stands: 7 bytes a chunk, and a few objects a note."""

    notes: Sequence[NoteRef]
    """Distinct, in no order."""
    clients: Sequence[ClientId]
    """Of each note."""
    days: Sequence[date | None]
    """Of each note."""
    fields: Sequence[str]
    """Distinct names."""
    note: NDArray[np.int32]
    """Each chunk's place in `notes`."""
    field: NDArray[np.uint8]
    """Each chunk's place in `fields`."""
    ordinal: NDArray[np.uint16]
    """Each chunk's number in its field."""

    def __len__(self) -> int:
        return len(self.note)

    @property
    def places(self) -> Iterator[tuple[NoteRef, str, int]]:
        """Each chunk's note, field and number in the field."""
        columns = self.note.tolist(), self.field.tolist(), self.ordinal.tolist()
        for note, field, ordinal in zip(*columns, strict=True):
            yield self.notes[note], self.fields[field], ordinal


@dataclass(frozen=True, slots=True, eq=False)
class ChunkRows:
    """Chunks with their vectors."""

    placed: Placed
    halves: NDArray[np.float16]
    """Shape (n, DIMENSION), as they are stored; of length 1 up to rounding."""

    def __len__(self) -> int:
        return len(self.placed)


@dataclass(frozen=True, slots=True, eq=False)
class ChunkCodes:
    """Chunks with the one-bit codes of their vectors, see `bits.py`."""

    placed: Placed
    signs: NDArray[np.uint8]
    """Shape (n, DIMENSION / 8)."""
    corrections: NDArray[np.float32]
    """Shape (n,)."""

    def __len__(self) -> int:
        return len(self.placed)


def placed(chunks: Iterable[tuple[NoteRef, ClientId, date | None, str, int]]) -> Placed:
    """Of each chunk its note, the note's client and day, field and number in the field."""
    notes: dict[NoteRef, int] = {}
    fields: dict[str, int] = {}
    clients: list[ClientId] = []
    days: list[date | None] = []
    places: list[tuple[int, int, int]] = []
    for ref, client, day, field, ordinal in chunks:
        if ref not in notes:
            clients.append(client)
            days.append(day)
        note = notes.setdefault(ref, len(notes))
        places.append((note, fields.setdefault(field, len(fields)), ordinal))
    columns = np.array(places, np.int64).reshape(-1, 3)
    return Placed(
        notes=list(notes),
        clients=clients,
        days=days,
        fields=list(fields),
        note=columns[:, 0].astype(np.int32),
        field=columns[:, 1].astype(np.uint8),
        ordinal=columns[:, 2].astype(np.uint16),
    )
