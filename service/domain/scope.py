"""What a search is confined to: whose notes, of which days, at which place of a course."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, Self
from uuid import UUID

from service.domain.identity import ClientId
from service.domain.notes import NoteRef


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both ends included; an end that is None is open."""

    first: date | None = None
    last: date | None = None

    def holds(self, day: date | None) -> bool:
        """What has no day, as a client's profile, is in no period."""
        if day is None:
            return False
        return (self.first or day) <= day <= (self.last or day)


@dataclass(frozen=True, slots=True)
class Place:
    """Sessions by their place in a course: `count` of them from its `end`, after the first `skip` of that end.

    "The last session" is ("newest", 1), "the first three" ("oldest", 3), "the third" ("oldest", 1, skip=2).
    With `among` only sessions of those days are counted: the one before a day is the newest among the days before it.
    """

    end: Literal["oldest", "newest"]
    count: int = 1
    skip: int = 0
    among: Period | None = None


When = Period | Place


@dataclass(frozen=True, slots=True)
class Within:
    """What is searched; None leaves a side open. A wall between workspaces it is not: that travels by itself."""

    clients: frozenset[ClientId] | None = None
    period: Period | None = None
    sessions: frozenset[UUID] | None = None
    """Ids of sessions, as a `Place` came out."""

    @classmethod
    def client(cls, client: ClientId | None) -> Self:
        return cls(frozenset({client}) if client else None)

    def holds(self, ref: NoteRef, client: ClientId, day: date | None) -> bool:
        return (
            (self.clients is None or client in self.clients)
            and (self.period is None or self.period.holds(day))
            and (self.sessions is None or (ref.entity == "sessions" and ref.id in self.sessions))
        )


ANYWHERE = Within()


@dataclass(frozen=True, slots=True)
class IndexedSession:
    """A session that search holds, as a course is made of."""

    id: UUID
    client: ClientId
    day: date | None
    is_draft: bool
