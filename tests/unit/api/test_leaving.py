"""What must not stop halfway, whoever leaves and however often it is told to."""

import asyncio

import pytest

from service.api.leaving import to_its_end


async def test_what_must_end_ends_however_often_it_is_cancelled():
    """A caller who leaves, and then a server that goes down: the second must not halve what the first did not."""
    go_on, done = asyncio.Event(), []

    async def work() -> None:
        await go_on.wait()
        done.append("whole")

    asking = asyncio.create_task(to_its_end(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        asking.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert done == ["whole"]


async def test_a_failure_is_told_and_a_cancellation_felt_after_it():
    """What the work raises reaches who stayed; who left hears of the leaving alone."""

    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError

    with pytest.raises(KeyError):
        await to_its_end(fails())
    asking = asyncio.create_task(to_its_end(fails()))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
