"""Finds the passages of a workspace's notes that a question needs."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from service.domain.answers import Candidate, Passage, Question, Stretch
from service.domain.audit import Trail
from service.domain.identity import UserId, WorkspaceId
from service.domain.notes import Note, NoteRef, Pulled
from service.domain.scope import ANYWHERE, Within
from service.errors import ModelUnavailable
from service.language.chunking import chunk_note
from service.language.detect import language_of
from service.ports.calls import CallContext
from service.ports.index import ChunkStore, IndexState
from service.ports.models import Embedders, Reranker, Vector
from service.ports.monolith import MAX_IDS, NoteSource
from service.retrieval.asked_for import NEWEST
from service.retrieval.crossing import OTHER
from service.retrieval.dense import DenseIndex
from service.retrieval.fusion import best_per_note, dense_share, fuse
from service.retrieval.lexical import LexicalIndex
from service.retrieval.passages import Read, newest_first, passages_of
from service.retrieval.people import NOBODY, Named, People
from service.retrieval.readable import readable, refuse_without_consent
from service.retrieval.scope import scope_of

DENSE_LIMIT = 100  # Chunks: of some forty notes, and fifty are pulled. 200 cost 2 ms of CPU more and moved no figure.
LEXICAL_LIMIT = 100  # Notes.
# What of its time a question waits for a provider, retries included, before something else stands in: of 45 s six, and
# of those left eight, with 10 for PazPaz.
EMBED_SHARE, RERANK_SHARE = 0.14, 0.2


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
    judged_by: str = ""
    """The reranker: what its similarities are worth, `enough` knows."""
    best: float = 0.0
    """The greatest similarity of any stretch read, also one too low for a passage."""
    within: Within = ANYWHERE
    """What was searched."""
    other_language: int = 0
    """Sessions in scope in the other language alone, where the models in use do not cross."""
    parts: tuple[tuple[float, float], ...] = ()
    """Beside `ranked`, what each was ordered by: the first stage's score and the best similarity."""
    read: tuple[tuple[Note, str], ...] = ()
    """Every note that was read for it, with its client's name."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One search of the index: words, in a scope."""

    text: str
    within: Within


@dataclass(frozen=True, slots=True)
class _Index:
    """A workspace's index as a question meets it: its state is asked once, and holds for all of the question."""

    context: CallContext
    state: IndexState

    @property
    def workspace(self) -> WorkspaceId:
        return self.context.workspace

    @property
    def key(self) -> bytes:
        return self.context.keys.index


@dataclass(frozen=True)
class Finder:
    """Dense and lexical search, fused; the text pulled anew, judged and grouped by session."""

    store: ChunkStore
    notes: NoteSource
    embedders: Embedders
    reranker: Reranker
    spare: Reranker
    """Judges where the reranker is away; it calls nobody."""
    lexical: LexicalIndex
    people: People
    dense: DenseIndex

    async def scope(self, question: Question, *, context: CallContext) -> Within:
        """What a question is confined to: its client or the one it names, its time. Raises Unavailable."""
        index = await self._index(context)
        named = await self._named(question, index)
        return await scope_of(question, named, workspace=index.workspace, store=self.store)

    async def find(
        self,
        question: Question,
        *,
        context: CallContext,
        actor: UserId | None,
        trail: Trail,
        arms: Arms = ALL_ARMS,
    ) -> Found:
        """The passages for a question, read as `actor`; only notes that are readable at this moment.

        Every note that is read is told to `trail` before anything is done with it. Without its embedder the search is
        by words alone, without its reranker the spare one judges; the context's meter tells which of them was away.
        Raises Unavailable (source, store or key), NotAllowed.
        """
        workspace = context.workspace
        await refuse_without_consent(question, notes=self.notes, workspace=workspace, actor=actor)
        index = await self._index(context)
        named = await self._named(question, index)
        within = await scope_of(question, named, workspace=workspace, store=self.store)
        candidates = await self._candidates(_looks(question, within, named), index, arms)
        pulled = await self._pull(candidates, workspace=workspace, actor=actor)
        context.veil.know(client.person for client in pulled.clients.values())
        readable = _readable(candidates, pulled, within, consent=question.require_consent)
        for _, note, _ in readable:
            trail.saw(note, "read")
        judge, reads = await self._judged(question, readable, index, rerank=arms.rerank)
        reads.sort(key=lambda read: -read.worth)
        if NEWEST.search(question.text):
            reads = newest_first(reads)
        return Found(
            passages=passages_of(reads, question),
            ranked=tuple(read.note.ref for read in reads),
            judged_by=judge.model,
            best=max((read.best for read in reads), default=0.0),
            within=within,
            other_language=await self._other_language(question, within, index, judge),
            parts=tuple((read.first_score, read.best) for read in reads),
            read=tuple((note, name) for _, note, name in readable),
        )

    async def _index(self, context: CallContext) -> _Index:
        return _Index(context, await self.store.state(workspace=context.workspace))

    async def _other_language(
        self, question: Question, within: Within, index: _Index, judge: Reranker
    ) -> int:
        """Both models must cross: what the embedder brings, a reranker that does not would turn down."""
        if index.state.models is None or (judge.crosses_languages and self._embeds_both(index)):
            return 0
        return await self.lexical.only_in(
            OTHER[question.language],
            key=index.key,
            workspace=index.workspace,
            within=within,
            epoch=index.state.epoch,
        )

    def _embeds_both(self, index: _Index) -> bool:
        """Whether the question was compared with the notes by an embedder that crosses languages."""
        models = index.state.models
        embedder = self.embedders.find(models.active) if models else None
        was_away = "embedder" in index.context.meter.away
        return embedder is not None and embedder.crosses_languages and not was_away

    async def _named(self, question: Question, index: _Index) -> Named:
        """Whom the question names; a client who is given stands, whoever else is spoken of."""
        if question.client is not None:
            return NOBODY
        return await self.people.named(
            question.text, workspace=index.workspace, epoch=index.state.epoch
        )

    async def _candidates(
        self, looks: Sequence[_Look], index: _Index, arms: Arms
    ) -> list[Candidate]:
        """The best of all looks, a note by its best score."""
        vectors = await self._vectors({look.text for look in looks}, index) if arms.dense else {}
        found = await asyncio.gather(*(self._look(look, index, arms, vectors) for look in looks))
        best: dict[NoteRef, Candidate] = {}
        for candidate in chain.from_iterable(found):
            held = best.get(candidate.ref)
            if held is None or candidate.score > held.score:
                best[candidate.ref] = candidate
        return sorted(best.values(), key=lambda candidate: -candidate.score)[:MAX_IDS]

    async def _look(
        self, look: _Look, index: _Index, arms: Arms, vectors: Mapping[str, Vector]
    ) -> list[Candidate]:
        dense, lexical = await asyncio.gather(
            self._dense(look, index, vectors.get(look.text)),
            self.lexical.search(
                look.text,
                key=index.key,
                workspace=index.workspace,
                epoch=index.state.epoch,
                within=look.within,
                limit=LEXICAL_LIMIT,
                words=arms.words,
                grams=arms.grams,
            ),
        )
        models = index.state.models
        share = dense_share(models.active if models else "", language_of(look.text))
        return fuse(dense, lexical, limit=MAX_IDS, dense_share=share)

    async def _vectors(self, texts: Collection[str], index: _Index) -> Mapping[str, Vector]:
        """In the space that was active as the question began; none where nothing was indexed or the embedder is away.

        One call for all of them. Vectors of two models are never compared: a switch meanwhile keeps the space that was
        active, and `reindex finish` drops it a minute later at the earliest.
        """
        if index.state.models is None:
            return {}
        ordered, context = sorted(texts), index.context.taking(EMBED_SHARE)
        try:
            embedder = self.embedders.of(index.state.models.active)
            vectors = await embedder.embed(ordered, purpose="query", context=context)
        except ModelUnavailable as exc:
            context.meter.lacked("embedder", exc.reason)
            return {}
        return dict(zip(ordered, vectors, strict=True))

    async def _dense(self, look: _Look, index: _Index, vector: Vector | None) -> list[Candidate]:
        models = index.state.models
        if vector is None or models is None:
            return []
        hits = await self.dense.search(
            vector,
            workspace=index.workspace,
            model=models.active,
            within=look.within,
            limit=DENSE_LIMIT,
            epoch=index.state.epoch,
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

    async def _judged(
        self,
        question: Question,
        notes: Sequence[tuple[Candidate, Note, str]],
        index: _Index,
        *,
        rerank: bool,
    ) -> tuple[Reranker, list[Read]]:
        """Who judged the notes, and what each stretch is worth."""
        chunked = [chunk_note(note) if rerank else [] for _, note, _ in notes]
        stretches = [
            Stretch(chunk.text, name, note.day, chunk.field)
            for (_, note, name), chunks in zip(notes, chunked, strict=True)
            for chunk in chunks
        ]
        judge, similarities = await self._similarities(question.text, stretches, index)
        scores = iter(similarities)
        return judge, [
            Read(note, name, chunks, [next(scores) for _ in chunks], found.score, question.fields)
            for (found, note, name), chunks in zip(notes, chunked, strict=True)
        ]

    async def _similarities(
        self, text: str, stretches: Sequence[Stretch], index: _Index
    ) -> tuple[Reranker, Sequence[float]]:
        if not stretches:
            return self.reranker, []
        rarity = await self.lexical.rarity(
            key=index.key, workspace=index.workspace, epoch=index.state.epoch
        )
        context = index.context.taking(RERANK_SHARE)
        try:
            scores = await self.reranker.rerank(text, stretches, rarity=rarity, context=context)
        except ModelUnavailable as exc:
            context.meter.lacked("reranker", exc.reason)
            scores = await self.spare.rerank(text, stretches, rarity=rarity, context=context)
            return self.spare, scores
        return self.reranker, scores


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
