"""How long conversations are kept: a month after their last turn, or not at all."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.adapters.limits.switches import PgSwitches
from service.chores import clockwork_of
from service.container import Container, now
from service.domain.audit import AuditEntry
from service.domain.identity import UserId, WorkspaceId
from service.domain.turns import Sentence, Turn

USER = UserId(UUID(int=21))


async def said(opened: Container, workspace: WorkspaceId, *days_ago: int) -> UUID:
    """A conversation with a turn on each of these days."""
    conversation = uuid4()
    for days in days_ago:
        sentences = [Sentence("Not found.", [], {})]
        asked_at = now() - timedelta(days=days)
        turn = Turn(uuid4(), "?", sentences, {"status": "abstained"}, asked_at)
        await opened.conversations.add_turn(
            conversation=conversation, client=None, user=USER, workspace=workspace, turn=turn
        )
    return conversation


async def kept(opened: Container, workspace: WorkspaceId) -> set[UUID]:
    owned = {"user": USER, "workspace": workspace}
    return {line.id for line in await opened.conversations.page(**owned, before=None, limit=9)}


@pytest.fixture
async def workspace(opened: Container) -> WorkspaceId:
    return WorkspaceId(uuid4())


async def test_a_conversation_goes_a_month_after_its_last_turn(
    opened: Container, workspace: WorkspaceId
) -> None:
    """Thirty days by default; a conversation that was gone on with stays with all its turns."""
    assert opened.settings.conversation_retention_days == 30
    await said(opened, workspace, 31)
    stays = {await said(opened, workspace, 29), await said(opened, workspace, 90, 1)}
    await clockwork_of(opened).chores["retention"].do()
    assert await kept(opened, workspace) == stays


async def test_where_nothing_is_kept_the_clock_deletes_what_was(
    opened: Container, workspace: WorkspaceId
) -> None:
    """In the one workspace that was switched off, and its audit trail stays."""
    other = WorkspaceId(uuid4())
    await said(opened, workspace, 0)
    stays = await said(opened, other, 0)
    await opened.audit.append(AuditEntry("history.read", user=USER), workspace=workspace)
    await PgSwitches(opened.database).put("conversations", False, workspace=workspace)
    await opened.standings.now(workspace)

    await clockwork_of(opened).chores["retention"].do()
    assert (await kept(opened, workspace), await kept(opened, other)) == (set(), {stays})
    actions = [row.entry.action for row in await opened.audit.rows(workspace=workspace)]
    assert "history.read" in actions
