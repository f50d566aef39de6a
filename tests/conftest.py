"""The real servers that integration tests and journeys share: one Postgres, one Redis, one stage a run."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from service.container import Container, open_container
from service.demo.databases import Databases, drop_databases, make_databases
from service.demo.stage import Stage, open_stage, passing_folder

DATA = Path(__file__).parent / "data"

# A property is true however busy the machine is: no example has a deadline by the clock on the wall.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


@pytest.fixture(scope="session")
async def stages() -> AsyncIterator[Path]:
    """Where this process keeps the stages it opens; it goes when all of them have ended."""
    async with passing_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def stage(stages: Path) -> AsyncIterator[Stage]:
    """Servers, databases and keys of this process; no part is started."""
    async with open_stage(stages, name=f"pazpaz_test_{os.getpid()}") as opened:
        yield opened


@pytest.fixture(scope="session")
async def databases_apart(stage: Stage) -> AsyncIterator[Databases]:
    """Databases that no running worker looks at, so that a test may leave work open in them."""
    name = f"pazpaz_apart_{os.getpid()}"
    yield await make_databases(stage.servers.admin_url, name=name)
    await drop_databases(stage.servers.admin_url, name=name)


@pytest.fixture(scope="session")
async def container(stage: Stage) -> AsyncIterator[Container]:
    """The service's parts in this process, with the worker's login."""
    async with open_container(stage.settings()) as opened:
        yield opened
