"""How long the command waits for workers."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from service.commands import reconcile
from service.commands.reconcile import _Run
from service.domain.notes import ManifestItem
from service.ingestion.reconcile import Comparison, Difference
from service.ports.work import Depth, OpenWork
from tests.fakes import CLIENT, NOW, WORKSPACE

LOST = ManifestItem("sessions", UUID(int=7), CLIENT, "deleted", NOW)
FOUND = Comparison(WORKSPACE, listed=3, differences=[Difference("extra", LOST)])


class Worked:
    """A queue whose other work goes down by one a look, `others` times; then `looked_at` decides of ours."""

    def __init__(self, others: int, *, looked_at: bool) -> None:
        self.others, self.looked_at = others, looked_at

    async def depth(self) -> Depth:
        self.others = max(0, self.others - 1)
        return Depth(waiting=self.others, background=1, parked=0, lag=0.0)

    async def open_work(self, *, workspace: Any) -> OpenWork:
        done = self.looked_at and not self.others
        return OpenWork(frozenset() if done else frozenset({("sessions", LOST.id)}), frozenset())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience is five looks."""
    monkeypatch.setattr(reconcile, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(reconcile, "PATIENCE_SECONDS", 0.005)


async def left_of(queue: Worked) -> int:
    run = _Run(SimpleNamespace(queue=queue), ids=0, repairs=True, found=[FOUND])  # type: ignore[arg-type]
    return await run._until_looked_at(1, lambda done: None)


async def test_who_works_on_something_else_first_is_waited_for() -> None:
    """What people changed comes before; thirty looks are six times the patience."""
    assert await left_of(Worked(30, looked_at=True)) == 0


async def test_nobody_who_works_is_not_waited_for() -> None:
    """Once nothing at all goes down any more."""
    assert await left_of(Worked(30, looked_at=False)) == 1
