"""The notes of a workspace as columns: what a scope asks of them, without an object a note."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Bag, Entity, NoteRef
from service.domain.scope import Period, Within

Mask = NDArray[np.bool_]
Ints = NDArray[np.intp]

NO_DAY = 0
"""Of a profile, in no period; the first of days is 1."""
BYTES_A_CLIENT = 120
HALF = 64
LOW = 2**HALF - 1


@dataclass(frozen=True, slots=True, eq=False)
class NoteColumns:
    """Row i of each column is one note: 34 bytes. A row that is gone keeps its place until it is taken out."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    """The halves of the note's id."""
    session: Mask
    """Whether it is a session's; else a client's profile."""
    client: NDArray[np.int32]
    """The client's number."""
    day: NDArray[np.int32]
    """As an ordinal, or NO_DAY."""
    length: NDArray[np.int64]
    """The sum of the bag's counts."""
    alive: Mask
    clients: Mapping[ClientId, int]
    """Each client's number: they are counted in this order."""

    @classmethod
    def of(cls, bags: Sequence[Bag]) -> "NoteColumns":
        """All of them alive."""
        clients = _numbered(bag.client for bag in bags)
        ids = [bag.ref.id.int for bag in bags]
        days = [bag.day.toordinal() if bag.day else NO_DAY for bag in bags]
        return cls(
            high=np.array([id >> HALF for id in ids], np.uint64),
            low=np.array([id & LOW for id in ids], np.uint64),
            session=np.array([bag.ref.entity == "sessions" for bag in bags], bool),
            client=np.array([clients[bag.client] for bag in bags], np.int32),
            day=np.array(days, np.int32),
            length=np.array([np.sum(bag.counts, dtype=np.int64) for bag in bags], np.int64),
            alive=np.ones(len(bags), bool),
            clients=clients,
        )

    def __len__(self) -> int:
        """How many rows, also those that are gone."""
        return len(self.alive)

    @property
    def nbytes(self) -> int:
        """About what it occupies."""
        columns = self.high, self.low, self.session, self.client, self.day, self.length, self.alive
        return sum(column.nbytes for column in columns) + BYTES_A_CLIENT * len(self.clients)

    def refs(self, rows: Ints, workspace: WorkspaceId) -> list[NoteRef]:
        """The notes of rows, in their order."""
        entities: list[Entity] = ["sessions" if one else "clients" for one in self.session[rows]]
        ids = zip(entities, self._ids(rows), strict=True)
        return [NoteRef(workspace, entity, UUID(int=id)) for entity, id in ids]

    def clients_of(self, rows: Ints) -> list[ClientId]:
        """Whose the notes of rows are."""
        names = tuple(self.clients)
        return [names[number] for number in self.client[rows].tolist()]

    def held_by(self, within: Within) -> Mask:
        """Which rows a scope holds, as `Within.holds` says; none that is gone."""
        held = self.alive.copy()
        if within.clients is not None:
            held &= self._of_clients(within.clients)
        if within.period is not None:
            held &= self._of_period(within.period)
        if within.sessions is not None:
            held &= self._of_ids(within.sessions, session=True)
        return held

    def touched_by(self, notes: Collection[NoteRef], clients: Collection[ClientId]) -> Mask:
        """The rows of these notes, and all of these clients'."""
        touched = self._of_clients(clients)
        for session in (True, False):
            ids = {note.id for note in notes if (note.entity == "sessions") == session}
            touched |= self._of_ids(ids, session=session)
        return touched

    def without(self, gone: Mask) -> "NoteColumns":
        """The same rows, some of them gone."""
        return replace(self, alive=self.alive & ~gone)

    def and_then(self, other: "NoteColumns") -> "NoteColumns":
        """These rows, and another's behind them."""
        clients = _numbered([*self.clients, *other.clients])
        numbers = np.array([clients[client] for client in other.clients], np.int32)
        return NoteColumns(
            high=np.concatenate([self.high, other.high]),
            low=np.concatenate([self.low, other.low]),
            session=np.concatenate([self.session, other.session]),
            client=np.concatenate([self.client, numbers[other.client]]),
            day=np.concatenate([self.day, other.day]),
            length=np.concatenate([self.length, other.length]),
            alive=np.concatenate([self.alive, other.alive]),
            clients=clients,
        )

    def living(self) -> "NoteColumns":
        """Without the rows that are gone, and the clients that no row is of any more."""
        names = tuple(self.clients)
        used, client = np.unique(self.client[self.alive], return_inverse=True)
        return NoteColumns(
            high=self.high[self.alive],
            low=self.low[self.alive],
            session=self.session[self.alive],
            client=client.astype(np.int32),
            day=self.day[self.alive],
            length=self.length[self.alive],
            alive=self.alive[self.alive],
            clients=_numbered(names[number] for number in used.tolist()),
        )

    def by_id(self, rows: Ints, scores: NDArray[np.float64]) -> Ints:
        """Rows in the order of their scores, best first, and of their ids where those are equal."""
        keys = self.low[rows], self.high[rows], self.session[rows], -scores
        return rows[np.lexsort(keys)]

    def _of_clients(self, clients: Collection[ClientId]) -> Mask:
        chosen = np.zeros(len(self.clients), bool)
        chosen[[self.clients[one] for one in clients if one in self.clients]] = True
        of_them: Mask = chosen[self.client]
        return of_them

    def _of_period(self, period: Period) -> Mask:
        held: Mask = self.day != NO_DAY
        if period.first is not None:
            held &= self.day >= period.first.toordinal()
        if period.last is not None:
            held &= self.day <= period.last.toordinal()
        return held

    def _of_ids(self, ids: Collection[UUID], *, session: bool) -> Mask:
        """Half of an id tells nearly all others from it; the few that are left are looked at whole."""
        whole = {id.int for id in ids}
        found = _among(self.low, np.array([id & LOW for id in whole], np.uint64))
        found &= self.session == session
        rows = np.flatnonzero(found)
        found[rows] = [id in whole for id in self._ids(rows)]
        return found

    def _ids(self, rows: Ints) -> list[int]:
        halves = zip(self.high[rows].tolist(), self.low[rows].tolist(), strict=True)
        return [high << HALF | low for high, low in halves]


def _numbered(clients: Iterable[ClientId]) -> dict[ClientId, int]:
    return {client: number for number, client in enumerate(dict.fromkeys(clients))}


def _among(numbers: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> Mask:
    """As `np.isin`, which sorts the many where it is enough to sort the few: 4 ms of 20,000 rows for 400 ids."""
    if not len(wanted):
        return np.zeros(len(numbers), bool)
    wanted.sort()
    at = np.searchsorted(wanted, numbers)
    return np.equal(wanted.take(at, mode="clip"), numbers)
