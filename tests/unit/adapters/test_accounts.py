"""A question is paid for before it is asked and settled after it, however it ends."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from service.adapters.limits.accounts import Accounts
from service.adapters.models.pricing import Prices
from service.domain.audit import Trail
from service.domain.usage import Meter, Part, Usage
from service.errors import OutOfTime, StoreUnavailable
from service.ports.limits import Reservation
from service.settings import ModelPrice
from tests.fakes import WORKSPACE, InMemorySpending
from tests.unit.doubles import SwitchedStandings

MODEL = "priced-1"
USED = Usage(input_tokens=40)


class House:
    """Accounts over a fake store; a question costs 40 and is estimated at 100."""

    def __init__(self, *, budget: int | None = 250, estimate: int = 100, unpriced: bool = False):
        self.spending = InMemorySpending()
        self.standings = SwitchedStandings(daily_budget=budget)
        prices = Prices({MODEL: ModelPrice(input=1.0)})
        parts: dict[Part, int] = {"model": estimate * 3 // 5, "reranker": estimate * 2 // 5}
        self.accounts = Accounts(prices, self.spending, self.standings, parts, unpriced)
        self.trail = Trail()

    async def ask(self, end: BaseException | None = None) -> bool:
        """Whether it found a model, which then was used."""
        self.trail = Trail()
        async with self.accounts.question(self.trail, workspace=WORKSPACE) as may_spend:
            if may_spend:
                self.trail.meter.add(MODEL, USED)
            if end:
                raise end
        return may_spend

    @property
    def spent(self) -> int:
        return sum(row.asking for row in self.spending.rows.values())


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_questions_are_answered_by_models_while_the_budget_lasts() -> None:
    """Each must fit at its estimate and counts at its cost; the one that does not fit goes on without models."""
    house, before = House(), counted("ai_agent_budget_exhausted_total")
    assert [await house.ask() for _ in range(6)] == [True, True, True, True, False, False]
    assert house.spent == 160
    assert counted("ai_agent_budget_exhausted_total") == before + 2


@pytest.mark.parametrize("end", [OutOfTime(), LookupError(), asyncio.CancelledError()])
async def test_a_question_that_ends_badly_is_settled_too(end: BaseException) -> None:
    """What its models did until then is its cost, told to the trail as well."""
    house = House()
    with pytest.raises(type(end)):
        await house.ask(end)
    assert (house.spent, house.trail.cost) == (40, 40)


async def test_a_call_that_was_left_counts_at_its_most() -> None:
    """What the model was asked is billed by its provider, who told nobody how much."""
    house = House()
    async with house.accounts.question(house.trail, workspace=WORKSPACE):
        house.trail.meter.add(MODEL, USED)
        house.trail.meter.owed.add("model")
    assert (house.spent, house.trail.cost) == (100, 100)


async def test_who_leaves_while_it_is_settled_does_not_stop_that() -> None:
    """Cancelled in the very transaction, a question counts at its cost all the same."""
    house = House()
    begun, go_on, settled = asyncio.Event(), asyncio.Event(), asyncio.Event()
    settle = house.spending.settle

    async def slowly(reserved: Reservation, *, cost: int) -> None:
        begun.set()
        await go_on.wait()
        await settle(reserved, cost=cost)
        settled.set()

    house.spending.settle = slowly  # type: ignore[method-assign]
    asking = asyncio.create_task(house.ask())
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (asking.cancelled(), house.spent) == (True, 100)
    go_on.set()
    await settled.wait()
    assert house.spent == 40


async def test_what_cannot_be_settled_counts_at_its_estimate() -> None:
    """A store that goes away under a question takes neither its answer nor the budget."""
    house = House()

    async def away(reserved: Reservation, *, cost: int) -> None:
        raise StoreUnavailable

    house.spending.settle = away  # type: ignore[method-assign]
    assert await house.ask() is True
    assert house.spent == 100


@pytest.mark.parametrize("budget", [None, 0])
async def test_what_costs_nothing_opens_no_transaction(budget: int | None) -> None:
    """Local models, and self-hosted ones at a price of 0, are asked whatever the budget, and leave no row."""
    house = House(budget=budget, estimate=0)
    assert await house.ask() is True
    assert house.spending.rows == {}


async def test_a_budget_of_nothing_lets_no_model_be_paid() -> None:
    """Zero is never spent."""
    house = House(budget=0)
    assert await house.ask() is False
    assert house.spending.rows == {}


async def test_without_a_budget_spending_is_written_down() -> None:
    """No limit, and a row all the same."""
    house = House(budget=None)
    assert [await house.ask() for _ in range(9)] == [True] * 9
    assert house.spent == 360


async def test_a_budget_over_a_model_without_a_price_is_kept_by_spending_nothing() -> None:
    """A budget switched on where a price is missing cannot be counted; without a budget it costs nothing."""
    assert await House(unpriced=True).ask() is False
    assert await House(unpriced=True, estimate=0, budget=0).ask() is False
    assert await House(unpriced=True, budget=None).ask() is True


async def test_notes_are_counted_beside_the_budget() -> None:
    """Indexing is written down, used up nobody's budget, and is no less done where that fails."""
    house = House(budget=100)
    meter = Meter({MODEL: Usage(input_tokens=1_000)})
    await house.accounts.indexed(meter, workspace=WORKSPACE)
    assert [row.indexing for row in house.spending.rows.values()] == [1_000]
    assert await house.ask() is True

    async def away(**_: object) -> None:
        raise StoreUnavailable

    house.spending.indexed = away  # type: ignore[method-assign]
    await house.accounts.indexed(meter, workspace=WORKSPACE)


async def test_local_models_write_nothing_down() -> None:
    """A meter that nobody told anything costs no transaction."""
    house = House()
    await house.accounts.indexed(Meter(), workspace=WORKSPACE)
    assert house.spending.rows == {}


async def test_tokens_and_dollars_are_counted_by_model() -> None:
    """Of questions and of notes, under the name that providers bill."""
    house = House()
    tokens = {"name": "ai_provider_tokens_total", "model": MODEL, "kind": "input"}
    before = counted(**tokens), counted("ai_agent_cost_usd_total", model=MODEL)
    await house.ask()
    await house.accounts.indexed(Meter({MODEL: Usage(10, 0, 0)}), workspace=WORKSPACE)
    after = counted(**tokens), counted("ai_agent_cost_usd_total", model=MODEL)
    assert after[0] - before[0] == 50
    assert after[1] - before[1] == pytest.approx(50e-6)
