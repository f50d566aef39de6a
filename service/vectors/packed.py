"""A note's one-bit codes as one row: records of the same length, which a whole workspace's are read from at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.vectors import DIMENSION
from service.vectors.bits import encode

RECORD = np.dtype(
    [
        ("field", "u1"),
        ("ordinal", "<u2"),
        ("correction", "<f4"),
        ("signs", "u1", (DIMENSION // 8,)),
    ]
)
"""135 bytes a chunk, packed; `field` is a place in the row's own names. Stored: never changed, only replaced."""


def packed(
    places: Sequence[tuple[str, int]], halves: NDArray[np.float16]
) -> tuple[list[str], bytes]:
    """The fields' names and the records of chunks with these vectors, shape (n, DIMENSION)."""
    fields = sorted({field for field, _ in places})
    records = np.zeros(len(places), RECORD)
    records["field"] = [fields.index(field) for field, _ in places]
    records["ordinal"] = [ordinal for _, ordinal in places]
    records["signs"], records["correction"] = encode(halves)
    return fields, records.tobytes()
