"""Models with the names, enums and relationships of PazPaz's, text left unencrypted."""

import enum
import uuid
from datetime import UTC, datetime

from sqlalchemy import DateTime, Enum, ForeignKey, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from pazpaz_ai_client.outbox import EntityMapping, OutboxMixin, install_outbox


def utc_now():
    return datetime.now(UTC)


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
    deleted_reason: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    client: Mapped[Client] = relationship(back_populates="sessions")
    appointment: Mapped[Appointment | None] = relationship(back_populates="session")
    versions: Mapped[list["SessionVersion"]] = relationship(cascade="all, delete-orphan")


class SessionVersion(Base):
    __tablename__ = "session_versions"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))


class AiOutbox(OutboxMixin, Base):
    __tablename__ = "ai_outbox"


class AuditLog(Base):
    __tablename__ = "audit_events"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    workspace_id: Mapped[uuid.UUID]
    action: Mapped[str]


class HostSession(Session):
    """The sync class under PazPaz's AsyncSession."""


MAPPINGS = [
    EntityMapping(SessionModel, "sessions", lambda note: note.workspace_id),
    EntityMapping(Client, "clients", lambda client: client.workspace_id),
    EntityMapping(Workspace, "workspaces", lambda workspace: workspace.id),
    EntityMapping(User, "users", lambda user: user.workspace_id),
]
install_outbox(HostSession, AiOutbox, MAPPINGS)
