"""What the journeys need from outside, as Protocols; adapters keep them, `container` chooses.

No method promises to be fast or to succeed: each may raise `Unavailable` or a subclass. The workspace
travels as a required keyword and comes only from something verified.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar
from uuid import UUID

from service.domain.answers import Delta, Hit, Passage, Question, SearchStatement, Stretch
from service.domain.audit import SERVICE_CHAIN, AuditEntry, AuditRow
from service.domain.deadline import NO_DEADLINE, Deadline
from service.domain.erasure import AskedBy, SignedReceipt, Subject
from service.domain.feedback import Feedback, RatedTurn
from service.domain.identity import (
    ClientId,
    Introspection,
    Role,
    UserId,
    WorkspaceId,
    WorkspaceStatus,
)
from service.domain.notes import Bag, Chunk, Client, ManifestItem, Note, NoteRef, Person, Pulled
from service.domain.risk import RiskNote, RiskSpan
from service.domain.scope import IndexedSession, Within
from service.domain.turns import Turn
from service.domain.usage import Meter
from service.errors import KeyUnavailable, ModelUnavailable
from service.vectors import DIMENSION as DIMENSION

if TYPE_CHECKING:  # numpy costs a tenth of a second, which commands need not pay
    import numpy as np
    from numpy.typing import NDArray

    from service.vectors.rows import ChunkCodes, ChunkRows

Rows = TypeVar("Rows", covariant=True)
Vector = Sequence[float]


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def __call__(self) -> datetime: ...


class NoteSource(Protocol):
    """PazPaz: the only place that has note text."""

    async def fetch(
        self,
        *,
        workspace: WorkspaceId,
        sessions: Sequence[UUID] = (),
        clients: Sequence[UUID] = (),
        actor: UserId | None = None,
    ) -> Pulled:
        """The current rows, any number of ids (batched by 50). With an actor the pull is for an answer, else to index.

        Raises SourceUnavailable; NotAllowed when PazPaz says the actor may not read there.
        """
        ...

    def manifest(
        self,
        *,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        after: UUID | None = None,
    ) -> AsyncIterator[ManifestItem]:
        """What exists, page by page, in the order of ids; behind `after`, if given."""
        ...

    async def workspaces(self) -> Mapping[WorkspaceId, WorkspaceStatus]:
        """Every workspace PazPaz lists. Raises SourceUnavailable."""
        ...

    async def workspace_status(self, *, workspace: WorkspaceId) -> WorkspaceStatus | None:
        """None for a workspace that PazPaz does not list."""
        ...


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that checks tokens, with the one algorithm it is for (a cryptography key object)."""

    id: str
    algorithm: str
    key: Any = field(repr=False)


class VerificationKeys(Protocol):
    """PazPaz's published token keys."""

    async def find(self, kid: str) -> VerificationKey | None:
        """The key of that id, None when the present set has none.

        Raises SourceUnavailable when no set can be had.
        """
        ...


class PrincipalSource(Protocol):
    """PazPaz's live word on a login."""

    async def introspect(self, *, session: str, user: UserId) -> Introspection | None:
        """None when PazPaz does not know the user."""
        ...


class KeyWrapper(Protocol):
    """A key-encryption key: out of a setting, a file, or a KMS that keeps it to itself.

    Never called inside a transaction: it may be a network call.
    """

    @property
    def id(self) -> str:
        """Stored beside what it wrapped, so that a key is chosen by its name and never by trial."""
        ...

    async def wrap(self, key: bytes, *, place: tuple[str, ...]) -> bytes: ...

    async def unwrap(self, wrapped: bytes, *, place: tuple[str, ...]) -> bytes:
        """Raises SealBroken for another place or an altered blob; KeyUnavailable when the KMS is away."""
        ...


@dataclass(frozen=True, slots=True)
class WorkspaceKeys:
    """The opened keys of one workspace; never stored, never logged.

    `seal` is the AES-256 key of sealed columns, the newest: new rows are sealed with it. `older` are those
    of earlier epochs, which rows still wait under while a rotation runs. `index` keys every feature hash
    and digest; changing it means a re-index from source, so it is the same in every epoch.
    """

    workspace: WorkspaceId
    epoch: int
    seal: bytes
    index: bytes
    older: Mapping[int, bytes] = field(default_factory=dict)

    def seal_of(self, epoch: int) -> bytes:
        """The key of a stored row, by the row's epoch. Raises KeyUnavailable."""
        if epoch == self.epoch:
            return self.seal
        if epoch not in self.older:
            raise KeyUnavailable
        return self.older[epoch]

    def __repr__(self) -> str:
        return f"WorkspaceKeys({self.workspace}, epoch={self.epoch})"


class KeyStore(Protocol):
    """Opens, and on first use makes, the keys of a workspace."""

    async def keys(self, *, workspace: WorkspaceId) -> WorkspaceKeys: ...

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets what is remembered of them."""
        ...


class Veil(Protocol):
    """Puts pseudonyms in place of what says who somebody is, for a text that leaves the house, and takes them away.

    One veil is one question's or one batch's: it restores what it hid itself and nothing else.
    """

    def know(self, people: Iterable[Person]) -> None:
        """Hides these clients' names too: those just read may be ones that the index does not have yet."""
        ...

    def hide(self, text: str) -> str: ...

    def restore(self, text: str, *, as_in: str = "") -> str:
        """The text with the words that stood where the pseudonyms are, written as in that text if it has them."""
        ...


class _NoVeil:
    """Hides nothing: for models that call nobody."""

    def know(self, people: Iterable[Person]) -> None:
        return

    def hide(self, text: str) -> str:
        return text

    def restore(self, text: str, *, as_in: str = "") -> str:
        return text


NO_VEIL: Veil = _NoVeil()


class Veils(Protocol):
    """Veils that know a workspace's names."""

    async def of(self, *, workspace: WorkspaceId) -> Veil:
        """A new one. Raises StoreUnavailable, KeyUnavailable, SealBroken."""
        ...


@dataclass(frozen=True, slots=True)
class CallContext:
    """For whom a model is called, and what the call may cost: one for a question, one for a batch of notes."""

    keys: WorkspaceKeys = field(repr=False)
    veil: Veil = field(default=NO_VEIL, repr=False)
    deadline: Deadline = NO_DEADLINE
    meter: Meter = field(default_factory=Meter)
    may_spend: bool = True
    """False: the day's budget is used up, and no provider is called."""

    @property
    def workspace(self) -> WorkspaceId:
        return self.keys.workspace

    def taking(self, share: float) -> "CallContext":
        """The same for a step that may take this share of the time that is left at most."""
        return replace(self, deadline=self.deadline.part(share))

    def leaving(self, seconds: float) -> "CallContext":
        """The same for a step that must leave so much of the time to the next one."""
        return replace(self, deadline=self.deadline.before(seconds))


def for_nobody(*, deadline: Deadline = NO_DEADLINE) -> CallContext:
    """A call for no workspace, as at a start: nothing that is anybody's may be in it."""
    return CallContext(WorkspaceKeys(SERVICE_CHAIN, 0, bytes(32), bytes(32)), deadline=deadline)


class Embedder(Protocol):
    """Turns text into vectors of `DIMENSION` floats, unit length."""

    @property
    def model(self) -> str: ...

    @property
    def crosses_languages(self) -> bool:
        """Whether a question comes near a note in the other language that means the same."""
        ...

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        """One vector a text, in order; any number of texts (adapters batch by 96). Raises ModelUnavailable.

        The local model hashes under the workspace's index key; a provider reads the text through the veil.
        """
        ...


@dataclass(frozen=True, slots=True)
class Embedders:
    """Every embedder this process can run, by model; `default` is the model of a workspace without an index."""

    default: str
    known: Mapping[str, Embedder]
    family: Callable[[str], Embedder | None] = lambda model: None
    """Models that need not be listed: a provider's, by their name."""

    def find(self, model: str) -> Embedder | None:
        return self.known.get(model) or self.family(model)

    def of(self, model: str) -> Embedder:
        """Raises ModelUnavailable for a model that this process cannot run."""
        embedder = self.find(model)
        if embedder is None:
            raise ModelUnavailable("not_runnable")
        return embedder


class Reranker(Protocol):
    """Judges how well texts answer a query."""

    @property
    def model(self) -> str: ...

    @property
    def crosses_languages(self) -> bool:
        """Whether a text in the other language is judged by what it means."""
        ...

    async def rerank(
        self,
        query: str,
        stretches: Sequence[Stretch],
        *,
        rarity: Callable[[str], float],
        context: CallContext,
    ) -> Sequence[float]:
        """One score a stretch, in order, calibrated to 0..1. Raises ModelUnavailable.

        `rarity` tells how rare a feature is among the workspace's notes: the local model weighs by it, a provider
        ignores it.
        """
        ...


class ChatModel(Protocol):
    """Writes an answer from passages.

    What it writes is not to be trusted: each sentence passes the filter. A stream that ends without
    `Finished` was cut. Closing the generator ends the call at the provider. A provider writes through the veil:
    whoever reads its deltas restores them, whole sentences at a time. Raises ModelUnavailable.
    """

    @property
    def model(self) -> str: ...

    def stream(
        self, question: Question, passages: Sequence[Passage], *, context: CallContext
    ) -> AsyncGenerator[Delta, None]: ...


Entailment = Literal["supported", "contradicted", "not_stated"]


class EntailmentModel(Protocol):
    """Judges whether sources say what a sentence says. A provider reads both through the veil."""

    @property
    def model(self) -> str: ...

    async def entails(
        self, claim: str, sources: Sequence[Stretch], *, context: CallContext
    ) -> Entailment:
        """By all sources together, whatever language each is in. Raises ModelUnavailable."""
        ...


WorkKind = Literal["sessions", "clients", "workspaces", "reconcile"]
"""What is looked at again; `reconcile` compares a whole workspace (its key) with PazPaz's list."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed piece of work: `token` must still be the row's when the effect is written."""

    kind: WorkKind
    key: UUID
    workspace: WorkspaceId
    token: int
    wanted: int
    attempts: int
    background: bool = False
    """Nobody's change asked for it, so what it leads to is background work too."""


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


ChunkPlace = tuple[NoteRef, str, int]
"""A chunk's note, field and number in the field."""


class ChunkStore(Protocol):
    """Chunks, bags and the catalogue of one workspace at a time."""

    async def replace(self, indexed: IndexedNote, *, lease: Lease) -> bool:
        """Swaps in a note's chunks and bag and marks the work done, in one transaction.

        False, with nothing written, when the lease was lost, what should be kept is gone, or the workspace's
        models are others than those written. The first write of a workspace says what its model is. A note
        whose client is archived or purged is forgotten instead. Of what is not searched only the catalogue knows.
        """
        ...

    async def replace_all(self, notes: "Sequence[tuple[IndexedNote, Lease]]") -> Sequence[bool]:
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
    ) -> "ClientChange | None":
        """Catalogues a client and swaps in or drops the profile; an inactive client's sessions are forgotten.

        Where the client became active, another look at the sessions `wake` is wanted with the same commit.

        None, with nothing written, where `replace` would say False.
        """
        ...

    async def forget_client(self, ref: NoteRef, *, lease: Lease) -> bool:
        """Drops what search holds of a client's profile and of all their sessions."""
        ...

    async def models(self, *, workspace: WorkspaceId) -> IndexModels | None:
        """None for a workspace that was never indexed."""
        ...

    async def digests(self, ref: NoteRef) -> dict[str, dict[str, str]]:
        """The digests the index holds for a note, by model and field; empty when it holds none, or only counts it."""
        ...

    async def digests_of(self, refs: Sequence[NoteRef]) -> dict[NoteRef, dict[str, dict[str, str]]]:
        """`digests` of several notes of one workspace; some that have none may be missing."""
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


@dataclass(frozen=True, slots=True)
class ClientChange:
    """What cataloguing a client changed."""

    became_active: bool


EventEntity = Literal["sessions", "clients", "workspaces", "users"]
EventKind = Literal["upserted", "purged", "status"]


@dataclass(frozen=True, slots=True)
class Event:
    """'Look again': PazPaz's hint that something changed."""

    id: UUID
    workspace: WorkspaceId
    entity: EventEntity
    entity_id: UUID
    kind: EventKind
    occurred_at: datetime | None = None
    """By PazPaz's clock; an order to lift a tombstone must be younger than the stone."""


@dataclass(frozen=True, slots=True)
class ChangesCursor:
    """How far PazPaz's outbox was read: its order is (txid, id), and below it nothing will appear any more."""

    txid: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of PazPaz's outbox, and where the next one begins."""

    events: Sequence[Event]
    next: ChangesCursor | None


class ChangesFeed(Protocol):
    """PazPaz's outbox as a feed: what the webhook may have lost."""

    async def changes(self, *, after: ChangesCursor | None, limit: int) -> Changes:
        """The events behind `after`, oldest first. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Depth:
    """What operators watch: pieces that a change asked for, pieces in the background, pieces given up on, and the age
    in seconds of the oldest unmet want of a change."""

    waiting: int
    background: int
    parked: int
    lag: float


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What is still to be looked at in a workspace, and what was given up on, as (kind, key)."""

    waiting: frozenset[tuple[str, UUID]]
    parked: frozenset[tuple[str, UUID]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A piece of work that was given up on; `code` is of the closed list in `errors`, never a message."""

    workspace: WorkspaceId
    kind: WorkKind
    key: UUID
    code: str | None
    parked_at: datetime
    wanted_at: datetime


class WorkQueue(Protocol):
    """Durable desired state: what should be looked at again, and by whom it is being done."""

    async def accept(self, events: Sequence[Event], *, feed: ChangesCursor | None = None) -> int:
        """Stores unseen event ids, raises `wanted`, keeps the feed's cursor, in one transaction; how many are new."""
        ...

    async def cursor(self) -> ChangesCursor | None:
        """How far the feed was read; None when it never was."""
        ...

    async def want(
        self,
        items: Sequence[ManifestItem],
        *,
        workspace: WorkspaceId,
        background: bool = False,
    ) -> None:
        """Asks for these notes to be looked at again; in the background, after all that a change asked for."""
        ...

    async def want_whole(
        self, workspaces: Sequence[WorkspaceId], *, kind: Literal["workspaces", "reconcile"]
    ) -> None:
        """Asks for workspaces to be looked at, or, in the background, to be compared with PazPaz's list."""
        ...

    async def want_erased(self, subject: Subject, *, asked_by: AskedBy) -> None:
        """Sets a tombstone, which holds from now on, and asks a worker to erase what is there."""
        ...

    async def claim(self, *, limit: int) -> Sequence[Lease]:
        """Leases of one workspace, the next in turn; a piece that failed before comes alone."""
        ...

    async def renew(self, leases: Sequence[Lease]) -> None:
        """Holds on to leases that are still ours."""
        ...

    async def done(self, lease: Lease) -> bool:
        """Marks work done that wrote nothing."""
        ...

    async def failed(self, lease: Lease, *, code: str, retry_after: float | None) -> None:
        """Gives a lease back after an error: later, or parked after too many attempts."""
        ...

    async def purged(self, lease: Lease) -> bool:
        """Whether PazPaz said that this entity is gone for good."""
        ...

    async def buried(
        self, *, workspace: WorkspaceId, ids: Collection[UUID] | None = None
    ) -> frozenset[tuple[str, UUID]]:
        """The tombstones of a workspace, its own included, as (entity, id); of some ids only, if given."""
        ...

    async def release(self, leases: Sequence[Lease]) -> None:
        """Gives leases back untouched, as at shutdown."""
        ...

    async def depth(self) -> Depth: ...

    async def open_work(self, *, workspace: WorkspaceId) -> OpenWork: ...

    async def dead_letters(
        self,
        *,
        workspace: WorkspaceId | None = None,
        key: UUID | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[DeadLetter]:
        """Oldest first."""
        ...

    async def retry_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        """Lets dead letters be tried anew, of all workspaces or one, all or one; how many."""
        ...

    async def drop_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        """Stops wanting them, until something changes or reconciliation finds them again; how many."""
        ...

    async def forget_old_events(self, *, days: float) -> int:
        """Drops event ids that no repetition needs any more; how many."""
        ...


@dataclass(frozen=True, slots=True)
class Erased:
    """An erasure that was done. `receipt` is None when there was nothing left to erase, and a receipt of before."""

    receipt: SignedReceipt | None


class Eraser(Protocol):
    """Forgets for good, or shuts a workspace and opens it again."""

    async def forget_index(self, lease: Lease) -> bool:
        """Drops what search needs of a workspace; conversations and keys stay. False when the lease was lost."""
        ...

    async def erase(
        self,
        subject: Subject,
        *,
        asked_by: AskedBy,
        sessions: Collection[UUID] = (),
        lease: Lease | None = None,
    ) -> Erased | None:
        """Drops everything of a note, a client (`sessions`: theirs, as far as PazPaz still says) or a workspace.

        Leaves a tombstone, a receipt and an audit row, in one transaction. None when the lease was lost; raises
        TracesLeft, with nothing written, when a table would still name what was erased.
        """
        ...

    async def reopen(self, *, workspace: WorkspaceId) -> bool:
        """Lets a shut workspace's notes be looked at again; False when it is erased and stays so."""
        ...

    async def lift(self, subject: Subject) -> bool:
        """Takes a tombstone away, at an operator's word; False when there was none."""
        ...


@dataclass(frozen=True, slots=True)
class ConversationHead:
    """A conversation without its turns. `client` None means the whole practice."""

    id: UUID
    client: ClientId | None
    started_at: datetime
    last_at: datetime
    """When its last question was asked."""
    turns: int


@dataclass(frozen=True, slots=True)
class ConversationLine(ConversationHead):
    """A conversation as a list shows it, with the first question of it that is still there."""

    question: str | None = field(repr=False)


class ConversationStore(Protocol):
    """Sealed conversations; each belongs to one user of one workspace."""

    async def head(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> ConversationHead | None: ...

    async def add_turn(
        self,
        *,
        conversation: UUID,
        client: ClientId | None,
        user: UserId,
        workspace: WorkspaceId,
        turn: Turn,
    ) -> None:
        """Adds a turn, and the conversation itself with its first one.

        Raises ConversationNotFound when the id is another user's. What leans on a note or client that was
        purged meanwhile is not kept.
        """
        ...

    async def page(
        self,
        *,
        user: UserId,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        before: datetime | None,
        limit: int,
    ) -> Sequence[ConversationLine]:
        """Newest first; those about one client, if given, and else all."""
        ...

    async def turns(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> Sequence[Turn]:
        """What was said, without the sentences whose source notes are gone; what was changed since is told of each."""
        ...

    async def delete(self, conversation: UUID, *, user: UserId, workspace: WorkspaceId) -> bool: ...

    async def delete_all(self, *, user: UserId, workspace: WorkspaceId) -> int:
        """All of one user's conversations; how many."""
        ...

    async def forget_before(self, moment: datetime, *, workspace: WorkspaceId) -> int:
        """Deletes conversations whose last turn is older; how many."""
        ...


class FeedbackStore(Protocol):
    """What therapists thought of their answers: one word a turn, which goes with the turn."""

    async def may_rate(self, turn: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        """Whether there is such a turn, in a conversation of this user."""
        ...

    async def give(
        self, turn: UUID, given: Feedback, *, user: UserId, workspace: WorkspaceId, at: datetime
    ) -> bool:
        """Keeps it in place of what was said before; False where `may_rate` is."""
        ...

    async def given(
        self, *, workspace: WorkspaceId, since: datetime | None = None
    ) -> Sequence[RatedTurn]:
        """All of a workspace's, of turns asked since then, oldest first."""
        ...


class AuditLog(Protocol):
    """The trail of who used the assistant on what: one chain of hashes a workspace, which only grows."""

    async def append(self, entry: AuditEntry, *, workspace: WorkspaceId) -> int:
        """Commits a row at the end of the workspace's chain; returns its number in it.

        Raises StoreUnavailable; ChatAlreadyClosed where a second closing row of a chat was asked for.
        """
        ...


class AuditSink(Protocol):
    """PazPaz's own audit log, which keeps a copy of every row: what is rewritten here still stands there."""

    async def record(self, row: AuditRow) -> bool:
        """Hands a row on; the same row again is one row there. False when it is refused for good.

        Raises SourceUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class AuditHead:
    """How long a workspace's chain is, and how much of it PazPaz has and a checkpoint covers."""

    workspace: WorkspaceId
    seq: int
    forwarded: int
    checkpointed: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a workspace at this moment: is the assistant on, for whom, and is consent asked for."""

    enabled: bool
    allowed_roles: frozenset[Role]
    require_consent: bool
    pseudonyms: bool = True
    """Whether providers read pseudonyms in place of names, numbers and addresses."""
    daily_budget: int | None = None
    """Micro-dollars that questions may cost in a day; None is no limit."""
    conversations: bool = True
    """Whether questions and answers are kept at all; audit rows always are."""


class Standings(Protocol):
    """The switches of operators over the settings; a change holds within a second or two, in every process."""

    async def of(self, workspace: WorkspaceId) -> Standing:
        """Raises StoreUnavailable: a switch nobody can read must not be taken for on."""
        ...

    async def now(self, workspace: WorkspaceId) -> Standing:
        """Read anew: for work that a switch itself asked for, which must not be done by its old position."""
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a question may cost at most, counted in its day's spending until it is settled."""

    workspace: WorkspaceId
    day: date
    micros: int


@dataclass(frozen=True, slots=True)
class Spent:
    """A workspace's day, in micro-dollars; `asking` counts against the budget, `indexing` does not."""

    workspace: WorkspaceId
    day: date
    questions: int
    asking: int
    indexing: int


class Spending(Protocol):
    """What models cost each workspace by the day (UTC), in micro-dollars. Of an erased workspace nothing is kept."""

    async def reserve(
        self, *, workspace: WorkspaceId, estimate: int, budget: int | None
    ) -> Reservation | None:
        """Counts a question at its estimate, if the day's questions stay within the budget with it; else None."""
        ...

    async def settle(self, reserved: Reservation, *, cost: int) -> None:
        """Puts what a question cost in place of its reservation, in the day that was made for."""
        ...

    async def indexed(self, *, workspace: WorkspaceId, cost: int) -> None:
        """Adds what a batch of notes cost."""
        ...

    async def days(self, *, workspace: WorkspaceId | None, days: int) -> Sequence[Spent]:
        """The last so many days, today one of them, of one workspace or all; oldest first."""
        ...

    async def forget_old(self, *, days: int) -> int:
        """Drops what is older than so many days; how many rows."""
        ...


class _NoVeils:
    """Hides nothing of anybody: where every model runs in this process."""

    async def of(self, *, workspace: WorkspaceId) -> Veil:
        return NO_VEIL


NO_VEILS: Veils = _NoVeils()


@dataclass(frozen=True, slots=True)
class CallContexts:
    """Makes what goes along with calls of models, by the workspace's keys, names and switches."""

    keys: KeyStore
    standings: Standings
    veils: Veils = NO_VEILS

    async def of(
        self,
        *,
        workspace: WorkspaceId,
        deadline: Deadline = NO_DEADLINE,
        meter: Meter | None = None,
        may_spend: bool = True,
    ) -> CallContext:
        """Raises StoreUnavailable, KeyUnavailable, SealBroken."""
        keys = await self.keys.keys(workspace=workspace)
        hides = (await self.standings.of(workspace)).pseudonyms
        veil = await self.veils.of(workspace=workspace) if hides else NO_VEIL
        return CallContext(
            keys, veil, deadline=deadline, meter=meter or Meter(), may_spend=may_spend
        )


@dataclass(frozen=True, slots=True)
class AuditDepth:
    """What operators watch: rows PazPaz lacks, questions without a closing row, and the oldest one's age in seconds."""

    waiting: int
    open: int
    oldest: float


@dataclass(frozen=True, slots=True)
class OpenChat:
    """A question without a closing row."""

    workspace: WorkspaceId
    chat: UUID
    user: UserId


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limiter's word: `retry_after` seconds until the next question is allowed, None when this one is."""

    retry_after: float | None


class RateLimiter(Protocol):
    """Sliding windows; a refused request costs nothing."""

    async def take(self, *, workspace: WorkspaceId, user: UserId) -> Allowance:
        """One question of the workspace's hour and of the user's minute, of both or of neither."""
        ...

    async def look(self, *, user: UserId) -> Allowance:
        """One look at PazPaz for a client this service does not know."""
        ...
