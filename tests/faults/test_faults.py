"""Nothing is lost: practices work while everything fails, and in the end the index equals PazPaz's database."""

import asyncio
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from service.container import open_container
from service.demo.index_judge import Judge, Owner, truth_of
from tests.faults.house import House, open_house
from tests.faults.practices import Practice, open_practice
from tests.faults.trouble import make_trouble

EVENTS = int(os.environ.get("EVENTS", "150"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PRACTICES = 4
AT_LEAST_SECONDS = 10
"""Few events are spread over so long, or they would be over before the trouble begins."""
SETTLING_SECONDS = 60 + EVENTS / 20
PATIENT = {"REQUEST_TIMEOUT_SECONDS": "10"}
"""After the trouble, a slow machine is no broken wire."""

OPEN = """
SELECT count(*) FROM work w WHERE wanted > done AND parked_at IS NULL AND (kind = 'workspaces' OR NOT EXISTS (
  SELECT FROM tombstones t WHERE t.workspace_id = w.workspace_id AND t.entity IN ('workspaces', 'shut')))
"""


@pytest.fixture
async def chance() -> random.Random:
    return random.Random(SEED)  # noqa: S311 - a run is repeated by its seed


@pytest.fixture
async def house(stages: Path, chance: random.Random) -> AsyncIterator[House]:
    name = f"pazpaz_faults_{os.getpid()}"
    async with open_house(stages / "faults", name=name, chance=chance) as opened:
        yield opened


async def test_the_index_equals_the_source_after_the_trouble(
    house: House, chance: random.Random
) -> None:
    """Whatever was dropped, doubled, late, killed, frozen or restarted: after one reconciliation nothing is amiss."""
    _tell(f"seed {SEED}")
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        practices = [
            await stack.enter_async_context(open_practice(house.stage, random.Random(seed)))  # noqa: S311
            for seed in chance.sample(range(10**9), PRACTICES)
        ]
        await _work_in_trouble(house, practices, chance)
        trouble = time.monotonic() - began
        await house.heal()
        owner, source = await _logins(house, stack)
        await _quiet(owner, source)
        made = await source.fetchval("SELECT count(*) FROM ai_outbox")
        # PazPaz keeps its outbox for a while only: where it is gone, the lists alone must tell.
        gone = [UUID(one.workspace) for one in practices[1:]]
        await source.execute("DELETE FROM ai_outbox WHERE workspace_id = ANY($1)", gone)
        repaired = await _reconciled(house)
        await _quiet(owner, source)
        container = await stack.enter_async_context(open_container(house.stage.settings()))
        judge, places = Judge(owner, container), [UUID(one.workspace) for one in practices]
        held = [await judge.judge(await truth_of(source, one), one) for one in places]
        parked = await owner.fetchval("SELECT count(*) FROM work WHERE parked_at IS NOT NULL")
    settled = time.monotonic() - began - trouble
    _tell(
        f"seed {SEED}: {made} events in {trouble:.0f} s of trouble, then {settled:.0f} s; the index equals the source",
        f"done: {_counts(sum((one.done for one in practices), Counter[str]()))}",
        f"deliveries, in events: {_counts(house.postman.tally)}",
        f"trouble: {_counts(house.tally)}; pulls {_counts(house.pulls.tally)}",
        f"reconcile: {repaired}; indexed {sum(held)}, parked {parked}, duplicates 0",
    )
    assert made >= EVENTS
    assert house.postman.tally["dropped"] > 0
    assert house.postman.tally["duplicated"] > 0


async def _work_in_trouble(house: House, practices: list[Practice], chance: random.Random) -> None:
    over = asyncio.Event()
    troubling = asyncio.create_task(make_trouble(house, chance, over))
    telling = asyncio.create_task(_tell_how_far(house, practices))
    await asyncio.gather(*(_work(practice) for practice in practices))
    telling.cancel()
    await practices[0].spoil_one()
    over.set()
    await troubling
    await practices[-1].leave()


async def _tell_how_far(house: House, practices: list[Practice]) -> None:
    """A line a minute: `make faults` of 100,000 takes an hour."""
    while True:
        await asyncio.sleep(60)
        done = sum(practice.done.total() for practice in practices)
        _tell(f"{done} of {EVENTS} changes; {_counts(house.tally)}")


async def _work(practice: Practice) -> None:
    pause = AT_LEAST_SECONDS * PRACTICES / EVENTS
    while practice.done.total() < EVENTS / PRACTICES:
        await practice.act()
        await asyncio.sleep(pause if EVENTS < 1000 else 0)


async def _logins(house: House, stack: AsyncExitStack) -> tuple[Owner, Owner]:
    """Into the service's database and PazPaz's, as those who may see everything; past the proxies."""
    opened = []
    for url in (house.stage.databases.owner, house.stage.databases.monolith):
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        stack.push_async_callback(connection.close)
        opened.append(connection)
    return opened[0], opened[1]


async def _quiet(owner: Owner, source: Owner) -> None:
    """Until every event was delivered and every look was taken or given up.

    Waits that back-off grew in the trouble are cut short: how long they are is not judged here.
    """
    deadline = time.monotonic() + SETTLING_SECONDS
    while await _waiting(owner, source):
        assert time.monotonic() < deadline, await _stuck(owner)
        await source.execute("UPDATE ai_outbox SET not_before = NULL WHERE delivered_at IS NULL")
        await owner.execute(
            "UPDATE work SET not_before = now() WHERE wanted > done AND lease_until IS NULL"
            " AND last_error IS NOT NULL AND not_before > now()"
        )
        await asyncio.sleep(0.5)


async def _waiting(owner: Owner, source: Owner) -> bool:
    # The outbox first: an event that leaves it is in the work table before it is marked delivered.
    pending = await source.fetchval("SELECT count(*) FROM ai_outbox WHERE delivered_at IS NULL")
    return bool(pending or await owner.fetchval(OPEN))


async def _stuck(owner: Owner) -> str:
    rows = await owner.fetch(
        "SELECT kind, attempts, last_error, parked_at, not_before > now() AS later,"
        " lease_until > now() AS held, background, count(*) FROM work WHERE wanted > done GROUP BY 1, 2, 3, 4, 5, 6, 7"
    )
    return f"not quiet in time: {[dict(row) for row in rows]}"


async def _reconciled(house: House) -> str:
    """One run of the command; what it found."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "reconcile", "--ids", "0"),
        env={**os.environ, **house.stage.worker_environment, **PATIENT},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    said = out.decode()
    assert child.returncode in (0, 1), err.decode()[-300:] + house.errors_of_postgres()
    feed = re.search(r"(\d+) events read, (\d+) of them new", said)
    found = re.search(r"\d+ workspaces .*", said)
    assert feed, said
    assert found, said
    nothing_else = "still different: missed 0  extra 0  stale 0" in said and "closed" not in said
    assert child.returncode == 0 or nothing_else, said  # poison is different, and it says so
    return f"{feed[0]} in the feed; {found[0]}"


def _counts(tally: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(tally.items()))


def _tell(*lines: str) -> None:
    print("\n" + "\n".join(lines), flush=True)  # noqa: T201 - the figures `make faults` is run for
