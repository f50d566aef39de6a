"""What PazPaz says changed, as its webhook brings it: ids only, and never more than a hint to look again."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.ports.told_events import ToldEvent

MAX_EVENTS = 500


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventRow(ToldEvent, extra="forbid"):
    """One event on the wire."""


class Delivery(_Strict):
    """One webhook call."""

    delivery_id: UUID
    events: list[EventRow] = Field(min_length=1, max_length=MAX_EVENTS)


class Accepted(_Strict):
    """How many events of the delivery are safely stored, repeated ones included."""

    accepted: int
