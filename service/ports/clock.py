"""What time it is."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def __call__(self) -> datetime: ...
