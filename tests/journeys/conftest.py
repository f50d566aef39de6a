"""The running parts that journeys share: demo monolith, API and worker as real processes."""

from collections.abc import AsyncIterator, Iterator

import pytest

from service.container import Container
from service.demo.stage import Stage
from tests.journeys.practice import Practice, open_practice
from tests.releases import Release, before, unpacked


@pytest.fixture(scope="session")
async def running(stage: Stage) -> AsyncIterator[Stage]:
    stage.start("monolith", "api", "worker")
    await stage.until_up(stage.monolith_url, stage.service_url)
    yield stage
    stage.stop("worker", "api", "monolith")


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    """The one before this code; skips where the history is missing, as in a shallow clone."""
    name = before()
    if name is None:
        pytest.skip("no release before this one: there is no git history")
    with unpacked(name) as found:
        yield found


@pytest.fixture
async def practice(running: Stage, container: Container) -> AsyncIterator[Practice]:
    async with open_practice(running, container) as opened:
        yield opened


@pytest.fixture
async def neighbour(running: Stage, container: Container) -> AsyncIterator[Practice]:
    """A second practice, which must never meet the first."""
    async with open_practice(running, container, language="en") as opened:
        yield opened
