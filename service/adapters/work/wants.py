"""What others write of the work they cause or have done, each in its own transaction."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.tables import tombstones
from service.domain.erasure import AskedBy
from service.domain.identity import WorkspaceId
from service.ports.work import Lease

TOKEN = func.nextval("work_tokens")
"""Never given twice, so a row may go and come back: who still holds an old lease on it is fenced."""


async def raise_wants(
    connection: AsyncConnection,
    wanted: Iterable[tuple[WorkspaceId, str, UUID]],
    *,
    debounce: float = 0,
    limit: float = 0,
    background: bool = False,
) -> None:
    """Asks for another look at each (workspace, kind, key), however often it is named; seconds to wait and to put off.

    In one order for everybody, so that two transactions never wait for each other in a ring. In the background a
    look waits for those that somebody's change asked for, and what was given up on stays so.
    """
    ordered = sorted(set(wanted), key=str)
    if not ordered:
        return
    named: dict[str, object] = {
        "workspaces": [workspace for workspace, _, _ in ordered],
        "kinds": [kind for _, kind, _ in ordered],
        "keys": [key for _, _, key in ordered],
        "debounce": debounce,
        "limit": limit,
        "background": background,
    }
    await connection.execute(_RAISE, named)


async def finish(connection: AsyncConnection, lease: Lease, *, gone: bool = False) -> bool:
    """Marks done what was claimed, inside the transaction that writes the effect; False when the lease was lost.

    Of what is gone no row stays, unless something newer was wanted meanwhile.
    """
    named = lease_parameters(lease)
    if gone and (await connection.execute(_FINISH_GONE, named)).first() is not None:
        return True
    return (await connection.execute(_FINISH, named)).first() is not None


async def finish_all(connection: AsyncConnection, leases: Sequence[Lease]) -> None:
    """`finish` of leases that were found to hold in this transaction."""
    await connection.execute(_FINISH, [lease_parameters(lease) for lease in leases])


async def bury(
    connection: AsyncConnection,
    gone: Iterable[tuple[WorkspaceId, str, UUID]],
    *,
    asked_by: AskedBy = "event",
) -> None:
    """Sets a tombstone for each (workspace, entity, id); one that stands already stays."""
    rows = [
        {"workspace_id": workspace, "entity": entity, "entity_id": key, "asked_by": asked_by}
        for workspace, entity, key in sorted(gone, key=lambda one: str(one[2]))
    ]
    if rows:
        await connection.execute(insert(tombstones).values(rows).on_conflict_do_nothing())


def lease_parameters(lease: Lease) -> dict[str, object]:
    """What a statement needs to find the row of a lease that still holds."""
    return {
        "workspace": lease.workspace,
        "kind": lease.kind,
        "key": lease.key,
        "token": lease.token,
        "wanted": lease.wanted,
    }


_RAISE = text("""
INSERT INTO work (workspace_id, kind, key, wanted, background, not_before, first_wanted_at)
SELECT workspace, kind, key, 1, :background, now() + make_interval(secs => :debounce), now()
FROM unnest(:workspaces, :kinds, :keys) AS asked (workspace, kind, key)
ON CONFLICT (workspace_id, kind, key) DO UPDATE SET
  wanted = work.wanted + 1,
  background = excluded.background AND (work.background OR work.wanted = work.done),
  attempts = CASE WHEN work.parked_at IS NULL THEN work.attempts ELSE 0 END,
  parked_at = NULL,
  first_wanted_at = CASE WHEN work.wanted > work.done THEN work.first_wanted_at ELSE now() END,
  not_before = CASE
    WHEN work.wanted > work.done AND :background THEN work.not_before
    WHEN work.wanted > work.done THEN LEAST(
      now() + make_interval(secs => :debounce),
      GREATEST(work.first_wanted_at + make_interval(secs => :limit), now()))
    ELSE now() + make_interval(secs => :debounce) END
WHERE work.parked_at IS NULL OR NOT :background
""").bindparams(
    bindparam("workspaces", type_=ARRAY(Uuid)),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("keys", type_=ARRAY(Uuid)),
)

_FINISH_GONE = text("""
DELETE FROM work
WHERE workspace_id = :workspace AND kind = :kind AND key = :key AND token = :token AND wanted = :wanted
RETURNING 1
""")

_FINISH = text("""
UPDATE work SET done = :wanted, attempts = 0, lease_until = NULL, last_error = NULL, parked_at = NULL,
  first_wanted_at = now()
WHERE workspace_id = :workspace AND kind = :kind AND key = :key AND token = :token
RETURNING 1
""")
