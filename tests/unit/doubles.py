"""Stand-ins that only the unit tests need: each remembers what it was asked, and says what it was told to say."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from service.domain.answers import Delta, Passage, Question, Stretch
from service.domain.audit import AuditEntry, Trail
from service.domain.erasure import AskedBy, SignedReceipt, Subject
from service.domain.feedback import Feedback
from service.domain.identity import (
    ClientId,
    Introspection,
    Role,
    TokenClaims,
    UserId,
    WorkspaceId,
)
from service.domain.notes import Client, ManifestItem, NoteRef
from service.domain.scope import Within
from service.domain.turns import Turn
from service.domain.usage import Usage
from service.errors import ModelUnavailable, ReceiptNotWritten, ServiceError
from service.ports.audit import AuditDepth
from service.ports.calls import CallContext, CallContexts
from service.ports.conversations import ConversationHead, ConversationLine
from service.ports.erasure import Erased
from service.ports.index import IndexedNote, IndexModels, Space
from service.ports.keys import KeyStore
from service.ports.limits import Allowance, Standing
from service.ports.models import Entailment
from service.ports.monolith import Event
from service.ports.work import Depth, Lease, WorkKind
from service.retrieval.people import Register
from service.retrieval.search import Found
from service.vectors import DIMENSION
from tests.fakes import NOW, WORKSPACE

USER = UserId(UUID(int=21))
SESSION = str(UUID(int=31))
CLAIMS = TokenClaims(USER, WORKSPACE, SESSION)


class NobodysNames:
    """The part of People that answering asks, of a practice that knows no names."""

    async def register(self, *, workspace: WorkspaceId) -> Register:
        return Register(())


READS_NOTHING: Any = SimpleNamespace(people=NobodysNames())
"""A Reader for a question about the best passages, which reads no course."""


class ManualClock:
    """Time that moves when a test says so."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def an_introspection(**changes: object) -> Introspection:
    """PazPaz's word on the login of CLAIMS: all is well."""
    said: dict[str, object] = {
        "user": USER,
        "workspace": WORKSPACE,
        "role": "owner",
        "active": True,
        "workspace_status": "active",
        "revoked": False,
    }
    return Introspection(**(said | changes))  # type: ignore[arg-type]


class ScriptedPrincipals:
    """Keeps PrincipalSource: answers with `said`, or raises it; `meanwhile` runs before the answer comes."""

    def __init__(self, said: Introspection | ServiceError | None = None) -> None:
        self.said = said
        self.asked = 0
        self.asked_about: tuple[str, UserId] | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    async def introspect(self, *, session: str, user: UserId) -> Introspection | None:
        self.asked += 1
        self.asked_about = (session, user)
        self.meanwhile()
        if isinstance(self.said, ServiceError):
            raise self.said
        return self.said


class SwitchedStandings:
    """Keeps Standings: one standing for all, which a test may replace; or an error."""

    def __init__(self, **changes: Any) -> None:
        roles: frozenset[Role] = frozenset({"owner", "assistant"})
        self.standing = replace(Standing(True, roles, require_consent=False), **changes)
        self.away: ServiceError | None = None

    async def of(self, workspace: WorkspaceId) -> Standing:
        if self.away:
            raise self.away
        return self.standing

    async def now(self, workspace: WorkspaceId) -> Standing:
        return await self.of(workspace)

    async def refresh(self) -> None:
        if self.away:
            raise self.away


class CountedLimiter:
    """Keeps RateLimiter: so many questions, then a wait."""

    def __init__(self, left: int = 1_000_000, *, wait: float = 60.0) -> None:
        self.left, self.wait, self.taken = left, wait, 0
        self.looks, self.most_looks = 0, 1_000_000

    async def take(self, *, workspace: WorkspaceId, user: UserId) -> Allowance:
        if self.taken >= self.left:
            return Allowance(self.wait)
        self.taken += 1
        return Allowance(None)

    async def look(self, *, user: UserId) -> Allowance:
        self.looks += 1
        return Allowance(None if self.looks <= self.most_looks else self.wait)


@dataclass
class _Kept:
    client: ClientId | None
    user: UserId
    workspace: WorkspaceId
    turns: list[Turn] = field(default_factory=list)


class RecordingConversations:
    """Keeps ConversationStore, and every turn as it was said; what hides or shreds them is the real one's."""

    def __init__(self) -> None:
        self.kept: dict[UUID, _Kept] = {}

    async def head(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> ConversationHead | None:
        kept = self._of(conversation, user, workspace)
        return _head(conversation, kept) if kept else None

    async def add_turn(
        self,
        *,
        conversation: UUID,
        client: ClientId | None,
        user: UserId,
        workspace: WorkspaceId,
        turn: Turn,
    ) -> None:
        self.kept.setdefault(conversation, _Kept(client, user, workspace)).turns.append(turn)

    async def page(
        self,
        *,
        user: UserId,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        whole_practice: bool = False,
        before: datetime | None,
        limit: int,
    ) -> Sequence[ConversationLine]:
        mine = {i: k for i, k in self.kept.items() if self._of(i, user, workspace)}
        lines = [_line(i, k) for i, k in mine.items() if client in {None, k.client}]
        lines = [line for line in lines if not (whole_practice and line.client)]
        lines = [line for line in lines if before is None or line.started_at < before]
        return sorted(lines, key=lambda line: line.started_at, reverse=True)[:limit]

    async def turns(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> Sequence[Turn]:
        kept = self._of(conversation, user, workspace)
        return kept.turns if kept else []

    async def last_questions(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId, most: int
    ) -> Sequence[str]:
        turns = await self.turns(conversation, user=user, workspace=workspace)
        return [turn.question for turn in turns if turn.question][-most:]

    async def delete(self, conversation: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        found = self._of(conversation, user, workspace) is not None
        return found and bool(self.kept.pop(conversation))

    async def delete_all(self, *, user: UserId, workspace: WorkspaceId) -> int:
        mine = [one for one in self.kept if self._of(one, user, workspace)]
        for one in mine:
            del self.kept[one]
        return len(mine)

    async def may_rate(self, turn: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        return self._place(turn, user, workspace) is not None

    async def give(
        self, turn: UUID, given: Feedback, *, user: UserId, workspace: WorkspaceId, at: datetime
    ) -> bool:
        """Keeps FeedbackStore too."""
        place = self._place(turn, user, workspace)
        if place is not None:
            kept, number = place
            kept.turns[number] = replace(kept.turns[number], feedback=given)
        return place is not None

    def _place(self, turn: UUID, user: UserId, workspace: WorkspaceId) -> tuple[_Kept, int] | None:
        for kept in self.kept.values():
            for number, one in enumerate(kept.turns):
                if (one.id, kept.user, kept.workspace) == (turn, user, workspace):
                    return kept, number
        return None

    def _of(self, conversation: UUID, user: UserId, workspace: WorkspaceId) -> _Kept | None:
        kept = self.kept.get(conversation)
        return kept if kept and (kept.user, kept.workspace) == (user, workspace) else None


def _head(conversation: UUID, kept: _Kept) -> ConversationHead:
    times = kept.turns[0].asked_at, kept.turns[-1].asked_at
    return ConversationHead(conversation, kept.client, *times, len(kept.turns))


def _line(conversation: UUID, kept: _Kept) -> ConversationLine:
    question = next((turn.question for turn in kept.turns if turn.question), None)
    return ConversationLine(**asdict(_head(conversation, kept)), question=question)


class ScriptedModel:
    """Keeps ChatModel: plays its deltas; a stream without `Finished` is a cut one."""

    model = "scripted-1"

    def __init__(self, *deltas: Delta) -> None:
        self.deltas = deltas
        self.asked: list[Question] = []

    async def stream(
        self, question: Question, passages: Sequence[Passage], *, context: CallContext
    ) -> AsyncIterator[Delta]:
        self.asked.append(question)
        for delta in self.deltas:
            yield delta


class ScriptedEntailment:
    """Keeps EntailmentModel: says what it is told to of each sentence, after `wait`; or raises it."""

    model = "judge-1"

    def __init__(self, said: Entailment | ModelUnavailable = "supported") -> None:
        self.said = said
        self.of: dict[str, Entailment | ModelUnavailable] = {}
        """By sentence, where it is another."""
        self.asked: list[tuple[str, list[str]]] = []
        self.wait: Callable[[str], Awaitable[None]] = _at_once

    async def entails(
        self, claim: str, sources: Sequence[Stretch], *, context: CallContext
    ) -> Entailment:
        self.asked.append((claim, [source.text for source in sources]))
        await self.wait(claim)
        said = self.of.get(claim, self.said)
        if isinstance(said, ModelUnavailable):
            raise said
        return said


async def _at_once(claim: str) -> None:
    """Nobody waits for a verdict."""


class FixedFinder:
    """Finds these passages, whatever is asked."""

    def __init__(self, *passages: Passage) -> None:
        self.passages = passages
        self.asked: list[tuple[Question, WorkspaceId, UserId | None]] = []

    async def find(
        self,
        question: Question,
        *,
        context: CallContext,
        actor: UserId | None,
        trail: Trail,
    ) -> Found:
        self.asked.append((question, context.workspace, actor))
        for passage in self.passages:
            trail.saw(passage.note, "read")
        within = Within.client(question.client)
        refs = tuple(dict.fromkeys(passage.note.ref for passage in self.passages))
        return Found(self.passages, ranked=refs, within=within)


def contexts_of(keys: KeyStore) -> CallContexts:
    """Of a practice whose models call nobody."""
    return CallContexts(keys, SwitchedStandings())


def a_lease(
    key: UUID,
    kind: WorkKind = "sessions",
    *,
    workspace: WorkspaceId = WORKSPACE,
    attempts: int = 1,
) -> Lease:
    return Lease(kind, key, workspace, token=1, wanted=1, attempts=attempts)


class RecordingEmbedder:
    """Keeps Embedder, remembering every text it was given, apart from the line with day and field above it.

    `usage` is what each call tells the meter; `away`: it raises.
    """

    crosses_languages = False

    def __init__(self, model: str = "recording-1") -> None:
        self.model = model
        self.calls: list[list[str]] = []
        self.heads: list[str] = []
        self.usage: Usage | None = None
        self.away = False

    async def embed(
        self, texts: Sequence[str], *, purpose: str, context: CallContext
    ) -> Sequence[Sequence[float]]:
        if self.away:
            raise ModelUnavailable
        if self.usage:
            context.meter.add(self.model, self.usage)
        self.calls.append([text.partition("\n")[2] for text in texts])
        self.heads += [text.partition("\n")[0] for text in texts]
        return [[1.0, *[0.0] * (DIMENSION - 1)] for _ in texts]

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]


class RecordingStore:
    """The writing half of ChunkStore. A lease in `lost` writes nothing, one in `breaking` raises.

    `held` are the models of every workspace.
    """

    def __init__(self) -> None:
        self.held: IndexModels | None = None
        self.indexed: dict[NoteRef, IndexedNote] = {}
        self.forgotten: list[NoteRef] = []
        self.woken: list[UUID] = []
        self.clients: dict[ClientId, str] = {}
        self.lost: set[UUID] = set()
        self.breaking: set[UUID] = set()

    async def replace(self, indexed: IndexedNote, *, lease: Lease) -> bool:
        if lease.key in self.breaking:
            raise ValueError("the row of this note cannot be written")
        if lease.key not in self.lost:
            self.indexed[indexed.note.ref] = indexed
        return lease.key not in self.lost

    async def replace_all(self, notes: Sequence[tuple[IndexedNote, Lease]]) -> Sequence[bool]:
        if self.breaking & {lease.key for _, lease in notes}:
            raise ValueError("the row of a note breaks the transaction")
        return [await self.replace(one, lease=lease) for one, lease in notes]

    async def forget(self, ref: NoteRef, *, lease: Lease) -> bool:
        if lease.key in self.lost:
            return False
        self.indexed.pop(ref, None)
        self.forgotten.append(ref)
        return True

    async def put_client(
        self,
        client: Client,
        indexed: IndexedNote | None,
        *,
        lease: Lease,
        wake: Sequence[UUID] = (),
    ) -> bool:
        if lease.key in self.lost:
            return False
        before = self.clients.get(client.id)
        self.clients[client.id] = "active" if indexed else "archived"
        if indexed:
            self.indexed[indexed.note.ref] = indexed
        self.woken += wake if indexed is not None and before != "active" else ()
        return True

    async def forget_client(self, ref: NoteRef, *, lease: Lease) -> bool:
        self.clients.pop(ClientId(ref.id), None)
        self.forgotten.append(ref)
        return lease.key not in self.lost

    def space(self, ref: NoteRef) -> Space:
        """A note's only one."""
        [space] = self.indexed[ref].spaces
        return space

    async def models(self, *, workspace: WorkspaceId) -> IndexModels | None:
        return self.held

    async def digests_of(self, refs: Sequence[NoteRef]) -> dict[NoteRef, dict[str, dict[str, str]]]:
        return {ref: self.indexed[ref].digests for ref in refs if ref in self.indexed}


class RecordingQueue:
    """Keeps WorkQueue: hands out `ready` batch by batch and remembers what came back."""

    def __init__(self, *ready: Sequence[Lease]) -> None:
        self.ready = list(ready)
        self.accepted: list[Event] = []
        self.wanted: list[ManifestItem] = []
        self.finished: list[Lease] = []
        self.failures: list[tuple[Lease, str, float | None]] = []
        self.released: list[Lease] = []
        self.gone: set[UUID] = set()
        self.renewed: list[Sequence[Lease]] = []
        self.on_idle: Callable[[], Awaitable[None] | None] = lambda: None

    async def accept(self, events: Sequence[Event]) -> int:
        self.accepted += events
        return len(events)

    async def want(self, items: Sequence[ManifestItem], *, workspace: WorkspaceId) -> None:
        self.wanted += items

    async def claim(self, *, limit: int) -> Sequence[Lease]:
        if self.ready:
            return self.ready.pop(0)
        self.on_idle()
        return []

    async def renew(self, leases: Sequence[Lease]) -> None:
        self.renewed.append(leases)

    async def done(self, lease: Lease) -> bool:
        self.finished.append(lease)
        return True

    async def failed(self, lease: Lease, *, code: str, retry_after: float | None) -> None:
        self.failures.append((lease, code, retry_after))

    async def purged(self, lease: Lease) -> bool:
        return lease.key in self.gone

    async def buried(
        self, *, workspace: WorkspaceId, ids: Collection[UUID] | None = None
    ) -> frozenset[tuple[str, UUID]]:
        places = {(entity, id) for entity in ("sessions", "clients") for id in self.gone}
        return frozenset(place for place in places if ids is None or place[1] in ids)

    async def release(self, leases: Sequence[Lease]) -> None:
        self.released += leases

    async def depth(self) -> Depth:
        return Depth(waiting=len(self.ready), background=0, parked=0, lag=0.0)


class Restored:
    """Keeps the part of PgRestoration that requests ask."""

    def __init__(self) -> None:
        self.why: str | None = None
        self.away: ServiceError | None = None

    async def recent(self) -> str | None:
        if self.away:
            raise self.away
        return self.why


class Chores:
    """The part of the schedules that a page of metrics asks."""

    async def ages(self) -> Mapping[str, float]:
        return {"feed": 12.0}


class OldKey:
    """The part of LiveKeys that a page of metrics asks; None: the ring does not say since when."""

    since: datetime | None = NOW

    def signs_since(self, now: datetime) -> datetime | None:
        return self.since


class RecordingAudit:
    """The audit trail: remembers rows, or raises `away`, from the row numbered `away_from` on."""

    def __init__(self) -> None:
        self.rows: list[tuple[WorkspaceId, AuditEntry]] = []
        self.away: ServiceError | None = None
        self.away_from = 0
        self.on_ask: list[str] = []
        """What had been written when the question was asked."""

    async def append(self, entry: AuditEntry, *, workspace: WorkspaceId) -> int:
        if self.away and len(self.rows) >= self.away_from:
            raise self.away
        self.rows.append((workspace, entry))
        return len(self.rows)

    async def depth(self) -> AuditDepth:
        return AuditDepth(waiting=len(self.rows), open=0, oldest=0.0)

    @property
    def actions(self) -> list[str]:
        return [entry.action for _, entry in self.rows]

    @property
    def entries(self) -> list[AuditEntry]:
        return [entry for _, entry in self.rows]


class RecordingEraser:
    """Keeps Eraser; what is in `lost` has no lease any more, what is in `for_good` does not reopen."""

    def __init__(self) -> None:
        self.forgotten: list[WorkspaceId] = []
        self.erased: list[Subject] = []
        self.reopened: list[WorkspaceId] = []
        self.lost: set[UUID] = set()
        self.for_good: set[UUID] = set()
        self.known_sessions: list[Collection[UUID]] = []

    async def forget_index(self, lease: Lease) -> bool:
        self.forgotten.append(lease.workspace)
        return True

    async def erase(
        self,
        subject: Subject,
        *,
        asked_by: AskedBy,
        sessions: Collection[UUID] = (),
        lease: Lease | None = None,
    ) -> Erased | None:
        if subject.id in self.lost:
            return None
        self.erased.append(subject)
        self.known_sessions.append(sessions)
        return Erased(SignedReceipt({"id": str(uuid4())}, "k", b""))

    async def reopen(self, *, workspace: WorkspaceId) -> bool:
        self.reopened.append(workspace)
        return workspace not in self.for_good


class RecordedQuestions:
    """Keeps QueryVectors of an erasure."""

    def __init__(self) -> None:
        self.forgotten: list[WorkspaceId] = []

    async def forget(self, *, workspace: WorkspaceId) -> None:
        self.forgotten.append(workspace)


class Elsewhere:
    """What an erasure also empties: allowances, receipts outside, this process's memories."""

    def __init__(self) -> None:
        self.allowances: list[WorkspaceId] = []
        self.dropped: list[WorkspaceId] = []
        self.files: list[SignedReceipt] = []
        self.full = False

    async def forget(self, *, workspace: WorkspaceId) -> None:
        self.allowances.append(workspace)

    def write(self, receipts: Collection[SignedReceipt]) -> int:
        if self.full:
            raise ReceiptNotWritten
        self.files += receipts
        return len(receipts)

    def drop(self, workspace: WorkspaceId) -> None:
        self.dropped.append(workspace)


def a_turn(*sentences: object, question: str | None = "?", asked_at: datetime = NOW) -> Turn:
    outcome = {"status": "answered", "language": "en", "model": "scripted-1"}
    return Turn(uuid4(), question, sentences, outcome, asked_at)  # type: ignore[arg-type]
