"""A server that leaves without losing a request: for a while it goes on, on connections that it asks to be given up."""

import signal
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

CLOSE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """Told to stop by SIGTERM, it serves for `seconds` more and calls `on_drain`; told again, it takes nothing more.

    uvicorn by itself closes every idle connection and its ports in the moment of the signal. But who balances load
    goes on opening connections for a second or two, and who holds open ones, as PazPaz does for five seconds, sends its
    next request on one of them without asking anybody. So each answer now ends its connection, and when the ports
    close nobody has one left.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        seconds: float,
        on_drain: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(config)
        self._clock = clock
        self._seconds = seconds
        self._on_drain = on_drain
        self._until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        is_first = not self.should_exit
        super().handle_exit(sig, frame)
        if is_first and sig == signal.SIGTERM and self._seconds:
            self._drain()
        else:
            self._until = None

    def _drain(self) -> None:
        self._until = self._clock() + self._seconds
        self.config.encoded_headers.append(CLOSE)  # these become the default headers once a second
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        self._on_drain()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop now."""
        stops = await super().on_tick(counter)
        return stops and (self._until is None or self._clock() >= self._until)
