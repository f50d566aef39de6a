"""What travels between PazPaz and the AI service, field by field.

A request refuses fields it does not know, because a misspelt limit is no limit; an answer ignores
them, so that either side may add one first.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

MAX_IDS = 50
MAX_ROWS = 500

EntityName = Literal["sessions", "clients", "workspaces", "users"]
EventKind = Literal["upserted", "purged", "status"]
WorkspaceStatus = Literal["active", "suspended", "deleted"]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An aware time, kept in UTC so that JSON shows it with `Z`."""


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


# Events, and the feed of them


class Event(_Answer):
    """Something changed: look again. It never says what, so it holds no text."""

    id: UUID
    workspace_id: UUID
    entity: EntityName
    entity_id: UUID
    kind: EventKind
    occurred_at: Moment


class DeliveredEvent(Event):
    """An event on its way to the service, where unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Delivery(_Request):
    """The body of `POST /internal/v1/events`."""

    delivery_id: UUID
    events: list[DeliveredEvent] = Field(min_length=1, max_length=MAX_ROWS)


class Cursor(_Answer):
    """A place in the feed: transaction first, so that late commits are not skipped."""

    txid: int = Field(ge=0, lt=2**64)
    id: UUID


class ChangesRequest(_Request):
    """Asks for the feed after a place."""

    after: Cursor | None = None
    limit: int = Field(default=MAX_ROWS, ge=1, le=MAX_ROWS)


class ChangesAnswer(_Answer):
    """A stretch of the feed; `next` is the place to go on from, also when nothing came."""

    events: list[Event] = Field(max_length=MAX_ROWS)
    next: Cursor | None


# Records


class RecordsRequest(_Request):
    """Asks for the current text of notes and clients of one workspace."""

    workspace_id: UUID
    session_ids: list[UUID] = Field(default_factory=list, max_length=MAX_IDS)
    client_ids: list[UUID] = Field(default_factory=list, max_length=MAX_IDS)
    purpose: Literal["index", "answer"]
    actor_user_id: UUID | None = None

    @model_validator(mode="after")
    def _answers_have_an_actor(self) -> Self:
        if self.purpose == "answer" and self.actor_user_id is None:
            raise ValueError("an answer is always somebody's: actor_user_id is missing")
        return self


class RecordError(_Answer):
    """A row that exists and cannot be given."""

    id: UUID
    error: Literal["decrypt_failed", "too_large"]


class SessionRecord(_Answer):
    """A session with its SOAP note; a deleted one comes without text."""

    id: UUID
    client_id: UUID
    session_date: Moment
    duration_minutes: int | None = None
    subjective: str | None = Field(default=None, repr=False)
    objective: str | None = Field(default=None, repr=False)
    assessment: str | None = Field(default=None, repr=False)
    plan: str | None = Field(default=None, repr=False)
    is_draft: bool
    finalized_at: Moment | None = None
    amended_at: Moment | None = None
    amendment_count: int = 0
    deleted_at: Moment | None = None
    updated_at: Moment
    version: int


class ClientRecord(_Answer):
    """A client with the text of their profile."""

    id: UUID
    first_name: str = Field(repr=False)
    last_name: str = Field(repr=False)
    medical_history: str | None = Field(default=None, repr=False)
    notes: str | None = Field(default=None, repr=False)
    is_active: bool
    consent_status: bool = False
    updated_at: Moment


class RecordsAnswer(_Answer):
    """What was asked for: each id is in exactly one of the lists."""

    sessions: list[SessionRecord | RecordError] = Field(max_length=MAX_IDS)
    clients: list[ClientRecord | RecordError] = Field(max_length=MAX_IDS)
    missing: list[UUID] = Field(max_length=2 * MAX_IDS)


# What exists


class ManifestRequest(_Request):
    """Asks what exists in a workspace, or of one client, in the order of ids."""

    workspace_id: UUID
    client_id: UUID | None = None
    after_id: UUID | None = None
    limit: int = Field(default=MAX_ROWS, ge=1, le=MAX_ROWS)


class ManifestItem(_Answer):
    """One thing that exists; a client's own line names the client twice and has no version."""

    entity: Literal["sessions", "clients"]
    id: UUID
    client_id: UUID
    updated_at: Moment
    version: int | None = None
    state: Literal["active", "draft", "deleted", "archived"]


class ManifestAnswer(_Answer):
    """A page; `next` is the `after_id` of the following one, null at the end."""

    items: list[ManifestItem] = Field(max_length=MAX_ROWS)
    next: UUID | None


class WorkspacesRequest(_Request):
    """Asks for all workspaces; its body is `{}`."""


class WorkspaceItem(_Answer):
    """A workspace and whether it may be served."""

    id: UUID
    status: WorkspaceStatus


class WorkspacesAnswer(_Answer):
    """Every workspace."""

    workspaces: list[WorkspaceItem]


# People


class IntrospectRequest(_Request):
    """Asks whether a sign-in still counts; `sid` is the `jti` of the cookie's token."""

    sid: str = Field(min_length=1, max_length=200)
    user_id: UUID


class IntrospectAnswer(_Answer):
    """The live word on a sign-in."""

    user_id: UUID
    workspace_id: UUID
    role: Literal["owner", "assistant"]
    active: bool
    workspace_status: WorkspaceStatus
    revoked: bool
    idle_deadline: Moment | None = None


class AuditEvent(_Request):
    """A line for PazPaz's own audit log; the same key twice is one line."""

    idempotency_key: str = Field(min_length=1, max_length=200)
    workspace_id: UUID
    user_id: UUID | None = None
    """None: the service itself did it, or an operator at its command line."""
    action: Literal["READ"] = "READ"
    resource_type: Literal["AIAgent"] = "AIAgent"
    metadata: dict[str, Any] = Field(default_factory=dict)
