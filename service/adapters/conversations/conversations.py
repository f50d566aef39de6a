"""Conversations in Postgres: sealed sentence by sentence, with a plain link to the notes each leans on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.conversations.sealed_turns import (
    Sources,
    open_question,
    open_turn,
    source_rows,
    turn_row,
)
from service.adapters.erasure.shredding import is_erased, purged_of, without
from service.adapters.key_store import require_current, with_current_keys, with_living_keys
from service.adapters.postgres.database import Database
from service.adapters.postgres.tables import (
    WORKSPACE_STONES,
    conversations,
    feedback,
    note_catalogue,
    tombstones,
    turn_sources,
    turns,
)
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.turns import Turn
from service.errors import ConversationNotFound, WorkspaceSuspended
from service.ports.conversations import ConversationHead, ConversationLine
from service.ports.keys import KeyStore, WorkspaceKeys


@dataclass(frozen=True, slots=True)
class PgConversations:
    """Keeps ConversationStore."""

    database: Database
    keys: KeyStore

    async def head(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> ConversationHead | None:
        query = _heads(user, workspace).where(conversations.c.id == conversation)
        async with self.database.tenant_tx(workspace) as connection:
            row = (await connection.execute(query)).one_or_none()
        return _head(row) if row else None

    async def page(
        self,
        *,
        user: UserId,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        whole_practice: bool = False,
        before: datetime | None,
        limit: int,
    ) -> Sequence[ConversationLine]:
        query = _lines(user, workspace).order_by(conversations.c.started_at.desc()).limit(limit)
        if before is not None:
            query = query.where(conversations.c.started_at < before)
        if client is not None:
            query = query.where(conversations.c.client_id == client)
        if whole_practice:
            query = query.where(conversations.c.client_id.is_(None))
        if not await self._rows(query, workspace):
            return []  # nothing to open, and no keys to make for it
        return await with_living_keys(self.keys, workspace, lambda keys: self._page(query, keys))

    async def _page(self, query: Any, keys: WorkspaceKeys) -> Sequence[ConversationLine]:
        return [_line(row, keys) for row in await self._rows(query, keys.workspace)]

    async def _rows(self, query: Any, workspace: WorkspaceId) -> Sequence[Row[Any]]:
        async with self.database.tenant_tx(workspace) as connection:
            return (await connection.execute(query)).all()

    async def add_turn(
        self,
        *,
        conversation: UUID,
        client: ClientId | None,
        user: UserId,
        workspace: WorkspaceId,
        turn: Turn,
    ) -> None:
        """Raises ConversationNotFound when the id is another user's."""

        async def add(keys: WorkspaceKeys) -> None:
            await self._add(turn, keys, conversation=conversation, client=client, user=user)

        await with_current_keys(self.keys, workspace, add)

    async def _add(
        self,
        turn: Turn,
        keys: WorkspaceKeys,
        *,
        conversation: UUID,
        client: ClientId | None,
        user: UserId,
    ) -> None:
        workspace = keys.workspace
        row = {"client_id": client, "started_at": turn.asked_at}
        first = insert(conversations).values(
            row | {"workspace_id": workspace, "id": conversation, "user_id": user}
        )
        owner = select(conversations.c.user_id).where(
            conversations.c.workspace_id == workspace, conversations.c.id == conversation
        )
        async with self.database.tenant_tx(workspace) as connection:
            await self._require_open(connection, keys)
            if await is_erased(connection, client, workspace):
                return
            await connection.execute(first.on_conflict_do_nothing())
            if await connection.scalar(owner) != user:
                raise ConversationNotFound
            turn = without(turn, await purged_of(connection, turn, workspace))
            await connection.execute(
                insert(turns).values(turn_row(turn, keys, conversation=conversation))
            )
            if sources := source_rows(turn, workspace):
                # Row by row: a statement takes 32,767 values, and danger may be spoken of in more sentences.
                await connection.execute(insert(turn_sources), sources)

    async def _require_open(self, connection: AsyncConnection, keys: WorkspaceKeys) -> None:
        """Nothing is said any more in a workspace that was shut while the answer was being written.

        The keys first: with them held, no erasure comes between looking for tombstones and writing.
        """
        await require_current(connection, keys, self.keys)
        stone = select(tombstones.c.at).where(
            tombstones.c.workspace_id == keys.workspace,
            tombstones.c.entity.in_(WORKSPACE_STONES),
        )
        if (await connection.execute(stone)).first() is not None:
            raise WorkspaceSuspended

    async def turns(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> Sequence[Turn]:
        return await with_living_keys(
            self.keys, workspace, lambda keys: self._turns(conversation, user, keys)
        )

    async def _turns(self, conversation: UUID, user: UserId, keys: WorkspaceKeys) -> Sequence[Turn]:
        workspace = keys.workspace
        async with self.database.tenant_tx(workspace) as connection:
            rows = (await connection.execute(_turns(conversation, user, workspace))).all()
            found = await connection.execute(_sources_now(conversation, workspace))
            sources = Sources.of(found, workspace)
        return [open_turn(row, keys, sources) for row in rows]

    async def last_questions(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId, most: int
    ) -> Sequence[str]:
        query = _questions(conversation, user, workspace).limit(most)
        return await with_living_keys(
            self.keys, workspace, lambda keys: self._questions(query, keys)
        )

    async def _questions(self, query: Any, keys: WorkspaceKeys) -> Sequence[str]:
        rows = await self._rows(query, keys.workspace)
        opened = (open_question(row.question, row.id, row.key_epoch, keys) for row in rows)
        return [question for question in opened if question is not None][::-1]

    async def delete(self, conversation: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        statement = delete(conversations).where(
            conversations.c.workspace_id == workspace,
            conversations.c.user_id == user,
            conversations.c.id == conversation,
        )
        async with self.database.tenant_tx(workspace) as connection:
            result = await connection.execute(statement.returning(conversations.c.id))
            return result.first() is not None

    async def delete_all(self, *, user: UserId, workspace: WorkspaceId) -> int:
        theirs = delete(conversations).where(
            conversations.c.workspace_id == workspace, conversations.c.user_id == user
        )
        async with self.database.tenant_tx(workspace) as connection:
            return int((await connection.execute(theirs)).rowcount)

    async def forget_before(self, moment: datetime, *, workspace: WorkspaceId) -> int:
        spoken = select(turns.c.id).where(
            turns.c.workspace_id == workspace,
            turns.c.conversation_id == conversations.c.id,
            turns.c.asked_at >= moment,
        )
        silent = delete(conversations).where(
            conversations.c.workspace_id == workspace,
            conversations.c.started_at < moment,
            ~spoken.exists(),
        )
        async with self.database.tenant_tx(workspace) as connection:
            return int((await connection.execute(silent)).rowcount)


def _heads(user: UserId, workspace: WorkspaceId) -> Any:
    said = _said(workspace)
    joined = conversations.join(said, true())
    return select(*_HEAD, said).select_from(joined).where(*_owned(user, workspace))


def _lines(user: UserId, workspace: WorkspaceId) -> Any:
    """Heads, each with the first question that is still there, sealed."""
    said, first = _said(workspace), _first_question(workspace)
    joined = conversations.join(said, true()).outerjoin(first, true())
    return select(*_HEAD, said, first).select_from(joined).where(*_owned(user, workspace))


_HEAD = (conversations.c.id, conversations.c.client_id, conversations.c.started_at)


def _owned(user: UserId, workspace: WorkspaceId) -> tuple[ColumnElement[bool], ...]:
    return conversations.c.workspace_id == workspace, conversations.c.user_id == user


def _said(workspace: WorkspaceId) -> Any:
    """How many turns a conversation has, and when the last one was."""
    last = func.max(turns.c.asked_at)
    return (
        select(func.count().label("said"), last.label("last_at"))
        .where(turns.c.workspace_id == workspace, turns.c.conversation_id == conversations.c.id)
        .lateral("said")
    )


def _first_question(workspace: WorkspaceId) -> Any:
    return (
        select(turns.c.id.label("turn_id"), turns.c.key_epoch, turns.c.question)
        .where(
            turns.c.workspace_id == workspace,
            turns.c.conversation_id == conversations.c.id,
            turns.c.question.is_not(None),
        )
        .order_by(turns.c.asked_at, turns.c.id)
        .limit(1)
        .lateral("first")
    )


def _head(row: Row[Any]) -> ConversationHead:
    return ConversationHead(**_told(row))


def _line(row: Row[Any], keys: WorkspaceKeys) -> ConversationLine:
    question = open_question(row.question, row.turn_id, row.key_epoch, keys)
    return ConversationLine(**_told(row), question=question)


def _told(row: Row[Any]) -> dict[str, Any]:
    client = ClientId(row.client_id) if row.client_id else None
    times = {"started_at": row.started_at, "last_at": row.last_at}
    return {"id": row.id, "client": client, **times, "turns": row.said}


def _questions(conversation: UUID, user: UserId, workspace: WorkspaceId) -> Any:
    """Sealed, the newest first."""
    return (
        select(turns.c.id, turns.c.key_epoch, turns.c.question)
        .join(conversations, _is_theirs(user))
        .where(turns.c.workspace_id == workspace, turns.c.conversation_id == conversation)
        .where(turns.c.question.is_not(None))
        .order_by(turns.c.asked_at.desc(), turns.c.id.desc())
    )


def _is_theirs(user: UserId) -> ColumnElement[bool]:
    """Whether a turn is of one of the user's conversations."""
    return and_(
        conversations.c.workspace_id == turns.c.workspace_id,
        conversations.c.id == turns.c.conversation_id,
        conversations.c.user_id == user,
    )


def _turns(conversation: UUID, user: UserId, workspace: WorkspaceId) -> Any:
    thought = and_(
        feedback.c.workspace_id == turns.c.workspace_id, feedback.c.turn_id == turns.c.id
    )
    return (
        select(turns, feedback.c.rating, feedback.c.reason)
        .join(conversations, _is_theirs(user))
        .outerjoin(feedback, thought)
        .where(turns.c.workspace_id == workspace, turns.c.conversation_id == conversation)
        .order_by(turns.c.asked_at, turns.c.id)
    )


def _sources_now(conversation: UUID, workspace: WorkspaceId) -> Any:
    """What a conversation leans on, as it was then, and as the catalogue has it now."""
    now = note_catalogue
    same = and_(
        now.c.workspace_id == turn_sources.c.workspace_id,
        now.c.entity == turn_sources.c.entity,
        now.c.entity_id == turn_sources.c.entity_id,
    )
    mine = select(turns.c.id).where(
        turns.c.workspace_id == workspace, turns.c.conversation_id == conversation
    )
    there = and_(now.c.entity_id.is_not(None), now.c.state != "archived", now.c.is_searched)
    return (
        select(
            turn_sources,
            there.label("is_there"),
            now.c.texts.label("texts_now"),
            now.c.updated_at.label("updated_now"),
        )
        .outerjoin(now, same)
        .where(turn_sources.c.workspace_id == workspace, turn_sources.c.turn_id.in_(mine))
    )
