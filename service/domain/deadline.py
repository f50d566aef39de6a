"""How long something may still take: one moment, handed down, instead of a timeout at every step."""

import asyncio
import math
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock, in seconds; whoever is handed one may only bring it nearer."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds until then; none is ever negative."""
        return max(0.0, self.at - time.monotonic())

    def within(self, seconds: float) -> "Deadline":
        """This one, or one so many seconds from now if that is earlier."""
        return Deadline(min(self.at, time.monotonic() + seconds))

    def part(self, share: float) -> "Deadline":
        """The moment when this share of the time that is left now will have passed."""
        return self.within(self.left * share)

    def before(self, seconds: float) -> "Deadline":
        """So many seconds earlier: what is kept back for whatever comes after the next step."""
        return Deadline(self.at - seconds)

    def timeout(self) -> asyncio.Timeout:
        """`async with` it: raises TimeoutError inside once the moment has passed."""
        return asyncio.timeout(None if math.isinf(self.at) else self.left)


NO_DEADLINE = Deadline(math.inf)
"""Of work that nobody waits for."""
