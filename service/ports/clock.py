"""What time it is."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def __call__(self) -> datetime: ...


def now() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)
