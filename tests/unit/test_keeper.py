"""The audit trail's keeper: orphans closed, rows handed on in order, chains signed, and nobody's trouble another's."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from pazpaz_ai_client.signing import PrivateKey
from service import keeper as keeper_module
from service.domain.audit import SERVICE_CHAIN, AuditEntry, AuditRow
from service.domain.identity import UserId, WorkspaceId
from service.errors import SourceUnavailable, StoreUnavailable
from service.keeper import FORWARD_ROWS, Keeper
from service.telemetry.metrics import AUDIT_BROKEN, AUDIT_CHAINS_BROKEN
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryAuditLog

KEY = PrivateKey.generate("ai-2026-11-a")
USER = UserId(UUID(int=7))
LOOK = AuditEntry("history.read", user=USER)


class InMemorySink:
    """PazPaz's audit log: keeps each row once, refuses some for good, and may be away."""

    def __init__(self) -> None:
        self.rows: list[AuditRow] = []
        self.calls = 0
        self.refuses: Callable[[AuditRow], bool] = lambda row: False
        self.away: Callable[[AuditRow], bool] = lambda row: False

    async def record(self, row: AuditRow) -> bool:
        self.calls += 1
        if self.away(row):
            raise SourceUnavailable
        if self.refuses(row):
            return False
        if row not in self.rows:
            self.rows.append(row)
        return True

    def got(self, workspace: WorkspaceId = WORKSPACE) -> list[int]:
        return [row.seq for row in self.rows if row.workspace == workspace]


class OneKey:
    """The part of LiveKeys that a keeper asks; a test rotates it."""

    accepted: tuple[str, ...] = ("ml-2026-11-a",)

    def at(self, now: datetime) -> PrivateKey:
        return KEY

    def state(self, now: datetime) -> tuple[str, tuple[str, ...]]:
        return KEY.keyid, self.accepted


class House:
    """A keeper over fakes, in time that the test moves."""

    def __init__(self) -> None:
        self.audit, self.sink = InMemoryAuditLog(), InMemorySink()
        self.keys = OneKey()
        self.keeper = self.another()

    def another(self) -> Keeper:
        return Keeper(
            audit=self.audit,
            sink=self.sink,
            signing_keys=self.keys,
            clock=lambda: self.audit.now,
            orphan_after=timedelta(minutes=5),
            checkpoint_every=timedelta(minutes=1),
        )

    def later(self, **time: float) -> None:
        self.audit.now += timedelta(**time)

    async def look(self, times: int = 1, workspace: WorkspaceId = WORKSPACE) -> None:
        for _ in range(times):
            await self.audit.append(LOOK, workspace=workspace)

    async def open(self) -> UUID:
        chat = uuid4()
        opening = AuditEntry("chat.opened", user=USER, chat=chat)
        await self.audit.append(opening, workspace=WORKSPACE)
        return chat


@pytest.fixture
def house() -> House:
    return House()


async def test_an_orphan_is_closed_as_unknown(house):
    """A question without an end is closed after its time, not before, by whoever asked it, without notes."""
    chat = await house.open()
    house.later(minutes=4)
    assert await house.keeper.close_orphans() == 0

    house.later(minutes=2)
    assert await house.keeper.close_orphans() == 1
    closing = house.audit.chains[WORKSPACE][-1].entry
    assert (closing.action, closing.user, closing.chat) == ("chat.closed", USER, chat)
    assert closing.details == {"outcome": "unknown", "model": None, "notes": []}


async def test_two_sweepers_close_an_orphan_once(house):
    """Whoever comes second finds it done, and says nothing of it."""
    await house.open()
    house.later(minutes=6)
    seen = await house.audit.open_chats(opened_before=house.audit.now, limit=9)
    house.audit.open_chats = lambda **_: _later(seen)
    closed = [await house.another().close_orphans() for _ in range(2)]
    assert closed == [1, 0]
    assert len(house.audit.chains[WORKSPACE]) == 2


async def _later(value):
    return value


async def test_rows_are_handed_on_in_order_and_once(house):
    """PazPaz gets each row of every workspace; a second round has nothing to do. The service's own chain stays here."""
    await house.look(3)
    await house.look(2, OTHER_WORKSPACE)
    await house.look(1, SERVICE_CHAIN)
    await house.keeper.forward_when_due()
    await house.keeper.forward_when_due()

    assert house.sink.got() == [1, 2, 3]
    assert house.sink.got(OTHER_WORKSPACE) == [1, 2]
    assert house.sink.got(SERVICE_CHAIN) == []
    assert house.sink.calls == 5


async def test_a_keeper_that_died_is_followed_by_one_that_sends_again(house):
    """Between PazPaz's answer and our note of it a process may end: the row is sent twice, and is one row there."""
    await house.look(3)
    remember = house.audit.forwarded

    async def dies(**_):
        raise StoreUnavailable

    house.audit.forwarded = dies
    with pytest.raises(StoreUnavailable):
        await house.keeper.forward_when_due()
    house.audit.forwarded = remember
    await house.another().forward_when_due()

    assert house.sink.got() == [1, 2, 3]
    assert house.sink.calls == 4


async def test_while_pazpaz_is_away_rows_wait_in_order(house):
    """The first failure ends the round; waits double; afterwards it goes on where it was."""
    await house.look(3)
    house.sink.away = lambda row: row.seq == 2
    await house.keeper.forward_when_due()
    await house.keeper.forward_when_due()
    assert (house.sink.got(), house.sink.calls) == ([1], 2)

    house.later(seconds=2)
    await house.keeper.forward_when_due()
    house.later(seconds=3)
    await house.keeper.forward_when_due()
    assert house.sink.calls == 3

    house.sink.away = lambda row: False
    house.later(seconds=1)
    await house.keeper.forward_when_due()
    assert house.sink.got() == [1, 2, 3]


async def test_a_row_refused_for_good_holds_up_nobody(house, lines):
    """It is told by its number, and those behind it are sent."""
    await house.look(3)
    house.sink.refuses = lambda row: row.seq == 2
    await house.keeper.forward_when_due()

    assert house.sink.got() == [1, 3]
    (told,) = [line for line in lines() if line["event"] == "audit.refused_by_pazpaz"]
    assert told["seq"] == 2


async def test_one_workspaces_trouble_does_not_hold_up_the_others(house):
    """Where PazPaz fails for one workspace only, the next round begins behind it."""
    await house.look(1)
    await house.look(1, OTHER_WORKSPACE)
    house.sink.away = lambda row: row.workspace == WORKSPACE
    await house.keeper.forward_when_due()
    house.later(minutes=2)
    await house.keeper.forward_when_due()

    assert house.sink.got(OTHER_WORKSPACE) == [1]


async def test_a_backlog_is_sent_in_turns(house):
    """A workspace with many rows waiting does not make the others wait for all of them."""
    await house.look(FORWARD_ROWS + 5)
    await house.look(1, OTHER_WORKSPACE)
    await house.keeper.forward_when_due()
    assert len(house.sink.got()) == FORWARD_ROWS
    assert house.sink.got(OTHER_WORKSPACE) == [1]

    await house.keeper.forward_when_due()
    assert len(house.sink.got()) == FORWARD_ROWS + 5


async def test_chains_that_grew_are_signed_now_and_then(house):
    """The signature is ours, over the last row; a chain that did not grow, or a minute too early, gets none."""
    await house.look(3)
    await house.look(1, SERVICE_CHAIN)
    await house.keeper.checkpoint_when_due()
    await house.look(1)
    await house.keeper.checkpoint_when_due()
    (point,) = house.audit.points[WORKSPACE]
    assert (point.seq, point.hash) == (3, house.audit.chains[WORKSPACE][2].hash)
    assert point.holds({KEY.keyid: KEY.key.public_key()})

    house.later(minutes=2)
    await house.keeper.checkpoint_when_due()
    assert [one.seq for one in house.audit.points[WORKSPACE]] == [3, 4]
    assert [one.seq for one in house.audit.points[SERVICE_CHAIN]] == [1]


def _altered(house: House) -> None:
    rows = house.audit.chains[WORKSPACE]
    rows[3] = replace(rows[3], entry=replace(LOOK, user=None))


def _rewritten_before(house: House) -> None:
    """The row behind the signed one follows something else now."""
    rows = house.audit.chains[WORKSPACE]
    rows[3] = replace(rows[3], previous=bytes(32))


def _unsigned(house: House) -> None:
    house.audit.points[WORKSPACE].clear()


@pytest.mark.parametrize(
    ("tamper", "row", "fault"),
    [
        (_altered, 4, "altered"),
        (_rewritten_before, 4, "unlinked"),
        (_unsigned, 2, "checkpoint"),
    ],
)
async def test_what_was_tampered_with_is_not_signed(house, lines, tamper, row, fault):
    """A keeper walks what it signs: an error is logged with the row, a metric counts, and no signature is given."""
    await house.look(2)
    await house.keeper.checkpoint_when_due()
    await house.look(3)
    tamper(house)
    before, signed = AUDIT_BROKEN._value.get(), len(house.audit.points[WORKSPACE])
    house.later(minutes=2)
    await house.keeper.checkpoint_when_due()

    assert len(house.audit.points[WORKSPACE]) == signed
    assert AUDIT_BROKEN._value.get() == before + 1
    (told,) = [line for line in lines() if line["event"] == "audit.broken"]
    assert (told["row"], told["fault"]) == (row, fault)


async def test_chains_that_are_broken_now_are_told(house):
    """How many, as long as they are: a chain that is mended counts no longer, and one beside it is signed."""
    await house.look(2)
    await house.look(1, OTHER_WORKSPACE)
    rows = house.audit.chains[WORKSPACE]
    rows[1], was = replace(rows[1], hash="0" * 64), rows[1]
    await house.keeper.checkpoint_when_due()
    assert AUDIT_CHAINS_BROKEN._value.get() == 1
    assert len(house.audit.points[OTHER_WORKSPACE]) == 1

    rows[1] = was
    house.later(minutes=2)
    await house.keeper.checkpoint_when_due()
    assert AUDIT_CHAINS_BROKEN._value.get() == 0


async def test_two_keepers_sign_the_same_row_once(house):
    """The slower one, with a head it read earlier, leaves what is there."""
    await house.look(2)
    (stale,) = await house.audit.heads()
    await house.look(1)
    await house.keeper.checkpoint_when_due()
    await house.another().checkpoint(stale)
    assert [one.seq for one in house.audit.points[WORKSPACE]] == [3]


async def test_the_loop_keeps_on_and_stops_at_once(house, monkeypatch):
    """One chore that fails does not keep the others from being done; a stop ends the pause."""
    monkeypatch.setattr(keeper_module, "TICK_SECONDS", 60)
    stop = asyncio.Event()
    await house.look(1)

    async def fails(**_):
        raise ValueError("the patient said zebra")

    house.audit.open_chats = fails
    keep = house.audit.keep_checkpoint

    async def keeps_and_stops(point):
        await keep(point)
        stop.set()

    house.audit.keep_checkpoint = keeps_and_stops
    await asyncio.wait_for(house.keeper.run(stop), timeout=5)
    assert house.sink.got() == [1]


async def test_other_keys_are_one_row_by_whichever_keeper():
    """Told when they differ from what the trail knows; another keeper, or a restart, tells nothing again."""
    house = House()
    for keeper in (house.keeper, house.keeper, house.another()):
        await keeper.tell_keys()
    house.keys.accepted = ("ml-2026-11-a", "ml-2026-11-b")
    for keeper in (house.keeper, house.another()):
        await keeper.tell_keys()
    told = [
        row.entry.details["accepted"] for row in await house.audit.rows(workspace=SERVICE_CHAIN)
    ]
    assert told == [["ml-2026-11-a"], ["ml-2026-11-a", "ml-2026-11-b"]]
