"""All of a workspace's vectors, or all codes, by binary COPY: no Python object is made a chunk, and few a note."""

import asyncio
from datetime import date, timedelta
from struct import Struct
from typing import Any

import numpy as np
from asyncpg.pgproto.pgproto import UUID
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.halfvec import HEADER, SIGNATURE, TRAILER, copied, records
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import PROFILE_FIELDS, SOAP_FIELDS, NoteRef
from service.vectors import DIMENSION
from service.vectors.code_records import open_code_records
from service.vectors.rows import ChunkCodes, ChunkRows, Placed

FIELDS = (*SOAP_FIELDS, *PROFILE_FIELDS)
NO_DAY, UNKNOWN = -1, 0
EPOCH = date(1, 1, 1)

# Every column has a length that never varies, so that a row is a record: no NULL, no text.
_QUERY = """
SELECT entity_id, client_id, COALESCE(day - DATE '0001-01-01', -1)::int4, (entity = 'clients'),
  COALESCE(array_position($3::text[], field), 0)::int2, chunk::int4, embedding
FROM session_vectors WHERE session_vectors.workspace_id = $1 AND model = $2
"""
_ROW = np.dtype(
    [
        *(("columns", ">i2"), ("n1", ">i4"), ("id", "<u8", (2,)), ("n2", ">i4")),
        *(("client", "V16"), ("n3", ">i4"), ("day", ">i4"), ("n4", ">i4"), ("is_profile", "?")),
        *(("n5", ">i4"), ("field", ">i2"), ("n6", ">i4"), ("chunk", ">i4"), ("n7", ">i4")),
        *(("head", HEADER), ("half", ">f2", (DIMENSION,))),
    ]
)


async def copied_rows(
    connection: AsyncConnection, workspace: WorkspaceId, model: str
) -> ChunkRows | None:
    """None where a field has a name that is none of ours. Raises StoreUnavailable."""
    data = await copied(connection, _QUERY, workspace, model, list(FIELDS))
    return await asyncio.to_thread(_opened, data, workspace)


def _opened(data: bytearray, workspace: WorkspaceId) -> ChunkRows | None:
    rows = records(data, _ROW)
    if (rows["field"] == UNKNOWN).any():
        return None
    first, note = _distinct(rows["id"], rows["is_profile"])
    head = rows[first]
    where = Placed(
        notes=_refs(
            np.ascontiguousarray(head["id"]).view("V16")[:, 0], head["is_profile"], workspace
        ),
        clients=_clients(head["client"]),
        days=_days(head["day"]),
        fields=FIELDS,
        note=note,
        field=(rows["field"] - 1).astype(np.uint8),
        ordinal=rows["chunk"].astype(np.uint16),
    )
    return ChunkRows(where, rows["half"].astype(np.float16))


# What varies in length comes last: the names of a note's fields, and its codes.
_CODES_QUERY = """
SELECT entity_id, client_id, COALESCE(day - DATE '0001-01-01', -1)::int4, (entity = 'clients'), fields, codes
FROM vector_codes JOIN note_catalogue USING (workspace_id, entity, entity_id)
WHERE vector_codes.workspace_id = $1 AND note_catalogue.workspace_id = $1 AND model = $2
"""
_NOTE = np.dtype(
    [
        *(("columns", ">i2"), ("n1", ">i4"), ("id", "V16"), ("n2", ">i4"), ("client", "V16")),
        *(("n3", ">i4"), ("day", ">i4"), ("n4", ">i4"), ("is_profile", "?")),
    ]
)
_LENGTH = Struct(">i")


async def copied_codes(
    connection: AsyncConnection, workspace: WorkspaceId, model: str
) -> ChunkCodes:
    """All there are. Raises StoreUnavailable."""
    data = await copied(connection, _CODES_QUERY, workspace, model)
    return await asyncio.to_thread(_opened_codes, data, workspace)


def _opened_codes(data: bytearray, workspace: WorkspaceId) -> ChunkCodes:
    heads, names, rows = _notes_in(data)
    fields, note, records = open_code_records(names, rows)
    where = Placed(
        notes=_refs(heads["id"], heads["is_profile"], workspace),
        clients=_clients(heads["client"]),
        days=_days(heads["day"]),
        fields=fields,
        note=note,
        field=records["field"].copy(),
        ordinal=records["ordinal"].astype(np.uint16),
    )
    return ChunkCodes(where, records["signs"].copy(), records["correction"].astype(np.float32))


def _notes_in(data: bytearray) -> tuple[NDArray[Any], list[str], list[memoryview]]:
    """Of each note what has a length that never varies, its fields' names and its codes."""
    view, length_at = memoryview(data), _LENGTH.unpack_from
    starts: list[int] = []
    names: list[bytes] = []
    rows: list[memoryview] = []
    at, end = SIGNATURE, len(data) - TRAILER
    while at < end:
        starts.append(at)
        middle = at + _NOTE.itemsize + 4
        middle_end = middle + length_at(view, middle - 4)[0]
        at = middle_end + 4 + length_at(view, middle_end)[0]
        names.append(bytes(view[middle:middle_end]))
        rows.append(view[middle_end + 4 : at])
    places = np.array(starts, np.int64)[:, None] + np.arange(_NOTE.itemsize)
    heads = np.frombuffer(data, np.uint8)[places].view(_NOTE)[:, 0]
    known = {name: name.decode() for name in set(names)}
    return heads, [known[name] for name in names], rows


def _refs(
    ids: NDArray[Any], is_profile: NDArray[np.bool_], workspace: WorkspaceId
) -> list[NoteRef]:
    return [
        NoteRef(workspace, "clients" if profile else "sessions", UUID(id))
        for id, profile in zip(ids.tolist(), is_profile.tolist(), strict=True)
    ]


def _clients(ids: NDArray[Any]) -> list[ClientId]:
    """One object a client."""
    found = ids.tolist()
    known = {id: ClientId(UUID(id)) for id in set(found)}
    return [known[id] for id in found]


def _days(days: NDArray[Any]) -> list[date | None]:
    found = days.tolist()
    known = {day: None if day == NO_DAY else EPOCH + timedelta(day) for day in set(found)}
    return [known[day] for day in found]


def _distinct(
    ids: NDArray[np.uint64], is_profile: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """The first row of each note, and each row's note. A client may have a session's id."""
    halves = ids[:, 0], ids[:, 1]
    order = np.lexsort((is_profile, *halves))
    ordered = [column[order] for column in (*halves, is_profile)]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in ordered])
    note = np.empty(len(order), np.int32)
    note[order] = np.cumsum(begins, dtype=np.int32) - 1
    return order[begins], note
