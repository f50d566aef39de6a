"""All of a workspace's vectors by binary COPY: 100,000 are 205 MB, of which no Python object is made a chunk."""

import asyncio
from datetime import date, timedelta
from typing import Any

import numpy as np
from asyncpg.pgproto.pgproto import UUID
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.halfvec import HEADER, copied, records
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import PROFILE_FIELDS, SOAP_FIELDS, NoteRef
from service.vectors import DIMENSION
from service.vectors.rows import ChunkRows, Placed

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
        notes=[
            NoteRef(workspace, "clients" if is_profile else "sessions", UUID(id.tobytes()))
            for id, is_profile in zip(head["id"], head["is_profile"].tolist(), strict=True)
        ],
        clients=[ClientId(UUID(client)) for client in head["client"].tolist()],
        days=[None if day == NO_DAY else EPOCH + timedelta(day) for day in head["day"].tolist()],
        fields=FIELDS,
        note=note,
        field=(rows["field"] - 1).astype(np.uint8),
        ordinal=rows["chunk"].astype(np.uint16),
    )
    return ChunkRows(where, rows["half"].astype(np.float16))


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
