"""After a restore: what was erased since is erased again, every workspace is compared, and only then is it ready."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.adapters.erasure.eraser import PgEraser
from service.adapters.erasure.receipts import ReceiptFolder
from service.adapters.erasure.restoration import PgRestoration
from service.container import Container
from service.domain.identity import WorkspaceId
from service.errors import BadReceipt, SourceUnavailable
from service.ingestion.erasure import Erasure
from service.ingestion.reconcile import read_feed
from service.ports.work import WorkQueue
from service.security.receipts import holds
from service.security.rings import own_ring

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Restorer:
    """One step at a time, each of which may be repeated: a worker that dies in between loses nothing."""

    restoration: PgRestoration
    receipts: ReceiptFolder
    eraser: PgEraser
    erasure: Erasure
    queue: WorkQueue
    workspaces: Callable[[], Awaitable[Sequence[WorkspaceId]]]
    feed: Callable[[], Awaitable[object]]
    our_keys: Callable[[], Mapping[str, Ed25519PublicKey]]

    async def step(self) -> bool:
        """Whether the database is ready; raises BadReceipt for a file that nobody may act upon."""
        reason = await self.restoration.reason()
        if reason is None:
            await self.restoration.note_server()
            return True
        if reason != "not_reconciled":
            log.warning("restore.found", reason=reason)
            await self.restoration.begin()
        await self.reapply()  # each time: a folder that cannot be read now must not count as read
        return await self._reconcile()

    async def reapply(self) -> int:
        """Erases again what the folder's receipts say and the database does not know; how many."""
        files = await asyncio.to_thread(self.receipts.ids)
        missing = sorted(files - await self.eraser.receipt_ids())
        for id in missing:
            receipt = self.receipts.read(id)
            if not holds(receipt, self.our_keys()):
                log.error("restore.bad_receipt", receipt=id)
                raise BadReceipt
            await self.erasure.erase(receipt.subject, asked_by="receipt")
            await self.eraser.keep(receipt)
            log.warning("restore.reapplied", receipt=id)
        return len(missing)

    async def _reconcile(self) -> bool:
        state = await self.restoration.state()
        if state is None or state.restored_at is None:
            return True
        if state.asked_ago is None:
            await self._ask()
            return False
        depth = await self.queue.depth()
        if depth.background or depth.lag >= state.asked_ago:
            return False
        await self.restoration.finish()
        log.warning("restore.done")
        return True

    async def _ask(self) -> None:
        """Everything that PazPaz told since the backup, purges among it, and a comparison of every workspace."""
        try:
            await self.feed()
            everything = await self.workspaces()
        except SourceUnavailable:  # a pause, and no failure: those come again later and later
            log.warning("restore.source_away")
            return
        await self.restoration.tell()
        await self.queue.want_whole(everything, kind="reconcile")
        await self.restoration.asked()


def restorer_of(opened: Container) -> Restorer:
    """For an opened container."""
    return Restorer(
        restoration=opened.restoration,
        receipts=opened.receipts,
        eraser=opened.eraser,
        erasure=opened.erasure,
        queue=opened.queue,
        workspaces=opened.indexer.reconciler.everything,
        feed=partial(read_feed, opened.notes, opened.queue),
        our_keys=lambda: own_ring(opened.settings.signing_keys_dir),
    )
