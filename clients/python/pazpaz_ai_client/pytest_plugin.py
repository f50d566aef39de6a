"""What pytest loads in PazPaz's own tests: the fixture `fake_ai_service`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pazpaz_ai_client.testing import FakeAiService


@pytest.fixture
def fake_ai_service() -> Iterator["FakeAiService"]:
    """A fresh AI service in this process; the test fails when it asks what it did not program."""
    # Here, not above: every run of pytest loads this module, few of its tests want what it imports.
    from pazpaz_ai_client.testing import FakeAiService

    fake = FakeAiService()
    yield fake
    if fake.unprogrammed:  # also where a handler of PazPaz's made an answer of the error
        pytest.fail(f"not programmed: {fake.unprogrammed}", pytrace=False)
