"""The stand-in's tables, shaped like the part of PazPaz that the AI service meets.

PazPaz encrypts SOAP text and names at rest. This stand-in stores them in clear, because it only
ever holds invented notes; nothing here is a pattern for real health data.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Select, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from pazpaz_ai_client.loader import Tables
from pazpaz_ai_client.outbox import OutboxMixin

SOAP_FIELDS = ("subjective", "objective", "assessment", "plan")


def utc_now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Every datetime is stored with its zone."""

    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB}  # noqa: RUF012


class Workspace(Base):
    """One practice: the tenant."""

    __tablename__ = "workspaces"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended', 'deleted')", name="workspace_status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")


class User(Base):
    """A person of a practice who can sign in."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('owner', 'assistant')", name="user_role"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), index=True)
    email: Mapped[str]
    display_name: Mapped[str]
    role: Mapped[str] = mapped_column(default="owner")
    is_active: Mapped[bool] = mapped_column(default=True)


def users_with_workspace() -> Select[User, Workspace]:
    """People beside their practice, because hardly a question about one is without the other."""
    return select(User, Workspace).join(Workspace, Workspace.id == User.workspace_id)


class Client(Base):
    """A person in treatment; archiving is `is_active = false`."""

    __tablename__ = "clients"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), index=True)
    first_name: Mapped[str]
    last_name: Mapped[str]
    medical_history: Mapped[str | None]
    notes: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    consent_status: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Note(Base):
    """One session with its SOAP note; PazPaz calls both a session."""

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("finalized_at IS NULL OR NOT is_draft", name="final_is_no_draft"),
        Index("sessions_by_client", "workspace_id", "client_id", "session_date"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"))
    session_date: Mapped[datetime]
    duration_minutes: Mapped[int | None]
    subjective: Mapped[str | None]
    objective: Mapped[str | None]
    assessment: Mapped[str | None]
    plan: Mapped[str | None]
    is_draft: Mapped[bool] = mapped_column(default=True)
    draft_last_saved_at: Mapped[datetime | None]
    finalized_at: Mapped[datetime | None]
    amended_at: Mapped[datetime | None]
    amendment_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    deleted_at: Mapped[datetime | None]
    deleted_by_user_id: Mapped[UUID | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    # For tests only: stands for a row whose ciphertext no key opens any more.
    undecryptable: Mapped[bool] = mapped_column(default=False)


class AiOutbox(OutboxMixin, Base):
    """What the AI service still has to be told."""

    __tablename__ = "ai_outbox"


class AuditEvent(Base):
    """Who read what through the AI service."""

    __tablename__ = "audit_events"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    event_type: Mapped[str]
    resource_type: Mapped[str]
    event_metadata: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


TABLES = Tables(session=Note, client=Client, workspace=Workspace, user=User, outbox=AiOutbox)
