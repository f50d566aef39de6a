"""How many questions may be in the house at once: a few of each practice, and no more than the process can carry."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.domain.identity import WorkspaceId
from service.errors import Busy, TooManyAtOnce
from service.telemetry.metrics import CHATS_SHED


@dataclass(slots=True)
class Bulkhead:
    """Counts, and never queues: who waits in line holds a connection, and still gets no answer in time."""

    most: int
    most_per_workspace: int
    _inside: Counter[WorkspaceId] = field(default_factory=Counter, repr=False)

    @contextmanager
    def place(self, workspace: WorkspaceId) -> Iterator[None]:
        """A place for one question, given back however it ends. Raises Busy, TooManyAtOnce."""
        if self._inside[workspace] >= self.most_per_workspace:
            CHATS_SHED.labels(reason="workspace").inc()
            raise TooManyAtOnce
        if self._inside.total() >= self.most:
            CHATS_SHED.labels(reason="process").inc()
            raise Busy
        self._inside[workspace] += 1
        try:
            yield
        finally:
            self._inside[workspace] -= 1
            if not self._inside[workspace]:
                del self._inside[workspace]
