"""Notes as PazPaz has them, and the chunks we keep of them."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

from service.domain.identity import ClientId, WorkspaceId

Entity = Literal["sessions", "clients"]
NoteState = Literal["active", "draft", "deleted", "archived", "unreadable"]
_THERE: frozenset[NoteState] = frozenset({"active", "draft"})

SOAP_FIELDS = ("subjective", "objective", "assessment", "plan")
PROFILE_FIELDS = ("medical_history", "notes")


@dataclass(frozen=True, slots=True)
class NoteRef:
    """Names one note: a session's SOAP note, or a client's profile (then `id` is the client's id)."""

    workspace: WorkspaceId
    entity: Entity
    id: UUID


@dataclass(frozen=True, slots=True)
class Note:
    """The current text of a session or of a client profile, as pulled from PazPaz; never stored.

    `fields` holds only the fields that have text. `version` is None for a profile; it repeats under
    concurrent saves, so a citation is bound to (version, updated_at, digest of the field).
    """

    ref: NoteRef
    client: ClientId
    state: NoteState
    fields: Mapping[str, str]
    updated_at: datetime
    session_date: datetime | None = None
    version: int | None = None

    @property
    def day(self) -> date | None:
        """The day of the session (UTC), None for a profile."""
        return self.session_date.astimezone(UTC).date() if self.session_date else None

    @property
    def is_draft(self) -> bool:
        return self.state == "draft"

    @property
    def is_there(self) -> bool:
        """Final or a draft: neither deleted nor archived."""
        return self.state in _THERE


@dataclass(frozen=True, slots=True)
class Client:
    """A client as PazPaz has them now; their profile is a note like any other."""

    id: ClientId
    first_name: str
    last_name: str
    is_active: bool
    has_consent: bool
    profile: Note

    def may_be_read(self, *, require_consent: bool) -> bool:
        """Active, and consenting where that is required: else none of their notes is indexed or quoted."""
        return self.is_active and (self.has_consent or not require_consent)

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def person(self) -> "Person":
        return Person(self.id, self.first_name, self.last_name)


@dataclass(frozen=True, slots=True)
class Person:
    """A client by name, as the index keeps them. It does not show its names, so that no log can."""

    client: ClientId
    first: str = field(repr=False)
    last: str = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}".strip()


UnreadableReason = Literal["decrypt_failed", "too_large", "malformed"]
"""`malformed` is our word for a row that is not of the agreed shape."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """One answer of PazPaz's records call, by id. What is in no map was missing at the source."""

    sessions: Mapping[UUID, Note]
    clients: Mapping[UUID, Client]
    unreadable: Mapping[UUID, UnreadableReason]


@dataclass(frozen=True, slots=True)
class ManifestItem:
    """A line of PazPaz's list of what exists, or of our catalogue of what is indexed."""

    entity: Entity
    id: UUID
    client: ClientId
    state: NoteState
    updated_at: datetime
    version: int | None = None
    is_searched: bool = True
    """Of our catalogue: False for a draft that is counted and no more."""

    @property
    def is_there(self) -> bool:
        """As of a note."""
        return self.state in _THERE


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one field: `text == field[start:end]`, offsets in code points."""

    field: str
    ordinal: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Bag:
    """A note's keyed feature hashes with counts: what lexical search reads instead of text.

    `features` are distinct 64-bit hashes, ascending; `counts` of 32 bits stands beside them. Both are packed, however
    they are given: 12 bytes a feature, and 52 as tuples of numbers. Whoever counts by millions reads their buffers.
    """

    ref: NoteRef
    client: ClientId
    day: date | None
    features: Sequence[int]
    counts: Sequence[int]

    def __post_init__(self) -> None:
        """Raises OverflowError for what is too large."""
        object.__setattr__(self, "features", _packed("Q", self.features))
        object.__setattr__(self, "counts", _packed("I", self.counts))


def _packed(code: Literal["Q", "I"], numbers: Sequence[int]) -> Sequence[int]:
    if isinstance(numbers, array) and numbers.typecode == code:
        return numbers
    return array(code, numbers)
