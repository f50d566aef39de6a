"""The index: what is kept of a workspace's notes so that they can be searched, counted and watched."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from uuid import UUID

from service.domain.answers import Hit, SearchStatement
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Bag, Chunk, Client, ManifestItem, Note, NoteRef, Person
from service.domain.risk import RiskNote, RiskSpan
from service.domain.scope import IndexedSession, Within
from service.ports.models import Vector
from service.ports.work import Lease

if TYPE_CHECKING:  # numpy costs a tenth of a second, which commands need not pay
    import numpy as np
    from numpy.typing import NDArray

    from service.vectors.rows import ChunkCodes, ChunkRows


Rows = TypeVar("Rows", covariant=True)
ChunkPlace = tuple[NoteRef, str, int]
"""A chunk's note, field and number in the field."""


@dataclass(frozen=True, slots=True)
class IndexModels:
    """The models of a workspace's index: questions are compared with `active`; `beside` is kept up with it."""

    active: str
    beside: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        return (self.active, self.beside) if self.beside else (self.active,)


@dataclass(frozen=True, slots=True)
class IndexState:
    """What a question asks of a workspace's index before it looks: which memories hold, which vectors count."""

    epoch: int
    models: IndexModels | None


@dataclass(frozen=True, slots=True)
class Space:
    """A note as one model sees it."""

    model: str
    digests: dict[str, str]
    """Keyed digest of each field's text, by field."""
    kept: frozenset[str]
    """Fields whose stored chunks still stand, because their digest did not change."""
    chunks: Sequence[Chunk]
    """The chunks of all other fields, with `vectors` beside them."""
    vectors: Sequence[Vector] = ()


@dataclass(frozen=True, slots=True)
class IndexedNote:
    """What indexing writes for one note, in every model of its workspace: all of it or nothing."""

    note: Note
    bag: Bag
    spaces: Sequence[Space]
    """The active model's first."""
    texts: dict[str, str] = field(default_factory=dict)
    """`text_digest` of each field, by field: tells whether what was cited still stands there."""
    risk: tuple[RiskSpan, ...] = ()
    """Where the text speaks of danger to somebody."""
    is_searched: bool = True
    """False for a draft that is counted and no more: then nothing is kept of its text."""

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(space.model for space in self.spaces)

    @property
    def digests(self) -> dict[str, dict[str, str]]:
        """By model, then by field."""
        return {space.model: space.digests for space in self.spaces}


@dataclass(frozen=True, slots=True)
class IndexDelta(Generic[Rows]):
    """What changed in a workspace's index since an epoch that a memory remembers."""

    epoch: int
    """Of the index now."""
    notes: frozenset[NoteRef]
    """Changed, made or gone."""
    clients: frozenset[ClientId]
    """Of whom everything may have changed or be gone."""
    rows: Rows
    """What there is now of these notes and clients; whatever a memory holds of them goes."""


class ChunkStore(Protocol):
    """Chunks, bags and the catalogue of one workspace at a time."""

    async def replace(self, indexed: IndexedNote, *, lease: Lease) -> bool:
        """Swaps in a note's chunks and bag and marks the work done, in one transaction.

        False, with nothing written, when the lease was lost, what should be kept is gone, or the workspace's
        models are others than those written. The first write of a workspace says what its model is. A note
        whose client is archived or purged is forgotten instead. Of what is not searched only the catalogue knows.
        """
        ...

    async def replace_all(self, notes: Sequence[tuple[IndexedNote, Lease]]) -> Sequence[bool]:
        """`replace` of several notes of one workspace in one transaction: what it would say of each, in their order.

        One that says False keeps none of the others; an error writes none of them.
        """
        ...

    async def forget(self, ref: NoteRef, *, lease: Lease) -> bool:
        """Drops what search holds of a note. What conversations quoted stays hidden until the note is restored."""
        ...

    async def put_client(
        self,
        client: Client,
        indexed: IndexedNote | None,
        *,
        lease: Lease,
        wake: Sequence[UUID] = (),
    ) -> bool:
        """Catalogues a client and swaps in or drops the profile; an inactive client's sessions are forgotten.

        Where the client became active, another look at the sessions `wake` is wanted with the same commit.

        False, with nothing written, where `replace` would say so.
        """
        ...

    async def forget_client(self, ref: NoteRef, *, lease: Lease) -> bool:
        """Drops what search holds of a client's profile and of all their sessions."""
        ...

    async def models(self, *, workspace: WorkspaceId) -> IndexModels | None:
        """None for a workspace that was never indexed."""
        ...

    async def digests_of(self, refs: Sequence[NoteRef]) -> dict[NoteRef, dict[str, dict[str, str]]]:
        """The digests the index holds for notes of one workspace, by model and field; those of which it holds none, or
        which it only counts, have none or are missing."""
        ...

    async def search(
        self,
        vector: Vector,
        *,
        workspace: WorkspaceId,
        model: str,
        within: Within,
        limit: int,
    ) -> Sequence[Hit]:
        """The nearest chunks in the space of one model: exact among all that `within` holds; slow in a large one."""
        ...

    async def is_larger(self, than: int, *, workspace: WorkspaceId, model: str) -> bool:
        """Whether a workspace has more chunks in the model than so many."""
        ...

    async def chunk_rows(self, *, workspace: WorkspaceId, model: str) -> "tuple[int, ChunkRows]":
        """All chunks with their vectors in one model, with the epoch they belong to."""
        ...

    async def changed_chunks(
        self, *, workspace: WorkspaceId, model: str, since: int
    ) -> "IndexDelta[ChunkRows] | None":
        """What changed after an epoch; None where that is not known any more, and `chunk_rows` must be read."""
        ...

    async def chunk_codes(
        self, *, workspace: WorkspaceId, model: str
    ) -> "tuple[int, ChunkCodes] | None":
        """All chunks with their one-bit codes, a fifteenth of `chunk_rows`, with the epoch they belong to.

        None where any chunk has no code, as notes have that were indexed before codes were kept: a search by the
        rest would miss it. Until such notes are looked at again, `search` or `chunk_rows` must be asked.
        """
        ...

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> "NDArray[np.float16]":
        """Vectors by key, shape (n, DIMENSION); NaN in the rows of chunks that are gone."""
        ...

    async def changed_bags(
        self, *, workspace: WorkspaceId, since: int
    ) -> "IndexDelta[Sequence[Bag]] | None":
        """As `changed_chunks`, of bags."""
        ...

    async def state(self, *, workspace: WorkspaceId) -> IndexState:
        """`epoch` and `models` in one look."""
        ...

    async def epoch(self, *, workspace: WorkspaceId) -> int:
        """Grows with every committed change of what a search of the workspace can find."""
        ...

    async def bags(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Bag]]:
        """All bags, with the epoch they belong to."""
        ...

    async def people(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Person]]:
        """The clients whose names the index has, with the epoch they belong to; nobody who is archived.

        A client indexed before names were kept is missing until they are looked at again.
        """
        ...

    async def changed_clients(
        self, *, workspace: WorkspaceId, since: int
    ) -> tuple[int, frozenset[ClientId]] | None:
        """The epoch now, and of whom everything may have changed after `since`; None where that is not known any more.

        Whoever is not among them is called as before: only a client's own change changes a name.
        """
        ...

    async def risks(
        self, *, workspace: WorkspaceId, clients: Collection[ClientId]
    ) -> Sequence[RiskNote]:
        """The clients' notes that speak of danger, newest first, and last the profiles, which have no day.

        One indexed before this was kept may speak of it: until it is looked at again it is among them, without spans.
        """
        ...

    async def knows_client(self, client: ClientId, *, workspace: WorkspaceId) -> bool: ...

    async def coverage(self, *, workspace: WorkspaceId, within: Within) -> SearchStatement:
        """How many sessions a search in this scope covers, and how many drafts it does not.

        A draft that nobody may search has no place in a course: where the scope is chosen sessions, those of the same
        clients and days are counted.
        """
        ...

    async def sessions(self, *, workspace: WorkspaceId, within: Within) -> Sequence[IndexedSession]:
        """The searched sessions in scope, oldest first; those of one day in the order of their ids."""
        ...

    async def catalogue(self, *, workspace: WorkspaceId) -> Sequence[ManifestItem]:
        """What the index says it holds, also clients who are not indexed (`archived`) and drafts it only counts."""
        ...

    async def workspaces(self) -> frozenset[WorkspaceId]:
        """Every workspace that something was ever kept of."""
        ...
