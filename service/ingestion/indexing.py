"""Making the index equal the source, one leased note at a time: pull, chunk, embed, replace; or forget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from service.domain.erasure import Subject
from service.domain.identity import WorkspaceId
from service.domain.notes import Bag, Chunk, Client, Note, NoteRef, Pulled
from service.ingestion.erase import Erasure
from service.ingestion.reconcile import Reconciler
from service.language.chunking import CHUNKER, chunk_note
from service.language.features import hashed
from service.ports import (
    ChunkStore,
    Embedder,
    IndexedNote,
    KeyStore,
    Lease,
    NoteSource,
    Standings,
    WorkQueue,
    WorkspaceKeys,
)
from service.security.keys import digest
from service.telemetry.metrics import RECONCILED

Outcome = Literal["indexed", "forgotten", "erased", "compared", "fenced", "unreadable"]
Stones = frozenset[tuple[str, UUID]]
FAN_OUT_PAGE = 500


@dataclass(frozen=True, slots=True)
class IndexingRules:
    """Which notes may be indexed; the contract's settings."""

    drafts: bool = False
    require_consent: bool = False

    def admit(self, note: Note, client: Client | None) -> bool:
        """Not deleted, of a client who may be read; drafts by setting."""
        if client is None or not self.admit_client(client):
            return False
        return note.state == "active" or (note.state == "draft" and self.drafts)

    def admit_client(self, client: Client) -> bool:
        """Active, and consenting where that is required."""
        return client.is_active and (client.has_consent or not self.require_consent)


@dataclass(frozen=True, slots=True)
class Draft:
    """A note on its way into the index: what stands, and what must be embedded."""

    lease: Lease
    note: Note
    digests: dict[str, str]
    kept: frozenset[str]
    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class Indexer:
    """The ingestion journey. Holds no state; every effect is fenced by its lease."""

    notes: NoteSource
    store: ChunkStore
    queue: WorkQueue
    keys: KeyStore
    embedder: Embedder
    erasure: Erasure
    standings: Standings
    drafts: bool = False
    """Whether drafts are indexed too."""

    async def look_again(self, leases: Sequence[Lease]) -> list[tuple[Lease, Outcome]]:
        """Brings the leased entities of one workspace in line with the source.

        Raises what the ports raise; then nothing of the unfinished leases was written.
        """
        kind = leases[0].kind
        if kind == "sessions":
            return await self._sessions(leases)
        if kind == "clients":
            return [(lease, await self._client(lease)) for lease in leases]
        if kind == "workspaces":
            return [(lease, await self._workspace(lease)) for lease in leases]
        return [(lease, await self._compare(lease)) for lease in leases]

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.notes, self.store, self.queue, self.standings, self.drafts)

    async def _compare(self, lease: Lease) -> Outcome:
        """What differs is wanted before this is done: a failure in between compares once more."""
        found = await self.reconciler.repair(lease.workspace)
        for one in found.differences:
            RECONCILED.labels(fault=one.fault).inc()
        return "compared" if await self.queue.done(lease) else "fenced"

    async def _sessions(self, leases: Sequence[Lease]) -> list[tuple[Lease, Outcome]]:
        workspace = leases[0].workspace
        pulled = await self.notes.fetch(workspace=workspace, sessions=[one.key for one in leases])
        owners = sorted({note.client for note in pulled.sessions.values()})
        theirs = await self.notes.fetch(workspace=workspace, clients=owners)
        ids = {*owners, *(one.key for one in leases)}
        stones = await self.queue.buried(workspace=workspace, ids=ids)
        rules = await self._rules(workspace)
        keys = await self.keys.keys(workspace=workspace)
        outcomes: list[tuple[Lease, Outcome]] = []
        drafts: list[Draft] = []
        for lease in leases:
            note = pulled.sessions.get(lease.key)
            if ("sessions", lease.key) in stones:
                erased = Subject(workspace, "sessions", lease.key)
                outcomes.append((lease, await self._erase(lease, erased)))
            elif lease.key in pulled.unreadable or (note and note.client in theirs.unreadable):
                outcomes.append((lease, "unreadable"))
            elif note and self._may_stand(note, theirs, rules, stones):
                drafts.append(await self._draft(lease, note, keys))
            else:
                ref = NoteRef(workspace, "sessions", lease.key)
                outcomes.append((lease, _outcome(await self.store.forget(ref, lease=lease))))
        return outcomes + await self._write(drafts, keys)

    def _may_stand(self, note: Note, theirs: Pulled, rules: IndexingRules, stones: Stones) -> bool:
        """Admitted, and of a client who was not erased: PazPaz may still have what was to be forgotten here."""
        erased = ("clients", note.client) in stones
        return not erased and rules.admit(note, theirs.clients.get(note.client))

    async def _rules(self, workspace: WorkspaceId) -> IndexingRules:
        """As they are now, after the claim: the look may be wanted by the very switch that changed them."""
        standing = await self.standings.now(workspace)
        return IndexingRules(self.drafts, standing.require_consent)

    async def _draft(self, lease: Lease, note: Note, keys: WorkspaceKeys) -> Draft:
        digests = {field: self._digest(field, text, keys) for field, text in note.fields.items()}
        stored = await self.store.digests(note.ref)
        kept = frozenset(field for field, value in digests.items() if stored.get(field) == value)
        chunks = [chunk for chunk in chunk_note(note) if chunk.field not in kept]
        return Draft(lease, note, digests, kept, chunks)

    def _digest(self, field: str, text: str, keys: WorkspaceKeys) -> str:
        """Changes with the text, and with whatever else would make its stored chunks wrong."""
        return digest(keys.index, self.embedder.model, CHUNKER, field, text)

    async def _write(
        self, drafts: Sequence[Draft], keys: WorkspaceKeys
    ) -> list[tuple[Lease, Outcome]]:
        """Texts of several notes share embed calls; each note is written in a transaction of its own."""
        texts = [chunk.text for draft in drafts for chunk in draft.chunks]
        vectors = iter(await self._embed(texts, keys))
        outcomes: list[tuple[Lease, Outcome]] = []
        for draft in drafts:
            mine = [next(vectors) for _ in draft.chunks]
            written = await self.store.replace(self._indexed(draft, mine, keys), lease=draft.lease)
            outcomes.append((draft.lease, "indexed" if written else "fenced"))
        return outcomes

    async def _embed(self, texts: Sequence[str], keys: WorkspaceKeys) -> Sequence[Sequence[float]]:
        if not texts:
            return []
        return await self.embedder.embed(texts, purpose="document", key=keys.index)

    def _indexed(
        self, draft: Draft, vectors: Sequence[Sequence[float]], keys: WorkspaceKeys
    ) -> IndexedNote:
        return IndexedNote(
            note=draft.note,
            model=self.embedder.model,
            kept=draft.kept,
            chunks=draft.chunks,
            vectors=vectors,
            bag=bag_of(draft.note, key=keys.index),
            digests=draft.digests,
        )

    async def _erase(self, lease: Lease, subject: Subject) -> Outcome:
        """Whatever PazPaz still says of it: a tombstone refuses it, and what is there of it goes."""
        done = await self.erasure.erase(subject, asked_by="event", lease=lease)
        return "fenced" if done is None else "erased"

    async def _client(self, lease: Lease) -> Outcome:
        if await self.queue.purged(lease):
            return await self._erase(lease, Subject(lease.workspace, "clients", lease.key))
        pulled = await self.notes.fetch(workspace=lease.workspace, clients=[lease.key])
        if lease.key in pulled.unreadable:
            return "unreadable"
        client = pulled.clients.get(lease.key)
        if client is None:
            ref = NoteRef(lease.workspace, "clients", lease.key)
            return _outcome(await self.store.forget_client(ref, lease=lease))
        return await self._put_client(lease, client)

    async def _sessions_of(self, client: Client) -> list[UUID]:
        """Asked before the commit that may want them: afterwards, a failure here would lose them silently."""
        listed = self.notes.manifest(workspace=client.profile.ref.workspace, client=client.id)
        return [item.id async for item in listed if item.entity == "sessions"]

    async def _put_client(self, lease: Lease, client: Client) -> Outcome:
        rules = await self._rules(lease.workspace)
        indexed = await self._profile(lease, client) if rules.admit_client(client) else None
        wake = await self._sessions_of(client) if indexed else []
        change = await self.store.put_client(client, indexed, lease=lease, wake=wake)
        if change is None:
            return "fenced"
        return "indexed" if indexed else "forgotten"

    async def _profile(self, lease: Lease, client: Client) -> IndexedNote:
        keys = await self.keys.keys(workspace=lease.workspace)
        draft = await self._draft(lease, client.profile, keys)
        vectors = await self._embed([chunk.text for chunk in draft.chunks], keys)
        return self._indexed(draft, vectors, keys)

    async def _workspace(self, lease: Lease) -> Outcome:
        """Active: everything is looked at; suspended: search forgets it; deleted: all of it goes."""
        workspace = lease.workspace
        status = await self.notes.workspace_status(workspace=workspace)
        if status == "deleted" or (status is None and await self.queue.purged(lease)):
            return await self._erase(lease, Subject(workspace, "workspaces", workspace))
        if status != "active":
            # Suspended; or not listed and not purged: perhaps a faulty list, and keys do not come back.
            return _outcome(await self.erasure.eraser.forget_index(lease))
        if not await self.erasure.eraser.reopen(workspace=workspace):
            # Erased at an operator's word, or for good as we were told: being listed does not bring it back.
            return await self._erase(lease, Subject(workspace, "workspaces", workspace))
        await self._fan_out(workspace)
        return "indexed" if await self.queue.done(lease) else "fenced"

    async def _fan_out(self, workspace: WorkspaceId) -> None:
        page = []
        async for item in self.notes.manifest(workspace=workspace):
            page.append(item)
            if len(page) == FAN_OUT_PAGE:
                await self.queue.want(page, workspace=workspace)
                page = []
        await self.queue.want(page, workspace=workspace)


def bag_of(note: Note, *, key: bytes) -> Bag:
    """The keyed features of all the note's text."""
    features, counts = hashed("\n".join(note.fields.values()), key)
    return Bag(note.ref, note.client, note.day, features, counts)


def _outcome(written: bool) -> Outcome:
    return "forgotten" if written else "fenced"
