"""What models cost, and for whom: kept within the day's budget, written down, counted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from service.adapters.models.pricing import Prices
from service.domain.audit import Trail
from service.domain.identity import WorkspaceId
from service.domain.usage import MICROS, Meter, Part
from service.errors import StoreUnavailable
from service.ports.limits import Reservation, Spending, Standings
from service.telemetry.metrics import BUDGET_EXHAUSTED, COST, PROVIDER_TOKENS

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accounts:
    """One for a process. Where no model costs anything, no transaction is opened."""

    prices: Prices
    spending: Spending
    standings: Standings
    estimates: Mapping[Part, int]
    """What each part of one question costs at most, in micro-dollars."""
    has_unpriced: bool = False
    """Whether a model in use has no price: then no budget can be kept."""

    @property
    def estimate(self) -> int:
        """What one question costs at most."""
        return sum(self.estimates.values())

    @asynccontextmanager
    async def question(self, trail: Trail, *, workspace: WorkspaceId) -> AsyncIterator[bool]:
        """Whether models that cost may be called for a question whose calls are metered in the trail.

        However the block ends, what they did is then counted, settled and told to the trail as its cost. Raises
        StoreUnavailable, before anything is spent.
        """
        budget = (await self.standings.of(workspace)).daily_budget
        if not self.estimate and (budget is None or not self.has_unpriced):
            reserved, may_spend = None, True
        else:
            reserved = await self._reserve(workspace, budget)
            may_spend = reserved is not None
        try:
            yield may_spend
        finally:
            # A caller who left in the middle of a call would otherwise have it for nothing.
            owed = sum(self.estimates.get(part, 0) for part in trail.meter.owed)
            trail.cost = self._count(trail.meter) + owed
            if reserved is not None:
                # Whoever cancels a question must not leave its estimate in place of its cost.
                await asyncio.shield(self._settle(reserved, trail.cost))

    async def indexed(self, meter: Meter, *, workspace: WorkspaceId) -> None:
        """A batch of notes; no budget holds it up."""
        if cost := self._count(meter):
            await asyncio.shield(self._write_down(workspace, cost))

    async def _reserve(self, workspace: WorkspaceId, budget: int | None) -> Reservation | None:
        if budget is not None and self.has_unpriced:
            log.warning("budget.unpriced")  # a budget that cannot be kept is not overrun either
            reserved = None
        else:
            reserved = await self.spending.reserve(
                workspace=workspace, estimate=self.estimate, budget=budget
            )
        if reserved is None:
            BUDGET_EXHAUSTED.inc()
        return reserved

    async def _settle(self, reserved: Reservation, cost: int) -> None:
        try:
            await self.spending.settle(reserved, cost=cost)
        except StoreUnavailable:
            log.warning("spending.not_settled")  # it stays counted at its estimate

    async def _write_down(self, workspace: WorkspaceId, cost: int) -> None:
        try:
            await self.spending.indexed(workspace=workspace, cost=cost)
        except StoreUnavailable:
            log.warning("spending.not_written")  # no note is to blame

    def _count(self, meter: Meter) -> int:
        for model, usage in meter.by_model.items():
            COST.labels(model=model).inc(float(self.prices.of(model, usage) / MICROS))
            for kind, count in (
                ("input", usage.input_tokens),
                ("output", usage.output_tokens),
                ("searches", usage.searches),
            ):
                PROVIDER_TOKENS.labels(model=model, kind=kind).inc(count)
        return self.prices.cost(meter.by_model)
