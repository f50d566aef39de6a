"""A circuit breaker for calls that are awaited: a provider that keeps failing is left alone for a while.

A breaker judges by the last calls, lets one probe through at a time, and takes a cancelled call for no verdict.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import structlog
from prometheus_client import Counter

from service.errors import ModelFailure, ModelUnavailable
from service.telemetry.metrics import BREAKER_CHANGES, BREAKER_OPEN

log = structlog.get_logger()

State = Literal["closed", "open", "half_open"]

WINDOW = 20
FEWEST_CALLS = 5
OPEN_SECONDS = 30.0
MOST_OPEN_SECONDS = 120.0
PROBE_SECONDS = 1.0
"""After which it is worth asking again while somebody else's probe is out."""

FAILURES: frozenset[ModelFailure] = frozenset(
    {"timeout", "connection", "rate_limited", "server_error", "cut", "garbage"}
)
"""What speaks against the provider. The rest is our own doing: a wrong request, or one that was never sent."""

_SHOWN_AS: dict[State, float] = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
_CHANGES: tuple[tuple[State, State], ...] = (
    ("closed", "open"),
    ("open", "half_open"),
    ("half_open", "closed"),
    ("half_open", "open"),
)


@dataclass(slots=True)
class Breaker:
    """The breaker of one operation in this process; `clock` gives monotonic seconds."""

    name: str
    clock: Callable[[], float] = time.monotonic
    open_seconds: float = OPEN_SECONDS
    state: State = field(default="closed", init=False)
    _failed: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW), init=False)
    _open_until: float = field(default=0.0, init=False)
    _probing: bool = field(default=False, init=False)
    _changes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        BREAKER_OPEN.labels(circuit_breaker=self.name).set(0)
        for before, after in _CHANGES:
            # Shown as 0 before the first: Prometheus sees no increase in a series that begins with one.
            self._counter(before, after)

    def check(self) -> None:
        """Raises ModelUnavailable("circuit_open") where a call would be refused at this moment."""
        left = self._open_until - self.clock()
        if left > 0:
            raise ModelUnavailable("circuit_open", retry_after=left)
        if self._probing:
            raise ModelUnavailable("circuit_open", retry_after=PROBE_SECONDS)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """One call: how the block ends is what the breaker learns. Raises ModelUnavailable("circuit_open") instead.

        A block left by anything but a failure of the provider, a cancellation for one, teaches nothing.
        """
        admitted = self._admit()
        try:
            yield
        except BaseException as exc:
            if admitted == self._changes:
                self._ended_by(exc)
            raise
        # A call from before the last change tells of a time that was judged already.
        if admitted == self._changes:
            self._succeeded()

    def _admit(self) -> int:
        self.check()
        if self.state == "open":
            self._change("half_open")
        self._probing = self.state == "half_open"
        return self._changes

    def _ended_by(self, exc: BaseException) -> None:
        if isinstance(exc, ModelUnavailable) and exc.reason in FAILURES:
            self._has_failed(exc)
        else:
            self._probing = False

    def _succeeded(self) -> None:
        self._failed.append(False)
        if self.state == "half_open":
            self._change("closed")

    def _has_failed(self, exc: ModelUnavailable) -> None:
        self._failed.append(True)
        calls, failures = len(self._failed), sum(self._failed)
        if self.state == "half_open" or (calls >= FEWEST_CALLS and 2 * failures >= calls):
            wait = min(max(self.open_seconds, exc.asked_wait or 0.0), MOST_OPEN_SECONDS)
            self._open_until = self.clock() + wait
            self._change("open", reason=exc.reason, seconds=wait)

    def _change(self, state: State, **why: str | float) -> None:
        before, self.state = self.state, state
        self._changes += 1
        self._probing = False
        self._failed.clear()
        self._counter(before, state).inc()
        BREAKER_OPEN.labels(circuit_breaker=self.name).set(_SHOWN_AS[state])
        log.warning("breaker.changed", circuit_breaker=self.name, state=state, **why)

    def _counter(self, before: State, after: State) -> Counter:
        return BREAKER_CHANGES.labels(circuit_breaker=self.name, from_state=before, to_state=after)
