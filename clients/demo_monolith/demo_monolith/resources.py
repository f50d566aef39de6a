"""What the running program holds open, and how routes reach it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, cast

import httpx
from fastapi import Depends, Request
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session

from demo_monolith.settings import Settings
from demo_monolith.sign_ins import SignIns
from demo_monolith.tables import TABLES, AiOutbox
from pazpaz_ai_client.outbox import install_outbox

Sessions = async_sessionmaker[AsyncSession]


@dataclass(frozen=True, slots=True)
class Resources:
    """Connections and what is built on them; nothing connects before it is used."""

    settings: Settings
    engine: AsyncEngine
    sessions: Sessions
    redis: Redis
    sign_ins: SignIns
    http: httpx.AsyncClient

    @classmethod
    def build(cls, settings: Settings) -> "Resources":
        """Make every part from the settings."""
        # The sender and introspection share the pool with people's requests: room for all three.
        engine = create_async_engine(
            settings.database_url, pool_size=10, pool_pre_ping=True, hide_parameters=True
        )
        redis = Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2)
        return cls(
            settings=settings,
            engine=engine,
            sessions=async_sessionmaker(
                engine, sync_session_class=_session_with_outbox(), expire_on_commit=False
            ),
            redis=redis,
            sign_ins=SignIns(redis, idle=settings.session_idle),
            # nginx before PazPaz cuts at 60 s; waiting longer than it would only waste a model.
            http=httpx.AsyncClient(timeout=httpx.Timeout(60, connect=3)),
        )

    async def close(self) -> None:
        """Let go of every connection."""
        await self.http.aclose()
        await self.redis.aclose()
        await self.engine.dispose()


def _session_with_outbox() -> type[Session]:
    """A session class of this application's own, so that the listener is installed once on it."""
    noticing = type("NoticingSession", (Session,), {})
    install_outbox(noticing, AiOutbox, TABLES.mappings())
    return noticing


def resources_of(request: Request) -> Resources:
    """The resources of the application that received this request."""
    return cast(Resources, request.app.state.resources)


async def _transaction(request: Request) -> AsyncIterator[AsyncSession]:
    async with resources_of(request).sessions.begin() as db:
        yield db


# `scope="function"`: the commit happens before the answer leaves, so whoever has the answer can
# already read what it says.
Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]
