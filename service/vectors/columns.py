"""What memory knows of notes and of chunks beside their vectors, as columns: filters are masks made of them."""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.scope import Period, Within
from service.vectors.rows import Placed

BYTES_A_CLIENT = 250  # An id, its places in a dictionary and in a list.
NO_DAY = 0
_LAST_DAY = date.max.toordinal()
_LOW = (1 << 64) - 1

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(slots=True, eq=False)
class Notes:
    """25 bytes a note; as objects they were 300, and every collection of garbage looked at them.

    Grows at its end only: who knows how many there were goes on reading those.
    """

    high: NDArray[np.uint64]
    """The greater half of each id."""
    low: NDArray[np.uint64]
    is_session: Mask
    client: NDArray[np.int32]
    """Its place in `clients`."""
    day: NDArray[np.int32]
    """Its ordinal; NO_DAY of a profile."""
    clients: list[ClientId] = dataclasses.field(default_factory=list)
    number: dict[ClientId, int] = dataclasses.field(default_factory=dict)
    """Of each client the place in `clients`."""
    used: int = 0

    @classmethod
    def empty(cls, capacity: int) -> "Notes":
        return cls(
            high=np.empty(capacity, np.uint64),
            low=np.empty(capacity, np.uint64),
            is_session=np.empty(capacity, np.bool_),
            client=np.empty(capacity, np.int32),
            day=np.empty(capacity, np.int32),
        )

    @property
    def room(self) -> int:
        return len(self.high) - self.used

    @property
    def nbytes(self) -> int:
        columns = self.high, self.low, self.is_session, self.client, self.day
        return sum(one.nbytes for one in columns) + BYTES_A_CLIENT * len(self.clients)

    def append(self, placed: Placed) -> None:
        """Raises ValueError without room for them."""
        count = len(placed.notes)
        to = slice(self.used, self.used + count)
        ids = [ref.id.int for ref in placed.notes]
        self.high[to] = np.fromiter((one >> 64 for one in ids), np.uint64, count)
        self.low[to] = np.fromiter((one & _LOW for one in ids), np.uint64, count)
        self.is_session[to] = [ref.entity == "sessions" for ref in placed.notes]
        self.client[to] = [self._number(client) for client in placed.clients]
        self.day[to] = [day.toordinal() if day else NO_DAY for day in placed.days]
        self.used += count

    def take(self, other: "Notes", chosen: Rows) -> None:
        """These of another's notes, in their order."""
        to = slice(self.used, self.used + len(chosen))
        for mine, theirs in (
            (self.high, other.high),
            (self.low, other.low),
            (self.is_session, other.is_session),
            (self.day, other.day),
        ):
            mine[to] = theirs[chosen]
        held, places = np.unique(other.client[chosen], return_inverse=True)
        renumbered = np.array([self._number(other.clients[one]) for one in held], np.int32)
        self.client[to] = renumbered[places]
        self.used += len(chosen)

    def _number(self, client: ClientId) -> int:
        if client not in self.number:
            self.clients.append(client)
            self.number[client] = len(self.clients) - 1
        return self.number[client]

    def within(self, scope: Within, count: int) -> Mask:
        """Which of the first `count` a scope holds."""
        held = np.ones(count, np.bool_)
        if scope.clients is not None:
            held &= self.of_clients(scope.clients, count)
        if scope.period is not None:
            held &= self._in_period(scope.period, count)
        if scope.sessions is not None:
            held &= self.are(scope.sessions, count) & self.is_session[:count]
        return held

    def of_clients(self, clients: Collection[ClientId], count: int) -> Mask:
        numbers = [self.number[one] for one in clients if one in self.number]
        if len(numbers) == 1:
            found: Mask = self.client[:count] == numbers[0]
            return found
        chosen = np.zeros(len(self.clients), np.bool_)
        chosen[numbers] = True
        return chosen[self.client[:count]]

    def are(self, ids: Collection[UUID], count: int) -> Mask:
        """Which have one of these ids, whatever they are."""
        halves = {(one.int >> 64, one.int & _LOW) for one in ids}
        low = np.fromiter((low for _, low in halves), np.uint64, len(halves))
        found = np.isin(self.low[:count], low)
        for at in np.flatnonzero(found).tolist():
            found[at] = (int(self.high[at]), int(self.low[at])) in halves
        return found

    def touched(
        self, notes: Collection[NoteRef], clients: Collection[ClientId], count: int
    ) -> Mask:
        """Which are among these notes, or of these clients."""
        found = self.of_clients(clients, count)
        for is_session in (True, False):
            ids = {one.id for one in notes if (one.entity == "sessions") == is_session}
            if ids:
                found |= self.are(ids, count) & (self.is_session[:count] == is_session)
        return found

    def _in_period(self, period: Period, count: int) -> Mask:
        first = period.first.toordinal() if period.first else NO_DAY + 1
        last = period.last.toordinal() if period.last else _LAST_DAY
        days = self.day[:count]
        return (days >= first) & (days <= last)

    def ref(self, note: int, workspace: WorkspaceId) -> NoteRef:
        id = UUID(int=int(self.high[note]) << 64 | int(self.low[note]))
        return NoteRef(workspace, "sessions" if self.is_session[note] else "clients", id)


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
