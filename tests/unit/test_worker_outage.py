"""The worker while the database is away."""

from uuid import uuid4

import pytest

from service.errors import StoreUnavailable
from service.ports.work import Lease
from service.worker import BATCH, MAX_PAUSE_SECONDS, Outage, Worker
from tests.fakes import WORKSPACE, round_of

LEASE = Lease("sessions", uuid4(), WORKSPACE, token=1, wanted=1, attempts=1)


class OneLease:
    """A queue with one lease, which remembers what was given back."""

    def __init__(self) -> None:
        self.released: list[Lease] = []
        self.claims = [[LEASE], []]

    async def claim(self, *, limit: int) -> list[Lease]:
        return self.claims.pop(0)

    async def release(self, leases: list[Lease]) -> None:
        self.released += leases


class AwayIndexer:
    """An indexer whose database has just gone."""

    async def look_again(self, leases: list[Lease]) -> list[object]:
        raise StoreUnavailable


async def test_leases_of_an_outage_are_given_back_unblamed() -> None:
    """A note in hand when the database goes is released at the next chance; its attempt does not count."""
    queue = OneLease()
    worker = Worker(queue, AwayIndexer())  # type: ignore[arg-type]

    with pytest.raises(StoreUnavailable):
        await round_of(worker)
    assert queue.released == []

    assert await round_of(worker) is False
    assert queue.released == [LEASE]


def test_waits_double_in_an_outage_and_end_with_it() -> None:
    """Each failed round doubles the wait up to a minute; one good round ends it."""
    outage = Outage()
    assert outage.pause(idle=False) == 0
    waits = []
    for _ in range(12):
        outage.seen(retry_after=None)
        waits.append(outage.pause(idle=False))
    assert waits == sorted(waits)
    assert waits[1] == 2 * waits[0]
    assert waits[-1] == MAX_PAUSE_SECONDS

    outage.over()
    assert outage.pause(idle=False) == 0


async def test_during_an_outage_one_note_probes_for_all() -> None:
    """While something is away, a round claims a single note instead of a batch."""
    asked: list[int] = []

    class Counting(OneLease):
        async def claim(self, *, limit: int) -> list[Lease]:
            asked.append(limit)
            return []

    worker = Worker(Counting(), AwayIndexer())  # type: ignore[arg-type]
    await round_of(worker)
    worker.outage.seen(retry_after=5)
    await round_of(worker)

    assert asked == [BATCH, 1]
