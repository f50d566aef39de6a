"""What a workspace may do at this moment: its switches, its day's spending, and how often it may ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from service.domain.identity import Role, UserId, WorkspaceId


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a workspace at this moment: is the assistant on, for whom, and is consent asked for."""

    enabled: bool
    allowed_roles: frozenset[Role]
    require_consent: bool
    pseudonyms: bool = True
    """Whether providers read pseudonyms in place of names, numbers and addresses."""
    daily_budget: int | None = None
    """Micro-dollars that questions may cost in a day; None is no limit."""
    conversations: bool = True
    """Whether questions and answers are kept at all; audit rows always are."""


class Standings(Protocol):
    """The switches of operators over the settings; a change holds within a second or two, in every process."""

    async def of(self, workspace: WorkspaceId) -> Standing:
        """Raises StoreUnavailable: a switch nobody can read must not be taken for on."""
        ...

    async def now(self, workspace: WorkspaceId) -> Standing:
        """Read anew: for work that a switch itself asked for, which must not be done by its old position."""
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a question may cost at most, counted in its day's spending until it is settled."""

    workspace: WorkspaceId
    day: date
    micros: int


@dataclass(frozen=True, slots=True)
class Spent:
    """A workspace's day, in micro-dollars; `asking` counts against the budget, `indexing` does not."""

    workspace: WorkspaceId
    day: date
    questions: int
    asking: int
    indexing: int


class Spending(Protocol):
    """What models cost each workspace by the day (UTC), in micro-dollars. Of an erased workspace nothing is kept."""

    async def reserve(
        self, *, workspace: WorkspaceId, estimate: int, budget: int | None
    ) -> Reservation | None:
        """Counts a question at its estimate, if the day's questions stay within the budget with it; else None."""
        ...

    async def settle(self, reserved: Reservation, *, cost: int) -> None:
        """Puts what a question cost in place of its reservation, in the day that was made for."""
        ...

    async def indexed(self, *, workspace: WorkspaceId, cost: int) -> None:
        """Adds what a batch of notes cost."""
        ...

    async def days(self, *, workspace: WorkspaceId | None, days: int) -> Sequence[Spent]:
        """The last so many days, today one of them, of one workspace or all; oldest first."""
        ...

    async def forget_old(self, *, days: int) -> int:
        """Drops what is older than so many days; how many rows."""
        ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limiter's word: `retry_after` seconds until the next question is allowed, None when this one is."""

    retry_after: float | None


class RateLimiter(Protocol):
    """Sliding windows; a refused request costs nothing."""

    async def take(self, *, workspace: WorkspaceId, user: UserId) -> Allowance:
        """One question of the workspace's hour and of the user's minute, of both or of neither."""
        ...

    async def look(self, *, user: UserId) -> Allowance:
        """One look at PazPaz for a client this service does not know."""
        ...

    async def forget(self, *, workspace: WorkspaceId) -> None:
        """Drops what is counted of a workspace, after its erasure."""
        ...
