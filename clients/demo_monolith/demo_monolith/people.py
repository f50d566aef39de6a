"""The clients of a practice."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from demo_monolith.auth import CurrentUser, SignedIn
from demo_monolith.resources import Transaction
from demo_monolith.tables import Client

router = APIRouter(prefix="/api/v1/clients", tags=["clients"])

Name = Annotated[str, Field(min_length=1, max_length=255)]


class NewClient(BaseModel):
    """A person who begins treatment; the two texts have no upper bound in PazPaz either."""

    first_name: Name
    last_name: Name
    medical_history: str | None = None
    notes: str | None = None
    consent_status: bool = False


class ClientEdit(BaseModel):
    """What an edit may change; `is_active` true takes a client out of the archive."""

    first_name: Name | None = None
    last_name: Name | None = None
    medical_history: str | None = None
    notes: str | None = None
    consent_status: bool | None = None
    is_active: bool | None = None


class ClientOut(BaseModel):
    """A client as the page reads it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    first_name: str
    last_name: str
    medical_history: str | None
    notes: str | None
    is_active: bool
    consent_status: bool
    updated_at: datetime


class ClientList(BaseModel):
    """The clients of a practice, by name."""

    items: list[ClientOut]
    total: int


MAY_BE_EMPTIED = frozenset({"medical_history", "notes"})


async def own_client(db: AsyncSession, user: CurrentUser, client_id: UUID) -> Client:
    """The client, locked, if of the person's practice; a foreign one does not exist."""
    client = await db.scalar(
        select(Client)
        .where(Client.id == client_id, Client.workspace_id == user.workspace_id)
        .with_for_update()
    )
    if client is None:
        raise HTTPException(404, "This client does not exist.")
    return client


@router.get("")
async def list_clients(
    user: SignedIn, db: Transaction, include_archived: bool = False
) -> ClientList:
    """All clients of the practice."""
    wanted = select(Client).where(Client.workspace_id == user.workspace_id)
    if not include_archived:
        wanted = wanted.where(Client.is_active)
    rows = await db.scalars(wanted.order_by(Client.first_name, Client.last_name, Client.id))
    items = [ClientOut.model_validate(row) for row in rows]
    return ClientList(items=items, total=len(items))


@router.get("/{client_id}")
async def read_client(client_id: UUID, user: SignedIn, db: Transaction) -> ClientOut:
    """One client, archived or not."""
    return ClientOut.model_validate(await own_client(db, user, client_id))


@router.post("", status_code=201)
async def create_client(body: NewClient, user: SignedIn, db: Transaction) -> ClientOut:
    """A new client."""
    client = Client(workspace_id=user.workspace_id, **body.model_dump())
    db.add(client)
    await db.flush()
    return ClientOut.model_validate(client)


@router.put("/{client_id}")
async def edit_client(
    client_id: UUID, body: ClientEdit, user: SignedIn, db: Transaction
) -> ClientOut:
    """Change a client, or bring an archived one back."""
    client = await own_client(db, user, client_id)
    for name in body.model_fields_set:
        value = getattr(body, name)
        if value is not None or name in MAY_BE_EMPTIED:
            setattr(client, name, value)
    await db.flush()
    return ClientOut.model_validate(client)


@router.delete("/{client_id}", status_code=204)
async def archive_client(client_id: UUID, user: SignedIn, db: Transaction) -> None:
    """Archive; PazPaz removes no client for good."""
    (await own_client(db, user, client_id)).is_active = False
