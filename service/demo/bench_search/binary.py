"""Rows as Postgres's binary COPY, made by numpy: a hundred times quicker than one value at a time."""

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
EPOCH = date(2000, 1, 1)
"""Postgres counts days from here."""
Column = NDArray[Any] | bytes
"""Values of one width as Postgres sends them, one a row; or the one value of all rows."""


def encoded(count: int, columns: Mapping[str, Column]) -> bytes:
    """`count` rows, without COPY's beginning and end."""
    parts: list[tuple[str, Any]] = [("columns of a row", ">i2")]
    for name, column in columns.items():
        parts += [(f"{name} width", ">i4"), (name, f"V{_width(column)}")]
    rows = np.zeros(count, np.dtype(parts))
    rows["columns of a row"] = len(columns)
    for name, column in columns.items():
        rows[f"{name} width"] = _width(column)
        rows[name] = np.void(column) if isinstance(column, bytes) else _as_bytes(column)
    return rows.tobytes()


def _width(column: Column) -> int:
    if isinstance(column, bytes):
        return len(column)
    return column.dtype.itemsize * (column.shape[1] if column.ndim == 2 else 1)


def _as_bytes(column: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(column).view(f"V{_width(column)}").reshape(-1)


def days(after: NDArray[np.int32], first: date) -> NDArray[Any]:
    """As Postgres sends dates."""
    return (after + (first - EPOCH).days).astype(">i4")


def vectors(halves: NDArray[np.float16], kind: str) -> NDArray[Any]:
    """As pgvector sends them: `>f4` for vector, `>f2` for halfvec; shape (n, bytes)."""
    n, dimension = halves.shape
    head = np.zeros((n, 2), ">i2")
    head[:, 0] = dimension
    numbers = halves.astype(kind)
    return np.concatenate([head.view(np.uint8), numbers.view(np.uint8).reshape(n, -1)], axis=1)


async def copy(connection: Any, table: str, columns: list[str], rows: bytes) -> None:
    """Raises what asyncpg raises; the rows are there when the caller's transaction commits."""

    async def source() -> AsyncIterator[bytes]:
        yield SIGNATURE
        yield rows
        yield END

    await connection.copy_to_table(table, source=source(), columns=columns, format="binary")
