"""From a bearer token to a live principal: the token is checked here, the login by PazPaz."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from service.domain.identity import Introspection, Principal, TokenClaims, WorkspaceId
from service.errors import NotAuthenticated, SourceUnavailable, WorkspaceSuspended
from service.ports.clock import Clock
from service.ports.monolith import PrincipalSource

FRESH = timedelta(seconds=15)
"""Within this, a confirmed login is not asked about again: revocation holds within 15 s."""
GRACE = timedelta(seconds=60)
"""While PazPaz is away, a confirmation counts this long: 75 s at the very most."""
MOST = 10_000


@dataclass(slots=True)
class Principals:
    """A bounded cache of PazPaz's word, by login. Only confirmations are remembered."""

    source: PrincipalSource
    clock: Clock
    _confirmed: OrderedDict[TokenClaims, tuple[datetime, Principal]] = field(
        default_factory=OrderedDict, repr=False
    )
    _drops: int = field(default=0, repr=False)

    async def confirm(self, claims: TokenClaims) -> Principal:
        """Raises NotAuthenticated, WorkspaceSuspended, or SourceUnavailable when nobody can tell."""
        asked, drops = self.clock(), self._drops
        remembered = self._confirmed.get(claims)
        if remembered and asked - remembered[0] < FRESH:
            return _agreeing(remembered[1], claims)
        try:
            said = await self.source.introspect(session=claims.session, user=claims.user)
        except SourceUnavailable:
            remembered = self._confirmed.get(claims)  # unless it was dropped while we waited
            if remembered and self.clock() - remembered[0] < GRACE:
                return _agreeing(remembered[1], claims)
            raise
        self._confirmed.pop(claims, None)
        principal = _judge(said, claims)
        if drops == self._drops:  # else the answer may be older than the change that dropped it
            self._remember(claims, asked, principal)
        return _agreeing(principal, claims)

    def _remember(self, claims: TokenClaims, asked: datetime, principal: Principal) -> None:
        """As old as the question, not the answer: a slow PazPaz must not stretch the 15 s."""
        self._confirmed[claims] = (asked, principal)
        while len(self._confirmed) > MOST:
            self._confirmed.popitem(last=False)

    def drop(self, workspace: WorkspaceId, user: UUID | None = None) -> None:
        """Forgets what was confirmed of a workspace (or one of its users), because PazPaz says it changed."""
        self._drops += 1
        stale = [
            claims
            for claims in self._confirmed
            if claims.workspace == workspace and user in (None, claims.user)
        ]
        for claims in stale:
            del self._confirmed[claims]


def _agreeing(principal: Principal, claims: TokenClaims) -> Principal:
    """A token that gives its bearer another role than PazPaz does is no token of theirs any more."""
    if claims.role not in {None, principal.role}:
        raise NotAuthenticated
    return principal


def _judge(said: Introspection | None, claims: TokenClaims) -> Principal:
    """PazPaz's order: who are you (401), is your workspace open (403). What a role may is the switches' matter."""
    if said is None or said.revoked or said.user != claims.user:
        raise NotAuthenticated
    if said.workspace != claims.workspace:
        raise NotAuthenticated
    if said.workspace_status != "active":
        raise WorkspaceSuspended
    if not said.active:
        raise NotAuthenticated
    return Principal(said.user, said.workspace, said.role)
