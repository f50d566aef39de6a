"""The audit trail's keeper, beside the worker's loop: closes what was left open, hands rows on, signs checkpoints."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from pazpaz_ai_client.signing import LiveKeys
from service.adapters.audit_log import PgAuditLog
from service.container import Container
from service.domain.audit import SERVICE_CHAIN, AuditEntry, AuditRow
from service.domain.identity import WorkspaceId
from service.errors import ChatAlreadyClosed, SourceUnavailable, StoreUnavailable, why
from service.ports.audit import AuditHead, AuditSink, OpenChat
from service.ports.clock import Clock, now
from service.security.chain import GENESIS, BadLink, ChainCheck, Checkpoint
from service.telemetry.metrics import (
    AUDIT_BROKEN,
    AUDIT_CHAINS_BROKEN,
    AUDIT_FORWARDED,
    AUDIT_ORPHANS,
)

log = structlog.get_logger()

TICK_SECONDS = 1.0
SWEEP = 100  # chats a round; the rest waits a second
FORWARD_ROWS = 100  # of one workspace, before it is the next one's turn
FORWARD_SECONDS = (
    5.0  # of one round: after a long outage the other chores must not wait for all of it
)
MAX_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class Keeper:
    """One loop. Any number may run: a second closing is refused, a repeated row is one row at PazPaz."""

    audit: PgAuditLog
    sink: AuditSink
    signing_keys: LiveKeys
    clock: Clock
    orphan_after: timedelta
    checkpoint_every: timedelta
    _told: object = field(default=None, repr=False)
    _failures: int = field(default=0, repr=False)
    _not_before: datetime | None = field(default=None, repr=False)
    _served: WorkspaceId = field(default=SERVICE_CHAIN, repr=False)
    """Whose rows were handed on last: the next round begins behind it, so that nobody's trouble holds up the others."""
    _checkpointed_at: datetime | None = field(default=None, repr=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Keeps until `stop`; then finishes the round in hand."""
        while not stop.is_set():
            for chore in (
                self.tell_keys,
                self.close_orphans,
                self.forward_when_due,
                self.checkpoint_when_due,
            ):
                await self._guarded(chore)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TICK_SECONDS)

    async def _guarded(self, chore: Callable[[], Awaitable[object]]) -> None:
        """One chore's trouble must not keep the others from being done."""
        try:
            await chore()
        except StoreUnavailable as exc:
            log.warning("keeper.store_away", error=why(exc))
        except Exception as exc:  # a keeper that ends keeps nothing; the log has the place
            log.exception("keeper.failed", exc_info=exc)

    async def close_orphans(self) -> int:
        """Closes what a killed process left open; how many. An answer that comes later finds its chat closed."""
        left = await self.audit.open_chats(
            opened_before=self.clock() - self.orphan_after, limit=SWEEP
        )
        return sum([await self._close(chat) for chat in left])

    async def tell_keys(self) -> None:
        """One row when the keys between PazPaz and us are others than the trail knows."""
        signing, accepted = self.signing_keys.state(self.clock())
        state = {"signing": signing, "accepted": list(accepted)}
        if state == self._told:
            return
        if state != await self._last_told():
            entry = AuditEntry("keys.changed", details=state)
            await self.audit.append(entry, workspace=SERVICE_CHAIN)
        self._told = state

    async def _last_told(self) -> object:
        row = await self.audit.last("keys.changed", workspace=SERVICE_CHAIN)
        return row.entry.details if row else None

    async def _close(self, chat: OpenChat) -> int:
        entry = AuditEntry.left_open(user=chat.user, chat=chat.chat)
        try:
            await self.audit.append(entry, workspace=chat.workspace)
        except ChatAlreadyClosed:  # its own process, or another keeper, was a moment faster
            return 0
        AUDIT_ORPHANS.inc()
        log.warning("audit.orphan_closed", workspace=chat.workspace, chat=chat.chat)
        return 1

    async def forward_when_due(self) -> None:
        """Hands rows on to PazPaz for a few seconds at most; while PazPaz is away, waits longer and longer."""
        if self._not_before is not None and self.clock() < self._not_before:
            return
        try:
            await self._forward_in_turn()
        except SourceUnavailable:
            self._failures += 1
            pause = min(2.0 ** min(self._failures, 10), MAX_PAUSE_SECONDS)
            self._not_before = self.clock() + timedelta(seconds=pause)
            return
        self._failures, self._not_before = 0, None

    async def _forward_in_turn(self) -> None:
        until = self.clock() + timedelta(seconds=FORWARD_SECONDS)
        waiting = [head for head in await self.audit.heads() if _waiting(head)]
        for head in sorted(
            waiting, key=lambda head: (head.workspace <= self._served, head.workspace)
        ):
            if self.clock() >= until:
                return
            self._served = head.workspace
            await self._forward(head)

    async def _forward(self, head: AuditHead) -> None:
        """A page in order. What is remembered as sent was received; what was received may be sent again."""
        page = await self.audit.rows(
            workspace=head.workspace, after=head.forwarded, limit=FORWARD_ROWS
        )
        for row in page:
            await self._hand_on(row)
            await self.audit.forwarded(workspace=head.workspace, seq=row.seq)

    async def _hand_on(self, row: AuditRow) -> None:
        """A row PazPaz refuses for good must not hold up those behind it; it is kept here all the same."""
        taken = await self.sink.record(row)
        AUDIT_FORWARDED.labels(outcome="taken" if taken else "refused").inc()
        if not taken:
            log.warning("audit.refused_by_pazpaz", workspace=row.workspace, seq=row.seq)

    async def checkpoint_when_due(self) -> None:
        """Signs every chain that grew, once in a while."""
        now = self.clock()
        if self._checkpointed_at and now - self._checkpointed_at < self.checkpoint_every:
            return
        grown = [head for head in await self.audit.heads() if head.checkpointed < head.seq]
        whole = [await self.checkpoint(head) for head in grown]
        AUDIT_CHAINS_BROKEN.set(whole.count(False))
        self._checkpointed_at = now

    async def checkpoint(self, head: AuditHead) -> bool:
        """Signs the chain as long as the head says it is; whoever rewrites it later has no key to sign again.

        False where a row since the last signature is wrong.

        What was tampered with since the last signature is not signed: `audit verify` says where it is.
        """
        last = await self.audit.last_checkpoint(workspace=head.workspace)
        if last and last.seq >= head.seq:  # another keeper's
            return True
        check = await self._check_since(last, head)
        if isinstance(check, BadLink):
            AUDIT_BROKEN.inc()
            log.error("audit.broken", workspace=check.workspace, row=check.seq, fault=check.fault)
            return False
        key = self.signing_keys.at(self.clock())
        point = Checkpoint(head.workspace, head.seq, check.hash, self.clock(), key.keyid)
        await self.audit.keep_checkpoint(point.signed_by(key.key))
        return True

    async def _check_since(self, last: Checkpoint | None, head: AuditHead) -> ChainCheck | BadLink:
        """Walks the rows behind the last checkpoint; whether that one's own signature holds, `audit verify` asks."""
        check = ChainCheck(
            workspace=head.workspace,
            length=head.seq,
            checkpoints=[last] if last else [],
            keys={},
            prunable_before=self.clock(),
            checkpointed=head.checkpointed,
            seq=last.seq if last else 0,
            hash=last.hash if last else GENESIS,
        )
        async for row in self.audit.all_rows(workspace=head.workspace, after=check.seq):
            if row.seq > head.seq:  # written meanwhile, for the next checkpoint
                break
            if bad := check.step(row):
                return bad
        return check.end() or check


def keeper_of(opened: Container) -> Keeper:
    """A keeper of an opened container's trail."""
    return Keeper(
        audit=opened.audit,
        sink=opened.notes,
        signing_keys=opened.signing_keys,
        clock=now,
        orphan_after=timedelta(seconds=opened.settings.audit_orphan_seconds),
        checkpoint_every=timedelta(seconds=opened.settings.audit_checkpoint_seconds),
    )


def _waiting(head: AuditHead) -> int:
    """Rows PazPaz does not have yet; what concerns no workspace of theirs stays here."""
    return 0 if head.workspace == SERVICE_CHAIN else head.seq - head.forwarded
