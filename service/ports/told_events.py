"""An event as it travels; apart, because commands import `monolith` and are not to wait for pydantic."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from service.domain.identity import WorkspaceId
from service.ports.monolith import Event, EventEntity, EventKind


class ToldEvent(BaseModel):
    """An event as PazPaz writes it, in a delivery and in its feed. A reader who may not be told more forbids it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

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
