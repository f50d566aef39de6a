"""What a workspace's sealed rows were opened into, kept in memory as long as the index stays as it is."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

from service.domain.identity import WorkspaceId
from service.ports.index import ChunkStore


class Held(Protocol):
    """Something opened."""

    @property
    def epoch(self) -> int:
        """The epoch of the index that it was made of."""
        ...

    @property
    def nbytes(self) -> int:
        """About what it occupies."""
        ...


T = TypeVar("T", bound=Held)


class Memory(Generic[T]):
    """Keeps what was opened within bounds, least recently used out first."""

    def __init__(self, *, max_workspaces: int, max_bytes: int) -> None:
        self._max_workspaces = max_workspaces
        self._max_bytes = max_bytes
        self._open: OrderedDict[WorkspaceId, T] = OrderedDict()
        # A lock lives only as long as somebody waits at it.
        self._building: WeakValueDictionary[WorkspaceId, asyncio.Lock] = WeakValueDictionary()

    def at(self, workspace: WorkspaceId, epoch: int) -> T | None:
        """What is open of it, if that is of this very epoch."""
        held = self._open.get(workspace)
        if held is None or held.epoch != epoch:
            return None
        self._open.move_to_end(workspace)
        return held

    def stale(self, workspace: WorkspaceId) -> T | None:
        """What is open of it, of whatever epoch, for a builder that can go on from there."""
        return self._open.get(workspace)

    async def renew(
        self, workspace: WorkspaceId, build: Callable[[T | None], Awaitable[T | None]]
    ) -> T | None:
        """What is made of what is open, by one task at a time; kept unless it is dropped meanwhile.

        None forgets what was open.
        """
        lock = self._building.setdefault(workspace, asyncio.Lock())
        async with lock:
            made = await build(self._open.get(workspace))
            if self._building.get(workspace) is lock:  # nobody dropped it meanwhile
                self._keep(workspace, made)
            return made

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets what is open of it, as when something of it is erased; what is being built is not kept."""
        self._open.pop(workspace, None)
        self._building.pop(workspace, None)

    def _keep(self, workspace: WorkspaceId, made: T | None) -> None:
        self._open.pop(workspace, None)
        if made is not None:
            self._open[workspace] = made
        while self._open and not self._fits():
            self._open.popitem(last=False)

    def _fits(self) -> bool:
        held = sum(one.nbytes for one in self._open.values())
        return len(self._open) <= self._max_workspaces and held <= self._max_bytes


class EpochCache(Memory[T]):
    """Opens on first use.

    Every look asks the store for the workspace's epoch: a note changed or forgotten by a committed transaction is
    never served from memory.
    """

    def __init__(
        self,
        store: ChunkStore,
        build: Callable[[WorkspaceId], Awaitable[T]],
        *,
        max_workspaces: int,
        max_bytes: int,
    ) -> None:
        super().__init__(max_workspaces=max_workspaces, max_bytes=max_bytes)
        self._store = store
        self._build = build

    async def get(self, workspace: WorkspaceId, *, epoch: int | None = None) -> T:
        """As of the workspace's present epoch, which is asked for unless the caller just did; one task builds while
        the others wait.
        """
        if held := await self._current(workspace, epoch):
            return held
        lock = self._building.setdefault(workspace, asyncio.Lock())
        async with lock:
            return await self._current(workspace) or await self._make(workspace, lock)

    async def _current(self, workspace: WorkspaceId, epoch: int | None = None) -> T | None:
        if epoch is None:
            epoch = await self._store.epoch(workspace=workspace)
        return self.at(workspace, epoch)

    async def _make(self, workspace: WorkspaceId, lock: asyncio.Lock) -> T:
        made = await self._build(workspace)
        if self._building.get(workspace) is lock:  # nobody dropped it meanwhile
            self._keep(workspace, made)
        return made
