"""The audit trail's keeper, beside the worker's loop: closes what was left open, hands rows on, signs checkpoints."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from pazpaz_ai_client.signing import LiveKeys
from service.adapters.audit_log import PgAuditLog
from service.container import Container, now
from service.domain.audit import SERVICE_CHAIN, AuditEntry, AuditRow
from service.errors import ChatAlreadyClosed, SourceUnavailable, StoreUnavailable
from service.ports import AuditHead, AuditSink, Clock, OpenChat
from service.security.chain import Checkpoint
from service.telemetry.metrics import (
    AUDIT_FORWARDED,
    AUDIT_ORPHANS,
)

log = structlog.get_logger()

TICK_SECONDS = 1.0
SWEEP = 100  # chats a round; the rest waits a second
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
    _checkpointed_at: datetime | None = field(default=None, repr=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Keeps until `stop`; then finishes the round in hand."""
        while not stop.is_set():
            await self._round_or_pause()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TICK_SECONDS)

    async def _round_or_pause(self) -> None:
        try:
            await self.round()
        except StoreUnavailable:
            log.warning("keeper.store_away")
        except Exception as exc:  # a keeper that ends keeps nothing; the log has the place
            log.exception("keeper.failed", exc_info=exc)

    async def round(self) -> None:
        """Everything that is due now. Raises StoreUnavailable."""
        await self.close_orphans()
        await self.tell_keys()
        heads = await self.audit.heads()
        await self._forward_when_due(heads)
        await self._checkpoint_when_due(heads)

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
        details: dict[str, object] = {"outcome": "unknown", "model": None, "notes": []}
        entry = AuditEntry("chat.closed", user=chat.user, chat=chat.chat, details=details)
        try:
            await self.audit.append(entry, workspace=chat.workspace)
        except ChatAlreadyClosed:  # its own process, or another keeper, was a moment faster
            return 0
        AUDIT_ORPHANS.inc()
        log.warning("audit.orphan_closed", workspace=chat.workspace, chat=chat.chat)
        return 1

    async def _forward_when_due(self, heads: Sequence[AuditHead]) -> None:
        if self._not_before is not None and self.clock() < self._not_before:
            return
        try:
            for head in heads:
                await self._forward(head)
        except SourceUnavailable:
            self._failures += 1
            pause = min(2.0 ** min(self._failures, 10), MAX_PAUSE_SECONDS)
            self._not_before = self.clock() + timedelta(seconds=pause)
            return
        self._failures, self._not_before = 0, None

    async def _forward(self, head: AuditHead) -> None:
        """Row by row in order. What is remembered as sent was received; what was received may be sent again."""
        while _waiting(head):
            page = await self.audit.rows(workspace=head.workspace, after=head.forwarded)
            for row in page:
                await self._hand_on(row)
                await self.audit.forwarded(workspace=head.workspace, seq=row.seq)
            if not page:
                return
            head = AuditHead(head.workspace, head.seq, page[-1].seq, head.checkpointed)

    async def _hand_on(self, row: AuditRow) -> None:
        """A row PazPaz refuses for good must not hold up those behind it; it is kept here all the same."""
        taken = await self.sink.record(row)
        AUDIT_FORWARDED.labels(outcome="taken" if taken else "refused").inc()
        if not taken:
            log.warning("audit.refused_by_pazpaz", workspace=row.workspace, seq=row.seq)

    async def _checkpoint_when_due(self, heads: Sequence[AuditHead]) -> None:
        now = self.clock()
        if self._checkpointed_at and now - self._checkpointed_at < self.checkpoint_every:
            return
        for head in heads:
            if head.checkpointed < head.seq:
                await self.checkpoint(head)
        self._checkpointed_at = now

    async def checkpoint(self, head: AuditHead) -> None:
        """Signs the chain as long as the head says it is; whoever rewrites it later has no key to sign again."""
        last = await self.audit.rows(workspace=head.workspace, after=head.seq - 1, limit=1)
        if not last or last[0].seq != head.seq:  # somebody cut it; `audit verify` says where
            log.error("audit.chain_short", workspace=head.workspace, seq=head.seq)
            return
        key = self.signing_keys.at(self.clock())
        point = Checkpoint(head.workspace, head.seq, last[0].hash, self.clock(), key.keyid)
        await self.audit.keep_checkpoint(point.signed_by(key.key))


def keeper_of(container: Container) -> Keeper:
    """A keeper of an opened container's trail."""
    return Keeper(
        audit=container.audit,
        sink=container.notes,
        signing_keys=container.signing_keys,
        clock=now,
        orphan_after=timedelta(seconds=container.settings.audit_orphan_seconds),
        checkpoint_every=timedelta(seconds=container.settings.audit_checkpoint_seconds),
    )


def _waiting(head: AuditHead) -> int:
    """Rows PazPaz does not have yet; what concerns no workspace of theirs stays here."""
    return 0 if head.workspace == SERVICE_CHAIN else head.seq - head.forwarded
