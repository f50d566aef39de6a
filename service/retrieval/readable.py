"""Which notes may be quoted at this moment, by PazPaz's own word."""

from service.domain.answers import Question
from service.domain.identity import UserId, WorkspaceId
from service.domain.notes import Note, NoteRef, Pulled
from service.domain.scope import Within
from service.errors import NoConsent
from service.ports.monolith import NoteSource


def readable(
    ref: NoteRef, pulled: Pulled, *, within: Within, require_consent: bool
) -> tuple[Note, str] | None:
    """The note and its client's name, if it is still there, in scope, and of a client who may be read."""
    note = _current(ref, pulled)
    if note is None or not note.is_there:
        return None
    client = pulled.clients.get(note.client)
    if client is None or not client.may_be_read(require_consent=require_consent):
        return None
    return (note, client.name) if within.holds(ref, note.client, note.day) else None


def _current(ref: NoteRef, pulled: Pulled) -> Note | None:
    """The note as pulled, None when it is unreadable, missing, or not the note that was asked for."""
    if ref.id in pulled.unreadable:
        return None
    note = pulled.sessions.get(ref.id) if ref.entity == "sessions" else _profile(ref, pulled)
    return note if note is not None and note.ref == ref else None


def _profile(ref: NoteRef, pulled: Pulled) -> Note | None:
    client = pulled.clients.get(ref.id)
    return client.profile if client else None


async def refuse_without_consent(
    question: Question, *, notes: NoteSource, workspace: WorkspaceId, actor: UserId | None
) -> None:
    """Raises NoConsent for a question about a client who did not consent, where that is asked for.

    Asked of PazPaz itself: they are not in the index, and 'not found' would hide why.
    """
    if question.require_consent and question.client:
        pulled = await notes.fetch(workspace=workspace, clients=[question.client], actor=actor)
        client = pulled.clients.get(question.client)
        if client is not None and not client.has_consent:
            raise NoConsent
