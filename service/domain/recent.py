"""What many ask for and one reads for all: a value that may be a little old."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Recent(Generic[T]):
    """What `read` gives, `seconds` old at most; one task reads while the others wait for it."""

    read: Callable[[], Awaitable[T]] = field(repr=False)
    seconds: float
    clock: Callable[[], float] = time.monotonic
    """Monotonic seconds."""
    _held: tuple[float, T] | None = field(default=None, init=False, repr=False)
    """When it was asked for, and what came."""
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def get(self) -> T:
        """Raises what `read` raises."""
        if (known := self._known()) is None:
            async with self._reading:
                # Else somebody read while we waited.
                known = self._known() or await self._renewed()
        return known[1]

    async def renew(self) -> T:
        """Read anew, however young what is held is."""
        async with self._reading:
            return (await self._renewed())[1]

    def _known(self) -> tuple[float, T] | None:
        held = self._held
        return held if held and self.clock() - held[0] < self.seconds else None

    async def _renewed(self) -> tuple[float, T]:
        asked = self.clock()
        self._held = held = asked, await self.read()
        return held
