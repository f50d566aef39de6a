"""Whether this database is an older one that came back, and how far it is from being trusted again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, Exists, Row, Uuid, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.audit_log import append
from service.adapters.erasure.receipts import ReceiptFolder
from service.adapters.index.epochs import leap
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import audit_heads, erasures, installation
from service.domain.audit import AuditEntry
from service.domain.identity import WorkspaceId
from service.domain.recent import Recent
from service.errors import ReceiptNotWritten

log = structlog.get_logger()

Reason = Literal["other_server", "other_database", "receipts_missing", "not_reconciled"]

MAX_AGE_SECONDS = 2.0


@dataclass(slots=True)
class PgRestoration:
    """A dump that was put into another server has another system identifier, one that came back into the same server
    other oids; an older state of the server itself lacks receipts that the folder has. What none of them tells, an
    operator does (`erase restored`)."""

    database: Database
    receipts: ReceiptFolder
    clock: Callable[[], float] = time.monotonic
    _reason: Recent[Reason | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._reason = Recent(self.reason, MAX_AGE_SECONDS, self.clock)

    async def recent(self) -> Reason | None:
        """The reason as it was two seconds ago at most: every request asks."""
        return await self._reason.get()

    async def reason(self) -> Reason | None:
        """Why questions must wait; None when they need not."""
        files = await asyncio.to_thread(self._file_ids)  # first: a file is written after its row
        async with self.database.system_tx() as connection:
            row = (await connection.execute(select(installation))).one_or_none()
            here = await _here(connection)
            lacks = await connection.scalar(select(_unknown(files)))
        if row is not None and row.system_identifier != here["system_identifier"]:
            return "other_server"
        if row is not None and row.oids not in {None, here["oids"]}:  # None: of an older release
            return "other_database"
        if lacks:  # of a new database too: it takes the place of one that is lost
            return "receipts_missing"
        return "not_reconciled" if row is not None and row.restored_at is not None else None

    def _file_ids(self) -> frozenset[UUID]:
        try:
            return self.receipts.ids()
        except ReceiptNotWritten:
            return frozenset()  # its own metric tells; a missing folder must not stop the house

    async def note_server(self) -> None:
        """Remembers where this database is. Where another server was promoted since, which may have lost the last
        moments, memories of before are forgotten first."""
        async with self.database.system_tx() as connection:
            known = (await connection.execute(select(installation))).one_or_none()
            here = await _here(connection)
        if known is not None and known.timeline not in {None, here["timeline"]}:
            log.warning("restore.promoted", timeline=here["timeline"])
            await self._for_each_chain(leap)
        if known is None or (known.oids, known.timeline) != (here["oids"], here["timeline"]):
            await self._note(here)

    async def begin(self) -> None:
        """This is a restored database: from now on it is not ready until `finish`."""
        async with self.database.system_tx() as connection:
            here = await _here(connection)
        await self._note(here | {"restored_at": func.now(), "asked_at": None})

    async def _note(self, row: Mapping[str, Any]) -> None:
        made = insert(installation).values({**row, "one": True})
        noted = made.on_conflict_do_update(index_elements=["one"], set_=dict(row))
        async with self.database.system_tx() as connection:
            await connection.execute(noted)

    async def tell(self) -> None:
        """Every memory of before, in whatever process, is forgotten; and each chain tells why it goes on from an older
        row than PazPaz's copy does."""
        await self._for_each_chain(_tell)

    async def _for_each_chain(
        self, do: Callable[[AsyncConnection, WorkspaceId], Awaitable[None]]
    ) -> None:
        async with self.database.system_tx() as connection:
            chains = sorted(await connection.scalars(select(audit_heads.c.workspace_id)))
        for workspace in map(WorkspaceId, chains):
            async with self.database.tenant_tx(workspace) as connection:
                await do(connection, workspace)

    async def asked(self) -> None:
        """Every workspace's comparison was asked for."""
        await self._set(asked_at=func.now())

    async def finish(self) -> None:
        await self._set(restored_at=None, asked_at=None)

    async def state(self) -> Row[Any] | None:
        """With `asked_ago`, the seconds since every comparison was asked for; None before."""
        ago = func.extract("epoch", func.now() - installation.c.asked_at).label("asked_ago")
        async with self.database.system_tx() as connection:
            return (await connection.execute(select(installation, ago))).one_or_none()

    async def _set(self, **values: Any) -> None:
        async with self.database.system_tx() as connection:
            await connection.execute(update(installation).values(values))


def _unknown(files: Collection[UUID]) -> Exists:
    """Whether there is a file whose row there is not."""
    ids = select(func.unnest(literal([*files], ARRAY(Uuid))))
    return ids.except_(select(erasures.c.id)).exists()


async def _tell(connection: AsyncConnection, workspace: WorkspaceId) -> None:
    await leap(connection, workspace)
    await append(connection, AuditEntry("database.restored"), workspace=workspace)


async def _here(connection: AsyncConnection) -> dict[str, Any]:
    """The server; the database and this table in it, which a dump that is put back cannot be again; and how often a
    standby of the server, or a recovery, took over from it."""
    return dict((await connection.execute(_HERE)).mappings().one())


_HERE = text("""
SELECT system_identifier::text,
  concat_ws('/', (SELECT oid FROM pg_database WHERE datname = current_database()), 'installation'::regclass::oid)
    AS oids,
  timeline_id AS timeline
FROM pg_control_system(), pg_control_checkpoint()
""")
