"""Where a workspace's vectors are kept: `plain_vectors` for pgvector's columns, `sealed_vectors` for sealed blocks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.index.epochs import Touched
from service.domain.answers import Hit
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Entity, NoteRef
from service.domain.scope import Within
from service.ports.index import ChunkPlace, IndexedNote, IndexModels, Space
from service.ports.keys import WorkspaceKeys
from service.ports.models import Vector
from service.vectors.note_rows import NoteRows, note_rows
from service.vectors.rows import ChunkCodes, ChunkRows

Whose = tuple[NoteRef, str]
"""A note and a model."""


@dataclass(frozen=True, slots=True)
class NoteVectors:
    """A note's vectors in one model, and what their rows say of the note."""

    ref: NoteRef
    model: str
    client: ClientId
    day: date | None
    rows: NoteRows

    @property
    def whose(self) -> Whose:
        return self.ref, self.model


class VectorTable(Protocol):
    """The part of `ChunkStore` that is about vectors. Writes are part of the caller's transaction."""

    async def swap(
        self,
        connection: AsyncConnection,
        notes: Sequence[IndexedNote],
        keys: WorkspaceKeys,
        *,
        there: Collection[NoteRef],
    ) -> None:
        """Old chunks out, new ones in; chunks of an unchanged field stay and follow their note's client and day.

        Whatever is of no model of its note goes too. Of notes that are not `there` nothing stands. As many statements
        for all of them as for one.
        """
        ...

    async def drop_stale(
        self,
        connection: AsyncConnection,
        workspace: WorkspaceId,
        held: IndexModels,
        notes: Collection[tuple[Entity, UUID]],
    ) -> int:
        """Drops these notes' vectors in models that are not held any more; how many rows."""
        ...

    async def search(
        self, vector: Vector, *, workspace: WorkspaceId, model: str, within: Within, limit: int
    ) -> Sequence[Hit]:
        """The nearest chunks, exact, by a process that holds nothing of the workspace."""
        ...

    async def counted(self, most: int, *, workspace: WorkspaceId, model: str) -> int:
        """How many chunks there are; `most` of them, or somewhat more, where there are so many."""
        ...

    async def rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        """All chunks, with the epoch they belong to."""
        ...

    async def changed(
        self, *, workspace: WorkspaceId, model: str, since: int
    ) -> tuple[Touched, ChunkRows] | None:
        """What changed after an epoch, and the chunks there are now of it; None where nobody can tell any more."""
        ...

    async def codes(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkCodes] | None:
        """All chunks' one-bit codes, with the epoch they belong to; None where any chunk has none."""
        ...

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> NDArray[np.float16]:
        """Vectors by key, shape (n, DIMENSION); NaN in the rows of chunks that are gone."""
        ...


class VectorHome(VectorTable, Protocol):
    """A table of them, out of which and into which a note can be moved."""

    async def take(
        self, connection: AsyncConnection, refs: Collection[NoteRef], keys: WorkspaceKeys
    ) -> Sequence[NoteVectors]:
        """All that stands here of these notes, out of here. Raises KeyUnavailable, SealBroken."""
        ...

    async def put(
        self, connection: AsyncConnection, taken: Sequence[NoteVectors], keys: WorkspaceKeys
    ) -> None:
        """Puts it here, where nothing stands of these notes in these models."""
        ...


def fresh_rows(space: Space) -> NoteRows:
    """A note's new chunks in one model; raises ValueError for a vector that cannot be stored."""
    return note_rows([(chunk.field, chunk.ordinal) for chunk in space.chunks], space.vectors)
