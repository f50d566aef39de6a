"""What PazPaz says changed: ids only, and never more than a hint to look again."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.domain.identity import WorkspaceId
from service.ports import Event

MAX_EVENTS = 500


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventRow(_Strict):
    """One event on the wire."""

    id: UUID
    workspace_id: UUID
    entity: Literal["sessions", "clients", "workspaces", "users"]
    entity_id: UUID
    kind: Literal["upserted", "purged", "status"]
    occurred_at: AwareDatetime

    def event(self) -> Event:
        return Event(
            self.id, WorkspaceId(self.workspace_id), self.entity, self.entity_id, self.kind
        )


class Delivery(_Strict):
    """One webhook call."""

    delivery_id: UUID
    events: list[EventRow] = Field(min_length=1, max_length=MAX_EVENTS)


class Accepted(_Strict):
    """How many events of the delivery are safely stored, repeated ones included."""

    accepted: int
