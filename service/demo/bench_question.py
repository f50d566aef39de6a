"""What a question costs this process, from query to ranked sessions, as workspaces grow; beside plain ways to do it."""

import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from uuid import uuid4

import numpy as np
import typer
from sqlalchemy import insert

from service.adapters.index.chunk_store import PgChunkStore
from service.adapters.index.plain_vectors import PlainVectors
from service.adapters.index.sealed_bags import sealed_bag
from service.adapters.key_store import PgKeyStore
from service.adapters.models.local_model import LocalEmbedder, LocalReranker
from service.adapters.postgres.database import open_database
from service.adapters.postgres.tables import bags, note_catalogue, session_vectors
from service.adapters.work.work_queue import PgWorkQueue
from service.commands.progress import progress
from service.demo.baselines import FullText, PlainBM25
from service.demo.bench_databases import bench_databases
from service.demo.made_up import made_up_notes, made_up_questions
from service.demo.notes_at_hand import NotesAtHand
from service.domain.answers import Question, Stretch
from service.domain.audit import Trail
from service.domain.identity import WorkspaceId
from service.domain.notes import Chunk, ManifestItem, Note
from service.domain.scope import ANYWHERE
from service.ingestion.indexing import bag_of
from service.language.asking import wanted
from service.language.chunking import chunk_note
from service.language.detect import language_of
from service.language.features import digest64
from service.ports.calls import CallContext
from service.ports.clock import now
from service.ports.index import IndexedNote, Space
from service.ports.keys import WorkspaceKeys
from service.ports.models import Embedders, Vector
from service.retrieval.dense import DenseIndex
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import DENSE_LIMIT, LEXICAL_LIMIT, Finder
from service.security.keys import KeyEncryptionKey, new_key

SEED = 5
BATCH = 200  # Notes of one transaction while a workspace is filled.
COLD_ROUNDS = 5
AIM = 25.0, 4000
"""Milliseconds of CPU, models aside, of a question over so many chunks."""
WARMING = 20  # Questions before those that count.

T = TypeVar("T")
Figures = Mapping[str, float]


@dataclass(slots=True)
class Took:
    """CPU of this process and time on the clock, in seconds, of each round of a stage."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    async def measure(self, work: Awaitable[T]) -> T:
        cpu, wall = time.process_time(), time.perf_counter()
        result = await work
        self.add(time.process_time() - cpu, time.perf_counter() - wall)
        return result

    def add(self, cpu: float, wall: float) -> None:
        self.cpu.append(cpu)
        self.wall.append(wall)

    def figures(self) -> Figures:
        """Milliseconds."""
        return {
            f"{name}_{title}": round(float(np.quantile(seconds, share)) * 1000, 3)
            for name, seconds in (("cpu", self.cpu), ("wall", self.wall))
            for title, share in (("p50", 0.5), ("p95", 0.95))
        }


@dataclass(frozen=True, slots=True)
class Metered:
    """This machine's embedder and reranker, and what their calls took: a provider's would take none of our CPU."""

    took: Took = field(default_factory=Took)
    embedder: LocalEmbedder = field(default_factory=LocalEmbedder)
    reranker: LocalReranker = field(default_factory=LocalReranker)
    model: str = LocalEmbedder.model
    crosses_languages: bool = LocalEmbedder.crosses_languages

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        return await self.took.measure(self.embedder.embed(texts, purpose=purpose, context=context))

    async def rerank(
        self,
        query: str,
        stretches: Sequence[Stretch],
        *,
        rarity: Callable[[str], float],
        context: CallContext,
    ) -> Sequence[float]:
        return await self.took.measure(
            self.reranker.rerank(query, stretches, rarity=rarity, context=context)
        )

    def taken(self) -> tuple[float, float]:
        """CPU and clock since this was last asked."""
        spent = sum(self.took.cpu), sum(self.took.wall)
        self.took.cpu.clear()
        self.took.wall.clear()
        return spent


@dataclass(frozen=True)
class House:
    """A real store and what fills it."""

    store: PgChunkStore
    keys: PgKeyStore
    queue: PgWorkQueue
    owner_url: str


@dataclass(frozen=True)
class Filled:
    """A workspace full of made-up notes."""

    house: House
    workspace: WorkspaceId
    keys: WorkspaceKeys
    notes: Sequence[Note]
    chunks: int

    @property
    def context(self) -> CallContext:
        return CallContext(self.keys)

    def finder(self, models: Metered, lexical: LexicalIndex) -> Finder:
        embedders = Embedders(models.model, {models.model: models})
        source, store = NotesAtHand(self.notes), self.house.store
        people, dense = People(store), DenseIndex(store)
        return Finder(store, source, embedders, models, models, lexical, people, dense)


async def run_bench(*, sizes: Sequence[int], questions: int, save: Path | None) -> None:
    """Prints a table for each size, and writes all figures to `save`."""
    figures = []
    async with _house() as house:
        for size in sizes:
            filled = await _filled(house, size)
            asked = made_up_questions(questions, filled.notes, _chance())
            stages = await _measured(filled, asked)
            _print(filled, questions, stages)
            figures.append({"notes": size, "chunks": filled.chunks, "stages": stages})
            _save(figures, save)


def _save(figures: Sequence[object], path: Path | None) -> None:
    """After each size: the largest takes minutes, and may be cut off."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _chance() -> random.Random:
    """The same notes and questions in each run."""
    return random.Random(SEED)  # noqa: S311 - no secret is made of it


@asynccontextmanager
async def _house() -> AsyncIterator[House]:
    async with (
        bench_databases(durable=False) as databases,
        open_database(databases.worker) as database,
    ):
        keys = PgKeyStore(database, KeyEncryptionKey(new_key()), now)
        queue = PgWorkQueue(database, lease_seconds=3600, debounce=0, debounce_limit=0)
        yield House(
            PgChunkStore(database, keys, PlainVectors(database)), keys, queue, databases.owner
        )


async def _filled(house: House, size: int) -> Filled:
    """The first note by the store's own door, the others as its rows, many at once.

    Through a lease and a transaction each, at 97 ms a note, 20,000 would take half an hour.
    """
    workspace = WorkspaceId(uuid4())
    keys = await house.keys.keys(workspace=workspace)
    notes = list(made_up_notes(size, workspace=workspace, chance=_chance()))
    await _enter(house, await _indexed(notes[0], keys))
    chunks = 0
    with progress(f"a workspace of {size} notes", size) as tick:
        for start in range(0, size, BATCH):
            batch = [await _indexed(note, keys) for note in notes[start : start + BATCH]]
            await _add(house, batch if start else batch[1:], keys)
            chunks += sum(len(one.spaces[0].chunks) for one in batch)
            tick(start + len(batch))
    return Filled(house, workspace, keys, notes, chunks)


async def _indexed(note: Note, keys: WorkspaceKeys) -> IndexedNote:
    chunks, embedder = chunk_note(note), LocalEmbedder()
    texts = [chunk.text for chunk in chunks]
    vectors = await embedder.embed(texts, purpose="document", context=CallContext(keys))
    space = Space(embedder.model, {}, frozenset(), chunks, vectors)
    return IndexedNote(note, bag_of(note, key=keys.index), [space])


async def _enter(house: House, indexed: IndexedNote) -> None:
    """The workspace's models and its epoch are there from now on."""
    note = indexed.note
    item = ManifestItem("sessions", note.ref.id, note.client, "active", note.updated_at)
    await house.queue.want([item], workspace=note.ref.workspace)
    [lease] = await house.queue.claim(limit=1)
    await house.store.replace(indexed, lease=lease)


async def _add(house: House, batch: Sequence[IndexedNote], keys: WorkspaceKeys) -> None:
    rows = [_placed(one.note) for one in batch]
    catalogued = [row | _state(one) for row, one in zip(rows, batch, strict=True)]
    vectors = [
        row | _embedded(one.spaces[0].model, chunk, vector)
        for row, one in zip(rows, batch, strict=True)
        for chunk, vector in zip(one.spaces[0].chunks, one.spaces[0].vectors, strict=True)
    ]
    sealed = [sealed_bag(one.bag, keys) for one in batch]
    async with house.store.database.tenant_tx(keys.workspace) as connection:
        for table, values in (
            (note_catalogue, catalogued),
            (session_vectors, vectors),
            (bags, sealed),
        ):
            if values:
                await connection.execute(insert(table), values)


def _placed(note: Note) -> dict[str, object]:
    place = {"client_id": note.client, "day": note.day}
    ref = note.ref
    return {"workspace_id": ref.workspace, "entity": ref.entity, "entity_id": ref.id, **place}


def _state(one: IndexedNote) -> dict[str, object]:
    note = one.note
    named = {"state": note.state, "version": note.version, "updated_at": note.updated_at}
    return {**named, "digests": one.digests}


def _embedded(model: str, chunk: Chunk, vector: Vector) -> dict[str, object]:
    return {"model": model, "field": chunk.field, "chunk": chunk.ordinal, "embedding": vector}


async def _measured(filled: Filled, asked: Sequence[str]) -> dict[str, Figures]:
    """Each stage alone, and the whole."""
    lexical = LexicalIndex(filled.house.store)
    cold = await _cold(filled, lexical, asked[0])
    whole = await _whole(filled, lexical, asked)
    apart = await _apart(filled, lexical, asked)
    plain = await _baselines(filled, asked)
    stages = whole | apart | cold | plain
    return {name: took.figures() for name, took in stages.items()}


async def _cold(filled: Filled, lexical: LexicalIndex, query: str) -> dict[str, Took]:
    opened, read = Took(), Took()
    for _ in range(COLD_ROUNDS):
        lexical.drop(filled.workspace)
        await opened.measure(_lexical(filled, lexical, query))
        await read.measure(filled.house.store.bags(workspace=filled.workspace))
    return {"lexical, cold": opened, "  read and unsealed": read}


async def _whole(filled: Filled, lexical: LexicalIndex, asked: Sequence[str]) -> dict[str, Took]:
    """From query to ranked sessions, every question once; the first ones warm up."""
    models, whole, own, models_took = Metered(), Took(), Took(), Took()
    finder = filled.finder(models, lexical)
    for query in [*asked[:WARMING], *asked]:
        question = Question(query, language_of(query))
        await whole.measure(
            finder.find(question, context=filled.context, actor=None, trail=Trail())
        )
        cpu, wall = models.taken()
        models_took.add(cpu, wall)
        own.add(whole.cpu[-1] - cpu, whole.wall[-1] - wall)
    for took in (whole, own, models_took):
        del took.cpu[:WARMING], took.wall[:WARMING]
    return {"question, models aside": own, "question": whole, "  models": models_took}


async def _apart(filled: Filled, lexical: LexicalIndex, asked: Sequence[str]) -> dict[str, Took]:
    epoch, words, dense, embedder = Took(), Took(), Took(), LocalEmbedder()
    for query in asked:
        await epoch.measure(filled.house.store.epoch(workspace=filled.workspace))
        await words.measure(_lexical(filled, lexical, query))
        [vector] = await embedder.embed([query], purpose="query", context=filled.context)
        await dense.measure(_dense(filled, vector))
    return {"  lexical, hot": words, "    its epoch asked": epoch, "  dense, in SQL": dense}


async def _lexical(filled: Filled, lexical: LexicalIndex, query: str) -> None:
    await lexical.search(
        query,
        key=filled.keys.index,
        workspace=filled.workspace,
        within=ANYWHERE,
        limit=LEXICAL_LIMIT,
    )


async def _dense(filled: Filled, vector: Vector) -> None:
    await filled.house.store.search(
        vector,
        workspace=filled.workspace,
        model=LocalEmbedder.model,
        within=ANYWHERE,
        limit=DENSE_LIMIT,
    )


async def _baselines(filled: Filled, asked: Sequence[str]) -> dict[str, Took]:
    loops, full_text = Took(), Took()
    _, bags = await filled.house.store.bags(workspace=filled.workspace)
    bm25 = PlainBM25(bags)

    async def plain(query: str) -> None:
        weights = {
            digest64(one, filled.keys.index): weight for one, weight in wanted(query).items()
        }
        bm25.search(weights, LEXICAL_LIMIT)

    table = await FullText.over(filled.notes, filled.house.owner_url)
    for query in asked:
        await loops.measure(plain(query))
        await full_text.measure(table.search(query, LEXICAL_LIMIT))
    await table.close()
    return {"BM25 in plain Python": loops, "Postgres full text": full_text}


def _print(filled: Filled, questions: int, stages: Mapping[str, Figures]) -> None:
    typer.echo(f"\n{len(filled.notes)} notes, {filled.chunks} chunks, {questions} questions; ms")
    columns = ("cpu_p50", "cpu_p95", "wall_p50", "wall_p95")
    typer.echo(f"{'':24}" + "".join(f"{name.replace('_', ' '):>10}" for name in columns))
    for name, figures in stages.items():
        typer.echo(f"{name:24}" + "".join(f"{figures[column]:10.2f}" for column in columns))
    hot = stages["  lexical, hot"]
    loops, table = stages["BM25 in plain Python"], stages["Postgres full text"]
    typer.echo(
        f"lexical, hot: {hot['cpu_p50'] / loops['cpu_p50']:.2f} of the CPU of plain Python,"
        f" {hot['wall_p50'] / table['wall_p50']:.2f} of the time of Postgres full text"
    )
    aim, chunks = AIM
    if filled.chunks >= chunks:
        own = stages["question, models aside"]
        spent = f"{own['cpu_p50']:.1f} ms of CPU (p95 {own['cpu_p95']:.1f})"
        typer.echo(f"models aside {spent}; {chunks} chunks may take {aim:.0f}")
