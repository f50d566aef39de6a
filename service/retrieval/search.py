"""Finds the passages of a workspace's notes that a question needs."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

from service.domain.answers import Candidate, Passage, Question, Stretch
from service.domain.audit import Trail
from service.domain.identity import UserId, WorkspaceId
from service.domain.notes import Chunk, Note, NoteRef, Pulled
from service.domain.scope import ANYWHERE, Within
from service.language.chunking import chunk_note, joined
from service.language.detect import language_of
from service.ports import ChunkStore, Embedders, KeyStore, NoteSource, Reranker
from service.retrieval.fusion import best_per_note, dense_share, fuse
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import NOBODY, Named, People
from service.retrieval.readable import readable, refuse_without_consent
from service.retrieval.scope import scope_of

DENSE_LIMIT = 200  # Chunks.
LEXICAL_LIMIT = 100  # Notes.
PULL_LIMIT = 50  # Notes: one call to PazPaz.
PASSAGES_PER_NOTE = 3
# Of the order, the rest is the reranker's. nDCG@10 he / en by this share, ours in brackets: 0.3 0.976 / 0.794
# (0.779 / 0.765), 0.4 0.976 / 0.795 (0.769 / 0.761), 0.5 0.976 / 0.792 (0.762 / 0.759); the first stage alone
# 0.974 / 0.766 (0.739 / 0.741).
FIRST_SHARE = 0.35
# What a question for a field adds to a stretch of it: enough to decide between neighbours, not to bring in strangers.
FIELD_BONUS = 0.1


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
    judged_by: str = ""
    """The reranker: what its similarities are worth, `enough` knows."""
    best: float = 0.0
    """The greatest similarity of any stretch read, also one too low for a passage."""
    within: Within = ANYWHERE
    """What was searched."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A candidate with its current text, chunked and scored."""

    note: Note
    client_name: str
    chunks: Sequence[Chunk]
    similarities: Sequence[float]
    first_score: float
    fields: frozenset[str]
    """Those the question asks for."""

    def value(self, place: int) -> float:
        """What a chunk is worth in an order."""
        bonus = FIELD_BONUS if self.chunks[place].field in self.fields else 0.0
        return self.similarities[place] + bonus

    @property
    def worth(self) -> float:
        """The order of notes: both stages, because each sees what the other misses."""
        best = max(map(self.value, range(len(self.chunks))), default=0.0)
        return FIRST_SHARE * self.first_score + (1 - FIRST_SHARE) * best


@dataclass(frozen=True, slots=True)
class _Look:
    """One search of the index: words, in a scope."""

    text: str
    within: Within


@dataclass(frozen=True)
class Finder:
    """Dense and lexical search, fused; the text pulled anew, judged and grouped by session."""

    store: ChunkStore
    notes: NoteSource
    keys: KeyStore
    embedders: Embedders
    reranker: Reranker
    lexical: LexicalIndex
    people: People

    async def scope(self, question: Question, *, workspace: WorkspaceId) -> Within:
        """What a question is confined to: its client or the one it names, its time. Raises Unavailable."""
        named = await self._named(question, workspace=workspace)
        return await scope_of(question, named, workspace=workspace, store=self.store)

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
        named = await self._named(question, workspace=workspace)
        within = await scope_of(question, named, workspace=workspace, store=self.store)
        looks = _looks(question, within, named)
        candidates = await self._candidates(looks, workspace=workspace, arms=arms)
        pulled = await self._pull(candidates, workspace=workspace, actor=actor)
        readable = _readable(candidates, pulled, within, consent=question.require_consent)
        for _, note, _ in readable:
            trail.saw(note, "read")
        reads = await self._score(question, readable, workspace=workspace, rerank=arms.rerank)
        reads.sort(key=lambda read: -read.worth)
        return Found(
            passages=_passages(reads, question),
            ranked=tuple(read.note.ref for read in reads),
            considered=len(reads),
            judged_by=self.reranker.model,
            within=within,
            best=max((max(read.similarities, default=0.0) for read in reads), default=0.0),
        )

    async def _named(self, question: Question, *, workspace: WorkspaceId) -> Named:
        """Whom the question names; a client who is given stands, whoever else is spoken of."""
        if question.client is not None:
            return NOBODY
        return await self.people.named(question.text, workspace=workspace)

    async def _candidates(
        self, looks: Sequence[_Look], *, workspace: WorkspaceId, arms: Arms
    ) -> list[Candidate]:
        """The best of all looks, a note by its best score."""
        key = (await self.keys.keys(workspace=workspace)).index
        found = await asyncio.gather(
            *(self._look(look, key=key, workspace=workspace, arms=arms) for look in looks)
        )
        best: dict[NoteRef, Candidate] = {}
        for candidate in chain.from_iterable(found):
            held = best.get(candidate.ref)
            if held is None or candidate.score > held.score:
                best[candidate.ref] = candidate
        return sorted(best.values(), key=lambda candidate: -candidate.score)[:PULL_LIMIT]

    async def _look(
        self, look: _Look, *, key: bytes, workspace: WorkspaceId, arms: Arms
    ) -> list[Candidate]:
        (model, dense), lexical = await asyncio.gather(
            self._dense(look, key=key, workspace=workspace, arms=arms),
            self.lexical.search(
                look.text,
                key=key,
                workspace=workspace,
                within=look.within,
                limit=LEXICAL_LIMIT,
                words=arms.words,
                grams=arms.grams,
            ),
        )
        share = dense_share(model, language_of(look.text))
        return fuse(dense, lexical, limit=PULL_LIMIT, dense_share=share)

    async def _dense(
        self, look: _Look, *, key: bytes, workspace: WorkspaceId, arms: Arms
    ) -> tuple[str, list[Candidate]]:
        """In the space that is active as this begins: vectors of two models are never compared.

        A switch meanwhile keeps the space that was active; `reindex finish` drops it a minute later at the earliest.
        """
        models = await self.store.models(workspace=workspace) if arms.dense else None
        if models is None:
            return "", []  # nothing was ever indexed
        embedder = self.embedders.of(models.active)
        [vector] = await embedder.embed([look.text], purpose="query", key=key)
        hits = await self.store.search(
            vector,
            workspace=workspace,
            model=embedder.model,
            within=look.within,
            limit=DENSE_LIMIT,
        )
        return embedder.model, best_per_note(hits)

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
        self,
        question: Question,
        notes: Sequence[tuple[Candidate, Note, str]],
        *,
        workspace: WorkspaceId,
        rerank: bool,
    ) -> list[_Read]:
        if not rerank:
            return [
                _Read(note, name, (), (), found.score, question.fields)
                for found, note, name in notes
            ]
        chunked = [chunk_note(note) for _, note, _ in notes]
        stretches = [
            Stretch(chunk.text, name, note.day, chunk.field)
            for (_, note, name), chunks in zip(notes, chunked, strict=True)
            for chunk in chunks
        ]
        scores = iter(await self._judge(question.text, stretches, workspace=workspace))
        return [
            _Read(
                note,
                name,
                chunks,
                [next(scores) for _ in chunks],
                candidate.score,
                question.fields,
            )
            for (candidate, note, name), chunks in zip(notes, chunked, strict=True)
        ]

    async def _judge(
        self, text: str, stretches: Sequence[Stretch], *, workspace: WorkspaceId
    ) -> Sequence[float]:
        if not stretches:
            return []
        key = (await self.keys.keys(workspace=workspace)).index
        rarity = await self.lexical.rarity(key=key, workspace=workspace)
        return await self.reranker.rerank(text, stretches, rarity=rarity)


def _looks(question: Question, within: Within, named: Named) -> list[_Look]:
    """The question as it stands alone; as it was asked; and among clients it may name, who would else be drowned."""
    looks = [_Look(text, within) for text in (question.text, *question.also)]
    if named.maybe and within.clients is None:
        looks.append(_Look(question.text, replace(within, clients=named.maybe)))
    return looks


def _readable(
    candidates: Iterable[Candidate], pulled: Pulled, within: Within, *, consent: bool
) -> list[tuple[Candidate, Note, str]]:
    """The candidates that may be quoted now, with their notes and their clients' names."""
    return [
        (candidate, *found)
        for candidate in candidates
        if (found := readable(candidate.ref, pulled, within=within, require_consent=consent))
    ]


def _passages(reads: Sequence[_Read], question: Question) -> tuple[Passage, ...]:
    """The chunks worth showing, note by note, numbered p1, p2, ..."""
    kept = [(read, _plausible(read, question.min_similarity)) for read in reads]
    used = [(read, chosen) for read, chosen in kept if chosen][: question.max_results]
    flat = [(read, *one) for read, chosen in used for one in chosen]
    return tuple(
        Passage(
            id=f"p{number}",
            note=read.note,
            chunk=chunk,
            client_name=read.client_name,
            similarity=similarity,
        )
        for number, (read, chunk, similarity) in enumerate(flat, 1)
    )


def _plausible(read: _Read, least: float) -> list[tuple[Chunk, float]]:
    """A note's best chunks that reach the least similarity, best first; neighbours as one, with the better's."""
    ordered = sorted(range(len(read.chunks)), key=lambda place: -read.value(place))
    best = [place for place in ordered[:PASSAGES_PER_NOTE] if read.similarities[place] >= least]
    runs = [
        [place for _, place in run]
        for _, run in groupby(enumerate(sorted(best)), key=lambda one: one[1] - one[0])
    ]
    pieces = [piece for run in runs for piece in _in_one_field(read.chunks, run)]
    pieces.sort(key=lambda piece: -max(map(read.value, piece)))
    return [
        (
            joined([read.chunks[place] for place in piece], read.note),
            max(read.similarities[place] for place in piece),
        )
        for piece in pieces
    ]


def _in_one_field(chunks: Sequence[Chunk], run: Sequence[int]) -> Iterator[list[int]]:
    for _, places in groupby(run, key=lambda place: chunks[place].field):
        yield list(places)
