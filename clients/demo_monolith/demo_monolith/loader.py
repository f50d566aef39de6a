"""What the AI service may ask this backend, answered from its tables."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from demo_monolith.resources import Sessions
from demo_monolith.sign_ins import SignIns
from demo_monolith.tables import (
    SOAP_FIELDS,
    AiOutbox,
    AuditRow,
    Client,
    Note,
    User,
    Workspace,
    users_with_workspace,
)
from pazpaz_ai_client.internal_api import Forbidden
from pazpaz_ai_client.models import (
    AuditEvent,
    ChangesAnswer,
    ChangesRequest,
    ClientRecord,
    IntrospectAnswer,
    IntrospectRequest,
    ManifestAnswer,
    ManifestItem,
    ManifestRequest,
    RecordError,
    RecordsAnswer,
    RecordsRequest,
    SessionRecord,
    WorkspaceItem,
    WorkspacesAnswer,
)
from pazpaz_ai_client.outbox import read_changes

Row = TypeVar("Row", Note, Client)


class DemoLoader:
    """The `Loader` of pazpaz_ai_client over the stand-in's tables."""

    def __init__(self, sessions: Sessions, sign_ins: SignIns) -> None:
        self._sessions = sessions
        self._sign_ins = sign_ins
        self.slow: dict[UUID, float] = {}
        """For how many seconds a practice's notes keep an answer waiting."""

    async def records(self, request: RecordsRequest) -> RecordsAnswer:
        """The current rows; reading them, or being refused, leaves a committed audit row."""
        if request.purpose == "answer":
            await asyncio.sleep(self.slow.get(request.workspace_id, 0))
        allowed = await self._may_read(request)
        await self._audit_read(request, allowed=allowed)
        if not allowed:
            raise Forbidden
        async with self._sessions() as db:
            notes = await _rows(db, Note, request.workspace_id, request.session_ids)
            clients = await _rows(db, Client, request.workspace_id, request.client_ids)
        found = {note.id for note in notes} | {client.id for client in clients}
        asked = (*request.session_ids, *request.client_ids)
        return RecordsAnswer(
            sessions=[_note_record(note) for note in notes],
            clients=[_client_record(client) for client in clients],
            missing=[wanted for wanted in asked if wanted not in found],
        )

    async def _may_read(self, request: RecordsRequest) -> bool:
        if request.purpose == "index":
            return True
        async with self._sessions() as db:
            actor = await db.scalar(
                select(User.id).where(
                    User.id == request.actor_user_id,
                    User.workspace_id == request.workspace_id,
                    User.is_active,
                )
            )
        return actor is not None

    async def _audit_read(self, request: RecordsRequest, *, allowed: bool) -> None:
        row = AuditRow(
            workspace_id=request.workspace_id,
            user_id=request.actor_user_id,
            action="READ",
            resource_type="AIRecords",
            details={
                "purpose": request.purpose,
                "allowed": allowed,
                "session_ids": [str(note_id) for note_id in request.session_ids],
                "client_ids": [str(client_id) for client_id in request.client_ids],
            },
        )
        async with self._sessions.begin() as db:
            db.add(row)

    async def changes(self, request: ChangesRequest) -> ChangesAnswer:
        """The outbox as a feed that skips nothing that commits late."""
        async with self._sessions() as db:
            return await read_changes(db, AiOutbox, request.after, request.limit)

    async def manifest(self, request: ManifestRequest) -> ManifestAnswer:
        """What exists in a practice or of one client, in the order of ids."""
        async with self._sessions() as db:
            notes = await db.scalars(_notes_after(request))
            clients = await db.scalars(_clients_after(request))
            items = [_note_item(note) for note in notes] + [_client_item(c) for c in clients]
        page = sorted(items, key=lambda item: item.id)[: request.limit]
        return ManifestAnswer(items=page, next=page[-1].id if len(page) == request.limit else None)

    async def workspaces(self) -> WorkspacesAnswer:
        """Every practice and its status."""
        async with self._sessions() as db:
            rows = await db.scalars(select(Workspace).order_by(Workspace.id))
            return WorkspacesAnswer(
                workspaces=[
                    WorkspaceItem.model_validate({"id": row.id, "status": row.status})
                    for row in rows
                ]
            )

    async def introspect(self, request: IntrospectRequest) -> IntrospectAnswer | None:
        """Whether a sign-in still counts: idle is judged first, then the call is activity.

        With Redis away this raises. The service then treats us as away, and nobody is signed out.
        """
        found = await self._person(request.user_id)
        if found is None:
            return None
        user, workspace = found
        sid = str(request.sid)
        revoked = await self._sign_ins.is_revoked(sid)
        deadline = await self._sign_ins.idle_deadline(user.id, sid)
        if not revoked and self._sign_ins.idle_for(deadline) is None:
            await self._sign_ins.touch(user.id, sid)
            deadline = await self._sign_ins.idle_deadline(user.id, sid)
        return IntrospectAnswer.model_validate(
            {
                "user_id": user.id,
                "workspace_id": user.workspace_id,
                "role": user.role,
                "active": user.is_active,
                "workspace_status": workspace.status,
                "revoked": revoked,
                "idle_deadline": deadline,
            }
        )

    async def _person(self, user_id: UUID) -> tuple[User, Workspace] | None:
        async with self._sessions() as db:
            rows = await db.execute(users_with_workspace().where(User.id == user_id))
            row = rows.one_or_none()
        return None if row is None else (row[0], row[1])

    async def audit(self, event: AuditEvent) -> None:
        """Append what the service did; the same key again changes nothing."""
        row = insert(AuditRow).values(
            idempotency_key=str(event.idempotency_key),
            workspace_id=event.workspace_id,
            user_id=event.user_id,
            action=event.action,
            resource_type=event.resource_type,
            details=event.metadata,
        )
        async with self._sessions.begin() as db:
            await db.execute(row.on_conflict_do_nothing(index_elements=["idempotency_key"]))


async def _rows(
    db: AsyncSession, table: type[Row], workspace_id: UUID, ids: Sequence[UUID]
) -> Sequence[Row]:
    found = await db.scalars(
        select(table).where(table.workspace_id == workspace_id, table.id.in_(ids))
    )
    return found.all()


def _note_record(note: Note) -> SessionRecord | RecordError:
    record = {name: getattr(note, name) for name in SessionRecord.model_fields}
    if note.deleted_at is not None:
        record |= dict.fromkeys(SOAP_FIELDS)  # A tombstone says that it was, not what it said.
    elif note.undecryptable:
        return RecordError(id=note.id, error="decrypt_failed")
    return SessionRecord.model_validate(record)


def _client_record(client: Client) -> ClientRecord:
    return ClientRecord.model_validate(
        {name: getattr(client, name) for name in ClientRecord.model_fields}
    )


def _notes_after(request: ManifestRequest) -> Select[Note]:
    wanted = select(Note).where(Note.workspace_id == request.workspace_id)
    if request.client_id is not None:
        wanted = wanted.where(Note.client_id == request.client_id)
    if request.after_id is not None:
        wanted = wanted.where(Note.id > request.after_id)
    return wanted.order_by(Note.id).limit(request.limit)


def _clients_after(request: ManifestRequest) -> Select[Client]:
    wanted = select(Client).where(Client.workspace_id == request.workspace_id)
    if request.client_id is not None:
        wanted = wanted.where(Client.id == request.client_id)
    if request.after_id is not None:
        wanted = wanted.where(Client.id > request.after_id)
    return wanted.order_by(Client.id).limit(request.limit)


def _note_item(note: Note) -> ManifestItem:
    state = "deleted" if note.deleted_at else "draft" if note.is_draft else "active"
    return ManifestItem.model_validate(
        {
            "entity": "sessions",
            "id": note.id,
            "client_id": note.client_id,
            "updated_at": note.updated_at,
            "version": note.version,
            "state": state,
        }
    )


def _client_item(client: Client) -> ManifestItem:
    return ManifestItem.model_validate(
        {
            "entity": "clients",
            "id": client.id,
            "client_id": client.id,
            "updated_at": client.updated_at,
            "version": None,
            "state": "active" if client.is_active else "archived",
        }
    )
