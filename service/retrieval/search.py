"""Finds the passages of a workspace's notes that a question needs."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.domain.answers import Candidate, Passage, Question
from service.domain.audit import Trail
from service.domain.identity import UserId, WorkspaceId
from service.domain.notes import Chunk, Note, NoteRef, Pulled
from service.domain.scope import Within
from service.language.chunking import chunk_note
from service.ports import ChunkStore, Embedders, KeyStore, NoteSource, Reranker
from service.retrieval.fusion import best_per_note, fuse
from service.retrieval.lexical import LexicalIndex
from service.retrieval.readable import readable, refuse_without_consent

DENSE_LIMIT = 200  # Chunks.
LEXICAL_LIMIT = 100  # Notes.
PULL_LIMIT = 50  # Notes: one call to PazPaz.
PASSAGES_PER_NOTE = 3
RERANK_SHARE = 0.67  # nDCG@10 0.972 he / 0.772 en; the first stage alone 0.970 / 0.746, the second 0.967 / 0.757.


@dataclass(frozen=True, slots=True)
class Arms:
    """Which parts of search take part: all, but where one is measured alone."""

    words: bool = True
    grams: bool = True
    dense: bool = True
    rerank: bool = True
    """Without it the first stage's order stands."""


ALL_ARMS = Arms()


@dataclass(frozen=True)
class Found:
    """What a search brought: `passages` best first, `ranked` every readable note best first, for evaluation."""

    passages: tuple[Passage, ...]
    ranked: tuple[NoteRef, ...]
    considered: int
    """How many notes were read for this question."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A candidate with its current text, chunked and scored."""

    note: Note
    client_name: str
    chunks: Sequence[Chunk]
    similarities: Sequence[float]
    first_score: float

    @property
    def best(self) -> float:
        return max(self.similarities, default=0.0)

    @property
    def worth(self) -> float:
        """The order of notes: both stages, because each sees what the other misses."""
        return (1 - RERANK_SHARE) * self.first_score + RERANK_SHARE * self.best


@dataclass(frozen=True)
class Finder:
    """Dense and lexical search, fused; the text pulled anew, judged and grouped by session."""

    store: ChunkStore
    notes: NoteSource
    keys: KeyStore
    embedders: Embedders
    reranker: Reranker
    lexical: LexicalIndex

    async def find(
        self,
        question: Question,
        *,
        workspace: WorkspaceId,
        actor: UserId | None,
        trail: Trail,
        arms: Arms = ALL_ARMS,
    ) -> Found:
        """The passages for a question, read as `actor`; only notes that are readable at this moment.

        Every note that is read is told to `trail` before anything is done with it.
        Raises Unavailable (source, store, model or key), NotAllowed.
        """
        await refuse_without_consent(question, notes=self.notes, workspace=workspace, actor=actor)
        candidates = await self._candidates(question, workspace=workspace, arms=arms)
        pulled = await self._pull(candidates, workspace=workspace, actor=actor)
        readable = _readable(candidates, pulled, question)
        for _, note, _ in readable:
            trail.saw(note, "read")
        reads = await self._score(question, readable, rerank=arms.rerank)
        reads.sort(key=lambda read: -read.worth)
        return Found(
            passages=_passages(reads, question),
            ranked=tuple(read.note.ref for read in reads),
            considered=len(reads),
        )

    async def _candidates(
        self, question: Question, *, workspace: WorkspaceId, arms: Arms
    ) -> list[Candidate]:
        key = (await self.keys.keys(workspace=workspace)).index
        dense, lexical = await asyncio.gather(
            self._dense(question, key=key, workspace=workspace) if arms.dense else _nothing(),
            self.lexical.search(
                question.text,
                key=key,
                workspace=workspace,
                within=Within.client(question.client),
                limit=LEXICAL_LIMIT,
                words=arms.words,
                grams=arms.grams,
            ),
        )
        return fuse(dense, lexical, limit=PULL_LIMIT)

    async def _dense(
        self, question: Question, *, key: bytes, workspace: WorkspaceId
    ) -> list[Candidate]:
        """In the space that is active as this begins: vectors of two models are never compared.

        A switch meanwhile keeps the space that was active; `reindex finish` drops it a minute later at the earliest.
        """
        models = await self.store.models(workspace=workspace)
        if models is None:
            return []  # nothing was ever indexed
        embedder = self.embedders.of(models.active)
        [vector] = await embedder.embed([question.text], purpose="query", key=key)
        hits = await self.store.search(
            vector,
            workspace=workspace,
            model=embedder.model,
            within=Within.client(question.client),
            limit=DENSE_LIMIT,
        )
        return best_per_note(hits)

    async def _pull(
        self, candidates: Sequence[Candidate], *, workspace: WorkspaceId, actor: UserId | None
    ) -> Pulled:
        """Current rows of the candidates, and their clients for names and standing."""
        if not candidates:
            return Pulled(sessions={}, clients={}, unreadable={})
        sessions = [c.ref.id for c in candidates if c.ref.entity == "sessions"]
        clients = list(dict.fromkeys(candidate.client for candidate in candidates))
        return await self.notes.fetch(
            workspace=workspace, sessions=sessions, clients=clients, actor=actor
        )

    async def _score(
        self, question: Question, notes: Sequence[tuple[Candidate, Note, str]], *, rerank: bool
    ) -> list[_Read]:
        if not rerank:
            return [_Read(note, name, (), (), found.score) for found, note, name in notes]
        chunked = [chunk_note(note) for _, note, _ in notes]
        # The client's name stands before each text: questions name people whom notes call "she".
        texts = [
            f"{name}\n{chunk.text}"
            for (_, _, name), chunks in zip(notes, chunked, strict=True)
            for chunk in chunks
        ]
        scores = iter(await self.reranker.rerank(question.text, texts) if texts else [])
        return [
            _Read(note, name, chunks, [next(scores) for _ in chunks], candidate.score)
            for (candidate, note, name), chunks in zip(notes, chunked, strict=True)
        ]


async def _nothing() -> list[Candidate]:
    return []


def _readable(
    candidates: Iterable[Candidate], pulled: Pulled, question: Question
) -> list[tuple[Candidate, Note, str]]:
    """The candidates that may be quoted now, with their notes and their clients' names."""
    within, consent = Within.client(question.client), question.require_consent
    return [
        (candidate, *found)
        for candidate in candidates
        if (found := readable(candidate.ref, pulled, within=within, require_consent=consent))
    ]


def _passages(reads: Sequence[_Read], question: Question) -> tuple[Passage, ...]:
    """The chunks worth showing, note by note, numbered p1, p2, ..."""
    kept = [(read, _plausible(read, question.min_similarity)) for read in reads]
    used = [(read, places) for read, places in kept if places][: question.max_results]
    flat = [(read, place) for read, places in used for place in places]
    return tuple(
        Passage(
            id=f"p{number}",
            note=read.note,
            chunk=read.chunks[place],
            client_name=read.client_name,
            similarity=read.similarities[place],
        )
        for number, (read, place) in enumerate(flat, 1)
    )


def _plausible(read: _Read, least: float) -> list[int]:
    """The places of a note's best chunks that reach the least similarity, best first."""
    best = sorted(range(len(read.chunks)), key=lambda place: -read.similarities[place])
    return [place for place in best[:PASSAGES_PER_NOTE] if read.similarities[place] >= least]
