"""Whether the index is what PazPaz's database says it should be, told by their rows and no code of theirs."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import numpy as np

from service.adapters.index.sealed_vectors import SealedVectors
from service.container import Container
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import PROFILE_FIELDS, SOAP_FIELDS, Bag, Note, NoteRef
from service.ingestion.indexing import bag_of, digests_of, texts_of
from service.language.chunking import chunk_note, headed
from service.ports.calls import CallContext
from service.ports.keys import WorkspaceKeys

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.Pool[asyncpg.Record]"
Key = tuple[str, UUID]
HALF = 2e-3
"""How far a stored half of float16 may lie from the number it was made of, for numbers up to 1."""


class IndexDiffers(Exception):
    """The index does not hold what it should; says where by ids, never by text."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What should be indexed of a workspace, and which of its notes nobody can read."""

    notes: Mapping[Key, Note]
    archived: Mapping[UUID, Any]
    poison: frozenset[UUID]
    shut: bool = False
    drafts: Mapping[Key, Note] = field(default_factory=dict)
    """What is counted, and nothing of its text kept."""


async def truth_of(source: Owner, workspace: UUID, *, erased: Collection[UUID] = ()) -> Truth:
    """From PazPaz's tables, without clients who were erased here. A suspended practice has nothing to be indexed."""
    status = await source.fetchval("SELECT status FROM workspaces WHERE id = $1", workspace)
    if status != "active":
        return Truth({}, {}, frozenset(), shut=True)
    by_workspace = "SELECT * FROM {} WHERE workspace_id = $1"
    everybody = await source.fetch(by_workspace.format("clients"), workspace)
    clients = [row for row in everybody if row["id"] not in erased]
    sessions = await source.fetch(by_workspace.format("sessions"), workspace)
    active = {row["id"] for row in clients if row["is_active"]}
    notes = [_profile(row) for row in clients if row["is_active"]]
    notes += [_note(row) for row in sessions if _is_indexed(row) and row["client_id"] in active]
    drafts = [
        replace(_note(row), state="draft")
        for row in sessions
        if _is_counted(row) and row["client_id"] in active
    ]
    return Truth(
        notes={(note.ref.entity, note.ref.id): note for note in notes},
        archived={row["id"]: row["updated_at"] for row in clients if not row["is_active"]},
        poison=frozenset(row["id"] for row in sessions if row["undecryptable"]),
        drafts={(note.ref.entity, note.ref.id): note for note in drafts},
    )


def _is_indexed(row: Mapping[str, Any]) -> bool:
    return row["deleted_at"] is None and not row["is_draft"]


def _is_counted(row: Mapping[str, Any]) -> bool:
    return row["deleted_at"] is None and row["is_draft"]


def _texts(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    return {name: row[name] for name in names if (row[name] or "").strip()}


def _note(row: Mapping[str, Any]) -> Note:
    return Note(
        ref=NoteRef(WorkspaceId(row["workspace_id"]), "sessions", row["id"]),
        client=ClientId(row["client_id"]),
        state="active",
        fields=_texts(row, SOAP_FIELDS),
        updated_at=row["updated_at"],
        session_date=row["session_date"],
        version=row["version"],
    )


def _profile(row: Mapping[str, Any]) -> Note:
    return Note(
        ref=NoteRef(WorkspaceId(row["workspace_id"]), "clients", row["id"]),
        client=ClientId(row["id"]),
        state="active",
        fields=_texts(row, PROFILE_FIELDS),
        updated_at=row["updated_at"],
    )


def _must(holds: object, what: object) -> None:
    if not holds:
        raise IndexDiffers(str(what))


def stored_digests(stored: str, model: str) -> dict[str, str]:
    """One note's digests as the catalogue has them; the one place here that knows their shape."""
    by_model: Mapping[str, Mapping[str, str]] = json.loads(stored)
    _must(set(by_model) <= {model}, "digests of another model")
    return dict(by_model.get(model, {}))


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares one workspace after the other; every method raises IndexDiffers."""

    owner: Owner
    container: Container

    async def judge(self, truth: Truth, workspace: UUID) -> int:
        """Returns how many notes and profiles the index holds, all of them right."""
        held = await self._rows("note_catalogue", workspace)
        await self._same_notes(truth, held)
        await self._same_chunks(truth, workspace)
        await self._same_bags(truth, workspace)
        await self._parked_with_cause(truth, workspace)
        return len(held)

    async def _rows(self, table: str, workspace: UUID) -> list[asyncpg.Record]:
        query = f"SELECT * FROM {table} WHERE workspace_id = $1"  # noqa: S608 - a table of ours
        rows: list[asyncpg.Record] = await self.owner.fetch(query, workspace)
        return rows

    async def _index_key(self, workspace: UUID) -> bytes:
        return (await self.container.keys.keys(workspace=WorkspaceId(workspace))).index

    @property
    def model(self) -> str:
        return self.container.models.embedder.model

    async def _same_notes(self, truth: Truth, held: list[asyncpg.Record]) -> None:
        found = Counter((row["entity"], row["entity_id"]) for row in held)
        for one in [key for key in found if key[1] in truth.poison]:
            del found[one]  # an older version of it may stand until somebody mends it
        there = (*truth.notes, *truth.drafts)
        wanted = {key for key in there if key[1] not in truth.poison}
        wanted |= {("clients", client) for client in truth.archived}
        _must(found == Counter(wanted), _difference(found, Counter(wanted)))
        for row in held:
            if row["entity_id"] not in truth.poison:
                await self._same_note(truth, row)

    async def _same_note(self, truth: Truth, row: asyncpg.Record) -> None:
        place = (row["entity"], row["entity_id"])
        if place in truth.drafts:
            _counted_and_no_more(row, truth.drafts[place])
            return
        note = truth.notes.get(place)
        _must(row["is_searched"], place)
        stands = (row["state"], row["version"], row["updated_at"])
        if note is None:
            _must(stands == ("archived", None, truth.archived[row["entity_id"]]), place)
            return
        _must(stands == ("active", note.version, note.updated_at), place)
        _must(row["sealed"] is not None, place)
        key = await self._index_key(row["workspace_id"])
        wanted = digests_of(note, model=self.model, key=key)
        _must(stored_digests(row["digests"], self.model) == wanted, place)
        _must(json.loads(row["texts"]) == texts_of(note, key=key), place)

    async def _same_chunks(self, truth: Truth, workspace: UUID) -> None:
        rows = [
            row for row in await self._chunks(workspace) if row["entity_id"] not in truth.poison
        ]
        places = Counter(_place(row) for row in rows)
        _must(all(row["model"] == self.model for row in rows), "vectors of another model")
        chunks = {
            (*key, chunk.field, chunk.ordinal): headed(chunk, note)
            for key, note in truth.notes.items()
            if key[1] not in truth.poison
            for chunk in chunk_note(note)
        }
        _must(places == Counter(chunks.keys()), _difference(places, Counter(chunks.keys())))
        await self._same_vectors(rows, chunks, workspace)

    async def _chunks(self, workspace: UUID) -> list[Mapping[str, Any]]:
        """In clear and sealed, each as a row of vectors in clear."""
        clear: list[Mapping[str, Any]] = await self._rows("session_vectors", workspace)
        models = {row["model"] for row in await self._rows("sealed_vectors", workspace)}
        sealed = SealedVectors(self.container.database, self.container.keys)
        opened = [
            (model, (await sealed.rows(workspace=WorkspaceId(workspace), model=model))[1])
            for model in models
        ]
        return clear + [
            {"entity": ref.entity, "entity_id": ref.id, "field": field, "chunk": ordinal}
            | {"model": model, "embedding": json.dumps(half.tolist())}
            for model, rows in opened
            for (ref, field, ordinal), half in zip(rows.placed.places, rows.halves, strict=True)
        ]

    async def _same_vectors(
        self, rows: list[Mapping[str, Any]], chunks: Mapping[Any, str], workspace: UUID
    ) -> None:
        """A digest only promises which text a vector was made of."""
        if not rows:
            return
        texts = [chunks[_place(row)] for row in rows]
        key = await self._index_key(workspace)
        context = CallContext(WorkspaceKeys(WorkspaceId(workspace), 1, bytes(32), key))
        wanted = await self.container.models.embedder.embed(
            texts, purpose="document", context=context
        )
        stored = [json.loads(row["embedding"]) for row in rows]
        off = np.abs(np.array(stored) - np.array(wanted)).max(axis=1)
        wrong = [_place(row) for row, far in zip(rows, off, strict=True) if far > HALF]
        _must(not wrong, f"vectors of another text: {wrong[:3]}")

    async def _same_bags(self, truth: Truth, workspace: UUID) -> None:
        if not truth.notes:  # perhaps erased, and then asking for its keys would make new ones
            rows = await self._rows("bags", workspace)
            _must(not [one for one in rows if _is_known(truth, one)], "bags of no notes")
            return
        key = await self._index_key(workspace)
        _, bags = await self.container.store.bags(workspace=WorkspaceId(workspace))
        found = [bag for bag in bags if bag.ref.id not in truth.poison]
        made = [bag_of(note, key=key) for note in truth.notes.values()]
        wanted = [bag for bag in made if bag.features and bag.ref.id not in truth.poison]
        _must(Counter(map(_bag, found)) == Counter(map(_bag, wanted)), "bags differ")

    async def _parked_with_cause(self, truth: Truth, workspace: UUID) -> None:
        """What comes late for a suspended practice waits until it is active again."""
        if truth.shut:
            return
        query = "SELECT * FROM work WHERE workspace_id = $1 AND wanted > done"
        for row in await self.owner.fetch(query, workspace):
            place = (row["kind"], row["key"], row["last_error"])
            _must(row["parked_at"] is not None, f"still open: {place}")
            _must(row["key"] in truth.poison, f"parked, and not poison: {place}")
            _must(row["last_error"] == "note_unreadable", place)


def _counted_and_no_more(row: Mapping[str, Any], note: Note) -> None:
    stands = (row["state"], row["version"], row["updated_at"], row["client_id"], row["day"])
    _must(stands == ("draft", note.version, note.updated_at, note.client, note.day), note.ref)
    kept = (row["is_searched"], json.loads(row["digests"]), json.loads(row["texts"]), row["sealed"])
    _must(kept == (False, {}, {}, None), note.ref)


def _place(row: Mapping[str, Any]) -> tuple[str, UUID, str, int]:
    return row["entity"], row["entity_id"], row["field"], row["chunk"]


def _is_known(truth: Truth, row: Mapping[str, Any]) -> bool:
    return row["entity_id"] not in truth.poison


def _bag(bag: Bag) -> tuple[Any, ...]:
    return bag.ref.entity, bag.ref.id, bag.client, bag.day, tuple(bag.features), tuple(bag.counts)


def _difference(found: Counter[Any], wanted: Counter[Any]) -> str:
    return f"missing {list((wanted - found).items())[:3]}, too many {list((found - wanted).items())[:3]}"
