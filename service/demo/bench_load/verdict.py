"""Whether anything was lost, leaked or wrong: told once the load is over and everything was looked at."""

import asyncio
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from service.commands.progress import progress
from service.demo.bench_load.asking import ANSWERED, LEFT, REFUSED
from service.demo.bench_load.house import House
from service.demo.bench_load.load import Load
from service.demo.bench_load.report import Finding
from service.demo.index_judge import IndexDiffers, Judge, truth_of
from service.demo.notes import until_searchable

SETTLING_SECONDS = 300.0
POLL_SECONDS = 0.5
ERASED = "SELECT entity_id FROM tombstones WHERE entity = 'clients'"
CHATS = """
SELECT action, chat_id::text AS chat, details->>'request_id' AS request, details->>'outcome' AS outcome
FROM audit WHERE chat_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Chat:
    """Rows of the audit trail of one question."""

    opened: int
    closed: int
    outcome: str | None


async def findings(load: Load) -> list[Finding]:
    """All of them, whatever the first ones say."""
    house = load.house
    depth = await house.container.queue.depth()
    return [
        await _found(load),
        await _indexed(load),
        await _command("reconcile", house, "reconcile", "--dry-run", "--ids", "0"),
        Finding("dead letters", depth.parked == 0, f"{depth.parked}"),
        await _command("audit verify", house, "audit", "verify"),
        await _audited(load),
        _true(load),
        _served(load),
        _alive(load),
    ]


async def settled(load: Load) -> Finding:
    """Until nothing waits, in the background neither, and PazPaz has every row of the trail."""
    house, began = load.house, time.monotonic()
    try:
        async with asyncio.timeout(SETTLING_SECONDS):
            with progress("waiting for the last changes", load.done.total()) as tick:
                await until_searchable(house.admin, house.container, load.done.total(), tick)
                await _until_closed(house)
    except TimeoutError:
        return Finding("settled", False, f"still work after {SETTLING_SECONDS:.0f} s")
    return Finding("settled", True, f"{time.monotonic() - began:.1f} s after the last question")


async def _until_closed(house: House) -> None:
    while True:
        depth = await house.container.queue.depth()
        trail = await house.container.audit.depth()
        if not (depth.waiting or depth.background or trail.waiting or trail.open):
            return
        await asyncio.sleep(POLL_SECONDS)


async def _found(load: Load) -> Finding:
    """Each change that PazPaz confirmed is in the index, with its very moment."""
    await load.lags.look(load.house.owner)
    missing = sum(map(len, load.lags.wants.values()))
    found = len(load.lags.found)
    return Finding("changes found", not missing, f"{found} in the index, {missing} not")


async def _indexed(load: Load) -> Finding:
    """Notes, digests, vectors and bags of words, made anew from PazPaz's own rows."""
    house, held = load.house, 0
    judge = Judge(house.owner, house.container)
    erased = {row["entity_id"] for row in await house.owner.fetch(ERASED)}
    try:
        with progress("making the index anew", len(load.people.practices)) as tick:
            for number, practice in enumerate(load.people.practices, 1):
                workspace = UUID(practice.workspace)
                truth = await truth_of(house.source, workspace, erased=erased)
                held += await judge.judge(truth, workspace)
                tick(number)
    except IndexDiffers as exc:
        return Finding("index", False, str(exc))
    return Finding("index", True, f"{held} notes and profiles, as made anew from PazPaz's rows")


async def _command(name: str, house: House, *argv: str) -> Finding:
    """One of the service's own, as an operator runs it; its last line."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", *argv),
        env={**os.environ, **house.stage.worker_environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    said = [line.strip() for line in (out or err).decode().splitlines() if line.strip()]
    return Finding(name, child.returncode == 0, "; ".join(said[-2:]))


async def _audited(load: Load) -> Finding:
    """One opening and one closing row of each question that was taken in, which say how it ended."""
    chats = chats_of(await load.house.owner.fetch(CHATS))
    amiss = amiss_in(load.asked, chats)
    told = ", ".join(f"{count} {what}" for what, count in amiss.items())
    return Finding("audit rows", not amiss, told or f"{len(chats)} questions, two rows each")


def chats_of(rows: Iterable[Mapping[str, str | None]]) -> dict[str, Chat]:
    """By request id."""
    found: dict[str, list[Mapping[str, str | None]]] = defaultdict(list)
    for row in rows:
        found[str(row["request"])].append(row)
    return {request: _chat(some) for request, some in found.items()}


def _chat(rows: Sequence[Mapping[str, str | None]]) -> Chat:
    actions = Counter(row["action"] for row in rows)
    outcomes = [row["outcome"] for row in rows if row["action"] == "chat.closed"]
    return Chat(actions["chat.opened"], actions["chat.closed"], outcomes[0] if outcomes else None)


def amiss_in(asked: Mapping[str, str], chats: Mapping[str, Chat]) -> Counter[str]:
    """What the trail tells otherwise than those who asked."""
    amiss = Counter(
        fault
        for request, outcome in asked.items()
        if (fault := _amiss(outcome, chats.get(request)))
    )
    if strangers := len(chats.keys() - asked.keys()):
        amiss["that nobody asked"] = strangers
    return amiss


def _amiss(outcome: str, chat: Chat | None) -> str | None:
    """Whoever was answered, or left an answer that had begun, was taken in; others may have been."""
    if chat is None:
        return "without a row" if outcome in ANSWERED | {LEFT} else None
    if (chat.opened, chat.closed) != (1, 1):
        return "without one row of each kind"
    if outcome in ANSWERED and chat.outcome != outcome:
        return "whose row has another outcome"
    return None


def _true(load: Load) -> Finding:
    told = ", ".join(f"{count} {what}" for what, count in load.wrong.items())
    fine = f"{load.quotes} quotes, each of the words of a note of its client as it was then"
    return Finding("answers", not load.wrong, told or fine)


def _served(load: Load) -> Finding:
    """What is refused by design is told elsewhere."""
    known = ANSWERED | REFUSED | {LEFT}
    failed = {name: n for name, n in load.total.outcomes.items() if name not in known}
    failed |= {f"change, {name}": n for name, n in load.errors.items()}
    told = ", ".join(f"{count} {name}" for name, count in failed.items())
    return Finding("failures", not failed, told or "none")


def _alive(load: Load) -> Finding:
    ended = load.house.ended
    return Finding("processes", not ended, ", ".join(ended) or "none ended by itself")
