"""A day's budget on real Postgres, while many ask at once in several processes, leave, fail and are settled."""

import asyncio
import os
from uuid import uuid4

from service.adapters.limits.accounts import Accounts
from service.adapters.limits.spending import PgSpending
from service.adapters.models.pricing import Prices
from service.adapters.postgres.database import open_database
from service.container import Container
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.domain.audit import Trail
from service.domain.identity import WorkspaceId
from service.domain.usage import Usage
from service.errors import ModelUnavailable
from service.ports.limits import Spent
from service.settings import ModelPrice
from tests.integration.conftest import Owner
from tests.journeys.command_line import run
from tests.unit.doubles import SwitchedStandings

MODEL = "priced-1"
PRICES = Prices({MODEL: ModelPrice(input=1.0)})
ESTIMATE, COST, BUDGET = 100, 30, 1_000
ASKED = int(os.environ.get("ASKED", "100"))


class Practice:
    """A workspace whose questions each cost the same, and how many of them found a model."""

    def __init__(self) -> None:
        self.id = WorkspaceId(uuid4())
        self.standings = SwitchedStandings(daily_budget=BUDGET)
        self.let_in = 0

    async def ask(self, spending: PgSpending, number: int = 0) -> None:
        """Every fifth is left by its caller, every seventh fails, each after a model was paid for."""
        accounts = Accounts(PRICES, spending, self.standings, {"model": ESTIMATE})
        trail = Trail()
        async with accounts.question(trail, workspace=self.id) as may_spend:
            if not may_spend:
                return
            self.let_in += 1
            trail.meter.add(MODEL, Usage(input_tokens=COST))
            if number % 5 == 1:
                raise asyncio.CancelledError
            if number % 7 == 1:
                raise ModelUnavailable

    async def today(self, spending: PgSpending) -> Spent:
        [spent] = await spending.days(workspace=self.id, days=1)
        return spent


async def test_many_at_the_limit_keep_the_budget(databases_apart: Databases) -> None:
    """What is spent is what the questions let in cost, and no question more than the budget pays for."""
    practice = Practice()
    async with open_database(databases_apart.api) as one, open_database(databases_apart.api) as two:
        processes = [PgSpending(one), PgSpending(two)]
        places = asyncio.Semaphore(32)  # as many as two processes let in at once

        async def asked(number: int) -> None:
            async with places:
                await practice.ask(processes[number % 2], number)

        await asyncio.gather(*map(asked, range(ASKED)), return_exceptions=True)
        spent = await practice.today(processes[0])
        assert (spent.questions, spent.asking) == (practice.let_in, practice.let_in * COST)
        assert spent.asking <= BUDGET

        for _ in range(BUDGET // COST):  # one after the other, with nobody's estimate in the way
            await practice.ask(processes[0])
        spent = await practice.today(processes[1])
    assert BUDGET - ESTIMATE < spent.asking <= BUDGET


async def test_spending_and_budgets_at_the_command_line(stage: Stage, container: Container) -> None:
    """What was spent is told in dollars; a budget is switched in dollars too, and an API's login is enough."""
    at, api = WorkspaceId(uuid4()), stage.environment
    here = ("--workspace", str(at))
    await container.spending.reserve(workspace=at, estimate=34_500, budget=None)
    await container.spending.indexed(workspace=at, cost=120)

    told, put = await asyncio.gather(
        run(stage, "spending", *here, environment=api),
        run(stage, "switch", "budget", "2.50", *here, environment=api),
    )

    [line, total] = told.out.splitlines()
    assert (told.code, told.err) == (0, "")
    assert line.endswith(f"workspace {at}  asking 0.0345 (1 questions)  indexing 0.00012")
    assert total == "total       asking 0.0345  indexing 0.00012"
    assert put.out == f"daily_budget in workspace {at}: 2.50 dollars; holds within two seconds\n"
    assert (await container.standings.now(at)).daily_budget == 2_500_000


async def test_a_dead_process_leaves_its_estimate(databases_apart: Databases, owner: Owner) -> None:
    """A question that nobody settled counts at the most it can have cost."""
    practice = Practice()
    async with open_database(databases_apart.api) as database:
        spending = PgSpending(database)
        await spending.reserve(workspace=practice.id, estimate=ESTIMATE, budget=BUDGET)
        await practice.ask(spending)
        assert (await practice.today(spending)).asking == ESTIMATE + COST
    await owner.execute("DELETE FROM spending WHERE workspace_id = $1", practice.id)
