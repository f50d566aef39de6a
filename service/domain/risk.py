"""What notes say of danger to somebody: found by rules, shown as it was written, never diagnosed."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from service.domain.identity import ClientId
from service.domain.notes import NoteRef

RiskKind = Literal["suicide", "self_harm", "abuse", "violence"]
Polarity = Literal["present", "denied", "past", "possible"]
"""As the note says it: it is so, it is denied, it was so, or it is asked about, feared or planned for."""


@dataclass(frozen=True, slots=True)
class RiskSpan:
    """A stretch `start` up to `end` of a field (code points) that speaks of danger."""

    kind: RiskKind
    polarity: Polarity
    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RiskNote:
    """A note that speaks of danger, and where, as its text was when it was indexed; without `spans`, nobody knows."""

    ref: NoteRef
    client: ClientId
    day: date | None
    spans: tuple[RiskSpan, ...]


@dataclass(frozen=True, slots=True)
class Risk:
    """Such a stretch as it is shown: `quote == field[start:end]` of the current note, a whole sentence of it."""

    kind: RiskKind
    polarity: Polarity
    note: NoteRef
    client: ClientId
    client_name: str
    session_date: datetime | None
    field: str
    quote: str
    start: int
    end: int
    note_version: int | None
    is_draft: bool
