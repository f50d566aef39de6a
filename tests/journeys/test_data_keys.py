"""Data keys and the key-encryption key are changed by an operator's commands, killed in the middle, under load."""

import asyncio
import base64
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from service.container import open_container
from service.demo.stage import Stage, open_stage
from service.security.keys import KeyEncryptionKey, new_key
from tests.journeys.command_line import PATIENCE_SECONDS
from tests.journeys.practice import Practice, eventually, open_practice

QUESTION = "מתי התחילה לרוץ שוב?"
NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
HISTORY = "/api/v1/ai/agent/history"


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A file with the key-encryption key to come."""
    made = tmp_path / "fresh"
    made.write_bytes(base64.b64encode(new_key()) + b"\n")
    return made


@pytest.fixture
async def house(stage: Stage, fresh: Path) -> AsyncIterator[Stage]:
    """A stage of its own, whose processes wrap with one key and know the one to come."""
    async with open_stage(
        stage.folder / "datakeys",
        name=f"pazpaz_datakeys_{os.getpid()}",
        KEY_ENCRYPTION_KEYS_OLD_FILE=str(fresh),
    ) as apart:
        apart.start("monolith", "api", "worker")
        await apart.until_up(apart.monolith_url, apart.service_url)
        yield apart


def wrapping_id(file: Path) -> str:
    return KeyEncryptionKey.from_base64(file.read_text()).id


@asynccontextmanager
async def an_owner(house: Stage) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(house.databases.owner.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def command(house: Stage, *words: str, **settings: str) -> asyncio.subprocess.Process:
    """The command as an operator runs it, where the worker runs."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "keys", *words),
        env={**environment, **house.worker_environment, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def ended(child: asyncio.subprocess.Process) -> str:
    """What it said, once it has ended well."""
    out, _ = await child.communicate()
    assert child.returncode == 0, out.decode()
    return out.decode()


async def killed(child: asyncio.subprocess.Process) -> None:
    child.kill()
    await child.communicate()
    assert child.returncode == -9


async def test_keys_are_changed_while_therapists_ask(house: Stage, fresh: Path) -> None:
    """Killed by -9 in the middle and run again, each command ends with nothing under an old key; no question and no
    look at the history fails meanwhile, and everything said before can be read."""
    async with (
        open_container(house.settings()) as container,
        open_practice(house, container) as one,
        open_practice(house, container) as two,
        an_owner(house) as owner,
    ):
        for practice in (one, two):
            await practice.note(await practice.client(), subjective=NOTE)
            await practice.settled()
            for _ in range(3):
                await practice.ask(QUESTION)
        stop = asyncio.Event()
        asking = [asyncio.ensure_future(_ask_on(practice, stop)) for practice in (one, two)]
        last = max(UUID(one.workspace), UUID(two.workspace))
        await _reseal_with_a_kill(house, owner, last=last)
        await _rewrap_with_a_kill(house, owner, fresh, last=last)
        stop.set()
        asked = await asyncio.gather(*asking)
        assert min(asked) > 3
        for practice, more in zip((one, two), asked, strict=True):
            assert await _read_all(practice) == 3 + more


async def _ask_on(practice: Practice, stop: asyncio.Event) -> int:
    asked = 0
    while not stop.is_set():
        assert (await practice.ask(QUESTION))["answer_status"] == "answered"
        asked += 1
        await _read_all(practice)
        await asyncio.sleep(0.1)
    return asked


async def _read_all(practice: Practice) -> int:
    """Every conversation of the history opens; how many turns."""
    turns = 0
    before = ""
    while True:
        page = (await practice.do("GET", f"{HISTORY}?limit=50{before}")).json()
        for head in page["conversations"]:
            one = (await practice.do("GET", f"{HISTORY}/{head['conversation_id']}")).json()
            turns += len(one["turns"])
        if not page.get("next"):
            return turns
        before = f"&cursor={page['next']}"


async def _reseal_with_a_kill(
    house: Stage, owner: "asyncpg.Connection[asyncpg.Record]", *, last: UUID
) -> None:
    old = [row[0] for row in await owner.fetch("SELECT epoch FROM workspace_keys")]
    assert len(old) == 2

    async def all_but_the_held_one() -> bool:
        left = await owner.fetchval(
            "SELECT (SELECT count(*) FROM bags WHERE key_epoch = ANY($1::int[]))"
            " + (SELECT count(*) FROM turns WHERE key_epoch = ANY($1::int[]))",
            old,
        )
        return left == 1

    async with an_owner(house) as holder, holder.transaction():
        # In the workspace that comes last: in the first, all others would wait until the row is given up.
        await holder.execute("SELECT FROM turns WHERE workspace_id = $1 LIMIT 1 FOR UPDATE", last)
        child = await command(house, "rotate", "--data")
        await eventually(all_but_the_held_one, patience=PATIENCE_SECONDS)
        await killed(child)
    assert await owner.fetchval("SELECT count(*) FROM workspace_keys") > 2
    said = await ended(await command(house, "rotate", "--data"))

    # One row, unless the first run had given the held row up and ended before it was killed: then all of them again.
    done = r"2 of 2 workspaces have new keys: [1-9]\d* rows sealed anew, 0 rows left under an older key.\n"
    assert re.fullmatch(done, said), said
    assert await owner.fetchval("SELECT count(*) FROM workspace_keys") == 2
    assert (
        await owner.fetchval(
            "SELECT count(*) FROM workspace_keys WHERE epoch = ANY($1::int[])", old
        )
        == 0
    )


async def _rewrap_with_a_kill(
    house: Stage, owner: "asyncpg.Connection[asyncpg.Record]", fresh: Path, *, last: UUID
) -> None:
    new = wrapping_id(fresh)
    swapped = {
        "KEY_ENCRYPTION_KEY_FILE": str(fresh),
        "KEY_ENCRYPTION_KEYS_OLD_FILE": house.worker_environment["KEY_ENCRYPTION_KEY_FILE"],
    }

    async def the_other_is_done() -> bool:
        query = "SELECT count(*) FROM workspace_keys WHERE kek_id = $1"
        return bool(await owner.fetchval(query, new))

    async with an_owner(house) as holder, holder.transaction():
        query = "SELECT FROM workspace_keys WHERE workspace_id = $1 FOR UPDATE"
        await holder.execute(query, last)
        child = await command(house, "rotate", "--wrapping", **swapped)
        await eventually(the_other_is_done, patience=PATIENCE_SECONDS)
        await killed(child)
    assert await owner.fetchval("SELECT count(DISTINCT kek_id) FROM workspace_keys") == 2
    said = await ended(await command(house, "rotate", "--wrapping", **swapped))

    assert said.startswith(
        f"2 keys are wrapped by {new}, 0 by another.\nThe old key is no longer needed"
    )
    assert await owner.fetchval("SELECT count(*) FROM workspace_keys WHERE kek_id <> $1", new) == 0
    shown = await ended(await command(house, "show", "--data", **swapped))
    assert shown.splitlines()[1].split() == ["2", "1", new, "(present)"]
