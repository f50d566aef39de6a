"""A note's one-bit codes as one row: records of the same length, which a whole workspace's are read from at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.vectors import DIMENSION
from service.vectors.bits import encode
from service.vectors.note_rows import NoteRows

RECORD = np.dtype(
    [
        ("field", "u1"),
        ("ordinal", "<u2"),
        ("correction", "<f4"),
        ("signs", "u1", (DIMENSION // 8,)),
    ]
)
"""135 bytes a chunk, packed; `field` is a place in the row's own names. Stored: never changed, only replaced."""

SEPARATOR = ","


def code_records(rows: NoteRows) -> tuple[str, bytes]:
    """The fields' names, and the records of a note's chunks."""
    records = np.zeros(len(rows), RECORD)
    records["field"], records["ordinal"] = rows.field, rows.ordinal
    records["signs"], records["correction"] = encode(rows.halves)
    return SEPARATOR.join(rows.fields), records.tobytes()


def open_code_records(
    names: Sequence[str], rows: Sequence[bytes | memoryview]
) -> tuple[list[str], NDArray[np.int32], NDArray[Any]]:
    """Of many notes all names of fields, each record's note, and the records, `field` as a place in all names."""
    records = np.frombuffer(bytearray(b"".join(rows)), RECORD)
    lengths = [len(row) // RECORD.itemsize for row in rows]
    note = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(names))}
    fields = list(dict.fromkeys(name for kind in kinds for name in kind.split(SEPARATOR)))
    table = np.zeros((len(kinds), 256), np.uint8)
    for kind, number in kinds.items():
        own = kind.split(SEPARATOR)
        table[number, : len(own)] = [fields.index(name) for name in own]
    kind_of = np.array([kinds[kind] for kind in names], np.int32)
    records["field"] = table[kind_of[note], records["field"]]
    return fields, note, records
