"""Whether this database is an older one that came back, and how far it is from being trusted again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.database import Database, erasures, installation
from service.adapters.receipts import ReceiptFolder
from service.errors import ReceiptNotWritten

Reason = Literal["other_server", "receipts_missing", "not_reconciled"]


REMEMBER_SECONDS = 2.0


@dataclass(slots=True)
class PgRestoration:
    """A dump that was put into another server has another system identifier; an older state of the same server lacks
    receipts that the folder has. What neither tells, an operator does (`erase restored`)."""

    database: Database
    receipts: ReceiptFolder
    clock: Callable[[], float] = time.monotonic
    _last: tuple[float, Reason | None] | None = field(default=None, repr=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def recent(self) -> Reason | None:
        """The reason as it was two seconds ago at most: every request asks."""
        if (known := self._known()) is not None:
            return known[1]
        async with self._reading:  # or a burst would ask as many times
            if (known := self._known()) is None:
                known = self._last = self.clock(), await self.reason()
        return known[1]

    def _known(self) -> tuple[float, Reason | None] | None:
        """What was read last, while it counts."""
        last = self._last
        return last if last and self.clock() - last[0] < REMEMBER_SECONDS else None

    async def reason(self) -> Reason | None:
        """Why questions must wait; None when they need not."""
        async with self.database.system_tx() as connection:
            row = (await connection.execute(select(installation))).one_or_none()
            server = await _server(connection)
            known = frozenset(await connection.scalars(select(erasures.c.id)))
        if row is None:
            return None  # a new database: nothing was erased from it, and nothing is in it
        if row.system_identifier != server:
            return "other_server"
        if self._file_ids() - known:
            return "receipts_missing"
        return "not_reconciled" if row.restored_at is not None else None

    def _file_ids(self) -> frozenset[Any]:
        try:
            return self.receipts.ids()
        except ReceiptNotWritten:
            return frozenset()  # its own metric tells; a missing folder must not stop the house

    async def note_server(self) -> None:
        """Remembers which server this database was made in."""
        async with self.database.system_tx() as connection:
            row = {"one": True, "system_identifier": await _server(connection)}
            await connection.execute(insert(installation).values(row).on_conflict_do_nothing())

    async def begin(self) -> None:
        """This is a restored database: from now on it is not ready until `finish`."""
        async with self.database.system_tx() as connection:
            row = {"system_identifier": await _server(connection)}
            begun = row | {"restored_at": func.now(), "asked_at": None}
            made = insert(installation).values(begun | {"one": True})
            await connection.execute(made.on_conflict_do_update(index_elements=["one"], set_=begun))

    async def asked(self) -> None:
        """Every workspace's comparison was asked for."""
        await self._set(asked_at=func.now())

    async def finish(self) -> None:
        await self._set(restored_at=None, asked_at=None)

    async def state(self) -> Row[Any] | None:
        async with self.database.system_tx() as connection:
            return (await connection.execute(select(installation))).one_or_none()

    async def _set(self, **values: Any) -> None:
        async with self.database.system_tx() as connection:
            await connection.execute(update(installation).values(values))


async def _server(connection: AsyncConnection) -> str:
    return str(await connection.scalar(text("SELECT system_identifier FROM pg_control_system()")))
