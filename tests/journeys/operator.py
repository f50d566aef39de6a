"""Somebody who does what `helm/backup.md` says, line by line, on a stage of its own."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from service.demo.embedded import postgres_binaries, start_postgres
from service.demo.stage import Servers, Stage, open_stage
from service.errors import BadSettings

PAGE = Path(__file__).parents[2] / "helm" / "backup.md"
PASSWORD = "one-for-all-of-a-stage"
PARTS = {"deployment/pazpaz-ai": "api", "deployment/pazpaz-ai-worker": "worker"}


def blocks(section: str) -> list[str]:
    """The commands of a section of the page, block by block."""
    text = PAGE.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"no commands in {section}"
    return found


BACKUPS = "CREATE ROLE ai_backup"
DUMP = "pg_dump"
ASIDE = "RENAME TO ai_before"
ROLES = "CREATE ROLE ai_owner"
EMPTY = "CREATE DATABASE ai"
CONTENT = "pg_restore"
FORGET = "DELETE FROM conversations"
"""What tells the block that is meant."""


def the_block(telling: str) -> str:
    """The first of the page that says this."""
    return next(one for part in ("Back up", "Restore") for one in blocks(part) if telling in one)


@dataclass(frozen=True)
class Operator:
    """`kubectl` is what a stage has in its place: parts that start and stop, and a command in the worker's settings."""

    stage: Stage
    folder: Path

    async def do(self, block: str, **meant: str) -> str:
        """Each line in turn, with what is `meant` by a word of it; what they printed."""
        for word, value in meant.items():
            block = block.replace(word, value)
        return "".join([await self._line(line) for line in block.splitlines()])

    def at(self, admin_url: str) -> "Operator":
        """The same beside another server, in which the service's database is `ai`."""
        address = make_url(admin_url).set(drivername="postgresql+asyncpg", database="ai")
        admin = address.render_as_string(hide_password=False)
        api, worker = (
            address.set(username=f"ai_{one}", password=PASSWORD).render_as_string(
                hide_password=False
            )
            for one in ("api", "worker")
        )
        stage = self.stage
        moved = replace(
            stage,
            servers=replace(stage.servers, admin_url=admin_url),
            databases=replace(stage.databases, owner=admin, api=api, worker=worker),
            environment={**stage.environment, "DATABASE_URL": api},
            worker_environment={**stage.worker_environment, "DATABASE_URL": worker},
        )
        return replace(self, stage=moved)

    async def _line(self, line: str) -> str:
        words = shlex.split(line)
        if words[:2] == ["kubectl", "scale"]:
            return self._scale(words[2:])
        _, in_the_pod, command = line.partition("kubectl exec deploy/pazpaz-ai-worker -- ")
        environment = self.stage.worker_environment if in_the_pod else self._own_environment()
        return await self._run(command if in_the_pod else line, environment)

    def _scale(self, words: Sequence[str]) -> str:
        *parts, replicas = words
        for part in (PARTS[one] for one in parts):
            if replicas == "--replicas=0":
                self.stage.stop(part)
            else:
                self.stage.start(part)
        return ""

    def _own_environment(self) -> Mapping[str, str]:
        address = make_url(self.stage.servers.admin_url).set(drivername="postgresql")

        def url(**changes: str) -> str:
            return address.set(**changes).render_as_string(hide_password=False)

        owner = {"database": "ai", "username": "ai_owner", "password": PASSWORD}
        return {
            "ADMIN_URL": url(),
            "AI_ADMIN_URL": url(database="ai"),
            "OWNER_URL": url(**owner),
            "BACKUP_URL": url(**{**owner, "username": "ai_backup"}),
            "MIGRATION_DATABASE_URL": url(**owner).replace("postgresql", "postgresql+asyncpg", 1),
        }

    async def _run(self, command: str, environment: Mapping[str, str]) -> str:
        path = f"{postgres_binaries()}:{Path(sys.executable).parent}"
        child = await asyncio.create_subprocess_exec(
            *("bash", "-euc", command.replace("'...'", f"'{PASSWORD}'")),
            cwd=self.folder,
            env={"PATH": f"{path}:{os.environ['PATH']}", **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await child.communicate()
        assert child.returncode == 0, f"{command}\n{said.decode()}"
        return said.decode()


@contextmanager
def a_server(folder: Path) -> Iterator[str]:
    """A Postgres of its own, for roles belong to a whole server; the administrator's address."""
    try:
        server, url = start_postgres(folder)
    except BadSettings:
        pytest.skip("the embedded Postgres is not installed")
    try:
        yield url
    finally:
        server.stop()


@asynccontextmanager
async def open_house(
    folder: Path, *, name: str, redis: str, **settings: str
) -> AsyncIterator[Operator]:
    """PazPaz, API and worker at work on a database that was installed as the page says: its owner is a plain login."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    with a_server(folder) as admin:
        servers = Servers(admin, redis)
        async with open_stage(folder, name=name, servers=servers, **settings) as stage:
            operator = Operator(stage, folder).at(admin)
            for block in (ROLES, EMPTY):
                await operator.do(the_block(block))
            await operator.do("pazpaz-agent migrate")
            await operator.do(the_block(BACKUPS))
            operator.stage.start("monolith", "api", "worker")
            await operator.stage.until_up(stage.monolith_url, stage.service_url)
            yield operator
