"""Who speaks, and for which practice."""

from dataclasses import dataclass, field
from typing import Literal, NewType
from uuid import UUID

WorkspaceId = NewType("WorkspaceId", UUID)
UserId = NewType("UserId", UUID)
ClientId = NewType("ClientId", UUID)

Role = Literal["owner", "assistant"]
WorkspaceStatus = Literal["active", "suspended", "deleted"]


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a PazPaz token says, once its signature, shape and times held; not yet a live principal."""

    user: UserId
    workspace: WorkspaceId
    session: str
    """PazPaz's `jti`: names the login that introspection asks about."""
    role: Role | None = field(default=None, compare=False)
    """What an asymmetric token says of its bearer; introspection must agree. It is no part of the login's name."""


@dataclass(frozen=True, slots=True)
class Introspection:
    """What PazPaz says about a login at this moment."""

    user: UserId
    workspace: WorkspaceId
    role: Role
    active: bool
    workspace_status: WorkspaceStatus
    revoked: bool


@dataclass(frozen=True, slots=True)
class Principal:
    """A therapist whose token held and whom PazPaz just confirmed: the only source of a workspace in a request."""

    user: UserId
    workspace: WorkspaceId
    role: Role
