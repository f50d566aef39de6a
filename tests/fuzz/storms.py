"""Many at once on a small pool, some hung up or out of time at a random moment; then the pool belongs to nobody."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any

from sqlalchemy import text

from service.domain.scope import ANYWHERE
from service.ports.index import IndexedNote
from service.ports.work import Lease
from tests.fuzz.builds import POOL
from tests.fuzz.operations import Run, covers, places_of, search_in
from tests.fuzz.world import CLIENTS, SESSIONS, Practice

_WHOSE = text("SELECT coalesce(current_setting('app.workspace_id', true), '')")


@covers("many at once", weight=2)
async def read_at_once_and_hang_up(run: Run) -> None:
    """Reads of several practices: each is right, or cut off."""
    practices = run.chance.sample(run.world.practices, 5)
    for at in practices:
        await run.key(at)
    await _storm(run, [search_in(run, at) for at in practices])
    await _pool_is_nobodys(run)


@covers("many at once", "PgChunkStore.replace", weight=1)
async def write_at_once_and_hang_up(run: Run) -> None:
    """Writes of several practices: each happened whole or not at all, and in its own practice only."""
    practices = run.chance.sample(run.world.practices, 4)
    before = await run.epochs()
    made = [await _a_write(run, at) for at in practices]
    store = run.parts.store
    await _storm(run, [store.replace(indexed, lease=lease) for _, indexed, lease in made])
    after = await run.epochs()
    for at, indexed, lease in made:
        if after.get(at.id) != before.get(at.id):  # the epoch moves with the write
            await at.store.replace(indexed)
        else:
            await run.parts.queue.done(lease)
        await _holds_what_the_model_holds(run, at)
    ours = {at.id for at in practices}
    run.same({k: e for k, e in after.items() if k not in ours}, await run.epochs(*practices))
    await _pool_is_nobodys(run)


async def _a_write(run: Run, at: Practice) -> tuple[Practice, IndexedNote, Lease]:
    note = at.note(run.chance.choice(SESSIONS), run.chance.choice(CLIENTS), run.chance)
    indexed = await run.indexed(note, at)
    lease = await run.lease(note.ref)
    at.source.take(note)
    return at, indexed, lease


async def _storm(run: Run, doings: list[Any]) -> None:
    """All begin together; some are cancelled, some run out of time, at a moment within their transaction."""
    tasks = []
    for doing in doings:
        limit = run.chance.choice([None, None, run.chance.random() * 0.03])
        tasks.append(asyncio.create_task(_within(doing, limit)))
    for task in tasks:
        if run.chance.random() < 0.4:
            await asyncio.sleep(run.chance.random() * 0.008)
            task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, TimeoutError):
            await task


async def _within(doing: Any, limit: float | None) -> None:
    async with asyncio.timeout(limit):
        await doing


async def _holds_what_the_model_holds(run: Run, at: Practice) -> None:
    [vector] = await run.embed(at.mark, at)
    asked = {"workspace": at.id, "model": run.parts.models.embedder.model, "within": ANYWHERE}
    said = await run.parts.store.search(vector, **asked, limit=500)
    run.same(places_of(said), places_of(await at.store.search(vector, **asked, limit=500)))


async def _pool_is_nobodys(run: Run) -> None:
    """Every connection of the pool, held at the same time so that each is looked at."""
    async with AsyncExitStack() as stack:
        for _ in range(POOL):
            connection = await stack.enter_async_context(run.parts.database.system_tx())
            run.same(await connection.scalar(_WHOSE), "")
