"""What unit tests share: the log as an operator would read it."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from service.telemetry.logs import configure_logs


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command run in this process sets up logs for its own stderr, which the runner then closes."""
    before, handlers = structlog.get_config(), list(logging.root.handlers)
    yield
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    structlog.configure(**before)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Configures logs as an entry point does; gives the lines written since the last look."""
    written = io.StringIO()
    # The module's own view: between fixture and test the runner puts another sys.stderr in place.
    own = SimpleNamespace(stderr=written, exc_info=sys.exc_info)
    monkeypatch.setattr("service.telemetry.logs.sys", own)
    configure_logs("info")

    def read() -> list[dict[str, Any]]:
        text = written.getvalue()
        written.seek(0)
        written.truncate()
        return [json.loads(line) for line in text.splitlines()]

    return read
