"""The outbox's sender as an arq task, for a PazPaz whose workers run on arq (the extra `arq`).

    async def startup(ctx):
        ctx[SENDER] = OutboxSender(...)

    class WorkerSettings:
        on_startup = startup
        functions = [send_outbox]
        cron_jobs = [outbox_cron()]

Rows wait in the database, so a job that is lost, killed or run twice loses nothing and repeats nothing that counts.
"""

from typing import Any

from arq import Retry, cron
from arq.cron import CronJob
from sqlalchemy.exc import DBAPIError, InterfaceError

from pazpaz_ai_client.sender import OutboxSender

SENDER = "pazpaz_ai_outbox_sender"
SECONDS = 45  # of sending in one job; below the job's timeout, so that arq cuts off nothing
TIMEOUT = 90
TRIES = 5


async def send_outbox(ctx: dict[str, Any]) -> int:
    """Sends what is due; returns how many events the service took.

    What the service does not take has its own time to be tried again, in its row. Without the database there are no
    rows to look at: then arq tries again, later each time.
    """
    sender: OutboxSender = ctx[SENDER]
    try:
        return await sender.send_due(seconds=SECONDS)
    except (DBAPIError, InterfaceError, OSError) as exc:
        raise Retry(defer=min(2 ** ctx["job_try"], 60)) from exc


def outbox_cron(*, every: int = 5) -> CronJob:
    """The job for `cron_jobs`: at the start, and each `every` seconds (a divisor of 60); one of all workers."""
    if not 1 <= every <= 60 or 60 % every:
        raise ValueError("a divisor of 60")
    return cron(
        send_outbox,
        name="send_outbox_cron",
        second=set(range(0, 60, every)),
        run_at_startup=True,
        timeout=TIMEOUT,
        max_tries=TRIES,
    )
