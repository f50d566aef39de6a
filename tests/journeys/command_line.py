"""An operator's hands: the commands as child processes, and SQL as the databases' owner."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import make_url

from service.demo.stage import Stage

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of a wrong use."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.count("\n") == 1, self.err
        return self.err


def begin(
    stage: Stage, *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Starts a command in the worker's surroundings, if no others are given, with nobody at the keyboard."""
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli", *words],
        env={"PATH": os.environ["PATH"], **(environment or stage.worker_environment)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(command: subprocess.Popen[str]) -> Told:
    out, err = command.communicate(timeout=PATIENCE_SECONDS)
    return Told(command.returncode, out, err)


async def run(stage: Stage, *words: str, environment: Mapping[str, str] | None = None) -> Told:
    """A command to its end, while the stage's own loop goes on."""
    return await asyncio.to_thread(ended, begin(stage, *words, environment=environment))


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[Any]:
    url = make_url(address).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        yield connection
    finally:
        await connection.close()


async def sql(address: str, statement: str, *values: Any) -> Any:
    """Does it, and returns the first value, if there is one."""
    async with _connected(address) as connection:
        return await connection.fetchval(statement, *values)
