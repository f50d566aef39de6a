"""Forgetting for good, with a receipt."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from service.domain.erasure import AskedBy, SignedReceipt, Subject
from service.domain.identity import WorkspaceId
from service.ports.work import Lease


@dataclass(frozen=True, slots=True)
class Erased:
    """An erasure that was done. `receipt` is None when there was nothing left to erase, and a receipt of before."""

    receipt: SignedReceipt | None


class Eraser(Protocol):
    """Forgets for good, or shuts a workspace and opens it again."""

    async def forget_index(self, lease: Lease) -> bool:
        """Drops what search needs of a workspace; conversations and keys stay. False when the lease was lost."""
        ...

    async def erase(
        self,
        subject: Subject,
        *,
        asked_by: AskedBy,
        sessions: Collection[UUID] = (),
        lease: Lease | None = None,
    ) -> Erased | None:
        """Drops everything of a note, a client (`sessions`: theirs, as far as PazPaz still says) or a workspace.

        Leaves a tombstone, a receipt and an audit row, in one transaction. None when the lease was lost; raises
        TracesLeft, with nothing written, when a table would still name what was erased.
        """
        ...

    async def reopen(self, *, workspace: WorkspaceId) -> bool:
        """Lets a shut workspace's notes be looked at again; False when it is erased and stays so."""
        ...

    async def lift(self, subject: Subject) -> bool:
        """Takes a tombstone away, at an operator's word; False when there was none."""
        ...
