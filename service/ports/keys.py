"""What opens sealed rows: the keys of a workspace, and the key that wraps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from service.domain.identity import WorkspaceId
from service.errors import KeyUnavailable


class KeyWrapper(Protocol):
    """A key-encryption key: out of a setting, a file, or a KMS that keeps it to itself.

    Never called inside a transaction: it may be a network call.
    """

    @property
    def id(self) -> str:
        """Stored beside what it wrapped, so that a key is chosen by its name and never by trial."""
        ...

    async def wrap(self, key: bytes, *, place: tuple[str, ...]) -> bytes: ...

    async def unwrap(self, wrapped: bytes, *, place: tuple[str, ...]) -> bytes:
        """Raises SealBroken for another place or an altered blob; KeyUnavailable when the KMS is away."""
        ...


@dataclass(frozen=True, slots=True)
class WorkspaceKeys:
    """The opened keys of one workspace; never stored, never logged.

    `seal` is the AES-256 key of sealed columns, the newest: new rows are sealed with it. `older` are those
    of earlier epochs, which rows still wait under while a rotation runs. `index` keys every feature hash
    and digest; changing it means a re-index from source, so it is the same in every epoch.
    """

    workspace: WorkspaceId
    epoch: int
    seal: bytes
    index: bytes
    older: Mapping[int, bytes] = field(default_factory=dict)

    def seal_of(self, epoch: int) -> bytes:
        """The key of a stored row, by the row's epoch. Raises KeyUnavailable."""
        if epoch == self.epoch:
            return self.seal
        if epoch not in self.older:
            raise KeyUnavailable
        return self.older[epoch]

    def __repr__(self) -> str:
        return f"WorkspaceKeys({self.workspace}, epoch={self.epoch})"


class KeyStore(Protocol):
    """Opens, and on first use makes, the keys of a workspace."""

    async def keys(self, *, workspace: WorkspaceId) -> WorkspaceKeys: ...

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets what is remembered of them."""
        ...
