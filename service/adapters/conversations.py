"""Conversations in Postgres: sealed sentence by sentence, with a plain link to the notes each leans on."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Uuid,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.database import (
    WORKSPACE_STONES,
    Database,
    conversations,
    note_catalogue,
    tombstones,
    turn_sources,
    turns,
)
from service.adapters.key_store import require_current, with_current_keys, with_living_keys
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.turns import Sentence, Turn
from service.errors import ConversationNotFound, WorkspaceSuspended
from service.ports import ConversationHead, KeyStore, WorkspaceKeys
from service.security.sealing import seal, unseal


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
        self, *, user: UserId, workspace: WorkspaceId, before: datetime | None, limit: int
    ) -> Sequence[ConversationHead]:
        query = _heads(user, workspace).order_by(conversations.c.started_at.desc()).limit(limit)
        if before is not None:
            query = query.where(conversations.c.started_at < before)
        async with self.database.tenant_tx(workspace) as connection:
            return [_head(row) for row in await connection.execute(query)]

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
            if await _is_erased(connection, client, workspace):
                return
            await connection.execute(first.on_conflict_do_nothing())
            if await connection.scalar(owner) != user:
                raise ConversationNotFound
            turn = _without(turn, await _purged(connection, turn, workspace))
            await connection.execute(
                insert(turns).values(_turn_row(turn, keys, conversation=conversation))
            )
            if sources := _source_rows(turn, workspace):
                await connection.execute(insert(turn_sources).values(sources))

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
            gone = await connection.execute(_gone_sources(conversation, workspace))
            hidden = {(row.turn_id, row.sentence) for row in gone}
        return [_open_turn(row, keys, hidden) for row in rows]

    async def delete(self, conversation: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        statement = delete(conversations).where(
            conversations.c.workspace_id == workspace,
            conversations.c.user_id == user,
            conversations.c.id == conversation,
        )
        async with self.database.tenant_tx(workspace) as connection:
            result = await connection.execute(statement.returning(conversations.c.id))
            return result.first() is not None

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


async def erase_talks_about(
    connection: AsyncConnection, client: ClientId, *, workspace: WorkspaceId
) -> None:
    """Shreds every sentence that leaned on anything of a client and the question it answered.

    Conversations about that client alone go as a whole: even an answer that found nothing may name them.
    """
    scoped = conversations.c.workspace_id == workspace, conversations.c.client_id == client
    await connection.execute(delete(conversations).where(*scoped))
    named = {"workspace": workspace, "ids": [client]}
    await connection.execute(_SHRED_CLIENTS, named)
    await _unlink(connection, workspace, turn_sources.c.client_id == client)


async def erase_sources(
    connection: AsyncConnection, sessions: Collection[UUID], *, workspace: WorkspaceId
) -> None:
    """Shreds every sentence that leaned on one of these notes and the question it answered; the links go too."""
    named = {"workspace": workspace, "ids": list(sessions)}
    await connection.execute(_SHRED_NOTES, named)
    about = and_(turn_sources.c.entity == "sessions", turn_sources.c.entity_id.in_(sessions))
    await _unlink(connection, workspace, about)


async def _unlink(
    connection: AsyncConnection, workspace: WorkspaceId, about: ColumnElement[bool]
) -> None:
    links = delete(turn_sources).where(turn_sources.c.workspace_id == workspace, about)
    await connection.execute(links)


async def sessions_spoken_of(
    connection: AsyncConnection, client: ClientId, *, workspace: WorkspaceId
) -> set[UUID]:
    """The sessions of a client that any conversation drew on, and that never were anybody else's."""
    spoken = turn_sources.alias("spoken")
    of_another = exists().where(
        spoken.c.workspace_id == workspace,
        spoken.c.entity_id == turn_sources.c.entity_id,
        spoken.c.client_id != client,
    )
    anothers = exists().where(
        note_catalogue.c.workspace_id == workspace,
        note_catalogue.c.entity == turn_sources.c.entity,
        note_catalogue.c.entity_id == turn_sources.c.entity_id,
        note_catalogue.c.client_id != client,
    )
    query = select(turn_sources.c.entity_id).where(
        turn_sources.c.workspace_id == workspace,
        turn_sources.c.client_id == client,
        turn_sources.c.entity == "sessions",
        ~anothers,
        ~of_another,
    )
    return set(await connection.scalars(query))


_SHRED = """
UPDATE turns SET question = NULL, sentences = ARRAY(
  SELECT CASE WHEN said.place - 1 IN (
    SELECT sentence FROM turn_sources s WHERE s.workspace_id = turns.workspace_id AND s.turn_id = turns.id AND {about}
  ) THEN NULL ELSE said.sealed END
  FROM unnest(turns.sentences) WITH ORDINALITY AS said (sealed, place) ORDER BY said.place)
WHERE workspace_id = :workspace AND id IN (
  SELECT turn_id FROM turn_sources s WHERE s.workspace_id = :workspace AND {about})
"""
_IDS = bindparam("ids", type_=ARRAY(Uuid))
_SHRED_NOTES = text(
    _SHRED.format(about="s.entity = 'sessions' AND s.entity_id = ANY(:ids)")
).bindparams(_IDS)
_SHRED_CLIENTS = text(_SHRED.format(about="s.client_id = ANY(:ids)")).bindparams(_IDS)


async def _is_erased(
    connection: AsyncConnection, client: ClientId | None, workspace: WorkspaceId
) -> bool:
    """A conversation about a client who was erased while it was spoken is not kept at all."""
    stone = select(tombstones.c.at).where(
        tombstones.c.workspace_id == workspace,
        tombstones.c.entity == "clients",
        tombstones.c.entity_id == client,
    )
    return client is not None and (await connection.execute(stone)).first() is not None


async def _purged(connection: AsyncConnection, turn: Turn, workspace: WorkspaceId) -> set[NoteRef]:
    """The notes and clients of a turn that were purged while it was being answered."""
    sources = [source for said in turn.sentences if said for source in said.sources.items()]
    ids = {ref.id for ref, _ in sources} | {owner for _, owner in sources}
    query = select(tombstones.c.entity, tombstones.c.entity_id).where(
        tombstones.c.workspace_id == workspace, tombstones.c.entity_id.in_(ids)
    )
    rows = await connection.execute(query)
    return {NoteRef(workspace, row.entity, row.entity_id) for row in rows}


def _without(turn: Turn, purged: set[NoteRef]) -> Turn:
    """A turn without what `erase_sources` would have shredded, had it been stored a moment earlier."""
    if not purged:
        return turn
    clients = {ref.id for ref in purged if ref.entity == "clients"}

    def stays(said: Sentence) -> bool:
        return not any(ref in purged or owner in clients for ref, owner in said.sources.items())

    sentences = [said if said and stays(said) else None for said in turn.sentences]
    return replace(turn, question=None, sentences=sentences)


def _heads(user: UserId, workspace: WorkspaceId) -> Any:
    said = (
        select(func.count())
        .where(turns.c.workspace_id == workspace, turns.c.conversation_id == conversations.c.id)
        .scalar_subquery()
    )
    return select(
        conversations.c.id,
        conversations.c.client_id,
        conversations.c.started_at,
        said.label("said"),
    ).where(conversations.c.workspace_id == workspace, conversations.c.user_id == user)


def _head(row: Row[Any]) -> ConversationHead:
    client = ClientId(row.client_id) if row.client_id else None
    return ConversationHead(row.id, client, row.started_at, row.said)


def _turns(conversation: UUID, user: UserId, workspace: WorkspaceId) -> Any:
    owned = and_(
        conversations.c.workspace_id == turns.c.workspace_id,
        conversations.c.id == turns.c.conversation_id,
        conversations.c.user_id == user,
    )
    return (
        select(turns)
        .join(conversations, owned)
        .where(turns.c.workspace_id == workspace, turns.c.conversation_id == conversation)
        .order_by(turns.c.asked_at, turns.c.id)
    )


def _gone_sources(conversation: UUID, workspace: WorkspaceId) -> Any:
    """The sentences whose note the catalogue no longer has: deleted or archived, so not shown; restored, shown."""
    there = (
        select(note_catalogue.c.entity_id)
        .where(
            note_catalogue.c.workspace_id == turn_sources.c.workspace_id,
            note_catalogue.c.entity == turn_sources.c.entity,
            note_catalogue.c.entity_id == turn_sources.c.entity_id,
            note_catalogue.c.state != "archived",
        )
        .exists()
    )
    mine = select(turns.c.id).where(
        turns.c.workspace_id == workspace, turns.c.conversation_id == conversation
    )
    return select(turn_sources.c.turn_id, turn_sources.c.sentence).where(
        turn_sources.c.workspace_id == workspace, turn_sources.c.turn_id.in_(mine), ~there
    )


def _turn_row(turn: Turn, keys: WorkspaceKeys, *, conversation: UUID) -> dict[str, object]:
    return {
        "workspace_id": keys.workspace,
        "id": turn.id,
        "conversation_id": conversation,
        "asked_at": turn.asked_at,
        "key_epoch": keys.epoch,
        "question": _seal(turn.question, keys, turn.id, "question") if turn.question else None,
        "sentences": [
            _seal(_kept(said), keys, turn.id, str(place)) if said else None
            for place, said in enumerate(turn.sentences)
        ],
        "outcome": turn.outcome,
    }


def _kept(said: Sentence) -> dict[str, object]:
    """As it is sealed; its sources stand in a table of their own."""
    lead = {"lead": said.lead} if said.lead else {}
    return {"text": said.text, "citations": said.citations, **lead}


def _source_rows(turn: Turn, workspace: WorkspaceId) -> list[dict[str, object]]:
    return [
        {"workspace_id": workspace, "turn_id": turn.id, "sentence": place}
        | {"entity": note.entity, "entity_id": note.id, "client_id": client}
        for place, said in enumerate(turn.sentences)
        if said
        for note, client in sorted(said.sources.items(), key=lambda item: str(item[0].id))
    ]


def reseal_turn(row: Row[Any], keys: WorkspaceKeys) -> dict[str, object]:
    """A stored turn under the newest key, as the columns to change; what was shredded stays so.

    Raises KeyUnavailable, SealBroken.
    """

    def again(blob: bytes | None, part: str) -> bytes | None:
        if blob is None:
            return None
        plain = _open(blob, row, keys, part)
        return seal(plain, key=keys.seal, place=_place(keys, row.id, part))

    sentences = [again(blob, str(place)) for place, blob in enumerate(row.sentences)]
    question = again(row.question, "question")
    return {"key_epoch": keys.epoch, "question": question, "sentences": sentences}


def _open_turn(row: Row[Any], keys: WorkspaceKeys, hidden: set[tuple[UUID, int]]) -> Turn:
    sentences = [
        _open_sentence(None if (row.id, place) in hidden else blob, row, keys, place)
        for place, blob in enumerate(row.sentences)
    ]
    return Turn(
        id=row.id,
        question=json.loads(_open(row.question, row, keys, "question")) if row.question else None,
        sentences=sentences,
        outcome=row.outcome,
        asked_at=row.asked_at,
    )


def _open_sentence(
    blob: bytes | None, row: Row[Any], keys: WorkspaceKeys, place: int
) -> Sentence | None:
    if blob is None:
        return None
    said = json.loads(_open(blob, row, keys, str(place)))
    return Sentence(said["text"], said["citations"], {}, said.get("lead", ""))


def _seal(value: object, keys: WorkspaceKeys, turn: UUID, part: str) -> bytes:
    return seal(json.dumps(value).encode(), key=keys.seal, place=_place(keys, turn, part))


def _open(blob: bytes, row: Row[Any], keys: WorkspaceKeys, part: str) -> bytes:
    return unseal(blob, key=keys.seal_of(row.key_epoch), place=_place(keys, row.id, part))


def _place(keys: WorkspaceKeys, turn: UUID, part: str) -> tuple[str, ...]:
    return ("turns", str(keys.workspace), str(turn), part)
