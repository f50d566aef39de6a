"""Several notes of one workspace written in one transaction, by as many statements as one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Text,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.index.index_models import covers
from service.adapters.index.scoped import drop_of_notes, rows_of_notes
from service.adapters.index.sealed_bags import sealed_bag
from service.adapters.index.sealed_rows import NOTHING_SEALED, ref_of, seal_row
from service.adapters.index.vector_table import VectorTable
from service.adapters.postgres.row_sets import columns_of, insertion
from service.adapters.postgres.tables import WORKSPACE_STONES, bags, note_catalogue
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Client, NoteRef
from service.ports.index import IndexedNote
from service.ports.keys import WorkspaceKeys
from service.ports.work import Lease

KEY = ["workspace_id", "entity", "entity_id"]


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What the catalogue holds of a note."""

    digests: dict[str, dict[str, str]]
    """By model, then by field."""
    is_searched: bool


CataloguedNotes = Mapping[NoteRef, Catalogued]


@dataclass(frozen=True, slots=True)
class Sorted:
    """What becomes of the notes of a batch; one that is in neither is written another time."""

    written: Sequence[IndexedNote]
    shut_out: Sequence[IndexedNote]
    """Of clients who are archived or purged: forgotten instead."""

    @property
    def refs(self) -> list[NoteRef]:
        return [one.note.ref for one in (*self.written, *self.shut_out)]


async def share_clients(
    connection: AsyncConnection, workspace: WorkspaceId, clients: Iterable[ClientId]
) -> None:
    """Nobody archives one of them until this transaction ends; others who write of them need not wait.

    In one order for everybody, and before any row of work, for the reason that `lock_client` gives.
    """
    names = sorted(f"{workspace}/{client}" for client in set(clients))
    await connection.execute(_SHARE, {"names": names})


_SHARE = text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended(name, 0)) FROM unnest(:names) AS name"
).bindparams(bindparam("names", type_=ARRAY(Text)))


async def held_still(connection: AsyncConnection, leases: Sequence[Lease]) -> set[UUID]:
    """Which leases still hold, until this transaction ends, by the key of their work.

    A row that somebody else has locked is about to change, so its note comes again: a batch that waited for it while
    it holds others could wait in a ring.
    """
    rows = await connection.scalars(_HELD, _columns(leases))
    return set(rows)


def _columns(leases: Sequence[Lease]) -> dict[str, object]:
    return {
        "workspaces": [lease.workspace for lease in leases],
        "kinds": [lease.kind for lease in leases],
        "keys": [lease.key for lease in leases],
        "tokens": [lease.token for lease in leases],
    }


# A row after the other, by its key, for the reason that `rows_of_notes` gives.
_HELD = text("""
SELECT mine.key FROM unnest(:workspaces, :kinds, :keys, :tokens) AS held (workspace_id, kind, key, token)
CROSS JOIN LATERAL (
  SELECT work.key FROM work WHERE work.workspace_id = held.workspace_id AND work.kind = held.kind
    AND work.key = held.key AND work.token = held.token
  FOR UPDATE SKIP LOCKED) AS mine
""").bindparams(
    bindparam("workspaces", type_=ARRAY(Uuid)),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("keys", type_=ARRAY(Uuid)),
    bindparam("tokens", type_=ARRAY(BigInteger)),
)


async def catalogued(
    connection: AsyncConnection,
    workspace: WorkspaceId,
    refs: Collection[NoteRef],
    *,
    lock: bool = False,
) -> CataloguedNotes:
    """By note; without those that are not catalogued. `lock` holds them until the transaction ends."""
    query = rows_of_notes(note_catalogue, workspace, refs, lock=lock)
    found = await connection.execute(query)
    return {ref_of(row): Catalogued(row.digests or {}, row.is_searched) for row in found}


async def sort_out(
    connection: AsyncConnection,
    workspace: WorkspaceId,
    notes: Sequence[IndexedNote],
    *,
    shut: Collection[UUID] | None = None,
) -> tuple[Sorted, CataloguedNotes]:
    """What becomes of each; and what stands of it, held until the transaction ends.

    Models first and notes after them, as whoever sweeps an old model takes them.
    """
    if shut is None:
        shut = await shut_clients(connection, workspace, {one.note.client for one in notes})
    open_notes = [one for one in notes if one.note.client not in shut]
    covered = await _covered(connection, workspace, open_notes)
    refs = [one.note.ref for one in notes]
    known = await catalogued(connection, workspace, refs, lock=True)
    written = [
        one
        for one in open_notes
        if not one.is_searched or (one.models in covered and _stands(one, known))
    ]
    return Sorted(written, [one for one in notes if one.note.client in shut]), known


async def shut_clients(
    connection: AsyncConnection, workspace: WorkspaceId, clients: Collection[ClientId]
) -> set[UUID]:
    """Archived, or purged, or all where the workspace is shut: what was pulled before must not come back, and no
    event of its own will follow."""
    asked = {"workspace": workspace, "clients": list(clients)}
    found = set(await connection.scalars(_SHUT, asked))
    return {*clients} if workspace in found else found


_SHUT = text("""
SELECT entity_id FROM note_catalogue WHERE note_catalogue.workspace_id = :workspace
  AND entity = 'clients' AND state = 'archived' AND entity_id = ANY(:clients)
UNION ALL
SELECT entity_id FROM tombstones WHERE tombstones.workspace_id = :workspace
  AND (entity = 'clients' AND entity_id = ANY(:clients) OR entity = ANY(:stones) AND entity_id = :workspace)
""").bindparams(
    bindparam("workspace", type_=Uuid),
    bindparam("clients", type_=ARRAY(Uuid)),
    bindparam("stones", list(WORKSPACE_STONES), type_=ARRAY(Text)),
)


async def _covered(
    connection: AsyncConnection, workspace: WorkspaceId, notes: Iterable[IndexedNote]
) -> set[tuple[str, ...]]:
    """Those of the notes' models that are the workspace's, which are held until the transaction ends."""
    asked = {one.models for one in notes if one.is_searched}
    return {models for models in sorted(asked) if await covers(connection, workspace, models)}


def _stands(indexed: IndexedNote, known: CataloguedNotes) -> bool:
    """False when chunks to be kept are gone, whose digests would claim an index that nobody made again."""
    held = known.get(indexed.note.ref)
    stored = held.digests if held else {}
    return all(
        stored.get(space.model, {}).get(field) == space.digests[field]
        for space in indexed.spaces
        for field in space.kept
    )


async def write_all(
    connection: AsyncConnection,
    notes: Sequence[IndexedNote],
    keys: WorkspaceKeys,
    vectors: VectorTable,
    *,
    known: CataloguedNotes,
    of: Client | None = None,
) -> None:
    """Catalogue, vectors and bags of notes that were sorted out. `of` is the client whose profile the only one is,
    and who has names."""
    if not notes:
        return
    await connection.execute(_CATALOGUE, columns_of([_row(one, keys, of) for one in notes]))
    there = frozenset(one.note.ref for one in notes if one.note.ref in known)
    await vectors.swap(connection, notes, keys, there=there)
    await _swap_bags(connection, notes, keys, there)


def _row(indexed: IndexedNote, keys: WorkspaceKeys, of: Client | None) -> dict[str, object]:
    note = indexed.note
    sealed = (
        seal_row(note.ref, indexed.risk, keys, of=of) if indexed.is_searched else NOTHING_SEALED
    )
    return {
        "workspace_id": note.ref.workspace,
        "entity": note.ref.entity,
        "entity_id": note.ref.id,
        "client_id": note.client,
        "day": note.day,
        "state": note.state,
        "version": note.version,
        "updated_at": note.updated_at,
        "digests": indexed.digests,
        "texts": indexed.texts,
        "is_searched": indexed.is_searched,
        **sealed,
    }


_INSERT = insertion(note_catalogue, *note_catalogue.c.keys())
_CATALOGUE = _INSERT.on_conflict_do_update(
    index_elements=KEY,
    set_={column.name: column for column in _INSERT.excluded if column.name not in KEY},
)
_BAGS = insertion(bags, *bags.c.keys())


async def _swap_bags(
    connection: AsyncConnection,
    notes: Sequence[IndexedNote],
    keys: WorkspaceKeys,
    there: Collection[NoteRef],
) -> None:
    """A note that was not catalogued has no bag, as a bag goes with its row of the catalogue."""
    await drop_of_notes(connection, bags, keys.workspace, there)
    rows = [sealed_bag(one.bag, keys) for one in notes if one.bag.features]
    if rows:
        await connection.execute(_BAGS, columns_of(rows))
