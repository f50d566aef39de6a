"""Models with the names, enums and relationships of PazPaz's; nothing is encrypted in earnest."""

import enum
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Enum, ForeignKey, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def utc_now():
    return datetime.now(UTC)


class DecryptionFailed(Exception):
    """As PazPaz's own column type raises it."""


class EncryptedString(TypeDecorator):
    """Stands for PazPaz's: what no key opens raises while the row is loaded."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return value

    def process_result_value(self, value, dialect):
        if value == "no key opens this":
            raise DecryptionFailed
        return value


class WorkspaceStatus(enum.StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class UserRole(enum.StrEnum):
    OWNER = "owner"
    ASSISTANT = "assistant"


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012


class Workspace(Base):
    __tablename__ = "workspaces"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(default="Practice")
    status: Mapped[WorkspaceStatus] = mapped_column(
        Enum(WorkspaceStatus), default=WorkspaceStatus.ACTIVE
    )
    clients: Mapped[list["Client"]] = relationship(
        back_populates="workspace", cascade="all, delete-orphan"
    )


class User(Base):
    __tablename__ = "users"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(default="dana@example.org")
    role: Mapped[UserRole] = mapped_column(Enum(UserRole), default=UserRole.OWNER)
    is_active: Mapped[bool] = mapped_column(default=True)


class Client(Base):
    __tablename__ = "clients"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    first_name: Mapped[str] = mapped_column(default="Dana")
    last_name: Mapped[str] = mapped_column(default="Levi")
    medical_history: Mapped[str | None]
    notes: Mapped[str | None] = mapped_column(Text())
    is_active: Mapped[bool] = mapped_column(default=True)
    consent_status: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    workspace: Mapped[Workspace] = relationship(back_populates="clients")
    sessions: Mapped[list["SessionModel"]] = relationship(
        back_populates="client", cascade="all, delete-orphan"
    )


class Appointment(Base):
    __tablename__ = "appointments"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    session: Mapped["SessionModel | None"] = relationship(
        back_populates="appointment", cascade="all", uselist=False
    )


class SessionModel(Base):
    __tablename__ = "sessions"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"))
    appointment_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("appointments.id", ondelete="SET NULL")
    )
    session_date: Mapped[datetime] = mapped_column(default=utc_now)
    duration_minutes: Mapped[int | None]
    subjective: Mapped[str | None] = mapped_column(EncryptedString())
    objective: Mapped[str | None] = mapped_column(EncryptedString())
    assessment: Mapped[str | None] = mapped_column(EncryptedString())
    plan: Mapped[str | None] = mapped_column(EncryptedString())
    is_draft: Mapped[bool] = mapped_column(default=True)
    draft_last_saved_at: Mapped[datetime | None]
    finalized_at: Mapped[datetime | None]
    amended_at: Mapped[datetime | None]
    amendment_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    deleted_at: Mapped[datetime | None]
    deleted_reason: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    client: Mapped[Client] = relationship(back_populates="sessions")
    appointment: Mapped[Appointment | None] = relationship(back_populates="session")
    versions: Mapped[list["SessionVersion"]] = relationship(cascade="all, delete-orphan")


class SessionVersion(Base):
    __tablename__ = "session_versions"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))


class AuditEvent(Base):
    __tablename__ = "audit_events"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    workspace_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID | None]
    event_type: Mapped[str]
    resource_type: Mapped[str]
    event_metadata: Mapped[dict[str, Any]] = mapped_column(JSONB())
