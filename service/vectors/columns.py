"""What memory knows of notes and of chunks beside their vectors, as columns: filters are masks made of them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.domain.identity import ClientId
from service.vectors.note_keys import BYTES_A_CLIENT, Mask, NoteKeys, days_of, halves_of
from service.vectors.rows import Placed

Rows = NDArray[np.intp]


@dataclass(slots=True, eq=False)
class Notes:
    """25 bytes a note. Grows at its end only: who knows how many there were goes on reading those."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    session: Mask
    client: NDArray[np.int32]
    day: NDArray[np.int32]
    clients: dict[ClientId, int] = dataclasses.field(default_factory=dict)
    used: int = 0

    @classmethod
    def empty(cls, capacity: int) -> "Notes":
        return cls(
            high=np.empty(capacity, np.uint64),
            low=np.empty(capacity, np.uint64),
            session=np.empty(capacity, np.bool_),
            client=np.empty(capacity, np.int32),
            day=np.empty(capacity, np.int32),
        )

    def first(self, count: int) -> NoteKeys:
        """So many of them, which are never written again."""
        return NoteKeys(
            high=self.high[:count],
            low=self.low[:count],
            session=self.session[:count],
            client=self.client[:count],
            day=self.day[:count],
            clients=self.clients,
        )

    @property
    def room(self) -> int:
        return len(self.high) - self.used

    @property
    def nbytes(self) -> int:
        columns = self.high, self.low, self.session, self.client, self.day
        return sum(one.nbytes for one in columns) + BYTES_A_CLIENT * len(self.clients)

    def append(self, placed: Placed) -> None:
        """Raises ValueError without room for them."""
        to = slice(self.used, self.used + len(placed.notes))
        self.high[to], self.low[to] = halves_of(placed.notes)
        self.session[to] = [ref.entity == "sessions" for ref in placed.notes]
        self.client[to] = [self._number(client) for client in placed.clients]
        self.day[to] = days_of(placed.days)
        self.used += len(placed.notes)

    def take(self, other: "Notes", chosen: Rows) -> None:
        """These of another's notes, in their order."""
        to = slice(self.used, self.used + len(chosen))
        for mine, theirs in (
            (self.high, other.high),
            (self.low, other.low),
            (self.session, other.session),
            (self.day, other.day),
        ):
            mine[to] = theirs[chosen]
        names = tuple(other.clients)
        held, places = np.unique(other.client[chosen], return_inverse=True)
        renumbered = np.array([self._number(names[one]) for one in held], np.int32)
        self.client[to] = renumbered[places]
        self.used += len(chosen)

    def _number(self, client: ClientId) -> int:
        return self.clients.setdefault(client, len(self.clients))


@dataclass(slots=True, eq=False)
class Chunks:
    """7 bytes a chunk: where each stands. Grows at its end only."""

    note: NDArray[np.int32]
    """Its place in `Notes`."""
    field: NDArray[np.uint8]
    """Its place in `fields`."""
    ordinal: NDArray[np.uint16]
    fields: list[str] = dataclasses.field(default_factory=list)
    """Distinct names."""
    used: int = 0

    @classmethod
    def empty(cls, capacity: int) -> "Chunks":
        return cls(
            note=np.empty(capacity, np.int32),
            field=np.empty(capacity, np.uint8),
            ordinal=np.empty(capacity, np.uint16),
        )

    @property
    def room(self) -> int:
        return len(self.note) - self.used

    @property
    def nbytes(self) -> int:
        return self.note.nbytes + self.field.nbytes + self.ordinal.nbytes

    def append(self, placed: Placed, *, first_note: int) -> None:
        """Chunks whose notes were appended from `first_note` on."""
        self._append(placed.note + first_note, placed.field, placed.fields, placed.ordinal)

    def take(self, other: "Chunks", chosen: Rows, *, notes: NDArray[np.int32]) -> None:
        """These of another's chunks, whose notes are now these."""
        self._append(notes, other.field[chosen], other.fields, other.ordinal[chosen])

    def _append(
        self,
        notes: NDArray[np.int32],
        field: NDArray[np.uint8],
        names: Sequence[str],
        ordinal: NDArray[np.uint16],
    ) -> None:
        to = slice(self.used, self.used + len(notes))
        self.fields += [name for name in names if name not in self.fields]
        self.note[to] = notes
        self.field[to] = np.array([self.fields.index(name) for name in names], np.uint8)[field]
        self.ordinal[to] = ordinal
        self.used += len(notes)
