"""Sends an outbox until stopped or killed: `python senders.py loop|arq`, with addresses by environment."""

import asyncio
import os
import signal
import sys

import httpx
from arq.connections import RedisSettings
from arq.worker import create_worker
from host_outbox import AiOutbox
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from pazpaz_ai_client.arq_task import SENDER, outbox_cron, send_outbox
from pazpaz_ai_client.sender import OutboxSender
from pazpaz_ai_client.signing import PrivateKey, Signer


def a_sender(**options):
    engine = create_async_engine(os.environ["SENDER_DATABASE_URL"])
    return OutboxSender(
        sessionmaker=async_sessionmaker(engine),
        outbox_model=AiOutbox,
        client=httpx.AsyncClient(trust_env=False),
        service_url=os.environ["SENDER_SERVICE_URL"],
        signer=Signer(PrivateKey.generate("ml-test"), audience="pazpaz-ai"),
        **{"batch": 5, **options},
    )


async def loop():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await a_sender(poll_seconds=0.05).run(stop)


async def startup(ctx):
    ctx[SENDER] = a_sender()


def worker(**options):
    class WorkerSettings:
        functions = (send_outbox,)
        cron_jobs = (outbox_cron(every=1),)
        on_startup = startup
        redis_settings = RedisSettings.from_dsn(os.environ["SENDER_REDIS_URL"])
        queue_name = os.environ["SENDER_QUEUE"]
        poll_delay = 0.05

    return create_worker(WorkerSettings, **options)


if __name__ == "__main__":
    if sys.argv[1] == "loop":
        asyncio.run(loop())
    else:
        asyncio.set_event_loop(asyncio.new_event_loop())
        worker().run()
