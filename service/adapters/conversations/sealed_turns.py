"""Turns as rows: what was said, sealed sentence by sentence, and what each sentence leans on."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from service.domain.feedback import Feedback
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import NoteRef
from service.domain.turns import Sentence, Source, Turn
from service.ports.keys import WorkspaceKeys
from service.security.sealing import seal, unseal


@dataclass(frozen=True, slots=True)
class Sources:
    """What became of the notes that a conversation leans on, by turn and number of the sentence."""

    hidden: frozenset[tuple[UUID, int]]
    """Whose note is deleted, archived or a draft again: not shown; once it is back, shown."""
    changed: Mapping[tuple[UUID, int], frozenset[tuple[NoteRef, str]]]

    @classmethod
    def of(cls, rows: Iterable[Row[Any]], workspace: WorkspaceId) -> "Sources":
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


def turn_row(turn: Turn, keys: WorkspaceKeys, *, conversation: UUID) -> dict[str, object]:
    """A turn under the newest key, but for its sources."""
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


def source_rows(turn: Turn, workspace: WorkspaceId) -> list[dict[str, object]]:
    """The notes that each sentence of a turn leans on."""
    return [
        {"workspace_id": workspace, "turn_id": turn.id, "sentence": place}
        | {"entity": note.entity, "entity_id": note.id, "client_id": source.client}
        | {"version": source.version, "updated_at": source.updated_at, "texts": source.texts}
        for place, said in enumerate(turn.sentences)
        if said
        for note, source in sorted(said.sources.items(), key=lambda item: str(item[0].id))
    ]


def open_turn(row: Row[Any], keys: WorkspaceKeys, sources: Sources) -> Turn:
    """A stored turn, without the sentences that are hidden. Raises KeyUnavailable, SealBroken."""
    sentences = [
        None if (row.id, place) in sources.hidden else _open_sentence(blob, row, keys, place)
        for place, blob in enumerate(row.sentences)
    ]
    return Turn(
        id=row.id,
        question=open_question(row.question, row.id, row.key_epoch, keys),
        sentences=[
            said and replace(said, changed=sources.changed.get((row.id, place), frozenset()))
            for place, said in enumerate(sentences)
        ],
        outcome=row.outcome,
        asked_at=row.asked_at,
        feedback=Feedback(row.rating, row.reason) if row.rating else None,
    )


def open_question(blob: bytes | None, turn: UUID, epoch: int, keys: WorkspaceKeys) -> str | None:
    """None where it was erased. Raises KeyUnavailable, SealBroken."""
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


def _seal(value: object, keys: WorkspaceKeys, turn: UUID, part: str) -> bytes:
    return seal(json.dumps(value).encode(), key=keys.seal, place=_place(keys, turn, part))


def _open(blob: bytes, turn: UUID, epoch: int, keys: WorkspaceKeys, part: str) -> bytes:
    return unseal(blob, key=keys.seal_of(epoch), place=_place(keys, turn, part))


def _place(keys: WorkspaceKeys, turn: UUID, part: str) -> tuple[str, ...]:
    return ("turns", str(keys.workspace), str(turn), part)
