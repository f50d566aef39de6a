"""Levers for the demo, the bulk loader and journey tests; mounted only with DEMO_ADMIN_TOKEN."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from demo_monolith.loader import DemoLoader
from demo_monolith.resources import Transaction
from demo_monolith.tables import AiOutbox, Base, Client, Note, User, Workspace

MAX_ROWS = 200  # One call stays one short transaction.

Status = Literal["active", "suspended", "deleted"]


class WorkspaceRow(BaseModel):
    """A practice to load."""

    id: UUID
    name: str
    status: Status = "active"


class UserRow(BaseModel):
    """A person to load."""

    id: UUID
    workspace_id: UUID
    email: str
    display_name: str
    role: Literal["owner", "assistant"] = "owner"
    is_active: bool = True


class ClientRow(BaseModel):
    """A client to load, in the shape of the data files."""

    id: UUID = Field(alias="client_id")
    workspace_id: UUID
    first_name: str
    last_name: str
    medical_history: str | None = None
    notes: str | None = None
    is_active: bool = True
    consent_status: bool = False


class SessionRow(BaseModel):
    """A note to load, in the shape of the data files."""

    id: UUID = Field(alias="session_id")
    workspace_id: UUID
    client_id: UUID
    session_date: AwareDatetime
    duration_minutes: int | None = None
    subjective: str | None = None
    objective: str | None = None
    assessment: str | None = None
    plan: str | None = None
    is_draft: bool = True
    finalized_at: AwareDatetime | None = None
    amended_at: AwareDatetime | None = None
    amendment_count: int = 0
    version: int = 1
    deleted_at: AwareDatetime | None = None


class Import(BaseModel):
    """Rows to create or bring to this state."""

    # A misspelled table would otherwise load nothing and say so to nobody.
    model_config = ConfigDict(extra="forbid")

    workspaces: list[WorkspaceRow] = []
    users: list[UserRow] = []
    clients: list[ClientRow] = []
    sessions: list[SessionRow] = []

    @model_validator(mode="after")
    def _one_call_is_small(self) -> "Import":
        rows = [*self.workspaces, *self.users, *self.clients, *self.sessions]
        if len(rows) > MAX_ROWS:
            raise ValueError(f"at most {MAX_ROWS} rows in one call")
        return self


class Counts(BaseModel):
    """How many rows of each table a call carried."""

    workspaces: int
    users: int
    clients: int
    sessions: int


class OutboxState(BaseModel):
    """How far the sender is."""

    pending: int
    delivered: int


class StatusChange(BaseModel):
    """The new status of a practice."""

    status: Status


class ActiveChange(BaseModel):
    """Whether a person may sign in."""

    active: bool


class UndecryptableChange(BaseModel):
    """Whether a note shall look as if its ciphertext were broken."""

    undecryptable: bool


class SlowChange(BaseModel):
    """For how many seconds a practice's notes shall keep an answer of the AI service waiting."""

    seconds: Annotated[float, Field(ge=0, le=60)]


T = TypeVar("T", bound=Base)


def create_admin_router(token: str, loader: DemoLoader) -> APIRouter:
    """The levers, for whoever sends the token."""

    def require_token(x_demo_admin: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(x_demo_admin.encode(), token.encode()):
            raise HTTPException(403, "X-Demo-Admin does not hold the admin token.")

    router = APIRouter(
        prefix="/demo-admin", tags=["demo-admin"], dependencies=[Depends(require_token)]
    )
    router.post("/import")(import_rows)
    router.post("/workspaces/{workspace_id}/status")(set_status)

    @router.post("/workspaces/{workspace_id}/slow")
    async def set_slow(workspace_id: UUID, body: SlowChange) -> SlowChange:
        """Let answers wait for a practice's notes, or no longer; forgotten when this program ends."""
        loader.slow[workspace_id] = body.seconds
        return body

    router.post("/users/{user_id}/active")(set_active)
    router.post("/sessions/{note_id}/undecryptable")(set_undecryptable)
    router.get("/outbox")(outbox_state)
    return router


async def import_rows(body: Import, db: Transaction) -> Counts:
    """Create or update rows through the ORM, so that the outbox hears of each real change."""
    # Parents first, each flushed: without relationships the ORM does not know the order.
    await _upsert(db, Workspace, body.workspaces)
    await _upsert(db, User, body.users)
    await _upsert(db, Client, body.clients)
    await _upsert(db, Note, body.sessions)
    return Counts(
        workspaces=len(body.workspaces),
        users=len(body.users),
        clients=len(body.clients),
        sessions=len(body.sessions),
    )


async def _upsert(db: AsyncSession, table: type[Any], rows: list[Any]) -> None:
    wanted: dict[UUID, Mapping[str, Any]] = {row.id: row.model_dump() for row in rows}
    stored = await db.scalars(select(table).where(table.id.in_(wanted)))
    known = {row.id: row for row in stored}
    for row_id, values in wanted.items():
        if row_id in known:
            for name, value in values.items():
                setattr(known[row_id], name, value)
        else:
            db.add(table(**values))
    await db.flush()


async def _get(db: AsyncSession, table: type[T], row_id: UUID) -> T:
    row = await db.get(table, row_id)
    if row is None:
        raise HTTPException(404, "There is no such row.")
    return row


async def set_status(workspace_id: UUID, body: StatusChange, db: Transaction) -> StatusChange:
    """Suspend, reactivate or delete a practice; deleting deactivates its people, as in PazPaz."""
    workspace = await _get(db, Workspace, workspace_id)
    workspace.status = body.status
    if body.status == "deleted":
        for user in await db.scalars(select(User).where(User.workspace_id == workspace_id)):
            user.is_active = False
    return body


async def set_active(user_id: UUID, body: ActiveChange, db: Transaction) -> ActiveChange:
    """Deactivate a person, or let them in again."""
    (await _get(db, User, user_id)).is_active = body.active
    return body


async def set_undecryptable(
    note_id: UUID, body: UndecryptableChange, db: Transaction
) -> UndecryptableChange:
    """Make a note unreadable for the AI service, or readable again."""
    (await _get(db, Note, note_id)).undecryptable = body.undecryptable
    return body


async def outbox_state(db: Transaction) -> OutboxState:
    """How many events wait and how many were accepted."""
    pending, delivered = (
        await db.execute(
            select(
                func.count().filter(AiOutbox.delivered_at.is_(None)),
                func.count(AiOutbox.delivered_at),
            )
        )
    ).one()
    return OutboxState(pending=pending, delivered=delivered)
