"""The load runs from end to end, with processes of its own, on the tests' servers; and it notices what is wrong."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from service.demo.bench_load import run
from service.demo.bench_load.house import House, open_house
from service.demo.bench_load.ledger import Client
from service.demo.bench_load.plan import Plan
from service.demo.bench_load.report import GOOD
from service.demo.bench_load.verdict import CHATS, ERASED
from service.demo.bench_load.watch import Lags, Watch
from service.demo.databases import Databases
from service.demo.notes import Practice
from service.demo.stage import Stage
from service.domain.notes import SOAP_FIELDS

SMALL = Plan(
    minutes=0.15,
    practices=2,
    therapists=8,
    clients=4,
    notes=4,
    think=0.2,
    changes=240,
    workers=1,
    window=2,
    sample=0.5,
)
OPTIONS = {"practices": 2, "therapists": 2, "clients": 2, "notes": 2, "think": 0.2, "workers": 1}


@pytest.fixture(autouse=True)
async def servers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Those of the tests; and signals mean again what they meant."""
    monkeypatch.setenv("DATABASE_URL", stage.servers.admin_url)
    monkeypatch.setenv("REDIS_URL", stage.servers.redis_url)
    monkeypatch.setattr("service.demo.bench_load.verdict.SETTLING_SECONDS", 30)
    yield
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


@pytest.mark.bench
async def test_a_small_load_loses_nothing_and_tells_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Questions are answered while notes change; the report, the figures and the picture have everything."""
    save, plot = tmp_path / "load.json", tmp_path / "load.png"
    code = await run.run_bench(SMALL, save=save, plot=plot)
    printed = capsys.readouterr()
    assert code == 0, printed.out
    told = printed.out.strip().splitlines()
    assert told[0] == GOOD
    assert "change found" in printed.out
    assert sum("questions  event" in line for line in printed.err.splitlines()) >= 2

    figures = json.loads(save.read_text())
    assert all(finding["holds"] for finding in figures["findings"])
    assert figures["total"]["outcomes"]["answered"] > 0
    assert figures["total"]["changes"] == sum(figures["done"].values()) > 0
    assert len(figures["total"]["lag"]) == len(figures["total"]["whole"]) == 3
    assert {"api", "monolith", "worker", "load"} <= figures["growth"].keys()
    assert all(mb > 0 for sample in figures["samples"] for mb in sample["memory_mb"].values())
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.bench
async def test_a_planted_fault_of_each_kind_is_noticed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Notes speak of another practice, the index lost a note, the trail a row: exit 1, said first."""

    @asynccontextmanager
    async def spoiled(plan: Plan, rows: Practice) -> AsyncIterator[House]:
        async with open_house(plan, rows) as house:
            await _plant(house, rows)
            yield house

    async def findings(load: Any) -> Any:
        async with load.house.owner.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # no trigger
            await connection.execute(
                "DELETE FROM audit WHERE ctid = (SELECT ctid FROM audit WHERE action = 'chat.closed' LIMIT 1)"
            )
        return await found(load)

    found = run.findings
    monkeypatch.setattr(run, "open_house", spoiled)
    monkeypatch.setattr(run, "findings", findings)
    save = tmp_path / "load.json"
    assert await run.run_bench(replace(SMALL, changes=0), save=save) == 1
    told = capsys.readouterr().out.strip().splitlines()
    assert told[0] == "WRONG: index, reconcile, audit verify, audit rows, answers"
    said = {one["name"]: one["told"] for one in json.loads(save.read_text())["findings"]}
    assert "quotes words that are not there" in said["answers"]
    assert "has words of another practice" in said["answers"]
    assert "missed 1" in said["reconcile"]
    assert said["audit rows"] == "1 without one row of each kind"


async def _plant(house: House, rows: Practice) -> None:
    """Past PazPaz's own API, so that neither the ledger nor the index hears of it."""
    source = await asyncpg.connect(house.stage.databases.monolith.replace("+asyncpg", ""))
    # Whatever the first practice wrote has a word of the second one's last client.
    changed = ", ".join(
        f"{name} = regexp_replace({name}, 'qz[a-z]+', 'qzaaaaah', 'g')" for name in SOAP_FIELDS
    )
    first = rows.workspaces[0]["id"]
    await source.execute(f"UPDATE sessions SET {changed} WHERE workspace_id = $1", first)
    await source.close()
    lost = rows.sessions[-1]["session_id"]
    await house.owner.execute("DELETE FROM note_catalogue WHERE entity_id = $1", lost)


@pytest.mark.bench
async def test_a_signal_ends_the_load_and_it_is_told_of() -> None:
    """Exit 130 after the report of what ran: a soak that is cut off is not lost."""
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "bench", "load", "--minutes=10", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stderr is not None
    while b"load, in seconds" not in await child.stderr.readline():
        assert child.returncode is None
    await asyncio.sleep(2)
    child.send_signal(signal.SIGINT)
    out, _ = await child.communicate()
    assert child.returncode == 130, out.decode()
    assert out.decode().strip().splitlines()[0] == GOOD


async def test_the_watch_asks_postgres_for_what_it_tells(databases_apart: Databases) -> None:
    """A row of the catalogue meets the want of its moment; sizes and connections are those of the database."""
    url = databases_apart.owner.replace("+asyncpg", "")
    client = Client("c", str(uuid4()), "Ora", "qzaaaaaa", [])
    place, moment = ("sessions", str(uuid4())), datetime(2026, 11, 30, tzinfo=UTC)
    lags = Lags()
    lags.want(client, place, moment)
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as owner:
        await lags.look(owner)
        assert not lags.found
        await owner.execute(
            "INSERT INTO note_catalogue (workspace_id, entity, entity_id, client_id, state, updated_at)"
            " VALUES ($1, 'sessions', $2, $1, 'draft', $3)",
            *(client.workspace, place[1], moment),
        )
        await lags.look(owner)
        assert len(lags.found) == 1
        name = url.rpartition("/")[2]
        seen = await Watch(owner, [name], {"us": os.getpid()}).look()
        for query in (CHATS, ERASED):
            await owner.fetch(query)  # raises where a column is not there
        await owner.execute("DELETE FROM note_catalogue WHERE entity_id = $1", place[1])
    assert seen.database > 5
    assert seen.connections >= 1
    assert seen.memory["us"] > 10
