"""Conversations, and what therapists thought of the answers in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.feedback import Feedback, RatedTurn
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.turns import Turn


@dataclass(frozen=True, slots=True)
class ConversationHead:
    """A conversation without its turns. `client` None means the whole practice."""

    id: UUID
    client: ClientId | None
    started_at: datetime
    last_at: datetime
    """When its last question was asked."""
    turns: int


@dataclass(frozen=True, slots=True)
class ConversationLine(ConversationHead):
    """A conversation as a list shows it, with the first question of it that is still there."""

    question: str | None = field(repr=False)


class ConversationStore(Protocol):
    """Sealed conversations; each belongs to one user of one workspace."""

    async def head(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> ConversationHead | None: ...

    async def add_turn(
        self,
        *,
        conversation: UUID,
        client: ClientId | None,
        user: UserId,
        workspace: WorkspaceId,
        turn: Turn,
    ) -> None:
        """Adds a turn, and the conversation itself with its first one.

        Raises ConversationNotFound when the id is another user's. What leans on a note or client that was
        purged meanwhile is not kept.
        """
        ...

    async def page(
        self,
        *,
        user: UserId,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        whole_practice: bool = False,
        before: datetime | None,
        limit: int,
    ) -> Sequence[ConversationLine]:
        """Newest first; those about one client, if given, or about the whole practice alone, and else all."""
        ...

    async def turns(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId
    ) -> Sequence[Turn]:
        """What was said, without the sentences whose source notes are gone; what was changed since is told of each."""
        ...

    async def last_questions(
        self, conversation: UUID, *, user: UserId, workspace: WorkspaceId, most: int
    ) -> Sequence[str]:
        """The newest that are still there, in the order they were asked."""
        ...

    async def delete(self, conversation: UUID, *, user: UserId, workspace: WorkspaceId) -> bool: ...

    async def delete_all(self, *, user: UserId, workspace: WorkspaceId) -> int:
        """All of one user's conversations; how many."""
        ...

    async def forget_before(self, moment: datetime, *, workspace: WorkspaceId) -> int:
        """Deletes conversations whose last turn is older; how many."""
        ...


class FeedbackStore(Protocol):
    """What therapists thought of their answers: one word a turn, which goes with the turn."""

    async def may_rate(self, turn: UUID, *, user: UserId, workspace: WorkspaceId) -> bool:
        """Whether there is such a turn, in a conversation of this user."""
        ...

    async def give(
        self, turn: UUID, given: Feedback, *, user: UserId, workspace: WorkspaceId, at: datetime
    ) -> bool:
        """Keeps it in place of what was said before; False where `may_rate` is."""
        ...

    async def given(
        self, *, workspace: WorkspaceId, since: datetime | None = None
    ) -> Sequence[RatedTurn]:
        """All of a workspace's, of turns asked since then, oldest first."""
        ...
