"""Conversations in Postgres: sealed sentence by sentence, with a plain link to the notes each leans on."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.database import (
    WORKSPACE_STONES,
    Database,
    conversations,
    feedback,
    note_catalogue,
    tombstones,
    turn_sources,
    turns,
)
from service.adapters.key_store import require_current, with_current_keys, with_living_keys
from service.domain.feedback import Feedback
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.turns import SEARCHED, Sentence, Source, Turn
from service.errors import ConversationNotFound, WorkspaceSuspended
from service.ports.conversations import ConversationHead, ConversationLine
from service.ports.keys import KeyStore, WorkspaceKeys
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
        self,
        *,
        user: UserId,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        before: datetime | None,
        limit: int,
    ) -> Sequence[ConversationLine]:
        query = _lines(user, workspace).order_by(conversations.c.started_at.desc()).limit(limit)
        if before is not None:
            query = query.where(conversations.c.started_at < before)
        if client is not None:
            query = query.where(conversations.c.client_id == client)
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
            sources = _Sources.of(found, workspace)
        return [_open_turn(row, keys, sources) for row in rows]

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


# Days and counts of what was searched were also the note's.
_SHRED = """
UPDATE turns SET question = NULL, outcome = outcome - 'search', sentences = ARRAY(
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
    ids = {ref.id for ref, _ in sources} | {source.client for _, source in sources}
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
        sources = said.sources.items()
        return not any(ref in purged or source.client in clients for ref, source in sources)

    sentences = [said if said and stays(said) else None for said in turn.sentences]
    outcome = {name: value for name, value in turn.outcome.items() if name != SEARCHED}
    return replace(turn, question=None, sentences=sentences, outcome=outcome)


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
    question = _open_question(row.question, row.turn_id, row.key_epoch, keys)
    return ConversationLine(**_told(row), question=question)


def _told(row: Row[Any]) -> dict[str, Any]:
    client = ClientId(row.client_id) if row.client_id else None
    times = {"started_at": row.started_at, "last_at": row.last_at}
    return {"id": row.id, "client": client, **times, "turns": row.said}


def _turns(conversation: UUID, user: UserId, workspace: WorkspaceId) -> Any:
    owned = and_(
        conversations.c.workspace_id == turns.c.workspace_id,
        conversations.c.id == turns.c.conversation_id,
        conversations.c.user_id == user,
    )
    thought = and_(
        feedback.c.workspace_id == turns.c.workspace_id, feedback.c.turn_id == turns.c.id
    )
    return (
        select(turns, feedback.c.rating, feedback.c.reason)
        .join(conversations, owned)
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


@dataclass(frozen=True, slots=True)
class _Sources:
    """What became of the notes that a conversation leans on, by turn and number of the sentence."""

    hidden: frozenset[tuple[UUID, int]]
    """Whose note is deleted, archived or a draft again: not shown; once it is back, shown."""
    changed: Mapping[tuple[UUID, int], frozenset[tuple[NoteRef, str]]]

    @classmethod
    def of(cls, rows: Iterable[Row[Any]], workspace: WorkspaceId) -> "_Sources":
        hidden, changed = set[tuple[UUID, int]](), defaultdict[tuple[UUID, int], set[Any]](set)
        for row in rows:
            place = row.turn_id, row.sentence
            if not row.is_there:
                hidden.add(place)
                continue
            ref = NoteRef(workspace, row.entity, row.entity_id)
            kept = Source(ClientId(row.client_id), row.version, row.updated_at, row.texts)
            fields = kept.changed(row.texts_now, row.updated_now)
            changed[place] |= {(ref, field) for field in fields}
        return cls(frozenset(hidden), {place: frozenset(one) for place, one in changed.items()})


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
    risk = {"risk": True} if said.is_risk else {}
    return {"text": said.text, "citations": said.citations, **lead, **risk}


def _source_rows(turn: Turn, workspace: WorkspaceId) -> list[dict[str, object]]:
    return [
        {"workspace_id": workspace, "turn_id": turn.id, "sentence": place}
        | {"entity": note.entity, "entity_id": note.id, "client_id": source.client}
        | {"version": source.version, "updated_at": source.updated_at, "texts": source.texts}
        for place, said in enumerate(turn.sentences)
        if said
        for note, source in sorted(said.sources.items(), key=lambda item: str(item[0].id))
    ]


def reseal_turn(row: Row[Any], keys: WorkspaceKeys) -> dict[str, object]:
    """A stored turn under the newest key, as the columns to change; what was shredded stays so.

    Raises KeyUnavailable, SealBroken.
    """

    def again(blob: bytes | None, part: str) -> bytes | None:
        if blob is None:
            return None
        plain = _open(blob, row.id, row.key_epoch, keys, part)
        return seal(plain, key=keys.seal, place=_place(keys, row.id, part))

    sentences = [again(blob, str(place)) for place, blob in enumerate(row.sentences)]
    question = again(row.question, "question")
    return {"key_epoch": keys.epoch, "question": question, "sentences": sentences}


def _open_turn(row: Row[Any], keys: WorkspaceKeys, sources: _Sources) -> Turn:
    sentences = [
        None if (row.id, place) in sources.hidden else _open_sentence(blob, row, keys, place)
        for place, blob in enumerate(row.sentences)
    ]
    return Turn(
        id=row.id,
        question=_open_question(row.question, row.id, row.key_epoch, keys),
        sentences=[
            said and replace(said, changed=sources.changed.get((row.id, place), frozenset()))
            for place, said in enumerate(sentences)
        ],
        outcome=row.outcome,
        asked_at=row.asked_at,
        feedback=Feedback(row.rating, row.reason) if row.rating else None,
    )


def _open_question(blob: bytes | None, turn: UUID, epoch: int, keys: WorkspaceKeys) -> str | None:
    if blob is None:
        return None
    question: str = json.loads(_open(blob, turn, epoch, keys, "question"))
    return question


def _open_sentence(
    blob: bytes | None, row: Row[Any], keys: WorkspaceKeys, place: int
) -> Sentence | None:
    if blob is None:
        return None
    said = json.loads(_open(blob, row.id, row.key_epoch, keys, str(place)))
    lead, is_risk = said.get("lead", ""), said.get("risk", False)
    return Sentence(said["text"], said["citations"], {}, lead, is_risk)


def _seal(value: object, keys: WorkspaceKeys, turn: UUID, part: str) -> bytes:
    return seal(json.dumps(value).encode(), key=keys.seal, place=_place(keys, turn, part))


def _open(blob: bytes, turn: UUID, epoch: int, keys: WorkspaceKeys, part: str) -> bytes:
    return unseal(blob, key=keys.seal_of(epoch), place=_place(keys, turn, part))


def _place(keys: WorkspaceKeys, turn: UUID, part: str) -> tuple[str, ...]:
    return ("turns", str(keys.workspace), str(turn), part)
