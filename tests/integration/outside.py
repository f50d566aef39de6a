"""A practice of few notes that is indexed and answered from, with models of a test's choice."""

from dataclasses import dataclass, field

from service.adapters.models.local_model import ExtractiveModel, LocalReranker
from service.chat.graph import build_graph
from service.chat.state import ChatContext
from service.domain.answers import Answer, Language, Question
from service.domain.identity import Principal
from service.domain.notes import Client, Note
from service.language.chunking import chunk_note
from service.ports.calls import CallContext, CallContexts
from service.ports.index import IndexedNote, Space
from service.ports.models import ChatModel, Embedder, EntailmentModel, Reranker
from service.retrieval.dense import DenseIndex
from service.retrieval.exhaustive import Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder
from service.retrieval.veils import NameVeils
from tests.fakes import (
    NOW,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    a_bag,
    a_note,
    embedders_of,
)
from tests.unit.doubles import USER, SwitchedStandings


@dataclass
class SmallPractice:
    """Its notes and index in memory; `pseudonyms` says whether models read names."""

    embedder: Embedder
    reranker: Reranker
    chat: ChatModel
    entailment: EntailmentModel | None = None
    pseudonyms: bool = True
    store: InMemoryChunkStore = field(default_factory=InMemoryChunkStore)
    source: InMemoryNoteSource = field(default_factory=InMemoryNoteSource)
    keys: InMemoryKeyStore = field(default_factory=InMemoryKeyStore)

    def __post_init__(self) -> None:
        standings = SwitchedStandings(pseudonyms=self.pseudonyms)
        self.contexts = CallContexts(self.keys, standings, NameVeils(self.store, self.keys))

    async def keep(self, client: Client, text: str) -> None:
        """The client with an empty profile, then the note."""
        note = a_note(text, client=client.id)
        self.source.take(client, note)
        context = await self.contexts.of(workspace=WORKSPACE)
        context.veil.know([client.person])
        empty = Space(self.embedder.model, {}, frozenset(), [])
        bag = a_bag(client.profile, key=context.keys.index)
        await self.store.put_client(client, IndexedNote(client.profile, bag, [empty]))
        await self.store.replace(await self._indexed(note, context))

    async def _indexed(self, note: Note, context: CallContext) -> IndexedNote:
        chunks = chunk_note(note)
        texts = [chunk.text for chunk in chunks]
        vectors = await self.embedder.embed(texts, purpose="document", context=context)
        space = Space(self.embedder.model, {}, frozenset(), chunks, vectors)
        return IndexedNote(note, a_bag(note, key=context.keys.index), [space])

    async def ask(self, text: str, language: Language, client: Client | None = None) -> Answer:
        """Of the client, or of the whole practice."""
        lexical, people = LexicalIndex(self.store), People(self.store)
        dense = DenseIndex(self.store)
        models, spare = embedders_of(self.embedder), LocalReranker()
        context = ChatContext(
            principal=Principal(USER, WORKSPACE, "owner"),
            store=self.store,
            finder=Finder(
                self.store, self.source, models, self.reranker, spare, lexical, people, dense
            ),
            model=self.chat,
            spare=ExtractiveModel(),
            reader=Reader(self.store, self.source, self.keys, lexical, people),
            entailment=self.entailment,
            calls=await self.contexts.of(workspace=WORKSPACE),
            clock=lambda: NOW,
        )
        asked = Question(text, language, client.id if client else None, min_similarity=0.0)
        state = await build_graph().ainvoke({"question": asked}, context=context)
        answer: Answer = state["answer"]
        return answer
