"""Whether the index equals the source, and what must be looked at until it does: the feed, and PazPaz's list."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from service.domain.erasure import SHUT
from service.domain.identity import WorkspaceId
from service.domain.notes import ManifestItem
from service.ports.index import ChunkStore
from service.ports.limits import Standings
from service.ports.monolith import ChangesFeed, NoteSource
from service.ports.work import OpenWork, WorkQueue

FEED_PAGE = 500
Fault = Literal["missed", "extra", "stale"]
"""Not there and should be; there and should not be; there, but not as it is now. A draft may be there to be counted."""
Place = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Difference:
    """One note or client that the index does not hold as PazPaz lists it."""

    fault: Fault
    item: ManifestItem

    @property
    def place(self) -> Place:
        return self.item.entity, self.item.id


@dataclass(frozen=True, slots=True)
class Comparison:
    """One workspace against PazPaz's list. `differences` are those nobody is working on yet."""

    workspace: WorkspaceId
    listed: int
    differences: Sequence[Difference]
    waiting: int = 0
    """Differences for which a look is wanted already."""
    parked: int = 0
    """Differences that are dead letters."""
    closed: bool = False
    """PazPaz does not list the workspace as active, and something is still indexed; or it does, and here it is shut."""

    @property
    def equal(self) -> bool:
        return not (self.differences or self.waiting or self.parked or self.closed)

    def count(self, fault: Fault) -> int:
        return sum(one.fault == fault for one in self.differences)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Finds differences, and asks for a look at each: whatever the difference was, the pull decides."""

    notes: NoteSource
    store: ChunkStore
    queue: WorkQueue
    standings: Standings
    drafts: bool = False

    async def everything(self) -> Sequence[WorkspaceId]:
        """Every workspace that PazPaz has or that something is kept of, in the order of ids."""
        return sorted({*await self.notes.workspaces(), *await self.store.workspaces()})

    async def repair(self, workspace: WorkspaceId) -> Comparison:
        """Compares, and asks for a look at what differs, behind all that somebody's change asked for."""
        found = await self.compare(workspace)
        if found.closed:
            await self.queue.want_whole([workspace], kind="workspaces")
        items = [one.item for one in found.differences]
        await self.queue.want(items, workspace=workspace, background=True)
        return found

    async def compare(self, workspace: WorkspaceId) -> Comparison:
        """Reads PazPaz's list first, then ours: what changes in between looks newer here, and is no difference."""
        buried = await self.queue.buried(workspace=workspace)
        status = await self.notes.workspace_status(workspace=workspace)
        if status != "active":
            held = await self.store.catalogue(workspace=workspace)
            return Comparison(workspace, 0, [], closed=bool(held))
        listed = [item async for item in self.notes.manifest(workspace=workspace)]
        held = await self.store.catalogue(workspace=workspace)
        standing = await self.standings.now(workspace)
        theirs = _by_place(item for item in listed if not _is_buried(item, buried))
        rules = _Rules(theirs, _by_place(held), self.drafts, standing.require_consent)
        work = await self.queue.open_work(workspace=workspace)
        shut = (SHUT, workspace) in buried
        return _comparison(workspace, len(listed), list(rules.differences()), work, shut=shut)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the index should hold, told by two lists alone."""

    listed: Mapping[Place, ManifestItem]
    held: Mapping[Place, ManifestItem]
    drafts: bool
    require_consent: bool

    def differences(self) -> Iterator[Difference]:
        for item in self.listed.values():
            fault = self._client(item) if item.entity == "clients" else self._session(item)
            if fault:
                yield Difference(fault, item)
        for place, item in self.held.items():
            if place not in self.listed:
                yield Difference("extra", item)

    def _session(self, item: ManifestItem) -> Fault | None:
        held = self.held.get((item.entity, item.id))
        if not self._belongs(item):
            return "extra" if held else None
        if held is None:
            return "missed"
        as_it_is = (held.state, held.is_searched) == (item.state, self._is_searched(item))
        return None if as_it_is and not _is_older(held, item) else "stale"

    def _is_searched(self, item: ManifestItem) -> bool:
        """A draft is only counted where drafts are not indexed."""
        return item.state != "draft" or self.drafts

    def _belongs(self, item: ManifestItem) -> bool:
        """Nobody's session, or an archived client's, is neither indexed nor counted."""
        place = ("clients", item.client)
        owner = self.held.get(place) or self.listed.get(place)
        return item.is_there and owner is not None and owner.state == "active"

    def _client(self, item: ManifestItem) -> Fault | None:
        """A client without consent stands as archived; whether they consented, the list does not say."""
        held = self.held.get((item.entity, item.id))
        if held is None:
            return "missed"
        if _is_older(held, item):
            return "stale"
        refused = held.state == "archived" and item.state == "active" and self.require_consent
        return None if held.state == item.state or refused else "stale"


async def read_feed(feed: ChangesFeed, queue: WorkQueue) -> tuple[int, int]:
    """Takes in what the webhook may have lost: how many events were read, and how many of them were new."""
    read = new = 0
    while True:
        page = await feed.changes(after=await queue.cursor(), limit=FEED_PAGE)
        if page.events:
            new += await queue.accept(page.events, feed=page.next)
        read += len(page.events)
        if len(page.events) < FEED_PAGE:
            return read, new


def _comparison(
    workspace: WorkspaceId,
    listed: int,
    found: Sequence[Difference],
    work: OpenWork,
    *,
    shut: bool,
) -> Comparison:
    idle = [one for one in found if one.place not in work.waiting | work.parked]
    waiting = sum(one.place in work.waiting for one in found)
    parked = sum(one.place in work.parked for one in found)
    return Comparison(workspace, listed, idle, waiting, parked, closed=shut)


def _is_older(held: ManifestItem, listed: ManifestItem) -> bool:
    """A version repeats under concurrent saves, and a save may keep the moment: either may tell."""
    return held.updated_at < listed.updated_at or (
        held.updated_at == listed.updated_at and held.version != listed.version
    )


def _is_buried(item: ManifestItem, stones: frozenset[Place]) -> bool:
    theirs = {(item.entity, item.id), ("clients", item.client)}
    return bool(theirs & stones) or any(entity == "workspaces" for entity, _ in stones)


def _by_place(items: Iterable[ManifestItem]) -> dict[Place, ManifestItem]:
    return {(item.entity, item.id): item for item in items}
