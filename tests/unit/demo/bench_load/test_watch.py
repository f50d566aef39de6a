"""How late changes are found, and how much memory processes hold."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.demo.bench_load.ledger import Client
from service.demo.bench_load.watch import Lags, memory, private_memory

PLACE = ("sessions", "n1")
THEN = datetime(2026, 11, 30, tzinfo=UTC)
ORA = Client("ora", "w1", "Ora", "qzaaaaaa", [])


class Catalogue:
    """Answers with what it holds of the places asked for."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], datetime] = {}

    async def fetch(self, _: str, *asked: Sequence[str]) -> list[dict[str, Any]]:
        _workspaces, entities, ids = asked
        return [
            {"entity": entity, "entity_id": id, "updated_at": self.held[entity, id]}
            for entity, id in zip(entities, ids, strict=True)
            if (entity, id) in self.held
        ]


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


async def test_a_change_is_found_once_the_index_has_its_moment(catalogue: Catalogue) -> None:
    """Not with the state of before; and a later state finds all that were wanted before it."""
    lags = Lags()
    for seconds in (0, 1, 9):
        lags.want(ORA, PLACE, THEN + timedelta(seconds=seconds))
    catalogue.held[PLACE] = THEN - timedelta(seconds=1)
    await lags.look(catalogue)
    assert not lags.found
    catalogue.held[PLACE] = THEN + timedelta(seconds=1)
    await lags.look(catalogue)
    assert len(lags.found) == 2
    assert len(lags.wants[PLACE]) == 1


async def test_what_is_to_be_gone_is_found_once_it_is(catalogue: Catalogue) -> None:
    """A note that stays in the index stays wanted; edits of before it went are no longer waited for."""
    lags = Lags()
    lags.want(ORA, PLACE, THEN)
    lags.want_gone(ORA, PLACE)
    catalogue.held[PLACE] = THEN
    await lags.look(catalogue)
    assert not lags.found
    del catalogue.held[PLACE]
    await lags.look(catalogue)
    assert len(lags.found) == 1
    assert not lags.wants


async def test_a_note_that_never_comes_stays_wanted(catalogue: Catalogue) -> None:
    """Which is what the end of a load asks."""
    lags = Lags()
    lags.want(ORA, PLACE, THEN)
    await lags.look(catalogue)
    assert lags.wants
    lags.drop(ORA)
    assert not lags.wants


def test_a_process_holds_more_than_it_holds_alone() -> None:
    """Of this one some is shared with files; of one that ended there is nothing."""
    pid = os.getpid()
    assert memory(pid) > private_memory([pid]) > 1
    assert private_memory([pid, pid]) == pytest.approx(2 * private_memory([pid]), rel=0.05)
    nobody = 2**22 + 1  # the kernel gives no higher ones
    assert memory(nobody) == private_memory([nobody]) == 0
