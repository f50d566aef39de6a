"""What conversations must not tell any more: sentences that leaned on what was erased, and their questions."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, bindparam, delete, exists, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.adapters.postgres.tables import conversations, note_catalogue, tombstones, turn_sources
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.turns import SEARCHED, Sentence, Turn

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


async def is_erased(
    connection: AsyncConnection, client: ClientId | None, workspace: WorkspaceId
) -> bool:
    """A conversation about a client who was erased while it was spoken is not kept at all."""
    stone = select(tombstones.c.at).where(
        tombstones.c.workspace_id == workspace,
        tombstones.c.entity == "clients",
        tombstones.c.entity_id == client,
    )
    return client is not None and (await connection.execute(stone)).first() is not None


async def purged_of(
    connection: AsyncConnection, turn: Turn, workspace: WorkspaceId
) -> set[NoteRef]:
    """The notes and clients of a turn that were purged while it was being answered."""
    sources = [source for said in turn.sentences if said for source in said.sources.items()]
    ids = {ref.id for ref, _ in sources} | {source.client for _, source in sources}
    query = select(tombstones.c.entity, tombstones.c.entity_id).where(
        tombstones.c.workspace_id == workspace, tombstones.c.entity_id.in_(ids)
    )
    rows = await connection.execute(query)
    return {NoteRef(workspace, row.entity, row.entity_id) for row in rows}


def without(turn: Turn, purged: set[NoteRef]) -> Turn:
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
