"""The contract of the audit log, and of what its keeper needs."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.adapters.audit_log import PgAuditLog
from service.adapters.postgres.database import Database
from service.domain.audit import SERVICE_CHAIN, AuditEntry
from service.domain.identity import UserId, WorkspaceId
from service.errors import ChatAlreadyClosed
from service.ports.clock import now
from service.security.chain import GENESIS, BadLink, ChainCheck, Checkpoint
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryAuditLog, first_bad_link

USER = UserId(UUID(int=7))
LOOK = AuditEntry(
    "history.read", user=USER, details={"notes": [{"id": "n", "version": 2}], "ש": "א"}
)


@dataclass
class Audited:
    """A log, and what the tests ask of it."""

    log: PgAuditLog | InMemoryAuditLog

    async def look(self, times: int = 1, workspace: WorkspaceId = WORKSPACE) -> list[int]:
        return [await self.log.append(LOOK, workspace=workspace) for _ in range(times)]

    async def open(self, chat: UUID | None = None) -> UUID:
        chat = chat or uuid4()
        opening = AuditEntry("chat.opened", user=USER, chat=chat)
        await self.log.append(opening, workspace=WORKSPACE)
        return chat

    async def close(self, chat: UUID) -> int:
        closing = AuditEntry("chat.closed", user=USER, chat=chat, details={"outcome": "answered"})
        return await self.log.append(closing, workspace=WORKSPACE)

    async def left_open(self) -> list[UUID]:
        later = now() + timedelta(days=1)
        return [one.chat for one in await self.log.open_chats(opened_before=later, limit=9)]

    async def first_bad_link(self, workspace: WorkspaceId = WORKSPACE) -> BadLink | None:
        head = await self.log.head(workspace=workspace)
        check = ChainCheck(workspace, head.seq if head else 0, (), {}, now())
        return first_bad_link(check, [row async for row in self.log.all_rows(workspace=workspace)])


@pytest.fixture(params=["fake", "real"])
async def audited(request: pytest.FixtureRequest, database: Database) -> Audited:
    return Audited(InMemoryAuditLog(now()) if request.param == "fake" else PgAuditLog(database))


async def test_rows_are_numbered_from_one_in_their_workspace(audited: Audited) -> None:
    """Each workspace has a chain of its own, and the service one beside them."""
    assert await audited.look(3) == [1, 2, 3]
    assert await audited.look(2, OTHER_WORKSPACE) == [1, 2]
    assert await audited.look(1, SERVICE_CHAIN) == [1]
    heads = {head.workspace: head.seq for head in await audited.log.heads()}
    assert heads == {WORKSPACE: 3, OTHER_WORKSPACE: 2, SERVICE_CHAIN: 1}


async def test_a_row_is_read_as_it_was_written(audited: Audited) -> None:
    """Nothing of an entry is lost or changed, so its hash holds; the first row follows on nothing."""
    chat = await audited.open()
    await audited.look()
    opened, look = await audited.log.rows(workspace=WORKSPACE)

    assert (opened.entry.chat, opened.previous) == (chat, GENESIS)
    assert (look.entry, look.previous) == (LOOK, opened.hash)
    assert abs(look.at - now()) < timedelta(minutes=1)
    assert await audited.first_bad_link() is None


async def test_rows_come_in_pages_and_whole(audited: Audited) -> None:
    """A page begins behind a number; the whole chain comes in order."""
    await audited.look(5)
    page = await audited.log.rows(workspace=WORKSPACE, after=2, limit=2)
    assert [row.seq for row in page] == [3, 4]
    rest = [row.seq async for row in audited.log.all_rows(workspace=WORKSPACE, after=1)]
    assert rest == [2, 3, 4, 5]


async def test_appenders_at_once_make_one_chain(audited: Audited) -> None:
    """However many write in the same moment, no number is doubled or left out and every row follows the one before."""
    numbers = await asyncio.gather(*(audited.look() for _ in range(20)))
    assert sorted(number for (number,) in numbers) == list(range(1, 21))
    assert await audited.first_bad_link() is None


async def test_a_chat_is_open_until_it_is_closed(audited: Audited) -> None:
    """The sweeper sees a question exactly as long as it has no closing row, the oldest first."""
    first, second = await audited.open(), await audited.open()
    assert await audited.left_open() == [first, second]
    assert (await audited.log.depth()).open == 2

    await audited.close(first)
    assert await audited.left_open() == [second]
    assert await audited.log.open_chats(opened_before=now() - timedelta(days=1), limit=9) == []


async def test_a_chat_is_closed_once(audited: Audited) -> None:
    """A second closing row is refused, and nothing of it stays: not even its number."""
    chat = await audited.open()
    await audited.close(chat)
    with pytest.raises(ChatAlreadyClosed):
        await audited.close(chat)

    assert [row.seq for row in await audited.log.rows(workspace=WORKSPACE)] == [1, 2]
    assert await audited.look() == [3]
    assert await audited.first_bad_link() is None


async def test_of_closings_at_once_one_is_written(audited: Audited) -> None:
    """Two sweepers and the question's own end meet: one row says how it ended."""
    chat = await audited.open()
    said = await asyncio.gather(*(audited.close(chat) for _ in range(6)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in said) == ["ChatAlreadyClosed"] * 5 + ["int"]
    assert [row.seq for row in await audited.log.rows(workspace=WORKSPACE)] == [1, 2]
    assert await audited.left_open() == []


async def test_what_pazpaz_has_only_grows(audited: Audited) -> None:
    """A keeper that comes late does not take back what another reached; the service's own chain is not waited for."""
    await audited.look(5)
    await audited.look(2, SERVICE_CHAIN)
    await audited.log.forwarded(workspace=WORKSPACE, seq=4)
    await audited.log.forwarded(workspace=WORKSPACE, seq=2)

    head = await audited.log.head(workspace=WORKSPACE)
    assert head is not None
    assert (head.seq, head.forwarded) == (5, 4)
    assert (await audited.log.depth()).waiting == 1


async def test_a_checkpoint_is_kept_once(audited: Audited) -> None:
    """Of two keepers that sign the same row the first one's word stays; the head knows how far signatures reach."""
    await audited.look(3)
    assert await audited.log.last_checkpoint(workspace=WORKSPACE) is None
    *_, last = await audited.log.rows(workspace=WORKSPACE)
    point = Checkpoint(WORKSPACE, 3, last.hash, last.at, "ai-2026-11-a", b"s" * 64)
    earlier = replace(point, seq=1)
    for one in (point, replace(point, keyid="ai-2026-11-b"), earlier):
        await audited.log.keep_checkpoint(one)

    assert await audited.log.checkpoints(workspace=WORKSPACE) == [earlier, point]
    assert await audited.log.last_checkpoint(workspace=WORKSPACE) == point
    head = await audited.log.head(workspace=WORKSPACE)
    assert head is not None
    assert head.checkpointed == 3


async def test_an_unknown_workspace_has_nothing(audited: Audited) -> None:
    """No chain is an empty one."""
    assert await audited.log.head(workspace=WORKSPACE) is None
    assert await audited.log.rows(workspace=WORKSPACE) == []
    assert await audited.log.checkpoints(workspace=WORKSPACE) == []
