"""Feedback in Postgres: a row a rated turn, which goes with the turn; no text in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.dialects.postgresql import insert

from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import conversations, feedback, turns
from service.domain.feedback import Feedback, RatedTurn
from service.domain.identity import UserId, WorkspaceId

PLACE = ("workspace_id", "turn_id")


@dataclass(frozen=True, slots=True)
class PgFeedback:
    """Keeps FeedbackStore."""

    database: Database

    async def may_rate(self, turn: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        async with self.database.tenant_tx(workspace) as connection:
            return (await connection.execute(_own(turn, user, workspace))).first() is not None

    async def give(
        self, turn: UUID, given: Feedback, *, user: UserId, workspace: WorkspaceId, at: datetime
    ) -> bool:
        row = {"user_id": user, "rating": given.rating, "reason": given.reason, "at": at}
        kept = insert(feedback).values(row | {"workspace_id": workspace, "turn_id": turn})
        # Held, so that it is not deleted before its row of feedback stands.
        own = _own(turn, user, workspace).with_for_update(key_share=True, read=True, of=turns)
        async with self.database.tenant_tx(workspace) as connection:
            if (await connection.execute(own)).first() is None:
                return False
            again = kept.on_conflict_do_update(index_elements=PLACE, set_=row)
            await connection.execute(again)
        return True

    async def given(
        self, *, workspace: WorkspaceId, since: datetime | None = None
    ) -> Sequence[RatedTurn]:
        query = _rated(workspace)
        if since is not None:
            query = query.where(turns.c.asked_at >= since)
        async with self.database.tenant_tx(workspace) as connection:
            rows = await connection.execute(query)
            return [
                RatedTurn(
                    workspace=workspace,
                    turn=row.turn_id,
                    feedback=Feedback(row.rating, row.reason),
                    asked_on=row.asked_at.astimezone(UTC).date(),
                    outcome=row.outcome,
                )
                for row in rows
            ]


def _own(turn: UUID, user: UserId, workspace: WorkspaceId) -> Any:
    """The turn, if it is in a conversation of this user."""
    theirs = and_(
        conversations.c.workspace_id == turns.c.workspace_id,
        conversations.c.id == turns.c.conversation_id,
        conversations.c.user_id == user,
    )
    return (
        select(turns.c.id)
        .join(conversations, theirs)
        .where(turns.c.workspace_id == workspace, turns.c.id == turn)
    )


def _rated(workspace: WorkspaceId) -> Any:
    of = and_(feedback.c.workspace_id == turns.c.workspace_id, feedback.c.turn_id == turns.c.id)
    return (
        select(
            feedback.c.turn_id,
            feedback.c.rating,
            feedback.c.reason,
            turns.c.asked_at,
            turns.c.outcome,
        )
        .join(turns, of)
        .where(feedback.c.workspace_id == workspace)
        .order_by(turns.c.asked_at, turns.c.id)
    )
