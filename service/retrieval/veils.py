"""Veils that know who a workspace's clients are."""

import asyncio

from service.domain.identity import WorkspaceId
from service.language.pseudonyms import Pseudonyms, PseudonymVeil
from service.ports.index import ChunkStore
from service.ports.keys import KeyStore
from service.retrieval.held import EpochCache

MOST = 64
MOST_BYTES = 64 * 2**20


class NameVeils:
    """Keeps Veils: clients' names are opened on first use, and held as `EpochCache` says."""

    def __init__(self, store: ChunkStore, keys: KeyStore) -> None:
        self._store = store
        self._keys = keys
        self._held = EpochCache(store, self._build, max_workspaces=MOST, max_bytes=MOST_BYTES)

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets who is there, as when somebody is erased."""
        self._held.drop(workspace)

    async def of(self, *, workspace: WorkspaceId) -> PseudonymVeil:
        """A new one. Raises StoreUnavailable, KeyUnavailable, SealBroken."""
        return PseudonymVeil(await self._held.get(workspace))

    async def _build(self, workspace: WorkspaceId) -> Pseudonyms:
        """A note written changes the epoch and hardly ever the names: then what was made of them stands."""
        epoch, people = await self._store.people(workspace=workspace)
        keys = await self._keys.keys(workspace=workspace)
        before = self._held.stale(workspace)
        if before and before.is_of(people, key=keys.index):
            return before.as_of(epoch)
        return await asyncio.to_thread(Pseudonyms, people, key=keys.index, epoch=epoch)
