"""Lexical search in process: BM25 over the sealed bags of one workspace at a time."""

import asyncio
from functools import cache

import numpy as np

from service.domain.answers import Candidate, Language
from service.domain.identity import WorkspaceId
from service.domain.notes import NoteRef
from service.domain.scope import Within
from service.language.asking import Rarity, wanted
from service.language.features import GRAM_OF, digest64, written_in
from service.language.likeness import idf
from service.language.topic import Topic
from service.ports.index import ChunkStore
from service.retrieval.held import EpochCache
from service.retrieval.postings import STEP, Postings, Turning


class LexicalIndex:
    """BM25 over workspaces' bags: opened on first use, held as `EpochCache` says, and following what changed."""

    def __init__(
        self, store: ChunkStore, *, max_workspaces: int = 64, max_bytes: int = 256 * 2**20
    ) -> None:
        self._store = store
        self._held = EpochCache(
            store, self._build, max_workspaces=max_workspaces, max_bytes=max_bytes
        )

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets what is open of it, as when something of it is erased."""
        self._held.drop(workspace)

    async def search(
        self,
        query: str,
        *,
        key: bytes,
        workspace: WorkspaceId,
        within: Within,
        limit: int,
        words: bool = True,
        grams: bool = True,
        epoch: int | None = None,
    ) -> list[Candidate]:
        """The best notes for a query, best first, among those that `within` holds; no score of zero.

        `key` is the workspace's index key, `epoch` that of its index, if it was just asked for.
        Raises StoreUnavailable, SealBroken.
        """
        postings = await self._held.get(workspace, epoch=epoch)
        weights = {
            digest64(feature, key): weight
            for feature, weight in wanted(query).items()
            if (grams if feature[0] == GRAM_OF else words)
        }
        scores = postings.scores(weights, within)
        rows, notes = postings.best(scores, limit), postings.notes
        found = zip(
            notes.refs(rows, workspace), notes.clients_of(rows), scores[rows].tolist(), strict=True
        )
        return [Candidate(ref, client, score) for ref, client, score in found]

    async def rarity(
        self, *, key: bytes, workspace: WorkspaceId, epoch: int | None = None
    ) -> Rarity:
        """How rare a feature is among the workspace's notes. Raises StoreUnavailable, SealBroken."""
        postings = await self._held.get(workspace, epoch=epoch)
        # Remembered for as long as the question holds it: each of its words is weighed once a stretch.
        return cache(lambda feature: idf(postings.frequency(digest64(feature, key)), postings.size))

    async def matching(
        self, topic: Topic, *, key: bytes, workspace: WorkspaceId, within: Within
    ) -> list[NoteRef]:
        """Every note in scope whose bag says enough of a topic's words, in no order; on which side it does not tell.

        Raises StoreUnavailable, SealBroken.
        """
        postings = await self._held.get(workspace)
        asked = [
            [{digest64(feature, key) for feature in way} for way in word.ways]
            for word in topic.spelled
        ]
        found = (postings.having(asked) >= topic.least_spelled) & postings.held_by(within)
        return postings.notes.refs(np.flatnonzero(found), workspace)

    async def only_in(
        self,
        language: Language,
        *,
        key: bytes,
        workspace: WorkspaceId,
        within: Within,
        epoch: int | None = None,
    ) -> int:
        """How many sessions in scope are written in that language alone; what is in both can be searched in either.

        A bag from before bags said so is unknown, and not counted, until its note is indexed again (`backfill`).
        Raises StoreUnavailable, SealBroken.
        """
        postings = await self._held.get(workspace, epoch=epoch)
        return postings.sessions_having(digest64(written_in(language), key), within)

    async def _build(self, workspace: WorkspaceId) -> Postings:
        """From what is held of it, where the store can tell what changed since; of a note, 20,000 around it, that is
        milliseconds where opening all bags is seconds."""
        held = self._held.stale(workspace)
        if held and (newer := await self._followed(held, workspace)):
            return newer
        epoch, bags = await self._store.bags(workspace=workspace)
        turning = Turning()
        for first in range(0, len(bags), STEP):
            await asyncio.to_thread(turning.add, bags[first : first + STEP])
        return await asyncio.to_thread(turning.done, epoch)

    async def _followed(self, held: Postings, workspace: WorkspaceId) -> Postings | None:
        delta = await self._store.changed_bags(workspace=workspace, since=held.epoch)
        return await asyncio.to_thread(held.after, delta) if delta else None
