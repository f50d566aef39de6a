"""Real servers for what no fake can show: DATABASE_URL (an administrator's) and REDIS_URL, else ones of its own."""

import os
import tempfile
import uuid
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine


def _servers():
    """Starts them. A run outside the repository's environment must name them instead."""
    try:
        from service.demo.embedded import start_postgres, start_redis
    except ImportError:
        pytest.fail("set DATABASE_URL and REDIS_URL", pytrace=False)
    return start_postgres, start_redis


@pytest.fixture(scope="session")
def folder_of_servers():
    with tempfile.TemporaryDirectory(prefix="pz") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user, whom pytest's own folders keep out
        yield folder


@pytest.fixture(scope="session")
def admin_url(folder_of_servers):
    if url := os.environ.get("DATABASE_URL"):
        yield make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    child, url = _servers()[0](folder_of_servers)
    yield url
    child.stop()


@pytest.fixture(scope="session")
def redis_url(folder_of_servers):
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    child, url = _servers()[1](folder_of_servers)
    yield url
    child.stop()


@pytest.fixture
async def database_url(admin_url):
    """A database of the test's own."""
    name = f"client_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(admin_url)
    await admin.execute(f"CREATE DATABASE {name}")
    url = make_url(admin_url).set(drivername="postgresql+asyncpg", database=name)
    yield url.render_as_string(hide_password=False)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def engine(database_url):
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()
