"""What PazPaz says changed: ids only, and never more than a hint to look again."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.domain.identity import WorkspaceId
from service.ports.monolith import Event, EventEntity, EventKind

MAX_EVENTS = 500


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventRow(_Strict):
    """One event on the wire."""

    id: UUID
    workspace_id: UUID
    entity: EventEntity
    entity_id: UUID
    kind: EventKind
    occurred_at: AwareDatetime

    def event(self) -> Event:
        return Event(
            id=self.id,
            workspace=WorkspaceId(self.workspace_id),
            entity=self.entity,
            entity_id=self.entity_id,
            kind=self.kind,
            occurred_at=self.occurred_at,
        )


class Delivery(_Strict):
    """One webhook call."""

    delivery_id: UUID
    events: list[EventRow] = Field(min_length=1, max_length=MAX_EVENTS)


class Accepted(_Strict):
    """How many events of the delivery are safely stored, repeated ones included."""

    accepted: int
