"""Senders on PostgreSQL and Redis, as processes that are stopped, killed and started again."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from host_models import Base
from host_outbox import AiOutbox
from senders import a_sender, worker
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import async_sessionmaker

from pazpaz_ai_client.arq_task import outbox_cron
from pazpaz_ai_client.sender import MAX_REFUSALS, list_dead_letters, retry_dead_letters


class Service:
    """An HTTP server of a few lines, which can hang and refuse."""

    def __init__(self):
        self.taken, self.asked = [], asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()
        self.status = 202

    async def serve(self, reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            body = await reader.readexactly(length)
            self.asked.set()
            await self.answering.wait()
            if self.status == 202:
                self.taken += [event["id"] for event in json.loads(body)["events"]]
            writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % self.status)
            await writer.drain()


@pytest.fixture
async def service():
    service = Service()

    async def serve(reader, writer):
        try:
            await service.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the sender hung up, or was killed
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield service
    service.answering.set()
    server.close()


@pytest.fixture
async def sessions(engine):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return async_sessionmaker(engine)


@pytest.fixture
def addresses(monkeypatch, database_url, redis_url, service):
    for name, value in {
        "SENDER_DATABASE_URL": database_url,
        "SENDER_REDIS_URL": redis_url,
        "SENDER_SERVICE_URL": service.url,
        "SENDER_QUEUE": f"queue_{uuid.uuid4().hex}",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def start(addresses):
    children = []

    def start(kind):
        script = Path(__file__).parent / "senders.py"
        child = subprocess.Popen([sys.executable, script, kind], stderr=subprocess.PIPE)  # noqa: S603 - our own script
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


async def add(sessions, count):
    async with sessions.begin() as db:
        rows = [
            AiOutbox(
                id=uuid.uuid4(),
                workspace_id=uuid.uuid4(),
                entity="sessions",
                entity_id=uuid.uuid4(),
                kind="upserted",
                occurred_at=datetime.now(UTC),
            )
            for _ in range(count)
        ]
        db.add_all(rows)
        return {str(row.id) for row in rows}


async def waiting(sessions):
    async with sessions() as db:
        left = select(func.count()).select_from(AiOutbox).where(AiOutbox.delivered_at.is_(None))
        return await db.scalar(left)


async def make_due(sessions):
    """As if the leases and delays had passed."""
    async with sessions.begin() as db:
        await db.execute(update(AiOutbox).values(not_before=None))


def end(child):
    """As whoever stops a container: it is asked, and after a while it is killed.

    arq, beside a Redis client newer than the ones it names, now and then does not end when asked.
    """
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


async def until(condition, *, seconds=20):
    for _ in range(seconds * 20):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


@pytest.mark.parametrize("kind", ["loop", "arq"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_sender_that_ends_in_mid_delivery_loses_nothing(
    start, service, sessions, kind, how
):
    """Every event reaches the service, by the next sender if need be."""
    sent = await add(sessions, 12)
    service.answering.clear()
    child = start(kind)
    await asyncio.wait_for(service.asked.wait(), 20)

    child.send_signal(how)
    await asyncio.sleep(0.3)
    service.answering.set()  # a loop that was asked to stop ends its delivery first
    await asyncio.to_thread(end, child)
    left = await waiting(sessions)
    await make_due(sessions)
    start(kind)

    async def all_sent():
        return await waiting(sessions) == 0

    await until(all_sent)
    assert how is signal.SIGTERM or left >= 7  # who is only asked may finish first
    assert set(service.taken) == sent


async def test_two_senders_share_the_work(addresses, service, sessions):
    """No event is delivered twice while both live."""
    sent = await add(sessions, 40)

    taken = await asyncio.gather(*(a_sender().send_due(seconds=20) for _ in range(2)))

    assert sum(taken) == len(service.taken) == 40
    assert set(service.taken) == sent


async def test_an_outage_gives_nothing_up(addresses, service, sessions):
    """However often the service is away, the rows wait, each with a delay of its own."""
    await add(sessions, 5)
    service.status = 503
    for _ in range(MAX_REFUSALS + 2):
        await a_sender().send_once()
        await make_due(sessions)
    await a_sender().send_once()

    async with sessions() as db:
        rows = (await db.scalars(select(AiOutbox))).all()
        assert await list_dead_letters(db, AiOutbox) == []
    now = datetime.now(UTC)
    delays = [row.not_before - now for row in rows]
    assert all(timedelta(seconds=140) < delay < timedelta(seconds=301) for delay in delays)
    assert len(set(delays)) == 5
    assert {row.last_error for row in rows} == {"status_503"}


async def test_a_dead_letter_stays_is_listed_and_can_be_sent_again(addresses, service, sessions):
    """What was refused for what it is, so many times, is not tried again until somebody says so."""
    (sent,) = await add(sessions, 1)
    service.status = 422
    sender = a_sender(max_refusals=3)
    for _ in range(5):
        await sender.send_once()
        await make_due(sessions)
    service.status = 202
    assert await sender.send_once() == 0

    async with sessions.begin() as db:
        (letter,) = await list_dead_letters(db, AiOutbox)
        assert (str(letter.event.id), letter.code) == (sent, "status_422")
        assert await retry_dead_letters(db, AiOutbox, ids=[uuid.uuid4()]) == 0
        assert await retry_dead_letters(db, AiOutbox) == 1
    assert await sender.send_once() == 1
    assert service.taken == [sent]


async def test_a_poke_sends_at_once_and_tells_how_many(addresses, service, sessions):
    """PazPaz may enqueue the task after a commit instead of waiting for the cron."""
    await add(sessions, 7)
    redis = await create_pool(RedisSettings.from_dsn(os.environ["SENDER_REDIS_URL"]))
    queue = os.environ["SENDER_QUEUE"]
    job = await redis.enqueue_job("send_outbox", _queue_name=queue)
    burst = worker(burst=True, cron_jobs=(), handle_signals=False)
    await burst.async_run()
    await burst.close()

    assert await Job(job.job_id, redis, _queue_name=queue).result(timeout=5) == 7
    await redis.aclose()


async def test_without_the_database_the_task_is_tried_again(
    addresses, service, sessions, monkeypatch
):
    """arq is told when to try again; nothing is lost, since the rows are where they were."""
    await add(sessions, 2)
    reachable = os.environ["SENDER_DATABASE_URL"]
    monkeypatch.setenv("SENDER_DATABASE_URL", "postgresql+asyncpg://x:y@127.0.0.1:1/none")
    redis = await create_pool(RedisSettings.from_dsn(os.environ["SENDER_REDIS_URL"]))
    await redis.enqueue_job("send_outbox", _queue_name=os.environ["SENDER_QUEUE"])
    burst = worker(burst=True, cron_jobs=(), handle_signals=False, max_burst_jobs=1)
    await burst.async_run()
    assert (burst.jobs_retried, burst.jobs_failed) == (1, 0)
    await burst.close()

    monkeypatch.setenv("SENDER_DATABASE_URL", reachable)
    again = worker(burst=True, cron_jobs=(), handle_signals=False)
    await again.async_run()
    await again.close()
    await redis.aclose()
    assert len(service.taken) == 2


@pytest.mark.parametrize("every", [0, 7, 61])
def test_a_cron_that_does_not_divide_a_minute_is_refused(every):
    """It would beat unevenly."""
    with pytest.raises(ValueError, match="divisor"):
        outbox_cron(every=every)
