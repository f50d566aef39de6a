"""A workspace's vectors in memory, as of an epoch: scanned as codes, judged as they are, followed by deltas."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.domain.answers import Hit
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.scope import ANYWHERE, Within
from service.vectors import DIMENSION
from service.vectors.codes import LEAST, TIMES, Codes, Floats, Halves, Query, best
from service.vectors.columns import Chunks, Notes, Rows
from service.vectors.note_keys import Mask, NoteKeys
from service.vectors.rows import ChunkRows

# The most that a vector costs in memory, notes and spare room included: 1,130 and 3,195 measured.
FETCHED_BYTES, RESIDENT_BYTES = 1_200, 3_200
DEAD = 0.25  # Of the rows: when more are dead, the living move to new arrays.
SPARE, SPARE_LEAST = (
    1 / 64,
    32,
)  # Room for what comes: 48 bytes a vector, for some 400 edits at 100,000.
SCATTERED = (
    0.2  # Of the rows: fewer in scope are gathered before the scan, more are masked after it.
)
NOTHING = np.empty(0, np.intp)
ROUNDING = 1e-5  # Of scores, beside what codes lose.


@dataclass(slots=True, eq=False)
class _Shelf:
    """Arrays that snapshots share. They grow at their end only, so what a snapshot sees is never written again."""

    notes: Notes
    chunks: Chunks
    codes: Codes
    halves: Halves | None
    """None where they are fetched by key."""
    slack: float = 0.0
    """The greatest."""

    @classmethod
    def empty(cls, *, chunks: int, notes: int, resident: bool) -> "_Shelf":
        room = chunks + max(SPARE_LEAST, int(chunks * SPARE))
        halves = np.empty((room, DIMENSION), np.float16) if resident else None
        note_room = notes + max(SPARE_LEAST, int(notes * SPARE))
        return cls(Notes.empty(note_room), Chunks.empty(room), Codes.empty(room), halves)

    @property
    def nbytes(self) -> int:
        held = self.halves.nbytes if self.halves is not None else 0
        return self.notes.nbytes + self.chunks.nbytes + self.codes.nbytes + held

    def append(self, rows: ChunkRows) -> None:
        at, first_note = self.chunks.used, self.notes.used
        self.codes.write(rows.halves, at=at)
        if self.halves is not None:
            self.halves[at : at + len(rows)] = rows.halves
        self.notes.append(rows.placed)
        self.chunks.append(rows.placed, first_note=first_note)
        self._know_slack(at)

    def take(self, other: "_Shelf", chosen: Rows) -> None:
        """These of another's chunks, with their notes."""
        at, first_note = self.chunks.used, self.notes.used
        notes, places = np.unique(other.chunks.note[chosen], return_inverse=True)
        self.notes.take(other.notes, notes.astype(np.intp))
        self.chunks.take(other.chunks, chosen, notes=places.astype(np.int32) + np.int32(first_note))
        self.codes.take(other.codes, chosen, at=at)
        if self.halves is not None and other.halves is not None:
            np.take(other.halves, chosen, axis=0, out=self.halves[at : at + len(chosen)])
        self._know_slack(at)

    def _know_slack(self, since: int) -> None:
        fresh = self.codes.slacks[since : self.chunks.used]
        self.slack = max(self.slack, float(fresh.max(initial=0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class HotVectors:
    """A snapshot: it stays as it is while later ones are made from it, and while searches read it."""

    workspace: WorkspaceId
    model: str
    epoch: int
    _shelf: _Shelf
    _chunks: int
    """How many of the shelf's it sees, the dead among them."""
    _notes: int
    _dead: NDArray[np.int32]
    """Rows whose note was changed or is gone."""

    @classmethod
    def of(
        cls, rows: ChunkRows, *, workspace: WorkspaceId, model: str, epoch: int, resident: bool
    ) -> "HotVectors":
        """All chunks of a workspace; `resident` where the vectors stay beside their codes."""
        shelf = _Shelf.empty(chunks=len(rows), notes=len(rows.placed.notes), resident=resident)
        shelf.append(rows)
        return cls._all_of(shelf, workspace, model, epoch)

    @classmethod
    def _all_of(cls, shelf: _Shelf, workspace: WorkspaceId, model: str, epoch: int) -> "HotVectors":
        dead = np.empty(0, np.int32)
        return cls(workspace, model, epoch, shelf, shelf.chunks.used, shelf.notes.used, dead)

    @property
    def _keys(self) -> NoteKeys:
        return self._shelf.notes.first(self._notes)

    @property
    def living(self) -> int:
        """How many chunks can be found."""
        return self._chunks - len(self._dead)

    @property
    def scanned(self) -> int:
        """How many chunks are scanned, the dead among them."""
        return self._chunks

    @property
    def resident(self) -> bool:
        return self._shelf.halves is not None

    @property
    def nbytes(self) -> int:
        """All of what it occupies, room for what comes included; what it shares with others counts in each."""
        return self._shelf.nbytes + self._dead.nbytes

    def followed_by(
        self,
        rows: ChunkRows,
        *,
        epoch: int,
        notes: Collection[NoteRef],
        clients: Collection[ClientId],
    ) -> "HotVectors":
        """The snapshot of a later epoch: without these notes and clients, and with these rows."""
        dead = self._dead_with(notes, clients)
        if self._has_room(rows) and len(dead) <= max(SPARE_LEAST, DEAD * self._chunks):
            shelf = self._shelf
            shelf.append(rows)
            seen = shelf.chunks.used, shelf.notes.used
            return replace(self, epoch=epoch, _chunks=seen[0], _notes=seen[1], _dead=dead)
        shelf = self._compacted(dead, rows)
        return self._all_of(shelf, self.workspace, self.model, epoch)

    def _dead_with(
        self, notes: Collection[NoteRef], clients: Collection[ClientId]
    ) -> NDArray[np.int32]:
        gone = self._keys.touched_by(notes, clients)
        if not gone.any():
            return self._dead
        rows = np.flatnonzero(gone[self._shelf.chunks.note[: self._chunks]])
        return np.union1d(self._dead, rows).astype(np.int32)

    def _has_room(self, rows: ChunkRows) -> bool:
        """And nobody else has appended behind this snapshot: whose rows those were is not ours to see."""
        chunks, notes = self._shelf.chunks, self._shelf.notes
        is_last = chunks.used == self._chunks and notes.used == self._notes
        return is_last and len(rows) <= chunks.room and len(rows.placed.notes) <= notes.room

    def _compacted(self, dead: NDArray[np.int32], rows: ChunkRows) -> _Shelf:
        living = np.delete(np.arange(self._chunks), dead)
        shelf = _Shelf.empty(
            chunks=len(living) + len(rows),
            notes=self._notes + len(rows.placed.notes),
            resident=self.resident,
        )
        shelf.take(self._shelf, living)
        shelf.append(rows)
        return shelf

    def look(self, query: Query, *, within: Within, limit: int) -> "Look":
        """Scans what a scope holds, alone where that is little."""
        mask = self._mask(within)
        codes = self._shelf.codes[: self._chunks]
        count = self.living if mask is None else int(np.count_nonzero(mask))
        if mask is not None and count < SCATTERED * self._chunks:
            rows = np.flatnonzero(mask)
            return Look(self, query, query.scan(codes[rows]), rows, count, limit)
        scores = query.scan(codes)
        if mask is not None:
            scores[~mask] = -np.inf
        elif len(self._dead):
            scores[self._dead] = -np.inf
        return Look(self, query, scores, None, count, limit)

    def search(self, query: Query, *, within: Within, limit: int) -> Sequence[Hit]:
        """The nearest, best first, where the vectors are resident."""
        look = self.look(query, within=within, limit=limit)
        while len(rows := look.wanted()):
            look.judged(rows, self.cosines(query, rows))
        return look.hits()

    def _mask(self, within: Within) -> Mask | None:
        """Of the living in scope; None where that is everything."""
        if within == ANYWHERE:
            return None
        notes = self._keys.inside(within)
        mask = notes[self._shelf.chunks.note[: self._chunks]]
        mask[self._dead] = False
        return mask

    def cosines(self, query: Query, rows: Rows) -> NDArray[np.float64]:
        """With vectors that are resident, shape (n,)."""
        assert self._shelf.halves is not None  # noqa: S101 - the caller looked
        return self.judged(query, rows, self._shelf.halves[rows])

    def judged(self, query: Query, rows: Rows, halves: Halves) -> NDArray[np.float64]:
        """The cosines of these rows, whose vectors these are."""
        return query.cosines(halves, self._shelf.codes.norms[rows])

    def slacks(self, rows: Rows | None) -> Floats:
        slacks = self._shelf.codes.slacks
        return slacks[: self._chunks] if rows is None else slacks[rows]

    @property
    def slack(self) -> float:
        """The greatest of all."""
        return self._shelf.slack

    def places(self, rows: Rows) -> list[tuple[NoteRef, str, int]]:
        chunks = self._shelf.chunks
        fields = [chunks.fields[one] for one in chunks.field[rows].tolist()]
        refs = self._keys.refs(chunks.note[rows], self.workspace)
        return list(zip(refs, fields, chunks.ordinal[rows].tolist(), strict=True))

    def hits(self, rows: Rows, cosines: Sequence[float]) -> list[Hit]:
        clients = self._keys.clients_of(self._shelf.chunks.note[rows])
        return [
            Hit(ref, client, field, ordinal, min(1.0, max(0.0, cosine)))
            for (ref, field, ordinal), client, cosine in zip(
                self.places(rows), clients, cosines, strict=True
            )
        ]

    def in_order(self, rows: Rows, cosines: Sequence[float]) -> Sequence[int]:
        """How to sort them: nearest first; equally near ones by note, field and number, as the store does."""
        if len(set(cosines)) == len(cosines):
            return sorted(range(len(cosines)), key=cosines.__getitem__, reverse=True)
        notes, chunks = self._shelf.notes, self._shelf.chunks
        note, names = chunks.note[rows], np.array(chunks.fields)
        keys = chunks.ordinal[rows], names[chunks.field[rows]], notes.low[note], notes.high[note]
        order: list[int] = np.lexsort((*keys, -np.array(cosines))).tolist()
        return order


class Look:
    """One search of a snapshot. Whoever runs it judges what is wanted until nothing is, wherever the vectors are.

    At most so many rows are wanted as could be among the best by the bound of what codes lose.
    """

    def __init__(
        self,
        hot: HotVectors,
        query: Query,
        scores: Floats,
        rows: Rows | None,
        count: int,
        limit: int,
    ) -> None:
        self._hot, self._query = hot, query
        self._scores, self._rows = scores, rows
        self._left = count
        """Neither judged nor out of scope."""
        self._limit = limit
        self._found: tuple[Rows, NDArray[np.float64]] = NOTHING, np.empty(0)
        self._floor = np.inf
        """What is left has lower scores."""

    def wanted(self) -> Rows:
        """Rows of the snapshot to be judged next; none when it is done."""
        places = self._places()
        if len(places):
            self._floor = float(self._scores[places].min())
            self._left -= len(places)
        return places if self._rows is None else self._rows[places]

    def _places(self) -> Rows:
        """The best by their scores, until as many as asked for are found; then what the bound leaves open."""
        found = len(self._found[0])
        if self._limit < 1 or not self._left:
            return NOTHING
        if found < self._limit:
            if self._floor < np.inf:
                self._scores[self._scores >= self._floor] = -np.inf
            count = max(LEAST, TIMES * (self._limit + found))
            return best(self._scores, min(count, self._left))
        needed = self._worst() - self._query.slack - ROUNDING
        if self._floor + self._hot.slack < needed:
            return NOTHING
        is_near = self._scores + self._hot.slacks(self._rows) >= needed
        return np.flatnonzero(is_near & (self._scores < self._floor))

    def _worst(self) -> float:
        """The cosine of the last that is among the best, of as many as asked for."""
        cosines = self._found[1]
        return float(np.partition(cosines, -self._limit)[-self._limit])

    def judged(self, rows: Rows, cosines: NDArray[np.float64]) -> None:
        """NaN of a chunk that is gone meanwhile."""
        there = ~np.isnan(cosines)
        if not there.all():
            rows, cosines = rows[there], cosines[there]
        held = self._found
        if len(held[0]):
            rows, cosines = np.concatenate([held[0], rows]), np.concatenate([held[1], cosines])
        self._found = rows, cosines

    def hits(self) -> Sequence[Hit]:
        """The nearest, best first."""
        rows, cosines = self._found
        if len(rows) > self._limit > 0:
            # No more than these, and those as near as the last of them, need an order.
            chosen = cosines >= self._worst()
            rows, cosines = rows[chosen], cosines[chosen]
        near = cosines.tolist()
        order = self._hot.in_order(rows, near)[: max(self._limit, 0)]
        return self._hot.hits(rows[order], [near[one] for one in order])
