"""The notes of a workspace as columns: what lexical search asks of them beside their words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.domain.identity import ClientId
from service.domain.notes import Bag
from service.domain.scope import Within
from service.vectors.note_keys import BYTES_A_CLIENT, Ints, Mask, NoteKeys, days_of, halves_of


@dataclass(frozen=True, slots=True, eq=False)
class NoteColumns(NoteKeys):
    """Row i of each column is one note: 34 bytes. A row that is gone keeps its place until it is taken out."""

    length: NDArray[np.int64]
    """The sum of the bag's counts."""
    alive: Mask

    @classmethod
    def of(cls, bags: Sequence[Bag]) -> "NoteColumns":
        """All of them alive."""
        clients = _numbered(bag.client for bag in bags)
        high, low = halves_of(bag.ref for bag in bags)
        return cls(
            high=high,
            low=low,
            session=np.array([bag.ref.entity == "sessions" for bag in bags], bool),
            client=np.array([clients[bag.client] for bag in bags], np.int32),
            day=days_of(bag.day for bag in bags),
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

    def held_by(self, within: Within) -> Mask:
        """Which rows a scope holds; none that is gone."""
        return self.inside(within) & self.alive

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


def _numbered(clients: Iterable[ClientId]) -> dict[ClientId, int]:
    return {client: number for number, client in enumerate(dict.fromkeys(clients))}
