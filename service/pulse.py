"""Whether a worker still works, for whoever restarts one that does not: it answers nobody who would notice."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from service.telemetry.metrics import WORKER_TURNED

BEAT_SECONDS = 5.0
STOPPED_SECONDS = 60.0
"""Nothing of ours keeps the event loop for longer than a moment."""
STUCK_SECONDS = 900.0
"""Longer than any round takes: each call and each statement in it has a limit. An outage is no reason: rounds go on."""

Health = Literal["ok", "stopped", "stuck"]
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""Of WSGI."""


@dataclass(slots=True)
class Pulse:
    """Two moments: when the event loop last ran, and when the worker's loop last looked for work."""

    clock: Callable[[], float] = time.monotonic
    _beat: float = field(default=0.0, repr=False)
    _turned: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        self._beat = self._turned = self.clock()

    def turned(self) -> None:
        """The worker looks for work."""
        self._turned = self.clock()
        WORKER_TURNED.set_to_current_time()

    async def beat(self) -> None:
        """Until it is cancelled."""
        while True:
            self._beat = self.clock()
            await asyncio.sleep(BEAT_SECONDS)

    def health(self) -> Health:
        """Asked from another thread, which goes on where the event loop does not."""
        moment = self.clock()
        if moment - self._beat > STOPPED_SECONDS:
            return "stopped"
        return "stuck" if moment - self._turned > STUCK_SECONDS else "ok"

    def page(self, metrics: App) -> App:
        """`/healthz`, and at every other path the metrics."""

        def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            if environ.get("PATH_INFO") != "/healthz":
                return metrics(environ, start)
            health = self.health()
            status = "200 OK" if health == "ok" else "503 Service Unavailable"
            start(status, [("Content-Type", "application/json")])
            return [f'{{"status":"{health}"}}'.encode()]

        return app
