"""Sentences of real notes as answers that quote them: what an extractive answer shows must pass, as it stands."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from uuid import UUID

from service.demo.notes import Row, read_practice
from service.demo.trust.material import Shelf, Statement, shelve
from service.domain.answers import Language, Passage
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import SOAP_FIELDS, Note, NoteRef
from service.language.detect import languages_of
from service.language.sentences import sentences

NOTES = 150  # Of a practice, sampled; every sentence of theirs is tried, some thousand in all.


def read_extractive(folder: Path) -> tuple[Shelf, list[Statement]]:
    """Passages of sampled notes, and every sentence of them; raises BadSettings."""
    practice = read_practice(folder)
    names = {str(row["client_id"]): _name(row) for row in practice.clients}
    dice = Random(1)  # noqa: S311 - no secret is made of it
    sampled = dice.sample(list(practice.sessions), min(NOTES, len(practice.sessions)))
    notes = [(row["session_id"], names.get(row["client_id"], ""), _note(row)) for row in sampled]
    shelf = shelve(one for one in notes if one[2].fields)
    return shelf, list(_statements(shelf.passages))


def _statements(passages: Sequence[Passage]) -> Iterator[Statement]:
    for passage in passages:
        for number, (start, end) in enumerate(sentences(passage.chunk.text), 1):
            text = passage.chunk.text[start:end]
            # Without a letter of either there is nothing to mutate or to support: "***", "10/10".
            if written := languages_of(text):
                language: Language = "he" if "he" in written else "en"
                name, client = f"{passage.id}-{number}", passage.note.client
                yield Statement(name, language, "verbatim", text, client, (passage,))


def _name(row: Row) -> str:
    return f"{row['first_name']} {row['last_name']}".strip()


def _note(row: Row) -> Note:
    workspace = WorkspaceId(UUID(row["workspace_id"]))
    held = datetime.fromisoformat(row["session_date"])
    fields = {field: row[field] for field in SOAP_FIELDS if row.get(field)}
    ref = NoteRef(workspace, "sessions", UUID(row["session_id"]))
    return Note(ref, ClientId(UUID(row["client_id"])), "active", fields, held, held, 1)
