"""What is kept in memory of workspaces' sealed rows."""

import asyncio
from dataclasses import dataclass

from service.domain.identity import WorkspaceId
from service.retrieval.held import EpochCache
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryChunkStore


@dataclass
class Opened:
    """What a builder made."""

    epoch: int
    nbytes: int = 10


class Builder:
    """Counts, and waits where a test says so."""

    def __init__(self, store: InMemoryChunkStore) -> None:
        self.store, self.built = store, 0
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def __call__(self, workspace: WorkspaceId) -> Opened:
        self.built += 1
        epoch = await self.store.epoch(workspace=workspace)
        self.begun.set()
        await self.go_on.wait()
        return Opened(epoch)


def a_cache(*, most: int = 2, bytes: int = 100):
    store = InMemoryChunkStore()
    builder = Builder(store)
    cache = EpochCache(store, builder, max_workspaces=most, max_bytes=bytes)
    return cache, builder, store


async def test_it_is_made_once_an_epoch():
    """However many ask at once; and anew as soon as the index is another."""
    cache, builder, store = a_cache()
    first, *others = await asyncio.gather(*(cache.get(WORKSPACE) for _ in range(5)))
    assert builder.built == 1
    assert all(one is first for one in others)

    store.epochs[WORKSPACE] += 1
    assert (await cache.get(WORKSPACE)).epoch == 1
    assert builder.built == 2


async def test_whoever_asked_longest_ago_makes_room():
    """By number and by bytes; what is too large by itself is not kept, and served all the same."""
    for bounds in ({"most": 1}, {"bytes": 15}):
        cache, builder, _ = a_cache(**bounds)
        for workspace in (WORKSPACE, OTHER_WORKSPACE, OTHER_WORKSPACE, WORKSPACE):
            await cache.get(workspace)
        assert builder.built == 3
    cache, builder, _ = a_cache(bytes=5)
    await cache.get(WORKSPACE)
    await cache.get(WORKSPACE)
    assert builder.built == 2


async def test_what_is_dropped_is_made_anew():
    """And no lock is left of anybody."""
    cache, builder, _ = a_cache()
    await cache.get(WORKSPACE)
    cache.drop(WORKSPACE)
    cache.drop(OTHER_WORKSPACE)
    await cache.get(WORKSPACE)

    assert builder.built == 2
    assert dict(cache._building) == {}


async def test_what_is_dropped_while_it_is_built_is_not_kept():
    """Who asked gets what was there; the memory is as empty as whoever erased wants it."""
    cache, builder, _ = a_cache()
    builder.go_on.clear()
    asking = asyncio.create_task(cache.get(WORKSPACE))
    await builder.begun.wait()
    cache.drop(WORKSPACE)
    builder.go_on.set()

    assert (await asking).epoch == 0
    assert not cache._open
