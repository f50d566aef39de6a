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
    ai_service_internal_url: str = "http://nowhere.invalid"
    session_idle_timeout_minutes: int = 30


settings = Settings()
"""
REDIS = """
from redis.asyncio import Redis

redis: Redis = Redis.from_url("redis://nowhere.invalid")
"""
DB = """
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from pazpaz.models import Base as Base

engine = create_async_engine("postgresql+asyncpg://nowhere.invalid/pazpaz")
AsyncSessionLocal: async_sessionmaker[AsyncSession] = async_sessionmaker(engine)
"""
OWN_FIXTURES = """
import os

import pytest
import pytest_asyncio
from pazpaz import ai_bridge
from pazpaz.db.base import Base
from pazpaz.models import Client, SessionModel, Workspace
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@pytest.fixture(autouse=True)
def database_of_the_tests(monkeypatch):
    monkeypatch.setattr(ai_bridge, "Sessions", sessions)


@pytest.fixture
def cookies():
    return {"access_token": "t"}


@pytest_asyncio.fixture
async def note():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions.begin() as db:
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


def run_in(folder, *arguments, database_url=""):
    """Python there, as PazPaz's; returns what came of it."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "DATABASE_URL": database_url}
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
