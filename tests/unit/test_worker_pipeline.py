"""Several rounds in hand at once: bounded, renewed, and without one taking the blame of another."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from service.errors import ModelUnavailable, StoreUnavailable
from service.ports.work import Lease
from service.worker import BATCH, IN_HAND, Worker
from tests.fakes import round_of
from tests.unit.doubles import RecordingQueue, a_lease


def batches(count: int) -> list[list[Lease]]:
    return [[a_lease(UUID(int=number))] for number in range(1, count + 1)]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came about")


class HeldIndexer:
    """Looks at what it is given once a test opens the gate; or raises what it is told to."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.begun: list[Sequence[Lease]] = []
        self.beside: list[int] = []
        """How many rounds were under way when each began, itself among them."""
        self.raises: Exception | None = None
        self._inside = 0

    async def look_again(self, leases: Sequence[Lease]) -> list[tuple[Lease, str]]:
        self._inside += 1
        self.begun.append(leases)
        self.beside.append(self._inside)
        try:
            await self.gate.wait()
            if self.raises:
                raise self.raises
        finally:
            self._inside -= 1
        return [(lease, "indexed") for lease in leases]


class Loop:
    """A worker's loop over some batches, which stops when nothing is ready."""

    def __init__(self, *ready: list[Lease], **options: Any) -> None:
        self.queue, self.indexer, self.stop = RecordingQueue(*ready), HeldIndexer(), asyncio.Event()
        self.limits: list[int] = []
        self.queue.on_idle = self.stop.set
        claim = self.queue.claim

        async def claimed(*, limit: int) -> Sequence[Lease]:
            self.limits.append(limit)
            return await claim(limit=limit)

        self.queue.claim = claimed  # type: ignore[method-assign]
        self.worker = Worker(self.queue, self.indexer, **options)  # type: ignore[arg-type]
        self.running = asyncio.create_task(self.worker.run(self.stop))

    async def settle(self) -> None:
        """Until the loop can do no more before the gate opens."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        self.indexer.gate.set()
        await asyncio.wait_for(self.running, timeout=5)


async def test_the_next_batches_are_claimed_while_one_is_worked_on() -> None:
    """As many as are allowed, and no more until one of them is done."""
    loop = Loop(*batches(IN_HAND + 2))
    await loop.settle()
    assert len(loop.indexer.begun) == IN_HAND
    assert len(loop.queue.ready) == 2

    await loop.end()
    assert len(loop.indexer.begun) == IN_HAND + 2
    assert max(loop.indexer.beside) == IN_HAND


async def test_a_stop_finishes_everything_in_hand() -> None:
    """And claims nothing more."""
    loop = Loop(*batches(IN_HAND + 2))
    await loop.settle()
    loop.stop.set()
    await loop.end()

    assert len(loop.indexer.begun) == IN_HAND
    assert len(loop.queue.ready) == 2
    assert (loop.queue.released, loop.queue.failures) == ([], [])


async def test_a_hard_stop_gives_everything_in_hand_back() -> None:
    """No note waits for its lease to run out."""
    ready = batches(IN_HAND)
    loop = Loop(*ready, batches(9)[8])
    await loop.settle()
    loop.running.cancel()
    await asyncio.wait([loop.running])

    assert loop.running.cancelled()
    assert sorted(loop.queue.released, key=str) == sorted((b[0] for b in ready), key=str)


async def test_leases_of_all_rounds_in_hand_are_renewed() -> None:
    """A slow batch keeps its leases while others come and go beside it."""
    loop = Loop(*batches(2), renew_seconds=0.001)
    await loop.settle()
    await until(lambda: len({lease for some in loop.queue.renewed for lease in some}) == 2)
    await loop.end()


async def test_a_suspect_is_alone_in_its_worker() -> None:
    """A note that failed before, or that a worker ended with: it waits for the rounds in hand, and none begins."""
    suspect = [a_lease(UUID(int=77), attempts=2)]
    first, last = batches(2)
    loop = Loop(first, suspect, last)
    await loop.settle()
    assert loop.indexer.begun == [first]

    await loop.end()
    assert loop.indexer.begun == [first, suspect, last]
    assert loop.indexer.beside == [1, 1, 1]


async def test_a_suspect_that_waits_keeps_its_lease() -> None:
    """Until its turn comes, and in it."""
    suspect = a_lease(UUID(int=77), attempts=2)
    loop = Loop(*batches(1), [suspect], renew_seconds=0.001)
    await until(lambda: any(suspect in leases for leases in loop.queue.renewed))
    await loop.end()


async def test_rounds_that_meet_one_outage_count_it_once() -> None:
    """Their notes wait, and the pause is that of one failed round, however many were in hand."""
    loop = Loop(*batches(IN_HAND))
    await loop.settle()
    loop.indexer.raises = ModelUnavailable()
    loop.stop.set()
    await loop.end()

    assert [code for _, code, _ in loop.queue.failures] == ["model_away"] * IN_HAND
    assert loop.worker.outage.rounds == 1


async def test_after_an_outage_one_note_probes_with_nothing_beside_it(monkeypatch: Any) -> None:
    """Whatever was in hand ends first; then one note alone shows whether work goes on."""
    monkeypatch.setattr("service.worker.IDLE_SECONDS", 0.01)
    loop = Loop(*batches(IN_HAND + 3))
    await loop.settle()
    loop.indexer.raises = ModelUnavailable(retry_after=0)
    loop.indexer.gate.set()
    await until(lambda: len(loop.queue.failures) == IN_HAND)
    loop.indexer.gate.clear()
    loop.indexer.raises = None
    await until(lambda: len(loop.indexer.begun) > IN_HAND)
    await loop.settle()
    assert len(loop.indexer.begun) == IN_HAND + 1

    await loop.end()
    assert loop.limits[: IN_HAND + 1] == [BATCH] * IN_HAND + [1]
    assert loop.limits[IN_HAND + 1] == BATCH
    assert loop.indexer.beside[IN_HAND] == 1


async def test_a_round_from_before_an_outage_does_not_end_it() -> None:
    """It was pulled while all was well."""
    loop = Loop(*batches(2))
    await loop.settle()
    loop.worker.outage.seen(retry_after=None)
    loop.stop.set()
    await loop.end()
    assert loop.worker.outage.lasting


async def test_leases_of_every_round_in_hand_are_stranded_together() -> None:
    """The database goes away under all of them: all are given back, unblamed, once it is there again."""
    ready = batches(IN_HAND)
    loop = Loop(*ready)
    await loop.settle()
    loop.indexer.raises = StoreUnavailable()
    loop.stop.set()
    await loop.end()
    assert loop.queue.failures == []

    assert await round_of(loop.worker) is False
    assert sorted(loop.queue.released, key=str) == sorted((b[0] for b in ready), key=str)
