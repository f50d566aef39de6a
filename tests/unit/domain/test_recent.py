"""A value that many ask for is read by one, and is only so old."""

import asyncio

import pytest

from service.domain.recent import Recent


class Source:
    """Counts its readings, takes a turn of the loop for each, and fails where a test says so."""

    def __init__(self) -> None:
        self.now, self.read, self.away = 0.0, 0, False

    async def __call__(self) -> int:
        self.read += 1
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError
        return self.read


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def recent(source: Source) -> Recent[int]:
    return Recent(source, 2.0, lambda: source.now)


async def test_a_burst_reads_once_until_it_is_old(source: Source, recent: Recent[int]) -> None:
    """However many ask at once, one reads, and again only after the seconds have passed."""
    told = []
    for source.now in (0.0, 1.99, 2.0):
        told.append({*await asyncio.gather(*(recent.get() for _ in range(20)))})
    assert told == [{1}, {1}, {2}]


async def test_its_age_counts_from_the_asking(source: Source, recent: Recent[int]) -> None:
    """What came late is as old as the moment it was asked at: it may tell of no later one."""

    async def slow() -> int:
        source.now += 1.5
        return await source()

    recent.read = slow
    await recent.get()
    source.now = 2.0
    assert await recent.get() == 2


async def test_renewed_it_is_read_whatever_its_age(source: Source, recent: Recent[int]) -> None:
    """Who must not go by an old value asks anew, and the others get that one."""
    assert [await recent.get(), await recent.renew(), await recent.get()] == [1, 2, 2]


async def test_a_failure_is_told_to_who_asked_and_not_kept(
    source: Source, recent: Recent[int]
) -> None:
    """The next one asks again."""
    source.away = True
    with pytest.raises(ConnectionError):
        await recent.get()
    source.away = False
    assert await recent.get() == 2
