"""A PazPaz in files, with the README's patch applied to it literally; nothing of the patch is written here."""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", README, re.DOTALL))
PATCH = {path: text for path, text in FILES.items() if not path.startswith("tests/")}

DEPS = """
from fastapi import HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession


async def get_current_user(request: Request, db: AsyncSession) -> str:
    if "access_token" not in request.cookies:
        raise HTTPException(401, "Authentication required")
    return request.cookies["access_token"]
"""
CONFIG = """
class Settings:
    ai_keys_dir: str = "no-such-folder"
    ai_service_keys: str = "no-such-folder/keys.json"
    ai_service_url: str = "http://nowhere.invalid"
    session_idle_timeout_minutes: int = 30


settings = Settings()
"""
REDIS = """
from redis.asyncio import Redis

redis: Redis = Redis.from_url("redis://nowhere.invalid")
"""
DB = """
import os

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from pazpaz.models import Base as Base

engine = create_async_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
AsyncSessionLocal: async_sessionmaker[AsyncSession] = async_sessionmaker(
    engine, expire_on_commit=False
)
"""
OWN_FIXTURES = """
import pytest_asyncio
from pazpaz.db.base import AsyncSessionLocal, Base, engine
from pazpaz.models import Client, SessionModel, Workspace


@pytest_asyncio.fixture
async def note():
    import pazpaz.ai_bridge  # its table too

    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSessionLocal.begin() as db:
        db.add(workspace := Workspace())
        await db.flush()
        db.add(client := Client(workspace_id=workspace.id))
        await db.flush()
        ids = {"workspace_id": workspace.id, "client_id": client.id}
        db.add(note := SessionModel(plan="a heat pack helps", is_draft=False, **ids))
    return note
"""
OWN_MAIN = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
"""
OWN = {
    "src/pazpaz/__init__.py": "",
    "src/pazpaz/api/__init__.py": "",
    "src/pazpaz/api/deps.py": DEPS,
    "src/pazpaz/core/__init__.py": "",
    "src/pazpaz/core/config.py": CONFIG,
    "src/pazpaz/core/redis.py": REDIS,
    "src/pazpaz/db/__init__.py": "",
    "src/pazpaz/db/base.py": DB,
    "src/pazpaz/models.py": (HERE / "host_models.py").read_text(),
    "src/pazpaz/main.py": OWN_MAIN,
    "src/own_fixtures.py": OWN_FIXTURES,
}


def write_host(folder):
    """PazPaz's own files, and the patch's below them where both have one."""
    for path in FILES.keys() | OWN.keys():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(OWN.get(path, "") + FILES.get(path, ""))
    return folder


def run_in(folder, *arguments, database_url="postgresql+asyncpg://nowhere.invalid/pazpaz"):
    """Python there, as PazPaz's; returns what came of it."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "DATABASE_URL": database_url}
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
