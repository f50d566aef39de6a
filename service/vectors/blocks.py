"""A note's vectors in one model as one stretch of bytes: what is sealed where no vector may be readable.

`n(4) | columns of n rows each | n ordinals of 2 bytes | n fields of 1 | names of fields`, in the machine's order
(little-endian everywhere we run).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.domain.identity import ClientId
from service.domain.notes import NoteRef
from service.vectors import DIMENSION
from service.vectors.bits import encode
from service.vectors.note_rows import NoteRows
from service.vectors.rows import ChunkCodes, ChunkRows, Placed

HEAD, ORDINAL, FIELD = 4, 2, 1
BETWEEN = "\0"  # In no name of a field.

Column = tuple[type[np.generic], int]
HALVES: tuple[Column, ...] = ((np.float16, DIMENSION),)
CODES: tuple[Column, ...] = ((np.uint8, DIMENSION // 8), (np.float32, 1))


def pack(rows: NoteRows) -> bytes:
    """Their vectors."""
    return _packed(rows, [rows.halves])


def pack_codes(rows: NoteRows) -> bytes:
    """Their one-bit codes in place of them."""
    return _packed(rows, encode(rows.halves))


def _packed(rows: NoteRows, columns: Iterable[NDArray[Any]]) -> bytes:
    names = BETWEEN.join(rows.fields).encode()
    parts = [column.tobytes() for column in (*columns, rows.ordinal, rows.field)]
    return b"".join([len(rows).to_bytes(HEAD, "little"), *parts, names])


def unpack(data: bytes) -> NoteRows:
    """What `pack` was given."""
    n, names = _tail(data, HALVES)
    [halves], ordinal, field = _columns(data, n, HALVES)
    return NoteRows(tuple(names.decode().split(BETWEEN)), field, ordinal, halves)


@dataclass(frozen=True, slots=True)
class Packed:
    """A note's bytes, and whose they are."""

    ref: NoteRef
    client: ClientId
    day: date | None
    data: bytes


def open_rows(notes: Sequence[Packed]) -> ChunkRows:
    """The chunks of many notes, from what `pack` made."""
    place, [halves] = _gathered(notes, HALVES)
    return ChunkRows(place, halves)


def open_codes(notes: Sequence[Packed]) -> ChunkCodes:
    """The same from what `pack_codes` made."""
    place, [signs, corrections] = _gathered(notes, CODES)
    return ChunkCodes(place, signs, corrections[:, 0])


def _gathered(
    notes: Sequence[Packed], layout: Sequence[Column]
) -> tuple[Placed, list[NDArray[Any]]]:
    """In numpy's pieces of a note each; names of fields are compared once, for few notes have others."""
    fields: dict[str, int] = {}
    seen: dict[bytes, NDArray[np.uint8]] = {}
    parts: list[list[NDArray[Any]]] = [[] for _ in range(len(layout) + 2)]
    sizes = []
    for note in notes:
        n, names = _tail(note.data, layout)
        if names not in seen:
            some = names.decode().split(BETWEEN)
            seen[names] = np.array([fields.setdefault(x, len(fields)) for x in some], np.uint8)
        columns, ordinal, field = _columns(note.data, n, layout)
        for part, column in zip(parts, [*columns, ordinal, seen[names][field]], strict=True):
            part.append(column)
        sizes.append(n)
    kinds: list[Column] = [*layout, (np.uint16, 0), (np.uint8, 0)]
    *columns, ordinal, field = (
        _joined(part, kind) for part, kind in zip(parts, kinds, strict=True)
    )
    place = Placed(
        notes=[one.ref for one in notes],
        clients=[one.client for one in notes],
        days=[one.day for one in notes],
        fields=list(fields),
        note=np.repeat(np.arange(len(notes), dtype=np.int32), sizes),
        field=field,
        ordinal=ordinal,
    )
    return place, columns


def _joined(parts: Sequence[NDArray[Any]], kind: Column) -> NDArray[Any]:
    dtype, width = kind
    none: NDArray[Any] = np.empty((0, width) if width else 0, dtype)
    return np.concatenate([none, *parts])


def _tail(data: bytes, layout: Sequence[Column]) -> tuple[int, bytes]:
    """How many chunks there are, and the names behind them."""
    n = int.from_bytes(data[:HEAD], "little")
    each = sum(np.dtype(kind).itemsize * width for kind, width in layout) + ORDINAL + FIELD
    return n, data[HEAD + n * each :]


def _columns(
    data: bytes, n: int, layout: Sequence[Column]
) -> tuple[list[NDArray[Any]], NDArray[np.uint16], NDArray[np.uint8]]:
    """Views into the bytes."""
    columns, at = [], HEAD
    for kind, width in layout:
        column = np.frombuffer(data, kind, n * width, at)
        columns.append(column.reshape(n, width))
        at += column.nbytes
    ordinal = np.frombuffer(data, np.uint16, n, at)
    return columns, ordinal, np.frombuffer(data, np.uint8, n, at + ordinal.nbytes)
