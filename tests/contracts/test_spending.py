"""The contract of Spending: a budget is kept to the micro-dollar, a day at a time, each workspace by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from pazpaz_ai_client.signing import PrivateKey
from service.adapters.erasure.eraser import PgEraser
from service.adapters.key_store import PgKeyStore
from service.adapters.limits.spending import PgSpending
from service.domain.erasure import Subject
from service.domain.identity import WorkspaceId
from service.ports.limits import Reservation, Spending
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemorySpending

Owner = "asyncpg.Connection[asyncpg.Record]"


@dataclass
class Till:
    """A store of spending, ways to let days pass and to erase, and what it says of today."""

    spending: Spending
    later: Callable[[int], Awaitable[None]]
    erase: Callable[[WorkspaceId], Awaitable[None]]

    async def ask(
        self, estimate: int = 10, *, budget: int | None = 30, workspace: WorkspaceId = WORKSPACE
    ) -> Reservation | None:
        return await self.spending.reserve(workspace=workspace, estimate=estimate, budget=budget)

    async def told(self, workspace: WorkspaceId | None = WORKSPACE) -> list[tuple[int, int, int]]:
        """Questions, asking and indexing, a day each, the last one today."""
        spent = await self.spending.days(workspace=workspace, days=60)
        return [(one.questions, one.asking, one.indexing) for one in spent]


def fake() -> Till:
    spending = InMemorySpending()

    async def later(days: int) -> None:
        spending.today += timedelta(days=days)

    async def erase(workspace: WorkspaceId) -> None:
        spending.erase(workspace)

    return Till(spending, later, erase)


def real(keys: PgKeyStore, owner: Owner) -> Till:
    signing = PrivateKey.generate("ai-tests-1")
    eraser = PgEraser(keys.database, keys, lambda: signing)

    async def later(days: int) -> None:
        """The database tells the day itself, so what it remembers is moved into the past."""
        await owner.execute("UPDATE spending SET day = day - $1::int", days)

    async def erase(workspace: WorkspaceId) -> None:
        subject = Subject(workspace, "workspaces", workspace)
        assert await eraser.erase(subject, asked_by="operator")

    return Till(PgSpending(keys.database), later, erase)


@pytest.fixture(params=["fake", "real"])
def till(request: pytest.FixtureRequest, pg_keys: PgKeyStore, owner: Owner) -> Till:
    return fake() if request.param == "fake" else real(pg_keys, owner)


async def test_questions_are_let_in_up_to_the_budget(till: Till) -> None:
    """The last that fits is let in, the next is not and costs nothing; a dearer one never was."""
    assert await till.ask(31) is None
    assert [await till.ask() is not None for _ in range(4)] == [True, True, True, False]
    assert await till.told() == [(3, 30, 0)]


async def test_a_budget_of_nothing_lets_in_what_costs_nothing(till: Till) -> None:
    """Zero is a budget, and no budget is none."""
    assert await till.ask(1, budget=0) is None
    assert await till.ask(0, budget=0) is not None
    assert await till.ask(10**12, budget=None) is not None


async def test_what_a_question_left_over_is_free_again(till: Till) -> None:
    """Settled, a question counts at its cost, less than its estimate or more."""
    for cost in (4, 12):
        reserved = await till.ask()
        assert reserved is not None
        await till.spending.settle(reserved, cost=cost)
    assert await till.told() == [(2, 16, 0)]
    assert await till.ask(15) is None
    assert await till.ask(14) is not None


async def test_spending_is_never_below_nothing(till: Till) -> None:
    """Settled twice, as nobody should, a question brings nobody anything."""
    reserved = await till.ask()
    assert reserved is not None
    for _ in range(2):
        await till.spending.settle(reserved, cost=0)
    assert await till.told() == [(1, 0, 0)]


async def test_a_day_has_its_own_budget(till: Till) -> None:
    """A question that began before midnight is settled in its own day, not in the next one's."""
    reserved = await till.ask(30)
    assert reserved is not None
    assert await till.ask() is None
    await till.later(1)
    yesterday = Reservation(WORKSPACE, reserved.day - timedelta(days=1), 30)
    assert await till.ask(30) is not None
    await till.spending.settle(_of_the_day_before(till, reserved, yesterday), cost=5)
    assert await till.told() == [(1, 5, 0), (1, 30, 0)]


def _of_the_day_before(till: Till, there: Reservation, moved: Reservation) -> Reservation:
    """In Postgres the row was moved, in the fake the day."""
    return there if isinstance(till.spending, InMemorySpending) else moved


async def test_workspaces_have_budgets_of_their_own(till: Till) -> None:
    """One practice's questions use up nobody else's day, and each is told its own."""
    await till.ask(30)
    assert await till.ask(30, workspace=OTHER_WORKSPACE) is not None
    assert await till.told(OTHER_WORKSPACE) == [(1, 30, 0)]
    assert await till.told(None) == [(1, 30, 0), (1, 30, 0)]


async def test_indexing_is_written_down_and_holds_up_no_question(till: Till) -> None:
    """However much notes cost, the day's questions have their budget."""
    for cost in (1000, 7):
        await till.spending.indexed(workspace=WORKSPACE, cost=cost)
    assert await till.ask(30) is not None
    assert await till.told() == [(1, 30, 1007)]


async def test_a_burst_keeps_the_budget(till: Till) -> None:
    """Of many questions at once as many are let in as it pays for."""
    asked = await asyncio.gather(*(till.ask(7, budget=100) for _ in range(60)))
    assert sum(one is not None for one in asked) == 14
    assert await till.told() == [(14, 98, 0)]


async def test_of_an_erased_workspace_nothing_is_kept(till: Till) -> None:
    """Its days go; a question under way is settled nowhere, and neither questions nor notes make a new row."""
    await till.ask(workspace=OTHER_WORKSPACE)
    reserved = await till.ask()
    assert reserved is not None
    await till.erase(WORKSPACE)
    await till.spending.settle(reserved, cost=5)
    await till.spending.indexed(workspace=WORKSPACE, cost=5)
    assert await till.ask() is None
    assert await till.told() == []
    assert await till.told(OTHER_WORKSPACE) == [(1, 10, 0)]


async def test_old_days_are_forgotten(till: Till) -> None:
    """The last sixty are kept, today one of them; of fewer asked for, the newest are told, oldest first."""
    await till.ask(1)
    await till.later(1)
    await till.ask(2)
    await till.later(59)
    await till.ask(3)
    assert await till.spending.forget_old(days=60) == 1
    assert await till.told() == [(1, 2, 0), (1, 3, 0)]
    assert len(await till.spending.days(workspace=None, days=1)) == 1
