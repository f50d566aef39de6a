"""Erasing a note, a client or a workspace: at PazPaz's word, an operator's, or a receipt's after a restore."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from service.domain.erasure import AskedBy, SignedReceipt, Subject
from service.domain.identity import ClientId, WorkspaceId
from service.errors import ReceiptNotWritten, SourceUnavailable
from service.language.words import forget_words
from service.ports.erasure import Erased, Eraser
from service.ports.limits import RateLimiter
from service.ports.monolith import NoteSource
from service.ports.work import Lease


class QueryVectors(Protocol):
    """What remembers the vectors of a workspace's last questions."""

    async def forget(self, *, workspace: WorkspaceId) -> None: ...


class Receipts(Protocol):
    """Where receipts are kept outside the database."""

    def write(self, receipts: Collection[SignedReceipt]) -> int: ...


@dataclass(frozen=True, slots=True)
class Erasure:
    """The database in one transaction, and after it what is remembered elsewhere."""

    notes: NoteSource
    eraser: Eraser
    allowances: RateLimiter
    query_vectors: QueryVectors
    receipts: Receipts
    on_erased: Callable[[WorkspaceId], None]
    """Drops what this process remembers of a workspace; the others notice the tombstone within a second or two."""

    async def erase(
        self, subject: Subject, *, asked_by: AskedBy, lease: Lease | None = None
    ) -> Erased | None:
        """None when the lease was lost. A receipt whose file cannot be written now is written later."""
        sessions = await self._sessions_of(subject)
        done = await self.eraser.erase(subject, asked_by=asked_by, sessions=sessions, lease=lease)
        if done is None:
            return None
        await self._forget_elsewhere(subject)
        if done.receipt is not None:
            await self._write(done.receipt)
        return done

    async def _sessions_of(self, subject: Subject) -> Collection[UUID]:
        """Drafts and dead letters of a client are known to PazPaz alone, if it still has them."""
        if subject.entity != "clients":
            return ()
        listed = self.notes.manifest(workspace=subject.workspace, client=ClientId(subject.id))
        try:
            return {item.id async for item in listed if item.entity == "sessions"}
        except SourceUnavailable:
            return ()

    async def _forget_elsewhere(self, subject: Subject) -> None:
        forget_words()
        self.on_erased(subject.workspace)
        # Any of them may be of who is erased.
        await self.query_vectors.forget(workspace=subject.workspace)
        if subject.entity == "workspaces":
            await self.allowances.forget(workspace=subject.workspace)

    async def _write(self, receipt: SignedReceipt) -> None:
        try:
            await asyncio.to_thread(self.receipts.write, [receipt])
        except ReceiptNotWritten:
            return  # the row is there; the schedule writes the file, and its failures are counted
