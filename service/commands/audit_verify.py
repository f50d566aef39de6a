"""The walk over every chain of the audit trail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.adapters.audit_log import PgAuditLog
from service.commands.progress import Tick, progress
from service.domain.audit import AuditRow, months_before
from service.domain.identity import WorkspaceId
from service.ports.audit import AuditHead
from service.ports.clock import now
from service.security.chain import BadLink, ChainCheck

SWEPT = timedelta(hours=1)
"""By then the keeper has closed what a killed process left open."""

Keys = Mapping[str, Ed25519PublicKey]


@dataclass(slots=True)
class OpenQuestions:
    """Questions whose closing row has not come yet, with the row of their opening."""

    rows: dict[UUID, AuditRow] = field(default_factory=dict)

    def see(self, row: AuditRow) -> None:
        if row.entry.chat and row.entry.action == "chat.opened":
            self.rows[row.entry.chat] = row
        elif row.entry.chat and row.entry.action == "chat.closed":
            self.rows.pop(row.entry.chat, None)

    def overdue(self) -> Sequence[AuditRow]:
        return [row for row in self.rows.values() if row.at < now() - SWEPT]


async def verify_chains(log: PgAuditLog, keys: Keys, *, only: WorkspaceId | None) -> bool:
    """Prints what is wrong with each chain, and a last line; whether all of them are whole."""
    heads = [head for head in await log.heads() if only in (None, head.workspace)]
    if only and not heads:
        heads = [AuditHead(only, 0, 0, 0)]
        typer.echo(f"workspace {only}: has no head; compare with PazPaz's copies")
    length = sum(head.seq for head in heads)
    broken = 0
    with progress("rows", length) as tick:
        walk = _Walk(log, keys, tick)
        for head in heads:
            broken += bool(await walk.chain(head.workspace))
    typer.echo(
        f"{len(heads)} chains, {walk.rows} rows: {f'{broken} broken' if broken else 'whole'}"
    )
    return not broken and not (only and not length)


@dataclass(slots=True)
class _Walk:
    log: PgAuditLog
    keys: Keys
    tick: Tick
    rows: int = 0

    async def chain(self, workspace: WorkspaceId) -> BadLink | None:
        """Checks one chain and prints its first bad link and its questions without an end."""
        check = await self._check(workspace)
        questions = OpenQuestions()
        bad = await self._first_bad_link(check, questions.see)
        if bad:
            typer.echo(str(bad))
        for row in questions.overdue():
            typer.echo(f"workspace {workspace}: row {row.seq}: question without an end", err=True)
        return bad

    async def _check(self, workspace: WorkspaceId) -> ChainCheck:
        """What the walk is compared with, read so that no row written meanwhile looks like a fault."""
        nothing = AuditHead(workspace, 0, 0, 0)
        before = await self.log.head(workspace=workspace) or nothing
        checkpoints = await self.log.checkpoints(workspace=workspace)
        after = await self.log.head(workspace=workspace) or nothing
        return ChainCheck(
            workspace=workspace,
            length=after.seq,
            checkpoints=checkpoints,
            keys=self.keys,
            prunable_before=months_before(now()),
            forwarded=before.forwarded,
            checkpointed=before.checkpointed,
        )

    async def _first_bad_link(
        self, check: ChainCheck, see: Callable[[AuditRow], None]
    ) -> BadLink | None:
        async for row in self.log.all_rows(workspace=check.workspace):
            if row.seq > check.length:
                return _first(await self._stray(row), check.end())
            if bad := check.step(row):
                return bad
            see(row)
            self.rows += 1
            self.tick(self.rows)
        return check.end()

    async def _stray(self, row: AuditRow) -> BadLink | None:
        """A row behind the end was written meanwhile, if the head knows it by now."""
        head = await self.log.head(workspace=row.workspace)
        if head and row.seq <= head.seq:
            return None
        return BadLink(row.workspace, row.seq, "unlinked")


def _first(*found: BadLink | None) -> BadLink | None:
    return min((bad for bad in found if bad), key=lambda bad: bad.seq, default=None)
