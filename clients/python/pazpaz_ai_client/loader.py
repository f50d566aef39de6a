"""The loader over PazPaz's own tables and Redis: what the internal API asks, read by the names PazPaz's models have."""

import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import lazyload

from pazpaz_ai_client._hosts import only_async, require_columns
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
from pazpaz_ai_client.outbox import EntityMapping, read_changes

ACTIVITY_LIFE = timedelta(days=7)  # as long as PazPaz's own tokens live
KEYS = uuid.UUID("6f0a3c52-5f3e-4c3b-9a52-2f6d1d3d3c11")
"""The name space of audit ids: the same key is the same id."""

PAZPAZ_AUDIT = (
    "id",
    "workspace_id",
    "user_id",
    "event_type",
    "resource_type",
    "event_metadata",
)

log = logging.getLogger(__name__)

R = TypeVar("R", bound=BaseModel)
Audited = AuditEvent | RecordsRequest
AuditColumns = Callable[[Audited, bool], dict[str, Any]]
"""The columns of an audit row, without `id`; the flag is false where reading was refused."""


@dataclass(frozen=True)
class Tables:
    """PazPaz's models; their columns are called as the fields of the records are."""

    session: type[Any]
    client: type[Any]
    workspace: type[Any]
    user: type[Any]
    outbox: type[Any]

    def mappings(self) -> Sequence[EntityMapping]:
        """What `install_outbox` takes."""
        return (
            EntityMapping(self.session, "sessions", lambda row: row.workspace_id),
            EntityMapping(self.client, "clients", lambda row: row.workspace_id),
            EntityMapping(self.workspace, "workspaces", lambda row: row.id),
            EntityMapping(self.user, "users", lambda row: row.workspace_id),
        )

    def check(self) -> None:
        """Raises HostUnfit where a model lacks what is read of it; missing columns would look like broken rows."""
        require_columns(self.session, "workspace_id", *SessionRecord.model_fields)
        require_columns(self.client, "workspace_id", *ClientRecord.model_fields)
        require_columns(self.workspace, "id", "status")
        require_columns(self.user, "id", "workspace_id", "role", "is_active")


@dataclass(frozen=True)
class SignIn:
    """What is known of a sign-in beside its user."""

    revoked: bool
    idle_deadline: datetime | None


class SignIns(Protocol):
    """Looks at sign-ins and counts that as activity. Raises when it cannot tell, never guesses."""

    async def look(self, sid: str, user_id: UUID) -> SignIn:
        """`sid` is the `jti` of the cookie's token."""
        ...


class RedisCommands(Protocol):
    """Of an asyncio Redis client."""

    def get(self, name: str) -> Awaitable[Any]:
        """`GET`."""
        ...

    def set(self, name: str, value: str, *, ex: int) -> Awaitable[Any]:
        """`SET name value EX ex`."""
        ...


class RedisSignIns:
    """PazPaz's own keys: `blacklist:jwt:{jti}` and `session:activity:{user}:{jti}`."""

    def __init__(self, redis: RedisCommands, *, idle: timedelta) -> None:
        self._redis = redis
        self._idle = idle

    async def look(self, sid: str, user_id: UUID) -> SignIn:
        """Idleness is judged first; only a sign-in that still counts is noted as active now."""
        revoked = await self._redis.get(f"blacklist:jwt:{sid}") is not None
        key, now = f"session:activity:{user_id}:{sid}", datetime.now(UTC)
        last = await self._redis.get(key)
        # PazPaz lets a sign-in without a record pass, so a missing one counts from now.
        deadline = (_moment(last) if last else now) + self._idle
        if revoked or deadline < now:
            return SignIn(revoked, deadline)
        await self._redis.set(key, now.isoformat(), ex=int(ACTIVITY_LIFE.total_seconds()))
        return SignIn(revoked, now + self._idle)


def pazpaz_audit_columns(event: Audited, allowed: bool) -> dict[str, Any]:
    """The columns of PazPaz's `AuditEvent`."""
    columns = {
        "workspace_id": event.workspace_id,
        "event_type": "READ" if allowed else "READ_REFUSED",
        "event_metadata": event.model_dump(mode="json"),
    }
    if isinstance(event, RecordsRequest):
        return columns | {"user_id": event.actor_user_id, "resource_type": "AIRecords"}
    return columns | {"user_id": event.user_id, "resource_type": event.resource_type}


class TableLoader:
    """The `Loader` of `create_internal_router` over PazPaz's tables.

    Every method has a database session of its own. Each reading of records, and each refusal, leaves a committed
    row of `audit_model`, whose columns `audit_columns` gives: those of PazPaz's `AuditEvent`, unless told otherwise.
    """

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        tables: Tables,
        *,
        sign_ins: SignIns,
        audit_model: type[Any],
        audit_columns: AuditColumns = pazpaz_audit_columns,
    ) -> None:
        tables.check()
        if audit_columns is pazpaz_audit_columns:
            require_columns(audit_model, *PAZPAZ_AUDIT)
        self._sessions = only_async(sessions)
        self._tables = tables
        self._sign_ins = sign_ins
        self._audit_model = audit_model
        self._audit_columns = audit_columns

    async def records(self, request: RecordsRequest) -> RecordsAnswer:
        """The current rows; one that cannot be decrypted is told as such and spoils no other."""
        allowed = await self._may_read(request)
        await self._write(uuid.uuid4(), self._audit_columns(request, allowed))
        if not allowed:
            raise Forbidden
        sessions = await self._read(
            self._tables.session, request, request.session_ids, _session_record
        )
        clients = await self._read(self._tables.client, request, request.client_ids, _client_record)
        found = {row.id for row in (*sessions, *clients)}
        asked = (*request.session_ids, *request.client_ids)
        missing = [one for one in dict.fromkeys(asked) if one not in found]
        return RecordsAnswer(sessions=sessions, clients=clients, missing=missing)

    async def changes(self, request: ChangesRequest) -> ChangesAnswer:
        """The outbox as a feed."""
        async with self._sessions() as db:
            return await read_changes(db, self._tables.outbox, request.after, request.limit)

    async def manifest(self, request: ManifestRequest) -> ManifestAnswer:
        """What exists, in the order of ids; no text is read, so none is decrypted."""
        async with self._sessions() as db:
            sessions = await db.execute(_sessions_after(self._tables.session, request))
            clients = await db.execute(_clients_after(self._tables.client, request))
            items = [_session_item(row) for row in sessions] + [
                _client_item(row) for row in clients
            ]
        page = sorted(items, key=lambda item: item.id)[: request.limit]
        return ManifestAnswer(items=page, next=page[-1].id if len(page) == request.limit else None)

    async def workspaces(self) -> WorkspacesAnswer:
        """Every workspace and its status."""
        workspace = self._tables.workspace
        async with self._sessions() as db:
            rows = await db.execute(select(workspace.id, workspace.status).order_by(workspace.id))
            return WorkspacesAnswer(
                workspaces=[
                    WorkspaceItem.model_validate({"id": row.id, "status": _word(row.status)})
                    for row in rows
                ]
            )

    async def introspect(self, request: IntrospectRequest) -> IntrospectAnswer | None:
        """Whether a sign-in still counts. With Redis away it raises, and nobody is signed out."""
        user, workspace = self._tables.user, self._tables.workspace
        person = (
            select(user.workspace_id, user.role, user.is_active, workspace.status)
            .join(workspace, workspace.id == user.workspace_id)
            .where(user.id == request.user_id)
        )
        async with self._sessions() as db:
            row = (await db.execute(person)).one_or_none()
        if row is None:
            return None
        sign_in = await self._sign_ins.look(request.sid, request.user_id)
        return IntrospectAnswer.model_validate(
            {
                "user_id": request.user_id,
                "workspace_id": row.workspace_id,
                "role": _word(row.role),
                "active": row.is_active,
                "workspace_status": _word(row.status),
                "revoked": sign_in.revoked,
                "idle_deadline": sign_in.idle_deadline,
            }
        )

    async def audit(self, event: AuditEvent) -> None:
        """A line, whose id is made of its key: the same key again changes nothing."""
        row_id = uuid.uuid5(KEYS, event.idempotency_key)
        await self._write(row_id, self._audit_columns(event, True))

    async def _write(self, row_id: UUID, columns: dict[str, Any]) -> None:
        row = insert(self._audit_model).values(id=row_id, **columns)
        async with self._sessions.begin() as db:
            await db.execute(row.on_conflict_do_nothing(index_elements=["id"]))

    async def _may_read(self, request: RecordsRequest) -> bool:
        if request.purpose == "index":
            return True
        user = self._tables.user
        actor = select(user.id).where(
            user.id == request.actor_user_id,
            user.workspace_id == request.workspace_id,
            user.is_active,
        )
        async with self._sessions() as db:
            return await db.scalar(actor) is not None

    async def _read(
        self,
        model: type[Any],
        request: RecordsRequest,
        ids: Sequence[UUID],
        record: Callable[[Any], R],
    ) -> list[R | RecordError]:
        if not ids:
            return []
        ours = select(model.id).where(model.workspace_id == request.workspace_id)
        async with self._sessions() as db:
            found = (await db.scalars(ours.where(model.id.in_(ids)))).all()
        try:
            rows = await self._rows(model, found)
            return [record(row) for row in rows]
        except (SQLAlchemyError, OSError):
            raise
        except (
            Exception
        ):  # whatever PazPaz's column type raises: one of the rows cannot be decrypted
            return [await self._one(model, one, record) for one in found]

    async def _one(
        self, model: type[Any], row_id: UUID, record: Callable[[Any], R]
    ) -> R | RecordError:
        try:
            (row,) = await self._rows(model, [row_id])
            return record(row)
        except (SQLAlchemyError, OSError):
            raise
        except Exception as exc:
            log.warning("record not read: id=%s error=%s", row_id, _reason(exc))
            return RecordError(id=row_id, error="decrypt_failed")

    async def _rows(self, model: type[Any], ids: Sequence[UUID]) -> Sequence[Any]:
        async with self._sessions() as db:
            whole = select(model).where(model.id.in_(ids)).options(lazyload("*"))
            return (await db.scalars(whole)).all()


def _reason(exc: Exception) -> str:
    """The fields that are not of the contract's shape, or else the kind of exception; never what stood in them."""
    if isinstance(exc, ValidationError):
        return ",".join(
            f"{'.'.join(map(str, error['loc']))}:{error['type']}" for error in exc.errors()
        )
    return type(exc).__name__


SOAP = ("subjective", "objective", "assessment", "plan")


def _session_record(row: Any) -> SessionRecord:
    values = {name: getattr(row, name) for name in SessionRecord.model_fields}
    if row.deleted_at is not None:
        values |= dict.fromkeys(SOAP)  # a tombstone says that it was, not what it said
    return SessionRecord.model_validate(values)


def _client_record(row: Any) -> ClientRecord:
    return ClientRecord.model_validate(
        {name: getattr(row, name) for name in ClientRecord.model_fields}
    )


def _sessions_after(model: type[Any], request: ManifestRequest) -> Select[Any]:
    columns = ("id", "client_id", "updated_at", "version", "is_draft", "deleted_at")
    wanted = select(*(getattr(model, name) for name in columns))
    if request.client_id is not None:
        wanted = wanted.where(model.client_id == request.client_id)
    return _after(wanted, model, request)


def _clients_after(model: type[Any], request: ManifestRequest) -> Select[Any]:
    wanted = select(model.id, model.updated_at, model.is_active)
    if request.client_id is not None:
        wanted = wanted.where(model.id == request.client_id)
    return _after(wanted, model, request)


def _after(wanted: Select[Any], model: type[Any], request: ManifestRequest) -> Select[Any]:
    wanted = wanted.where(model.workspace_id == request.workspace_id)
    if request.after_id is not None:
        wanted = wanted.where(model.id > request.after_id)
    return wanted.order_by(model.id).limit(request.limit)


def _session_item(row: Any) -> ManifestItem:
    return ManifestItem(
        entity="sessions",
        id=row.id,
        client_id=row.client_id,
        updated_at=row.updated_at,
        version=row.version,
        state="deleted" if row.deleted_at else "draft" if row.is_draft else "active",
    )


def _client_item(row: Any) -> ManifestItem:
    return ManifestItem(
        entity="clients",
        id=row.id,
        client_id=row.id,
        updated_at=row.updated_at,
        state="active" if row.is_active else "archived",
    )


def _word(value: Any) -> str:
    """The word of an enum member or of a string, whichever the model has."""
    return str(getattr(value, "value", value)).lower()


def _moment(stored: bytes | str) -> datetime:
    return datetime.fromisoformat(stored.decode() if isinstance(stored, bytes) else stored)
