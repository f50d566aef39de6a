"""Who hangs up is not worked for any longer; and what must not stop halfway does not."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")
Work = Coroutine[Any, Any, T]


class CallerLeft(Exception):
    """Nobody waits for the answer any more."""


async def unless_left(work: Work[T], receive: Receive) -> T:
    """What the work returns or raises; raises CallerLeft once the caller has hung up. It has ended in any case.

    The request's body must have been read: what `receive` gives after it is the hanging up.
    """
    async with running(work) as task, running(_left(receive)) as leaving:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise CallerLeft
        return task.result()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def running(work: Work[T]) -> AsyncIterator[asyncio.Task[T]]:
    """The work in a task of its own, which has ended when the block is left: it is cancelled there if it has not."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def to_its_end(work: Work[T]) -> T:
    """The same, but nobody's leaving stops it: a cancellation is felt after it, and so is a second one."""
    task, left = asyncio.create_task(work), None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as exc:
            left = exc
    if left is not None:
        task.exception()  # nobody is there to hear of it
        raise left
    return task.result()
