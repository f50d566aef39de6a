"""In-memory stand-ins for the ports, with memory, shared by the tests."""

from collections import defaultdict
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from service.domain.answers import Hit, Passage, SearchStatement
from service.domain.audit import SERVICE_CHAIN, Action, AuditEntry, AuditRow
from service.domain.erasure import AskedBy, Subject
from service.domain.feedback import Feedback, RatedTurn
from service.domain.identity import ClientId, UserId, WorkspaceId, WorkspaceStatus
from service.domain.notes import (
    Bag,
    Chunk,
    Client,
    ManifestItem,
    Note,
    NoteRef,
    NoteState,
    Person,
    Pulled,
    UnreadableReason,
)
from service.domain.risk import RiskNote
from service.domain.scope import IndexedSession, Within
from service.domain.turns import SEARCHED, Sentence, Turn
from service.errors import ChatAlreadyClosed, ConversationNotFound
from service.language.chunking import chunk_note, headed
from service.language.features import hashed
from service.language.risk import risk_spans
from service.ports.audit import AuditDepth, AuditHead, OpenChat
from service.ports.calls import CallContext
from service.ports.conversations import ConversationHead, ConversationLine
from service.ports.erasure import Erased
from service.ports.index import (
    ChunkPlace,
    IndexDelta,
    IndexedNote,
    IndexModels,
    IndexState,
    Space,
)
from service.ports.keys import WorkspaceKeys
from service.ports.limits import Allowance, Reservation, Spent
from service.ports.models import Embedder, Embedders, Vector
from service.ports.monolith import Changes, ChangesCursor, Event
from service.ports.work import DeadLetter, Depth, Lease, OpenWork
from service.security.chain import GENESIS, BadLink, ChainCheck, Checkpoint, linked
from service.vectors import DIMENSION
from service.vectors.bits import encode
from service.vectors.rows import ChunkCodes, ChunkRows, placed
from service.worker import Worker

T = TypeVar("T")

WORKSPACE = WorkspaceId(UUID(int=1))
OTHER_WORKSPACE = WorkspaceId(UUID(int=2))
CLIENT = ClientId(UUID(int=11))
NOW = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def a_note(
    text: str = "",
    *,
    id: UUID | None = None,
    workspace: WorkspaceId = WORKSPACE,
    client: ClientId = CLIENT,
    state: NoteState = "active",
    **fields: str,
) -> Note:
    """A session's note; `text` goes to the subjective field."""
    texts = {"subjective": text, **fields}
    return Note(
        ref=NoteRef(workspace, "sessions", id or uuid4()),
        client=client,
        state=state,
        fields={field: value for field, value in texts.items() if value},
        updated_at=NOW,
        session_date=NOW,
        version=1,
    )


def a_client(
    id: ClientId = CLIENT,
    *,
    name: tuple[str, str] = ("דנה", "לוי"),
    is_active: bool = True,
    workspace: WorkspaceId = WORKSPACE,
    **profile: str,
) -> Client:
    """A client; `profile` are the fields of the profile note."""
    ref = NoteRef(workspace, "clients", id)
    note = Note(ref, id, "active" if is_active else "archived", profile, updated_at=NOW)
    return Client(id, *name, is_active=is_active, has_consent=True, profile=note)


def a_passage(text: str, *, id: str = "p1", similarity: float = 0.8) -> Passage:
    """A passage of a note that says just this."""
    chunk = Chunk("subjective", 0, 0, len(text), text)
    return Passage(id, a_note(text), chunk, "דנה לוי", similarity)


def a_bag(note: Note, *, key: bytes) -> Bag:
    """A note's bag as ingestion makes it."""
    return Bag(note.ref, note.client, note.day, *hashed("\n".join(note.fields.values()), key))


class InMemoryKeyStore:
    """Makes a workspace's keys from its id and the number of the epoch; remembers only the numbers."""

    def __init__(self) -> None:
        self.epochs: dict[WorkspaceId, list[int]] = {}

    async def keys(self, *, workspace: WorkspaceId) -> WorkspaceKeys:
        *older, epoch = self.epochs.get(workspace, [1])
        seals = {one: sha256(workspace.bytes + bytes([one])).digest() for one in (*older, epoch)}
        seal, index = seals.pop(epoch), workspace.bytes * 2
        return WorkspaceKeys(workspace, epoch, seal=seal, index=index, older=seals)

    def drop(self, workspace: WorkspaceId) -> None:
        """They are made anew at each call anyway."""

    def renew(self, workspace: WorkspaceId) -> None:
        living = self.epochs.setdefault(workspace, [1])
        living.append(living[-1] + 1)

    def destroy_older(self, workspace: WorkspaceId) -> None:
        self.epochs[workspace] = self.epochs[workspace][-1:]


class InMemoryNoteSource:
    """PazPaz as a handful of rows; `take` changes them as the monolith would."""

    def __init__(self) -> None:
        self.sessions: dict[UUID, Note] = {}
        self.clients: dict[UUID, Client] = {}
        self.unreadable: dict[UUID, UnreadableReason] = {}
        self.pulls: list[tuple[Sequence[UUID], Sequence[UUID], UserId | None]] = []
        self.statuses: dict[WorkspaceId, WorkspaceStatus] = {}
        self.outbox: list[Event] = []

    def take(self, *rows: Note | Client) -> None:
        for row in rows:
            if isinstance(row, Client):
                self.clients[row.id] = row
            else:
                self.sessions[row.ref.id] = row

    async def fetch(
        self,
        *,
        workspace: WorkspaceId,
        sessions: Sequence[UUID] = (),
        clients: Sequence[UUID] = (),
        actor: UserId | None = None,
    ) -> Pulled:
        self.pulls.append((sessions, clients, actor))
        return Pulled(
            sessions={
                i: note
                for i in sessions
                if (note := self.sessions.get(i)) and note.ref.workspace == workspace
            },
            clients={
                i: client
                for i in clients
                if (client := self.clients.get(i)) and client.profile.ref.workspace == workspace
            },
            unreadable={i: r for i, r in self.unreadable.items() if i in {*sessions, *clients}},
        )

    async def manifest(
        self,
        *,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        after: UUID | None = None,
    ) -> AsyncIterator[ManifestItem]:
        notes = [*self.sessions.values(), *(c.profile for c in self.clients.values())]
        for note in sorted(notes, key=lambda one: one.ref.id):
            late = after is not None and note.ref.id <= after
            if note.ref.workspace == workspace and client in {None, note.client} and not late:
                ref, seen = note.ref, (note.state, note.updated_at, note.version)
                yield ManifestItem(ref.entity, ref.id, note.client, *seen)

    async def workspaces(self) -> Mapping[WorkspaceId, WorkspaceStatus]:
        notes = [*self.sessions.values(), *(c.profile for c in self.clients.values())]
        found: dict[WorkspaceId, WorkspaceStatus] = {n.ref.workspace: "active" for n in notes}
        return found | self.statuses

    async def workspace_status(self, *, workspace: WorkspaceId) -> WorkspaceStatus:
        return self.statuses.get(workspace, "active")

    async def changes(self, *, after: ChangesCursor | None, limit: int) -> Changes:
        start = after.txid if after else 0
        page = self.outbox[start : start + limit]
        at = ChangesCursor(start + len(page), page[-1].id) if page else after
        return Changes(page, at)


@dataclass(slots=True)
class _Work:
    """One row of the queue; times are seconds of its clock."""

    since: float
    not_before: float
    wanted: int = 0
    done: int = 0
    token: int = 0
    attempts: int = 0
    lease_until: float | None = None
    parked: bool = False
    parked_at: float = 0.0
    background: bool = False
    code: str | None = None


class InMemoryWorkQueue:
    """Desired state in a dictionary; its clock stands until a test moves it."""

    MOST_ATTEMPTS = 5

    def __init__(self, *, lease_seconds: float = 60) -> None:
        self.lease_seconds = lease_seconds
        self.debounce, self.debounce_limit = 0.0, 0.0
        self.now = 0.0
        self.seen: set[UUID] = set()
        self.buried_places: set[tuple[WorkspaceId, str, UUID]] = set()
        self.rows: dict[tuple[WorkspaceId, str, UUID], _Work] = {}
        self.read: ChangesCursor | None = None
        self.turns = {False: UUID(int=0), True: UUID(int=0)}
        self.tokens = 0

    async def accept(self, events: Sequence[Event], *, feed: ChangesCursor | None = None) -> int:
        fresh = {event.id: event for event in events if event.id not in self.seen}
        self.seen |= set(fresh)
        for event in fresh.values():
            place = (event.workspace, event.entity, event.entity_id)
            if event.kind == "purged":
                self.buried_places.add(place)
            if event.entity != "users":
                self._raise(place, self.debounce if event.kind == "upserted" else 0)
        self.read = feed or self.read
        return len(fresh)

    async def cursor(self) -> ChangesCursor | None:
        return self.read

    async def want(
        self,
        items: Sequence[ManifestItem],
        *,
        workspace: WorkspaceId,
        background: bool = False,
    ) -> None:
        for item in items:
            self._raise((workspace, item.entity, item.id), 0, background=background)

    async def want_whole(
        self, workspaces: Sequence[WorkspaceId], *, kind: Literal["workspaces", "reconcile"]
    ) -> None:
        for one in workspaces:
            self._raise((one, kind, one), 0, background=kind == "reconcile")

    async def want_erased(self, subject: Subject, *, asked_by: AskedBy) -> None:
        place = (subject.workspace, subject.entity, subject.id)
        self.buried_places.add(place)
        self._raise(place, 0)

    def _raise(
        self, place: tuple[WorkspaceId, str, UUID], debounce: float, *, background: bool = False
    ) -> None:
        row = self.rows.setdefault(place, _Work(self.now, self.now + debounce))
        if background and row.parked:
            return
        row.background = background and (row.background or row.wanted == row.done)
        if row.wanted == row.done:
            row.since = self.now
        elif background:
            row.wanted += 1
            return
        latest = max(row.since + self.debounce_limit, self.now)
        row.not_before = min(self.now + debounce, latest) if row.wanted else row.not_before
        row.wanted += 1
        if row.parked:
            row.parked, row.attempts = False, 0

    async def claim(self, *, limit: int) -> Sequence[Lease]:
        self._park_killers()
        for background in (False, True):
            ready = [p for p in self.rows if self._ready(p) and self._is_of(p, background)]
            if ready:
                return self._taken(self._in_turn(ready, background), limit)
        return []

    def _is_of(self, place: tuple[WorkspaceId, str, UUID], background: bool) -> bool:
        return self.rows[place].background == background

    def _in_turn(
        self, ready: list[tuple[WorkspaceId, str, UUID]], background: bool
    ) -> list[tuple[WorkspaceId, str, UUID]]:
        """The ready pieces of the next workspace, oldest first."""
        turn = self.turns[background]
        mine = min({p[0] for p in ready}, key=lambda one: (one <= turn, one))
        self.turns[background] = mine
        return sorted((p for p in ready if p[0] == mine), key=lambda p: self.rows[p].not_before)

    def _taken(self, ready: list[tuple[WorkspaceId, str, UUID]], limit: int) -> Sequence[Lease]:
        first = ready[0]
        if self.rows[first].attempts or first[1] != "sessions":
            return [self._lease(first)]
        same = [p for p in ready if p[1] == first[1] and not self.rows[p].attempts]
        return [self._lease(place) for place in same[:limit]]

    async def renew(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            row = self._held(lease)
            if row and row.lease_until is not None:
                row.lease_until = self.now + self.lease_seconds

    def _park_killers(self) -> None:
        for row in self.rows.values():
            died = row.lease_until is not None and row.lease_until < self.now
            if died and row.attempts >= self.MOST_ATTEMPTS and row.wanted > row.done:
                row.parked, row.parked_at, row.code = True, self.now, "worker_lost"
                row.lease_until = None

    def _ready(self, place: tuple[WorkspaceId, str, UUID]) -> bool:
        row = self.rows[place]
        free = row.lease_until is None or row.lease_until < self.now
        waiting = row.wanted > row.done and not row.parked and row.not_before <= self.now
        return waiting and free and not self._is_buried(place)

    def _is_buried(self, place: tuple[WorkspaceId, str, UUID]) -> bool:
        return place[1] != "workspaces" and (place[0], "workspaces", place[0]) in self.buried_places

    def _lease(self, place: tuple[WorkspaceId, str, UUID]) -> Lease:
        row, (workspace, kind, key) = self.rows[place], place
        self.tokens += 1
        row.token, row.attempts = self.tokens, row.attempts + 1
        row.lease_until = self.now + self.lease_seconds
        held = row.token, row.wanted, row.attempts, row.background
        return Lease(kind, key, workspace, *held)

    def _held(self, lease: Lease) -> _Work | None:
        row = self.rows.get((lease.workspace, lease.kind, lease.key))
        return row if row and row.token == lease.token else None

    def finish(self, lease: Lease, *, gone: bool = False) -> bool:
        """What a store does in the transaction of its effect; of what is gone no row stays."""
        row = self._held(lease)
        if row is None:
            return False
        if gone and row.wanted == lease.wanted:
            del self.rows[lease.workspace, lease.kind, lease.key]
            return True
        row.done, row.attempts, row.lease_until, row.parked = lease.wanted, 0, None, False
        if row.wanted > row.done:
            row.since = self.now
        return True

    async def done(self, lease: Lease) -> bool:
        return self.finish(lease)

    async def failed(self, lease: Lease, *, code: str, retry_after: float | None) -> None:
        if not (row := self._held(lease)):
            return
        row.code = code
        outage, last = retry_after is not None, lease.attempts >= self.MOST_ATTEMPTS
        delay = min(retry_after, 60) if retry_after is not None else 2 * 2**lease.attempts
        row.lease_until, row.not_before = None, max(row.not_before, self.now + delay)
        if outage:
            row.attempts, row.parked = max(row.attempts - 1, 0), False
        elif last and row.wanted > lease.wanted:
            row.attempts = 0
        else:
            row.parked, row.parked_at = last, self.now

    async def purged(self, lease: Lease) -> bool:
        return (lease.workspace, lease.kind, lease.key) in self.buried_places

    async def buried(
        self, *, workspace: WorkspaceId, ids: Collection[UUID] | None = None
    ) -> frozenset[tuple[str, UUID]]:
        mine = (place[1:] for place in self.buried_places if place[0] == workspace)
        return frozenset(place for place in mine if ids is None or place[1] in ids)

    async def release(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            row = self._held(lease)
            if row:
                row.lease_until, row.attempts = None, max(row.attempts - 1, 0)

    async def depth(self) -> Depth:
        rows = [r for p, r in self.rows.items() if r.wanted > r.done and not self._is_buried(p)]
        parked = sum(row.parked for row in rows)
        background = sum(row.background and not row.parked for row in rows)
        waiting = [row for row in rows if not row.parked and not row.background]
        lag = self.now - min((row.since for row in waiting), default=self.now)
        return Depth(len(waiting), background, parked, lag)

    async def open_work(self, *, workspace: WorkspaceId) -> OpenWork:
        rows = [(p, r) for p, r in self.rows.items() if p[0] == workspace and r.wanted > r.done]
        return OpenWork(
            waiting=frozenset(p[1:] for p, r in rows if not r.parked),
            parked=frozenset(p[1:] for p, r in rows if r.parked),
        )

    async def dead_letters(
        self,
        *,
        workspace: WorkspaceId | None = None,
        key: UUID | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[DeadLetter]:
        found = [
            DeadLetter(p[0], p[1], p[2], self.rows[p].code, NOW, NOW)
            for p in self._parked(workspace, key)
        ]
        return found[offset : offset + limit]

    def _parked(
        self, workspace: WorkspaceId | None, key: UUID | None
    ) -> list[tuple[WorkspaceId, str, UUID]]:
        found = [
            p
            for p, row in self.rows.items()
            if row.parked and workspace in {None, p[0]} and key in {None, p[2]}
        ]
        return sorted(found, key=lambda p: (self.rows[p].parked_at, p[2]))

    async def retry_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        chosen = self._parked(workspace, key)
        for place in chosen:
            row = self.rows[place]
            row.parked, row.attempts, row.not_before = False, 0, self.now
        return len(chosen)

    async def drop_dead_letters(
        self, *, workspace: WorkspaceId | None, key: UUID | None = None
    ) -> int:
        chosen = self._parked(workspace, key)
        for place in chosen:
            row = self.rows[place]
            row.parked, row.attempts, row.done = False, 0, row.wanted
        return len(chosen)

    async def forget_old_events(self, *, days: float) -> int:
        """Its clock knows no days."""
        return 0

    def open_in(self, workspace: WorkspaceId) -> Iterator[tuple[NoteRef, bool]]:
        """Each note that is wanted, and whether in the background."""
        for (of, kind, key), row in self.rows.items():
            if of == workspace and kind != "reconcile" and row.wanted > row.done:
                yield NoteRef(of, kind, key), row.background


def _item(note: Note, state: NoteState, *, is_searched: bool = True) -> ManifestItem:
    ref, seen = note.ref, (note.updated_at, note.version)
    return ManifestItem(ref.entity, ref.id, note.client, state, *seen, is_searched=is_searched)


def _held(note: Note, within: Within) -> bool:
    return within.holds(note.ref, note.client, note.day)


class InMemoryChunkStore:
    """Chunks and bags in dictionaries. Leases are those of `queue`; without one, every lease holds."""

    def __init__(self, queue: InMemoryWorkQueue | None = None) -> None:
        self.queue = queue
        self.indexed: dict[NoteRef, IndexedNote] = {}
        self.counted: dict[NoteRef, Note] = {}
        """Drafts that nobody may search."""
        self.archived: dict[NoteRef, Note] = {}
        self.held: dict[WorkspaceId, IndexModels] = {}
        """The models of each workspace; a test may change them, as a reindex would."""
        self.epochs: dict[WorkspaceId, int] = defaultdict(int)
        self.woken: list[UUID] = []
        self.names: dict[NoteRef, Person] = {}
        """Of clients who are indexed; a name of one who is not any more is nobody's."""
        self.changes: dict[tuple[WorkspaceId, int], NoteRef] = {}
        """What each epoch changed; an epoch without an entry changed anything."""
        self.bag_reads = self.people_reads = self.row_reads = 0
        self.erased: list[Callable[[NoteRef], None]] = []
        """Called with each erased note or client: what remembers more than the index listens here."""

    async def replace(self, indexed: IndexedNote, *, lease: Lease | None = None) -> bool:
        ref = indexed.note.ref
        shut = self._is_shut(ref.workspace, indexed.note.client)
        if not (shut or self._may_write(indexed)) or not self._finish(lease):
            return False
        if indexed.is_searched or ref in self.indexed:
            self._next_epoch(ref.workspace, ref)
        self.counted.pop(ref, None)
        if shut or not indexed.is_searched:
            self.indexed.pop(ref, None)
        if not (shut or indexed.is_searched):
            self.counted[ref] = indexed.note
        elif not shut:
            self._write(indexed)
        return True

    async def replace_all(
        self, notes: Sequence[tuple[IndexedNote, Lease | None]]
    ) -> Sequence[bool]:
        return [await self.replace(one, lease=lease) for one, lease in notes]

    async def forget(self, ref: NoteRef, *, lease: Lease | None = None) -> bool:
        return self._forget([ref], lease)

    async def put_client(
        self,
        client: Client,
        indexed: IndexedNote | None,
        *,
        lease: Lease | None = None,
        wake: Sequence[UUID] = (),
    ) -> bool:
        ref = client.profile.ref
        if (indexed and not self._may_write(indexed)) or not self._finish(lease):
            return False
        was_active = ref in self.indexed
        if indexed:
            self.archived.pop(ref, None)
            self._write(indexed)
            self.names[ref] = Person(client.id, client.first_name, client.last_name)
        else:
            self.archived[ref] = client.profile
            self._drop(self._of_client(ref))
        self._next_epoch(ref.workspace, ref)
        if indexed is not None and not was_active:
            self._wake(ref.workspace, wake, background=lease is not None and lease.background)
        return True

    def _wake(self, workspace: WorkspaceId, sessions: Sequence[UUID], *, background: bool) -> None:
        self.woken += sessions
        if self.queue:
            for one in sessions:
                self.queue._raise((workspace, "sessions", one), 0, background=background)

    async def forget_client(self, ref: NoteRef, *, lease: Lease | None = None) -> bool:
        return self._forget([*self._of_client(ref), ref], lease)

    async def erase(
        self,
        subject: Subject,
        *,
        asked_by: AskedBy = "event",
        sessions: Collection[UUID] = (),
        lease: Lease | None = None,
    ) -> Erased | None:
        """Keeps the part of Eraser that is about a note or a client, without receipts."""
        assert subject.entity != "workspaces"
        ref = NoteRef(subject.workspace, subject.entity, subject.id)
        if self.queue:
            self.queue.buried_places.add((ref.workspace, ref.entity, ref.id))
        theirs = [*self._of_client(ref), ref] if subject.entity == "clients" else [ref]
        if not self._forget(theirs, lease):
            return None
        for listener in self.erased:
            for one in theirs:
                listener(one)
        return Erased(None)

    async def models(self, *, workspace: WorkspaceId) -> IndexModels | None:
        return self.held.get(workspace)

    async def digests_of(self, refs: Sequence[NoteRef]) -> dict[NoteRef, dict[str, dict[str, str]]]:
        return {ref: self.indexed[ref].digests for ref in refs if ref in self.indexed}

    async def search(
        self,
        vector: Vector,
        *,
        workspace: WorkspaceId,
        model: str,
        within: Within,
        limit: int,
    ) -> Sequence[Hit]:
        rows = [one for one in self._chunks(workspace, model) if _held(one[0], within)]
        if not rows:
            return []
        cosines = np.array([other for _, _, other in rows]) @ np.array(vector)
        found = [
            (-round(float(cosine), 9), note.ref.id, chunk.field, chunk.ordinal, note, chunk)
            for (note, chunk, _), cosine in zip(rows, cosines, strict=True)
        ]
        found.sort(key=lambda one: one[:4])
        return [_hit(note, chunk, -away) for away, _, _, _, note, chunk in found[:limit]]

    async def is_larger(self, than: int, *, workspace: WorkspaceId, model: str) -> bool:
        return len(self._chunks(workspace, model)) > than

    async def chunk_rows(self, *, workspace: WorkspaceId, model: str) -> tuple[int, ChunkRows]:
        self.row_reads += 1
        return self.epochs[workspace], _rows(self._chunks(workspace, model))

    async def changed_chunks(
        self, *, workspace: WorkspaceId, model: str, since: int
    ) -> IndexDelta[ChunkRows] | None:
        chunks = self._chunks(workspace, model)
        return self._delta(
            workspace, since, lambda is_touched: _rows([c for c in chunks if is_touched(c[0])])
        )

    async def chunk_codes(
        self, *, workspace: WorkspaceId, model: str
    ) -> tuple[int, ChunkCodes] | None:
        rows = _rows(self._chunks(workspace, model))
        return self.epochs[workspace], ChunkCodes(rows.placed, *encode(rows.halves))

    async def halves(
        self, places: Sequence[ChunkPlace], *, workspace: WorkspaceId, model: str
    ) -> NDArray[np.float16]:
        known = {
            (note.ref, chunk.field, chunk.ordinal): vector
            for note, chunk, vector in self._chunks(workspace, model)
        }
        gone = [float("nan")] * DIMENSION
        found = [known.get(place, gone) for place in places]
        return np.array(found, np.float16).reshape(-1, DIMENSION)

    async def changed_bags(
        self, *, workspace: WorkspaceId, since: int
    ) -> IndexDelta[Sequence[Bag]] | None:
        held = [indexed for indexed in self._of(workspace) if indexed.bag.features]
        return self._delta(
            workspace, since, lambda is_touched: [i.bag for i in held if is_touched(i.note)]
        )

    def _chunks(self, workspace: WorkspaceId, model: str) -> list[tuple[Note, Chunk, Vector]]:
        return [
            (indexed.note, chunk, vector)
            for indexed in self._of(workspace)
            for space in indexed.spaces
            if space.model == model
            for chunk, vector in zip(space.chunks, space.vectors, strict=True)
        ]

    def _delta(
        self, workspace: WorkspaceId, since: int, rows: Callable[[Callable[[Note], bool]], T]
    ) -> IndexDelta[T] | None:
        epoch = self.epochs[workspace]
        logged = [self.changes.get((workspace, one)) for one in range(since + 1, epoch + 1)]
        if since > epoch or None in logged:
            return None
        touched = frozenset(ref for ref in logged if ref is not None)
        clients = frozenset(ClientId(ref.id) for ref in touched if ref.entity == "clients")
        found = rows(lambda note: note.ref in touched or note.client in clients)
        return IndexDelta(epoch, touched, clients, found)

    def _next_epoch(self, workspace: WorkspaceId, touched: NoteRef | None) -> None:
        """Without a note: anything may have changed."""
        self.epochs[workspace] += 1
        if touched is not None:
            self.changes[workspace, self.epochs[workspace]] = touched

    async def state(self, *, workspace: WorkspaceId) -> IndexState:
        return IndexState(self.epochs[workspace], self.held.get(workspace))

    async def epoch(self, *, workspace: WorkspaceId) -> int:
        return self.epochs[workspace]

    async def bags(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Bag]]:
        self.bag_reads += 1
        held = [indexed.bag for indexed in self._of(workspace) if indexed.bag.features]
        return self.epochs[workspace], held

    async def people(self, *, workspace: WorkspaceId) -> tuple[int, Sequence[Person]]:
        self.people_reads += 1
        held = (i.note.ref for i in self._of(workspace))
        return self.epochs[workspace], [self.names[ref] for ref in held if ref in self.names]

    async def changed_clients(
        self, *, workspace: WorkspaceId, since: int
    ) -> tuple[int, frozenset[ClientId]] | None:
        delta = self._delta(workspace, since, lambda _: None)
        return (delta.epoch, delta.clients) if delta else None

    async def risks(
        self, *, workspace: WorkspaceId, clients: Collection[ClientId]
    ) -> Sequence[RiskNote]:
        theirs = [i for i in self._of(workspace) if i.note.client in clients and i.risk]
        theirs.sort(key=lambda i: (i.note.ref.entity, i.note.ref.id))
        theirs.sort(key=lambda i: i.note.day or date.min, reverse=True)
        return [RiskNote(i.note.ref, i.note.client, i.note.day, i.risk) for i in theirs]

    async def knows_client(self, client: ClientId, *, workspace: WorkspaceId) -> bool:
        return bool(self._of_client(NoteRef(workspace, "clients", client)))

    def _sessions(self, workspace: WorkspaceId, within: Within) -> list[Note]:
        notes = (indexed.note for indexed in self._of(workspace))
        return [n for n in notes if n.ref.entity == "sessions" and _held(n, within)]

    def _counted(self, workspace: WorkspaceId) -> list[Note]:
        return [note for ref, note in self.counted.items() if ref.workspace == workspace]

    async def sessions(self, *, workspace: WorkspaceId, within: Within) -> Sequence[IndexedSession]:
        notes = self._sessions(workspace, within)
        found = [IndexedSession(n.ref.id, n.client, n.day, n.is_draft) for n in notes]
        return sorted(found, key=lambda one: (one.day or date.max, one.id))

    async def coverage(self, *, workspace: WorkspaceId, within: Within) -> SearchStatement:
        notes = self._sessions(workspace, within)
        days = sorted(note.day for note in notes if note.day)
        drafts = sum(note.is_draft for note in notes)
        first, last = (days[0], days[-1]) if days else (None, None)
        wanted = self.queue.open_in(workspace) if self.queue else ()
        complete = all(background and self._lacks_second(ref) for ref, background in wanted)
        beside = replace(within, sessions=None)
        left = sum(_held(note, beside) for note in self._counted(workspace))
        return SearchStatement(
            len(notes), first, last, drafts, complete=complete, unsearched_drafts=left
        )

    async def catalogue(self, *, workspace: WorkspaceId) -> Sequence[ManifestItem]:
        held = [(kept.note, kept.note.state) for kept in self._of(workspace)]
        held += [(n, "archived") for ref, n in self.archived.items() if ref.workspace == workspace]
        counted = [_item(note, "draft", is_searched=False) for note in self._counted(workspace)]
        return [_item(note, state) for note, state in held] + counted

    async def workspaces(self) -> frozenset[WorkspaceId]:
        return frozenset(self.epochs)

    def _lacks_second(self, ref: NoteRef) -> bool:
        held, models = self.indexed.get(ref), self.held.get(ref.workspace)
        return bool(held and models and models.beside and held.models == (models.active,))

    def _of(self, workspace: WorkspaceId) -> list[IndexedNote]:
        return [i for ref, i in self.indexed.items() if ref.workspace == workspace]

    def _of_client(self, ref: NoteRef) -> list[NoteRef]:
        held = [indexed.note for indexed in self._of(ref.workspace)]
        theirs = (*held, *self._counted(ref.workspace))
        return [note.ref for note in theirs if note.client == ref.id]

    def _is_shut(self, workspace: WorkspaceId, client: ClientId) -> bool:
        ref = NoteRef(workspace, "clients", client)
        buried = self.queue.buried_places if self.queue else set()
        return ref in self.archived or (workspace, "clients", client) in buried

    def _may_write(self, indexed: IndexedNote) -> bool:
        if not indexed.is_searched:
            return True
        held = self.held.get(indexed.note.ref.workspace)
        return (held is None or set(held.all) == set(indexed.models)) and self._stands(indexed)

    def _stands(self, indexed: IndexedNote) -> bool:
        held = self.indexed.get(indexed.note.ref)
        stored = held.digests if held else {}
        return all(
            stored.get(space.model, {}).get(name) == space.digests[name]
            for space in indexed.spaces
            for name in space.kept
        )

    def _finish(self, lease: Lease | None, *, gone: bool = False) -> bool:
        return lease is None or self.queue is None or self.queue.finish(lease, gone=gone)

    def _write(self, indexed: IndexedNote) -> None:
        ref = indexed.note.ref
        self.held.setdefault(ref.workspace, IndexModels(indexed.models[0]))
        old = (
            {space.model: space for space in self.indexed[ref].spaces}
            if ref in self.indexed
            else {}
        )
        spaces = [_merged(old.get(space.model), space) for space in indexed.spaces]
        self.indexed[ref] = replace(indexed, spaces=spaces)

    def _forget(self, refs: Sequence[NoteRef], lease: Lease | None) -> bool:
        if not self._finish(lease, gone=True):
            return False
        kept = self.indexed.keys() | self.archived.keys() | self.counted.keys()
        if kept & set(refs):
            self._next_epoch(refs[-1].workspace, refs[-1])
        self._drop(refs)
        for ref in refs:
            self.archived.pop(ref, None)
        return True

    def _drop(self, refs: Sequence[NoteRef]) -> None:
        for ref in refs:
            self.indexed.pop(ref, None)
            self.counted.pop(ref, None)
            self.names.pop(ref, None)


@dataclass(slots=True)
class _Conversation:
    """A conversation with its turns, each as it was said."""

    user: UserId
    client: ClientId | None
    turns: list[Turn] = field(default_factory=list)


class InMemoryConversations:
    """Conversations in a dictionary; what is hidden or shredded depends on the notes `store` holds."""

    def __init__(self, store: InMemoryChunkStore) -> None:
        self.store = store
        self.held: dict[tuple[WorkspaceId, UUID], _Conversation] = {}
        store.erased.append(self._shred)

    async def head(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> ConversationHead | None:
        held = self._theirs(conversation, user, workspace)
        return _head_of(conversation, held) if held else None

    async def add_turn(
        self,
        *,
        conversation: UUID,
        client: ClientId | None,
        user: UserId,
        workspace: WorkspaceId,
        turn: Turn,
    ) -> None:
        purged = self._purged(workspace)
        if any((ref.entity, ref.id) == ("clients", client) for ref in purged):
            return
        held = self.held.setdefault((workspace, conversation), _Conversation(user, client))
        if held.user != user:
            raise ConversationNotFound
        for ref in purged:
            turn = _shredded(turn, ref)
        held.turns.append(turn)

    def _purged(self, workspace: WorkspaceId) -> list[NoteRef]:
        buried = self.store.queue.buried_places if self.store.queue else set()
        return [NoteRef(*place) for place in buried if place[0] == workspace]

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
        lines = [
            _line_of(id, held)
            for (owner, id), held in self.held.items()
            if owner == workspace
            and held.user == user
            and client in {None, held.client}
            and not (whole_practice and held.client)
        ]
        older = [line for line in lines if before is None or line.started_at < before]
        return sorted(older, key=lambda line: line.started_at, reverse=True)[:limit]

    async def turns(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> Sequence[Turn]:
        held = self._theirs(conversation, user, workspace)
        turns = sorted(held.turns, key=lambda turn: turn.asked_at) if held else []
        return [replace(t, sentences=[self._shown(s) for s in t.sentences]) for t in turns]

    async def last_questions(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId, most: int
    ) -> Sequence[str]:
        turns = await self.turns(conversation, user=user, workspace=workspace)
        return [turn.question for turn in turns if turn.question][-most:]

    async def forget_before(self, moment: datetime, *, workspace: WorkspaceId) -> int:
        silent = [
            place
            for place, held in self.held.items()
            if place[0] == workspace and all(turn.asked_at < moment for turn in held.turns)
        ]
        for place in silent:
            del self.held[place]
        return len(silent)

    async def delete(self, conversation: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        if not self._theirs(conversation, user, workspace):
            return False
        del self.held[workspace, conversation]
        return True

    async def delete_all(self, *, user: UserId, workspace: WorkspaceId) -> int:
        theirs = [at for at, held in self.held.items() if (at[0], held.user) == (workspace, user)]
        for place in theirs:
            del self.held[place]
        return len(theirs)

    def _theirs(
        self, conversation: UUID, user: UserId, workspace: WorkspaceId
    ) -> _Conversation | None:
        held = self.held.get((workspace, conversation))
        return held if held and held.user == user else None

    def _shown(self, said: Sentence | None) -> Sentence | None:
        if said is None or any(self._is_gone(ref) for ref in said.sources):
            return None
        changed = {
            (ref, name)
            for ref, source in said.sources.items()
            for now in [self.store.indexed[ref]]
            for name in source.changed(now.texts, now.note.updated_at)
        }
        return replace(said, sources={}, changed=frozenset(changed))

    def _is_gone(self, ref: NoteRef) -> bool:
        return ref not in self.store.indexed

    def _shred(self, ref: NoteRef) -> None:
        for (workspace, id), held in list(self.held.items()):
            if workspace != ref.workspace:
                continue
            if ref.entity == "clients" and held.client == ref.id:
                del self.held[workspace, id]
            held.turns = [_shredded(turn, ref) for turn in held.turns]


class InMemoryFeedback:
    """Keeps FeedbackStore, in the turns themselves."""

    def __init__(self, conversations: InMemoryConversations) -> None:
        self.conversations = conversations

    async def may_rate(self, turn: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        return self._place(turn, user, workspace) is not None

    async def give(
        self, turn: UUID, given: Feedback, *, user: UserId, workspace: WorkspaceId, at: datetime
    ) -> bool:
        place = self._place(turn, user, workspace)
        if place is None:
            return False
        held, number = place
        held.turns[number] = replace(held.turns[number], feedback=given)
        return True

    async def given(
        self, *, workspace: WorkspaceId, since: datetime | None = None
    ) -> Sequence[RatedTurn]:
        turns = [
            turn
            for (owner, _), held in self.conversations.held.items()
            for turn in held.turns
            if owner == workspace and (since is None or turn.asked_at >= since)
        ]
        return [
            RatedTurn(workspace, turn.id, turn.feedback, turn.asked_at.date(), turn.outcome)
            for turn in sorted(turns, key=lambda turn: (turn.asked_at, turn.id))
            if turn.feedback
        ]

    def _place(
        self, turn: UUID, user: UserId, workspace: WorkspaceId
    ) -> tuple[_Conversation, int] | None:
        for (owner, _), held in self.conversations.held.items():
            for number, one in enumerate(held.turns):
                if (owner, held.user, one.id) == (workspace, user, turn):
                    return held, number
        return None


def _head_of(id: UUID, held: _Conversation) -> ConversationHead:
    return ConversationHead(**_told_of(id, held))


def _line_of(id: UUID, held: _Conversation) -> ConversationLine:
    turns = sorted(held.turns, key=lambda turn: turn.asked_at)
    question = next((turn.question for turn in turns if turn.question is not None), None)
    return ConversationLine(**_told_of(id, held), question=question)


def _told_of(id: UUID, held: _Conversation) -> dict[str, Any]:
    said = [turn.asked_at for turn in held.turns]
    return {
        "id": id,
        "client": held.client,
        "started_at": said[0],
        "last_at": max(said),
        "turns": len(said),
    }


def _shredded(turn: Turn, ref: NoteRef) -> Turn:
    def leans(said: Sentence | None) -> bool:
        sources = said.sources if said else {}
        if ref.entity == "clients":
            return any(source.client == ref.id for source in sources.values())
        return ref in sources

    if not any(map(leans, turn.sentences)):
        return turn
    left = [None if leans(said) else said for said in turn.sentences]
    outcome = {name: value for name, value in turn.outcome.items() if name != SEARCHED}
    return replace(turn, question=None, sentences=left, outcome=outcome)


class InMemoryRateLimiter:
    """Sliding windows; its clock stands until a test moves it."""

    def __init__(self, per_hour: int, *, per_minute: int, looks: int) -> None:
        self.per_hour, self.per_minute, self.looks, self.now = per_hour, per_minute, looks, 0.0
        self.taken: dict[str, list[float]] = defaultdict(list)

    async def take(self, *, workspace: WorkspaceId, user: UserId) -> Allowance:
        return self._take((f"w{workspace}", 3600, self.per_hour), (f"u{user}", 60, self.per_minute))

    async def look(self, *, user: UserId) -> Allowance:
        return self._take((f"l{user}", 3600, self.looks))

    async def forget(self, *, workspace: WorkspaceId) -> None:
        self.taken.pop(f"w{workspace}", None)

    def _take(self, *windows: tuple[str, int, int]) -> Allowance:
        waits = []
        for key, seconds, limit in windows:
            recent = [moment for moment in self.taken[key] if moment > self.now - seconds]
            self.taken[key] = recent
            waits += [recent[0] + seconds - self.now] if len(recent) >= limit else []
        if waits:
            return Allowance(max(waits))
        for key, _, _ in windows:
            self.taken[key].append(self.now)
        return Allowance(None)


class InMemorySpending:
    """Keeps Spending; its day stands until a test moves it."""

    def __init__(self) -> None:
        self.today = NOW.date()
        self.rows: dict[tuple[date, WorkspaceId], Spent] = {}
        self.erased: set[WorkspaceId] = set()

    async def reserve(
        self, *, workspace: WorkspaceId, estimate: int, budget: int | None
    ) -> Reservation | None:
        before = self._today_of(workspace)
        after = replace(before, questions=before.questions + 1, asking=before.asking + estimate)
        if workspace in self.erased or (budget is not None and after.asking > budget):
            return None
        self.rows[self.today, workspace] = after
        return Reservation(workspace, self.today, estimate)

    async def settle(self, reserved: Reservation, *, cost: int) -> None:
        row = self.rows.get((reserved.day, reserved.workspace))
        if row is not None:
            asking = max(0, row.asking + cost - reserved.micros)
            self.rows[row.day, row.workspace] = replace(row, asking=asking)

    async def indexed(self, *, workspace: WorkspaceId, cost: int) -> None:
        before = self._today_of(workspace)
        if workspace not in self.erased:
            self.rows[self.today, workspace] = replace(before, indexing=before.indexing + cost)

    async def days(self, *, workspace: WorkspaceId | None, days: int) -> Sequence[Spent]:
        young = [row for row in self.rows.values() if self._age(row) < days]
        mine = [row for row in young if workspace in (None, row.workspace)]
        return sorted(mine, key=lambda row: (row.day, row.workspace))

    async def forget_old(self, *, days: int) -> int:
        old = [key for key, row in self.rows.items() if self._age(row) >= days]
        for key in old:
            del self.rows[key]
        return len(old)

    def erase(self, workspace: WorkspaceId) -> None:
        """As an erasure of the workspace does."""
        self.erased.add(workspace)
        self.rows = {key: row for key, row in self.rows.items() if row.workspace != workspace}

    def _today_of(self, workspace: WorkspaceId) -> Spent:
        return self.rows.get((self.today, workspace), Spent(workspace, self.today, 0, 0, 0))

    def _age(self, row: Spent) -> int:
        return (self.today - row.day).days


def _rows(chunks: Sequence[tuple[Note, Chunk, Vector]]) -> ChunkRows:
    places = placed(
        (note.ref, note.client, note.day, chunk.field, chunk.ordinal) for note, chunk, _ in chunks
    )
    halves = np.array([vector for _, _, vector in chunks], np.float16).reshape(-1, DIMENSION)
    return ChunkRows(places, halves)


def _hit(note: Note, chunk: Chunk, cosine: float) -> Hit:
    return Hit(note.ref, note.client, chunk.field, chunk.ordinal, min(1.0, max(0.0, cosine)))


def _merged(old: Space | None, new: Space) -> Space:
    held = zip(old.chunks, old.vectors, strict=True) if old else ()
    pairs = [(chunk, vector) for chunk, vector in held if chunk.field in new.kept]
    pairs += zip(new.chunks, new.vectors, strict=True)
    return replace(new, chunks=[chunk for chunk, _ in pairs], vectors=[one for _, one in pairs])


def a_context(
    *, workspace: WorkspaceId = WORKSPACE, key: bytes = bytes(32), **more: Any
) -> CallContext:
    """What goes along with a call of a model, of a workspace with this index key."""
    return CallContext(WorkspaceKeys(workspace, 1, bytes(32), key), **more)


async def at_once(seconds: float) -> None:
    """Nobody waits between two attempts."""


def embedders_of(*embedders: Embedder) -> Embedders:
    """The first one is a new workspace's."""
    return Embedders(embedders[0].model, {one.model: one for one in embedders})


async def index(
    *notes: Note, store: InMemoryChunkStore, embedder: Embedder, keys: InMemoryKeyStore
) -> None:
    """Makes notes searchable, as ingestion would."""
    for note in notes:
        key = (await keys.keys(workspace=note.ref.workspace)).index
        chunks = chunk_note(note)
        texts = [headed(chunk, note) for chunk in chunks]
        vectors = await embedder.embed(texts, purpose="document", context=a_context(key=key))
        await store.replace(
            IndexedNote(
                note=note,
                bag=a_bag(note, key=key),
                spaces=[Space(embedder.model, {}, frozenset(), chunks, vectors)],
                risk=risk_spans(note.fields),
            )
        )


async def round_of(worker: Worker) -> bool:
    """Claims and handles one batch, as `Worker.run` does many; False when nothing was ready."""
    leases = await worker._claim()
    if leases:
        await worker._work(leases)
    return bool(leases)


def first_bad_link(check: ChainCheck, rows: Iterable[AuditRow]) -> BadLink | None:
    """The whole walk over rows that are at hand."""
    found = (bad for row in rows if (bad := check.step(row)))
    return next(found, None) or check.end()


class InMemoryAuditLog:
    """The audit trail, with what the keeper needs: chains as lists, in the time that a test moves."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.chains: dict[WorkspaceId, list[AuditRow]] = {}
        self.reached: dict[WorkspaceId, dict[str, int]] = {}
        """How far PazPaz has the rows, and how far they are signed."""
        self.points: dict[WorkspaceId, list[Checkpoint]] = {}
        self.open: dict[tuple[WorkspaceId, UUID | None], AuditRow] = {}

    async def append(self, entry: AuditEntry, *, workspace: WorkspaceId) -> int:
        chain = self.chains.setdefault(workspace, [])
        if entry.action == "chat.closed" and any(
            (row.entry.action, row.entry.chat) == (entry.action, entry.chat) for row in chain
        ):
            raise ChatAlreadyClosed
        previous = chain[-1].hash if chain else GENESIS
        seq = len(chain) + 1
        row = linked(entry, workspace=workspace, seq=seq, at=self.now, previous=previous)
        chain.append(row)
        if entry.action == "chat.opened":
            self.open[workspace, entry.chat] = row
        elif entry.action == "chat.closed":
            self.open.pop((workspace, entry.chat), None)
        return seq

    async def open_chats(self, *, opened_before: datetime, limit: int) -> Sequence[OpenChat]:
        left = [row for row in self.open.values() if row.at < opened_before]
        left.sort(key=lambda row: row.at)
        return [OpenChat(row.workspace, row.entry.chat, row.entry.user) for row in left[:limit]]  # type: ignore[arg-type]

    async def heads(self) -> Sequence[AuditHead]:
        return [self._head(workspace) for workspace in sorted(self.chains)]

    async def head(self, *, workspace: WorkspaceId) -> AuditHead | None:
        return self._head(workspace) if workspace in self.chains else None

    def _head(self, workspace: WorkspaceId) -> AuditHead:
        reached = {"forwarded": 0, "checkpointed": 0} | self.reached.get(workspace, {})
        return AuditHead(workspace, len(self.chains[workspace]), **reached)

    async def depth(self) -> AuditDepth:
        heads = [head for head in await self.heads() if head.workspace != SERVICE_CHAIN]
        oldest = min((row.at for row in self.open.values()), default=self.now)
        return AuditDepth(
            waiting=sum(head.seq - head.forwarded for head in heads),
            open=len(self.open),
            oldest=(self.now - oldest).total_seconds(),
        )

    async def last(self, action: Action, *, workspace: WorkspaceId) -> AuditRow | None:
        rows = [row for row in self.chains.get(workspace, ()) if row.entry.action == action]
        return rows[-1] if rows else None

    async def rows(
        self, *, workspace: WorkspaceId, after: int = 0, limit: int = 500
    ) -> Sequence[AuditRow]:
        return [row for row in self.chains.get(workspace, ()) if row.seq > after][:limit]

    async def all_rows(self, *, workspace: WorkspaceId, after: int = 0) -> AsyncIterator[AuditRow]:
        for row in await self.rows(workspace=workspace, after=after, limit=10**9):
            yield row

    async def checkpoints(self, *, workspace: WorkspaceId) -> Sequence[Checkpoint]:
        return list(self.points.get(workspace, ()))

    async def last_checkpoint(self, *, workspace: WorkspaceId) -> Checkpoint | None:
        return next(reversed(self.points.get(workspace, [])), None)

    async def keep_checkpoint(self, point: Checkpoint) -> None:
        points = self.points.setdefault(point.workspace, [])
        if point.seq not in {one.seq for one in points}:
            points.append(point)
            points.sort(key=lambda one: one.seq)
        self._reach(point.workspace, "checkpointed", point.seq)

    async def forwarded(self, *, workspace: WorkspaceId, seq: int) -> None:
        self._reach(workspace, "forwarded", seq)

    def _reach(self, workspace: WorkspaceId, counter: str, seq: int) -> None:
        reached = self.reached.setdefault(workspace, {})
        reached[counter] = max(seq, reached.get(counter, 0))
