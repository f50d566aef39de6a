"""A fresh practice around each request test; logs are set up as they are when served."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.unit.api.practice import Parts, served


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
async def http(parts: Parts, lines: object) -> AsyncIterator[httpx.AsyncClient]:
    async with served(parts) as caller:
        yield caller
