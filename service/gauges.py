"""The state of the work, read from the database: the same figures on the API's page of metrics and on a worker's."""

from service.container import Container
from service.telemetry.metrics import (
    AUDIT_WAITING,
    BACKGROUND_WORK,
    CHORE_AGE,
    DEAD_LETTERS,
    INGEST_LAG,
    OLDEST_OPEN_CHAT,
    OPEN_CHATS,
    OPEN_WORK,
)


async def measure(opened: Container) -> None:
    """Sets every gauge; raises StoreUnavailable, which leaves the last values."""
    depth, trail = await opened.queue.depth(), await opened.audit.depth()
    ages = await opened.schedules.ages()
    OPEN_WORK.set(depth.waiting)
    BACKGROUND_WORK.set(depth.background)
    DEAD_LETTERS.set(depth.parked)
    INGEST_LAG.set(depth.lag)
    AUDIT_WAITING.set(trail.waiting)
    OPEN_CHATS.set(trail.open)
    OLDEST_OPEN_CHAT.set(trail.oldest)
    for chore, age in ages.items():
        CHORE_AGE.labels(chore=chore).set(age)
