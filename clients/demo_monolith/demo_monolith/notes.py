"""Session notes as PazPaz serves them; version rises on edit, draft save, finalize, unfinalize."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from demo_monolith.auth import CurrentUser, SignedIn
from demo_monolith.people import own_client
from demo_monolith.resources import Transaction
from demo_monolith.tables import SOAP_FIELDS, Note, utc_now

SOAP_LIMIT = 5000
MAX_MINUTES = 480

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])


def _not_in_future(moment: datetime) -> datetime:
    if moment > utc_now():
        raise ValueError("a session cannot lie in the future")
    return moment


SoapText = Annotated[str | None, Field(max_length=SOAP_LIMIT)]
SessionDate = Annotated[AwareDatetime, AfterValidator(_not_in_future)]
Minutes = Annotated[int | None, Field(ge=0, le=MAX_MINUTES)]


class SoapIn(BaseModel):
    """The four parts of a note; what is not sent stays as it is."""

    subjective: SoapText = None
    objective: SoapText = None
    assessment: SoapText = None
    plan: SoapText = None


class NoteEdit(SoapIn):
    """What an edit may change."""

    session_date: SessionDate | None = None
    duration_minutes: Minutes = None


class NewNote(SoapIn):
    """A session that took place; it starts as a draft."""

    client_id: UUID
    session_date: SessionDate
    duration_minutes: Minutes = None


class NoteOut(BaseModel):
    """A note as the page reads it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    client_id: UUID
    session_date: datetime
    duration_minutes: int | None
    subjective: str | None
    objective: str | None
    assessment: str | None
    plan: str | None
    is_draft: bool
    draft_last_saved_at: datetime | None
    finalized_at: datetime | None
    amended_at: datetime | None
    amendment_count: int
    version: int
    deleted_at: datetime | None
    updated_at: datetime


class NoteList(BaseModel):
    """A page of notes, newest first."""

    items: list[NoteOut]
    total: int


async def own_note(
    db: AsyncSession, user: CurrentUser, note_id: UUID, *, deleted: bool = False
) -> Note:
    """The note, locked, if it is of the person's practice; a foreign one does not exist."""
    note = await db.scalar(
        select(Note)
        .where(
            Note.id == note_id,
            Note.workspace_id == user.workspace_id,
            Note.deleted_at.is_not(None) if deleted else Note.deleted_at.is_(None),
        )
        .with_for_update()
    )
    if note is None:
        raise HTTPException(404, "This note does not exist.")
    return note


async def _shown(db: AsyncSession, note: Note) -> NoteOut:
    await db.flush()  # fills `updated_at`
    return NoteOut.model_validate(note)


def _apply(note: Note, change: SoapIn) -> None:
    """Write what was sent; an explicit null empties a text but not a date."""
    for name in change.model_fields_set:
        value = getattr(change, name)
        if name != "session_date" or value is not None:
            setattr(note, name, value)
    note.version += 1


@router.get("")
async def list_notes(
    user: SignedIn,
    db: Transaction,
    client_id: UUID | None = None,
    include_deleted: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> NoteList:
    """Notes of the practice, or of one client."""
    wanted = select(Note).where(Note.workspace_id == user.workspace_id)
    if client_id is not None:
        wanted = wanted.where(Note.client_id == client_id)
    if not include_deleted:
        wanted = wanted.where(Note.deleted_at.is_(None))
    total = await db.scalar(select(func.count()).select_from(wanted.subquery()))
    page = wanted.order_by(Note.session_date.desc(), Note.id).limit(limit).offset(offset)
    rows = await db.scalars(page)
    return NoteList(items=[NoteOut.model_validate(row) for row in rows], total=total or 0)


@router.get("/{note_id}")
async def read_note(note_id: UUID, user: SignedIn, db: Transaction) -> NoteOut:
    """One note."""
    return NoteOut.model_validate(await own_note(db, user, note_id))


@router.post("", status_code=201)
async def create_note(body: NewNote, user: SignedIn, db: Transaction) -> NoteOut:
    """A new note, as a draft."""
    client = await own_client(db, user, body.client_id)
    note = Note(workspace_id=client.workspace_id, **body.model_dump())
    db.add(note)
    return await _shown(db, note)


@router.put("/{note_id}")
async def edit_note(note_id: UUID, body: NoteEdit, user: SignedIn, db: Transaction) -> NoteOut:
    """Change a note; a finalized one is thereby amended."""
    note = await own_note(db, user, note_id)
    _apply(note, body)
    if not note.is_draft:
        note.amended_at = utc_now()
        note.amendment_count += 1
    return await _shown(db, note)


@router.patch("/{note_id}/draft")
async def save_draft(note_id: UUID, body: NoteEdit, user: SignedIn, db: Transaction) -> NoteOut:
    """Autosave. On a finalized note it changes the text and counts no amendment, as in PazPaz."""
    note = await own_note(db, user, note_id)
    _apply(note, body)
    note.draft_last_saved_at = utc_now()
    return await _shown(db, note)


@router.post("/{note_id}/finalize")
async def finalize(note_id: UUID, user: SignedIn, db: Transaction) -> NoteOut:
    """Close a draft."""
    note = await own_note(db, user, note_id)
    if not note.is_draft:
        raise HTTPException(400, "This note is already finalized.")
    if not any(getattr(note, name) for name in SOAP_FIELDS):
        raise HTTPException(422, "An empty note cannot be finalized.")
    note.is_draft = False
    note.finalized_at = utc_now()
    note.version += 1
    return await _shown(db, note)


@router.post("/{note_id}/unfinalize")
async def unfinalize(note_id: UUID, user: SignedIn, db: Transaction) -> NoteOut:
    """Open a finalized note again."""
    note = await own_note(db, user, note_id)
    if note.is_draft:
        raise HTTPException(400, "This note is a draft already.")
    note.finalized_at = None
    note.is_draft = True
    note.version += 1
    return await _shown(db, note)


@router.delete("/{note_id}", status_code=204)
async def delete_note(note_id: UUID, user: SignedIn, db: Transaction) -> None:
    """Put a note into the bin; its version stays."""
    note = await own_note(db, user, note_id)
    note.deleted_at = utc_now()
    note.deleted_by_user_id = user.id


@router.post("/{note_id}/restore")
async def restore_note(note_id: UUID, user: SignedIn, db: Transaction) -> NoteOut:
    """Take a note out of the bin; its version stays."""
    note = await own_note(db, user, note_id, deleted=True)
    note.deleted_at = None
    note.deleted_by_user_id = None
    return await _shown(db, note)


@router.delete("/{note_id}/permanent", status_code=204)
async def delete_for_good(note_id: UUID, user: SignedIn, db: Transaction) -> None:
    """Remove a note that is in the bin."""
    await db.delete(await own_note(db, user, note_id, deleted=True))
