"""Columns of chunks that were read in parts, put together."""

from collections.abc import Collection, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from service.domain.notes import NoteRef
from service.vectors import DIMENSION
from service.vectors.rows import ChunkCodes, ChunkRows, Placed


def merged(parts: Sequence[Placed]) -> Placed:
    """All chunks, in the order of the parts; no note is in two of them."""
    fields = list(dict.fromkeys(name for one in parts for name in one.fields))
    firsts = np.cumsum([0, *(len(one.notes) for one in parts)])
    notes = [one.note + np.int32(first) for one, first in zip(parts, firsts, strict=False)]
    moved = [
        np.array([fields.index(name) for name in one.fields], np.uint8)[one.field] for one in parts
    ]
    return Placed(
        notes=[ref for one in parts for ref in one.notes],
        clients=[client for one in parts for client in one.clients],
        days=[day for one in parts for day in one.days],
        fields=fields,
        note=np.concatenate([np.empty(0, np.int32), *notes]),
        field=np.concatenate([np.empty(0, np.uint8), *moved]),
        ordinal=np.concatenate([np.empty(0, np.uint16), *(one.ordinal for one in parts)]),
    )


def merged_rows(parts: Sequence[ChunkRows]) -> ChunkRows:
    """All in one, in the order of the parts."""
    none = np.empty((0, DIMENSION), np.float16)
    halves = np.concatenate([none, *(one.halves for one in parts)])
    return ChunkRows(merged([one.placed for one in parts]), halves)


def merged_codes(parts: Sequence[ChunkCodes]) -> ChunkCodes:
    """All in one, in the order of the parts."""
    return ChunkCodes(
        merged([one.placed for one in parts]),
        np.concatenate([np.empty((0, DIMENSION // 8), np.uint8), *(one.signs for one in parts)]),
        np.concatenate([np.empty(0, np.float32), *(one.corrections for one in parts)]),
    )


def without(rows: ChunkRows, notes: Collection[NoteRef]) -> ChunkRows:
    """The chunks of other notes."""
    placed, kept = _others(rows.placed, notes)
    return ChunkRows(placed, rows.halves[kept])


def codes_without(codes: ChunkCodes, notes: Collection[NoteRef]) -> ChunkCodes:
    """The same of codes."""
    placed, kept = _others(codes.placed, notes)
    return ChunkCodes(placed, codes.signs[kept], codes.corrections[kept])


def _others(placed: Placed, notes: Collection[NoteRef]) -> tuple[Placed, NDArray[np.bool_]]:
    """And which rows they were, shape (n,)."""
    stay = np.array([ref not in notes for ref in placed.notes], np.bool_)
    kept: NDArray[np.bool_] = stay[placed.note]
    numbers = np.cumsum(stay, dtype=np.int32) - np.int32(1)
    others = Placed(
        notes=list(compress(placed.notes, stay)),
        clients=list(compress(placed.clients, stay)),
        days=list(compress(placed.days, stay)),
        fields=placed.fields,
        note=numbers[placed.note[kept]],
        field=placed.field[kept],
        ordinal=placed.ordinal[kept],
    )
    return others, kept
