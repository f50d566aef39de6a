"""Switches and changed logins, as every process of the service learns of them."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from service.adapters.limits.standings import PgStandings
from service.adapters.limits.switches import EVERYWHERE, PgSwitches
from service.adapters.postgres.database import Database, open_database
from service.container import Container
from service.demo.databases import Databases
from service.domain.identity import WorkspaceId
from service.errors import StoreUnavailable
from service.ports.limits import Standing
from service.ports.monolith import Event

START = Standing(True, frozenset({"owner", "assistant"}), require_consent=False)


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Process:
    """What one API process holds: its standings, and the drops it was told."""

    def __init__(self, database: Database, start: Standing = START) -> None:
        self.dropped: list[tuple[WorkspaceId, UUID | None]] = []
        self.clock = Seconds()
        self.standings = PgStandings(
            database, start, lambda *what: self.dropped.append(what), self.clock
        )

    async def later(self, workspace: WorkspaceId) -> Standing:
        """What it says of a workspace after its reading is old."""
        self.clock.now += 1
        return await self.standings.of(workspace)


@pytest.fixture
def process(opened: Container) -> Process:
    return Process(opened.database)


@pytest.fixture
def switches(opened: Container) -> PgSwitches:
    return PgSwitches(opened.database)


@pytest.fixture
def workspace() -> WorkspaceId:
    return WorkspaceId(uuid4())


async def test_without_a_switch_the_settings_hold(process: Process, workspace: WorkspaceId) -> None:
    """No row says anything else."""
    assert await process.standings.of(workspace) == START


async def test_a_workspace_nobody_knows_is_told_of(
    switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """A mistyped id is switched all the same, and whoever did it learns that nothing was known of it."""
    assert not await switches.put("assistant", False, workspace=workspace)
    assert await switches.put("assistant", True, workspace=workspace)
    assert await switches.put("assistant", True)


async def test_off_anywhere_is_off(
    process: Process, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """Setting, general row and the workspace's own: the assistant answers only if none of them says no."""
    other = WorkspaceId(uuid4())
    await switches.put("assistant", False, workspace=workspace)
    assert not (await process.later(workspace)).enabled
    assert (await process.later(other)).enabled

    await switches.put("assistant", True, workspace=workspace)
    await switches.put("assistant", False)
    assert not (await process.later(workspace)).enabled
    await switches.put("assistant", True)
    assert (await process.later(workspace)).enabled
    assert await switches.remove("assistant")


async def test_a_general_row_overrides_the_setting_both_ways(
    opened: Container, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """AI_AGENT_ENABLED is a start value: a service started off can be switched on."""
    off = Process(opened.database, Standing(False, START.allowed_roles, require_consent=False))
    assert not (await off.later(workspace)).enabled
    await switches.put("assistant", True)
    try:
        assert (await off.later(workspace)).enabled
    finally:
        await switches.remove("assistant")


async def test_a_workspaces_own_rule_goes_before_the_general_one(
    process: Process, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """Roles and consent: the nearest row holds, and removing it brings the next one back."""
    await switches.put("allowed_roles", ["owner"])
    await switches.put("allowed_roles", ["assistant"], workspace=workspace)
    assert (await process.later(workspace)).allowed_roles == {"assistant"}
    assert await switches.remove("allowed_roles", workspace=workspace)
    assert (await process.later(workspace)).allowed_roles == {"owner"}
    assert await switches.remove("allowed_roles")
    assert not await switches.remove("allowed_roles")
    assert await process.later(workspace) == START


async def test_a_budget_is_switched_by_workspace_and_taken_away(
    opened: Container, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """The nearest row holds; "none" is no limit, whatever the setting says, and in the trail it is no reset."""
    start = replace(START, daily_budget=5)
    process, other = Process(opened.database, start), WorkspaceId(uuid4())
    await switches.put("daily_budget", 2_500_000, workspace=workspace)
    budgets = [(await process.later(one)).daily_budget for one in (workspace, other)]
    assert budgets == [2_500_000, 5]
    await switches.put("daily_budget", "none", workspace=workspace)
    assert (await process.later(workspace)).daily_budget is None
    assert await switches.remove("daily_budget", workspace=workspace)
    assert (await process.later(workspace)).daily_budget == 5
    rows = await opened.audit.rows(workspace=workspace)
    assert [row.entry.details["value"] for row in rows] == [2_500_000, "none", None]


async def test_pseudonyms_are_switched_by_workspace(
    process: Process, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """Off in one practice is off there only."""
    await switches.put("pseudonyms", False, workspace=workspace)
    assert not (await process.later(workspace)).pseudonyms
    assert (await process.later(WorkspaceId(uuid4()))).pseudonyms


async def test_conversations_are_switched_by_workspace(
    process: Process, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """The nearest row holds: off everywhere, a practice may still keep its own."""
    await switches.put("conversations", False)
    await switches.put("conversations", True, workspace=workspace)
    try:
        assert (await process.later(workspace)).conversations
        assert not (await process.later(WorkspaceId(uuid4()))).conversations
    finally:
        await switches.remove("conversations")


async def test_a_changed_login_is_dropped_in_every_process_once(
    opened: Container, workspace: WorkspaceId
) -> None:
    """A webhook that one process received reaches the others by the next reading, each event one time."""
    here, there = Process(opened.database), Process(opened.database)
    for process in (here, there):
        await process.later(workspace)
        process.dropped.clear()
    user = uuid4()
    events = [
        Event(uuid4(), workspace, "users", user, "status"),
        Event(uuid4(), workspace, "workspaces", workspace, "status"),
        Event(uuid4(), workspace, "sessions", uuid4(), "upserted"),
    ]
    await opened.queue.accept(events)
    for process in (here, there):
        await process.later(workspace)
        assert sorted(process.dropped, key=str) == sorted(
            [(workspace, user), (workspace, None)], key=str
        )
        await process.later(workspace)
        assert len(process.dropped) == 2


async def test_a_burst_of_questions_reads_once(
    opened: Container, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a second all share one reading, however many come at the same moment."""
    reads = 0
    read = PgStandings._read

    async def counted(self: PgStandings) -> None:
        nonlocal reads
        reads += 1
        await read(self)

    monkeypatch.setattr(PgStandings, "_read", counted)
    process = Process(opened.database)
    await asyncio.gather(*(process.standings.of(workspace) for _ in range(50)))
    assert reads == 1
    await process.later(workspace)
    assert reads == 2


async def test_switches_that_cannot_be_read_are_not_guessed(workspace: WorkspaceId) -> None:
    """Postgres away is an error, also for a process that had read them before."""
    async with open_database("postgresql+asyncpg://nobody@127.0.0.1:1/none") as away:
        with pytest.raises(StoreUnavailable):
            await PgStandings(away, START, lambda *_: None).of(workspace)


async def test_asking_for_consent_wants_another_look_at_the_practices(
    opened: Container, switches: PgSwitches, workspace: WorkspaceId, databases_apart: Databases
) -> None:
    """The index follows the rule: the workspaces concerned become work, with the same commit."""
    session = Event(uuid4(), workspace, "sessions", uuid4(), "upserted")
    await opened.queue.accept([session])
    await switches.put("require_consent", True, workspace=workspace)
    leases = []
    while claimed := await opened.queue.claim(limit=16):
        leases += [(lease.kind, lease.workspace) for lease in claimed]
    assert ("workspaces", workspace) in leases
    await switches.remove("require_consent", workspace=workspace)


async def test_a_change_and_its_row_are_one(
    opened: Container, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """What concerns a workspace is told in its own chain, what concerns all in the service's."""
    await switches.put("assistant", False, workspace=workspace)
    await switches.put("allowed_roles", ["owner"])
    await switches.remove("allowed_roles")
    [mine] = await opened.audit.rows(workspace=workspace)
    assert mine.entry.details == {"name": "assistant", "value": False}
    *_, put, removed = await opened.audit.rows(workspace=EVERYWHERE)
    assert put.entry.details == {"name": "allowed_roles", "value": ["owner"]}
    assert removed.entry.details == {"name": "allowed_roles", "value": None}


async def test_work_that_a_switch_asked_for_sees_the_switch(
    process: Process, switches: PgSwitches, workspace: WorkspaceId
) -> None:
    """What was read half a second ago would index by the rule that just ended."""
    assert not (await process.standings.of(workspace)).require_consent
    await switches.put("require_consent", True, workspace=workspace)
    assert not (await process.standings.of(workspace)).require_consent
    assert (await process.standings.now(workspace)).require_consent
    assert (await process.standings.of(workspace)).require_consent
