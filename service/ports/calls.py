"""What goes along with each call of a model: for whom, behind which veil, until when and at what cost."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from service.domain.audit import SERVICE_CHAIN
from service.domain.deadline import NO_DEADLINE, Deadline
from service.domain.identity import WorkspaceId
from service.domain.notes import Person
from service.domain.usage import Meter
from service.ports.keys import KeyStore, WorkspaceKeys
from service.ports.limits import Standings


class Veil(Protocol):
    """Puts pseudonyms in place of what says who somebody is, for a text that leaves the house, and takes them away.

    One veil is one question's or one batch's: it restores what it hid itself and nothing else.
    """

    def know(self, people: Iterable[Person]) -> None:
        """Hides these clients' names too: those just read may be ones that the index does not have yet."""
        ...

    def hide(self, text: str) -> str: ...

    def restore(self, text: str, *, as_in: str = "") -> str:
        """The text with the words that stood where the pseudonyms are, written as in that text if it has them."""
        ...


class _NoVeil:
    """Hides nothing: for models that call nobody."""

    def know(self, people: Iterable[Person]) -> None:
        return

    def hide(self, text: str) -> str:
        return text

    def restore(self, text: str, *, as_in: str = "") -> str:
        return text


NO_VEIL: Veil = _NoVeil()


class Veils(Protocol):
    """Veils that know a workspace's names."""

    async def of(self, *, workspace: WorkspaceId) -> Veil:
        """A new one. Raises StoreUnavailable, KeyUnavailable, SealBroken."""
        ...


class _NoVeils:
    """Hides nothing of anybody: where every model runs in this process."""

    async def of(self, *, workspace: WorkspaceId) -> Veil:
        return NO_VEIL


NO_VEILS: Veils = _NoVeils()


@dataclass(frozen=True, slots=True)
class CallContext:
    """For whom a model is called, and what the call may cost: one for a question, one for a batch of notes."""

    keys: WorkspaceKeys = field(repr=False)
    veil: Veil = field(default=NO_VEIL, repr=False)
    deadline: Deadline = NO_DEADLINE
    meter: Meter = field(default_factory=Meter)
    may_spend: bool = True
    """False: the day's budget is used up, and no provider is called."""

    @property
    def workspace(self) -> WorkspaceId:
        return self.keys.workspace

    def taking(self, share: float) -> "CallContext":
        """The same for a step that may take this share of the time that is left at most."""
        return replace(self, deadline=self.deadline.part(share))

    def leaving(self, seconds: float) -> "CallContext":
        """The same for a step that must leave so much of the time to the next one."""
        return replace(self, deadline=self.deadline.before(seconds))


def for_nobody(*, deadline: Deadline = NO_DEADLINE) -> CallContext:
    """A call for no workspace, as at a start: nothing that is anybody's may be in it."""
    return CallContext(WorkspaceKeys(SERVICE_CHAIN, 0, bytes(32), bytes(32)), deadline=deadline)


@dataclass(frozen=True, slots=True)
class CallContexts:
    """Makes what goes along with calls of models, by the workspace's keys, names and switches."""

    keys: KeyStore
    standings: Standings
    veils: Veils = NO_VEILS

    async def of(
        self,
        *,
        workspace: WorkspaceId,
        deadline: Deadline = NO_DEADLINE,
        meter: Meter | None = None,
        may_spend: bool = True,
    ) -> CallContext:
        """Raises StoreUnavailable, KeyUnavailable, SealBroken."""
        keys = await self.keys.keys(workspace=workspace)
        hides = (await self.standings.of(workspace)).pseudonyms
        veil = await self.veils.of(workspace=workspace) if hides else NO_VEIL
        return CallContext(
            keys, veil, deadline=deadline, meter=meter or Meter(), may_spend=may_spend
        )
