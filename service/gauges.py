"""The state of the work, read from the database: the same figures on the API's page of metrics and on a worker's."""

from functools import partial

from service.container import Container
from service.domain.recent import Recent
from service.ports.clock import now
from service.telemetry.metrics import (
    AUDIT_WAITING,
    BACKGROUND_WORK,
    CHORE_AGE,
    DEAD_LETTERS,
    INGEST_LAG,
    OLDEST_OPEN_CHAT,
    OPEN_CHATS,
    OPEN_WORK,
    RESTORING,
    SIGNING_KEY_AGE,
    STATE_READ,
)

MAX_AGE_SECONDS = 1.0


def gauges_of(opened: Container) -> Recent[None]:
    """The gauges of one process: nobody signs in for the page, so asking for it in a loop must not ask the database in
    a loop.
    """
    return Recent(partial(measure, opened), MAX_AGE_SECONDS)


async def measure(opened: Container) -> None:
    """Sets every gauge; raises StoreUnavailable, which leaves the last values."""
    depth, trail = await opened.queue.depth(), await opened.audit.depth()
    ages, restoring = await opened.schedules.ages(), await opened.restoration.recent()
    OPEN_WORK.set(depth.waiting)
    BACKGROUND_WORK.set(depth.background)
    DEAD_LETTERS.set(depth.parked)
    INGEST_LAG.set(depth.lag)
    AUDIT_WAITING.set(trail.waiting)
    OPEN_CHATS.set(trail.open)
    OLDEST_OPEN_CHAT.set(trail.oldest)
    for chore, age in ages.items():
        CHORE_AGE.labels(chore=chore).set(age)
    RESTORING.set(restoring is not None)
    _measure_key(opened)
    STATE_READ.set_to_current_time()


def _measure_key(opened: Container) -> None:
    """A ring that was made by hand may not say since when its key signs; then nothing is told."""
    moment = now()
    if since := opened.signing_keys.signs_since(moment):
        SIGNING_KEY_AGE.set((moment - since).total_seconds())
