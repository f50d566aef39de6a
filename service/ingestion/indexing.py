"""Making the index equal the source, one leased note at a time: pull, chunk, embed, replace; or forget."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, Protocol
from uuid import UUID

from service.domain.erasure import Subject
from service.domain.identity import WorkspaceId
from service.domain.notes import Bag, Chunk, Client, Note, NoteRef, Pulled
from service.domain.usage import Meter
from service.errors import ServiceError
from service.ingestion.erasure import Erasure
from service.ingestion.reconcile import Reconciler
from service.language.chunking import CHUNKER, chunk_note, headed
from service.language.features import hashed
from service.language.risk import risk_spans
from service.ports.calls import CallContext, CallContexts
from service.ports.index import ChunkStore, IndexedNote, IndexModels, Space
from service.ports.keys import WorkspaceKeys
from service.ports.limits import Standings
from service.ports.models import Embedders
from service.ports.monolith import NoteSource
from service.ports.work import Lease, WorkQueue
from service.security.keys import digest, text_digest
from service.telemetry.metrics import RECONCILED

Outcome = Literal["indexed", "counted", "forgotten", "erased", "compared", "fenced", "unreadable"]
Stones = frozenset[tuple[str, UUID]]
FAN_OUT_PAGE = 500
MOST_ROWS = 1_000
"""Vectors in one transaction, 2 MB: a batch of large notes must not hold its clients for seconds."""


class OnEmbedded(Protocol):
    """What wants to know what models did for a batch of notes."""

    async def __call__(self, meter: Meter, *, workspace: WorkspaceId) -> None: ...


@dataclass(frozen=True, slots=True)
class IndexingRules:
    """Which notes may be indexed or counted; the contract's settings."""

    drafts: bool = False
    require_consent: bool = False

    def admit(self, note: Note, client: Client | None) -> bool:
        """Still there, of a client who may be read."""
        return note.is_there and client is not None and self.admit_client(client)

    def may_search(self, note: Note) -> bool:
        """Drafts by setting; else a draft is counted, so that an answer can tell of it, and not read."""
        return not note.is_draft or self.drafts

    def admit_client(self, client: Client) -> bool:
        return client.may_be_read(require_consent=self.require_consent)


@dataclass(frozen=True, slots=True)
class Indexer:
    """The ingestion journey. Holds no state; every effect is fenced by its lease."""

    notes: NoteSource
    store: ChunkStore
    queue: WorkQueue
    contexts: CallContexts
    embedders: Embedders
    erasure: Erasure
    standings: Standings
    on_embedded: OnEmbedded
    """Told what models did for a batch, also for one that failed halfway."""
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
        context = await self.contexts.of(workspace=workspace)
        context.veil.know(client.person for client in theirs.clients.values())
        models = await self._models(workspace)
        outcomes: list[tuple[Lease, Outcome]] = []
        searched: list[tuple[Lease, Note]] = []
        counted: list[tuple[Lease, IndexedNote]] = []
        for lease in leases:
            note = pulled.sessions.get(lease.key)
            if ("sessions", lease.key) in stones:
                erased = Subject(workspace, "sessions", lease.key)
                outcomes.append((lease, await self._erase(lease, erased)))
            elif lease.key in pulled.unreadable or (note and note.client in theirs.unreadable):
                outcomes.append((lease, "unreadable"))
            elif note and self._may_stand(note, theirs, rules, stones):
                if rules.may_search(note):
                    searched.append((lease, note))
                else:
                    counted.append((lease, _counted(note)))
            else:
                ref = NoteRef(workspace, "sessions", lease.key)
                outcomes.append((lease, _outcome(await self.store.forget(ref, lease=lease))))
        outcomes += await self._replace(counted)
        return outcomes + await self._index(searched, models, context)

    def _may_stand(self, note: Note, theirs: Pulled, rules: IndexingRules, stones: Stones) -> bool:
        """Admitted, and of a client who was not erased: PazPaz may still have what was to be forgotten here."""
        erased = ("clients", note.client) in stones
        return not erased and rules.admit(note, theirs.clients.get(note.client))

    async def _rules(self, workspace: WorkspaceId) -> IndexingRules:
        """As they are now, after the claim: the look may be wanted by the very switch that changed them."""
        standing = await self.standings.now(workspace)
        return IndexingRules(self.drafts, standing.require_consent)

    async def _models(self, workspace: WorkspaceId) -> IndexModels:
        """Read once a round: what is begun or dropped meanwhile, the store notices, and the note comes again."""
        held = await self.store.models(workspace=workspace)
        return held or IndexModels(self.embedders.default)

    async def _index(
        self, notes: Sequence[tuple[Lease, Note]], models: IndexModels, context: CallContext
    ) -> list[tuple[Lease, Outcome]]:
        """Texts of several notes share embed calls, and their rows transactions."""
        drafts = await self._drafts([note for _, note in notes], models, context.keys)
        embedded = await self._embed(drafts, context)
        leases = (lease for lease, _ in notes)
        return await self._replace(list(zip(leases, embedded, strict=True)))

    async def _drafts(
        self, notes: Sequence[Note], models: IndexModels, keys: WorkspaceKeys
    ) -> list[IndexedNote]:
        """What stands and what must be embedded, in every model; no vectors yet."""
        stored = await self.store.digests_of([note.ref for note in notes])
        # In a thread: 2 ms for a usual note, and seconds for a megabyte while leases must be renewed.
        return await asyncio.to_thread(
            lambda: [_draft(note, models, keys, stored.get(note.ref, {})) for note in notes]
        )

    async def _replace(
        self, notes: Sequence[tuple[Lease, IndexedNote]]
    ) -> list[tuple[Lease, Outcome]]:
        """Some in one transaction; where one of them breaks it, each in its own, and the error afterwards."""
        outcomes: list[tuple[Lease, Outcome]] = []
        for some in _portions(notes):
            try:
                written = await self.store.replace_all([(one, lease) for lease, one in some])
            except ServiceError:
                raise
            except Exception:
                await self._replace_alone(some)
                raise
            outcomes += [
                (lease, _outcome_of(one, written=yes))
                for (lease, one), yes in zip(some, written, strict=True)
            ]
        return outcomes

    async def _replace_alone(self, notes: Sequence[tuple[Lease, IndexedNote]]) -> None:
        """Every one that can be written; whoever raises is told of by the error of all."""
        for lease, one in notes:
            with suppress(Exception):
                await self.store.replace(one, lease=lease)

    async def _embed(
        self, drafts: Sequence[IndexedNote], context: CallContext
    ) -> list[IndexedNote]:
        """The drafts with their vectors; all of them are of one workspace, so they name the same models."""
        by_model = zip(*(draft.spaces for draft in drafts), strict=True)
        notes = [draft.note for draft in drafts]
        try:
            columns = [await self._embed_in(spaces, notes, context) for spaces in by_model]
        finally:
            await self.on_embedded(context.meter, workspace=context.workspace)
        rows = zip(*columns, strict=True)
        return [replace(draft, spaces=row) for draft, row in zip(drafts, rows, strict=True)]

    async def _embed_in(
        self, spaces: Sequence[Space], notes: Sequence[Note], context: CallContext
    ) -> Sequence[Space]:
        """One model's part of several notes, in one call."""
        texts = [
            headed(chunk, note)
            for note, space in zip(notes, spaces, strict=True)
            for chunk in space.chunks
        ]
        if not texts:
            return spaces
        embedder = self.embedders.of(spaces[0].model)
        vectors = iter(await embedder.embed(texts, purpose="document", context=context))
        return [replace(one, vectors=[next(vectors) for _ in one.chunks]) for one in spaces]

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
        if not await self.store.put_client(client, indexed, lease=lease, wake=wake):
            return "fenced"
        return "indexed" if indexed else "forgotten"

    async def _profile(self, lease: Lease, client: Client) -> IndexedNote:
        context = await self.contexts.of(workspace=lease.workspace)
        context.veil.know([client.person])
        models = await self._models(lease.workspace)
        drafts = await self._drafts([client.profile], models, context.keys)
        [indexed] = await self._embed(drafts, context)
        return indexed

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


def _counted(note: Note) -> IndexedNote:
    """That it is there, of whom, and of which day; no text of it goes to a model."""
    nothing = Bag(note.ref, note.client, note.day, (), ())
    return IndexedNote(note, nothing, spaces=(), is_searched=False)


def _draft(
    note: Note, models: IndexModels, keys: WorkspaceKeys, stored: Mapping[str, Mapping[str, str]]
) -> IndexedNote:
    chunks = chunk_note(note)
    spaces = [
        _space(model, note, chunks, stored=stored.get(model, {}), key=keys.index)
        for model in models.all
    ]
    bag, texts = bag_of(note, key=keys.index), texts_of(note, key=keys.index)
    return IndexedNote(note, bag, spaces, texts, risk_spans(note.fields))


def _portions(
    notes: Sequence[tuple[Lease, IndexedNote]],
) -> Iterator[Sequence[tuple[Lease, IndexedNote]]]:
    """As many together as one statement may carry; a note is never divided."""
    portion: list[tuple[Lease, IndexedNote]] = []
    size = 0
    for lease, one in notes:
        rows = sum(len(space.chunks) for space in one.spaces)
        if portion and size + rows > MOST_ROWS:
            yield portion
            portion, size = [], 0
        portion.append((lease, one))
        size += rows
    if portion:
        yield portion


def _outcome_of(note: IndexedNote, *, written: bool) -> Outcome:
    if not written:
        return "fenced"
    return "indexed" if note.is_searched else "counted"


def _space(
    model: str, note: Note, chunks: Sequence[Chunk], *, stored: Mapping[str, str], key: bytes
) -> Space:
    digests = digests_of(note, model=model, key=key)
    kept = frozenset(field for field, value in digests.items() if stored.get(field) == value)
    return Space(model, digests, kept, [chunk for chunk in chunks if chunk.field not in kept])


def digests_of(note: Note, *, model: str, key: bytes) -> dict[str, str]:
    """By field; one changes with the text, and with whatever else would make its stored chunks wrong."""
    return {
        field: digest(key, model, CHUNKER, str(note.day), field, text)
        for field, text in note.fields.items()
    }


def texts_of(note: Note, *, key: bytes) -> dict[str, str]:
    """By field; one changes with its text alone."""
    return {field: text_digest(key, field, text) for field, text in note.fields.items()}


def bag_of(note: Note, *, key: bytes) -> Bag:
    """The keyed features of all the note's text."""
    features, counts = hashed("\n".join(note.fields.values()), key)
    return Bag(note.ref, note.client, note.day, features, counts)


def _outcome(written: bool) -> Outcome:
    return "forgotten" if written else "fenced"
