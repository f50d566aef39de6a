"""pgvector's half-precision vectors in binary: as text one costs hundreds of microseconds, and whole tables seconds."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import StoreUnavailable

HEADER = np.dtype([("dimension", ">i2"), ("unused", ">i2")])
SIGNATURE = 19
"""Bytes of a binary COPY before its first row: the signature, flags, and the length of an extension nobody has."""
TRAILER = 2


class Halfvec(HALFVEC):
    """The column type as pgvector has it, for connections that speak binary: values pass as they are."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        return None

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        return None


async def speak_binary(connection: Any) -> None:
    """Makes an asyncpg connection send and read vectors, and arrays of them, in binary."""
    try:
        await connection.set_type_codec(
            "halfvec", encoder=_encoded, decoder=from_wire, format="binary"
        )
    except ValueError:
        return  # before the first migration there is no such type


def _encoded(vector: bytes | Sequence[float]) -> bytes:
    """What is encoded already passes: asyncpg takes a list in a list for a second dimension of the array."""
    return vector if isinstance(vector, bytes) else to_wire(vector)


def to_wire(vector: Sequence[float] | NDArray[np.floating[Any]]) -> bytes:
    """Rounds to half precision; what is too large for it becomes infinite, which Postgres refuses."""
    numbers = np.asarray(vector, np.float64).astype(">f2")
    return len(numbers).to_bytes(2, "big") + bytes(2) + numbers.tobytes()


def to_wires(halves: NDArray[np.float16]) -> list[bytes]:
    """The same of many, shape (n, dimension): numpy turns them around together."""
    wires = np.zeros(len(halves), [("head", HEADER), ("half", ">f2", (halves.shape[1],))])
    wires["head"]["dimension"], wires["half"] = halves.shape[1], halves
    data, size = wires.tobytes(), wires.itemsize
    return [data[at : at + size] for at in range(0, len(data), size)]


def from_wire(data: bytes) -> NDArray[np.float16]:
    """Shape (dimension,)."""
    return np.frombuffer(data, ">f2", offset=HEADER.itemsize).astype(np.float16)


async def copied(connection: AsyncConnection, query: str, *args: object) -> bytearray:
    """A query's rows in binary COPY's format, read inside the connection's transaction: its walls hold.

    Raises StoreUnavailable.
    """
    held = bytearray()

    async def take(data: bytes) -> None:
        held.extend(data)

    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        await driver.copy_from_query(query, *args, output=take, format="binary")
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise StoreUnavailable from exc
    return held


def records(data: bytearray, row: np.dtype[Any]) -> NDArray[Any]:
    """The copied rows, each as long as every other, where they lie."""
    return np.frombuffer(memoryview(data)[SIGNATURE : len(data) - TRAILER], row)
