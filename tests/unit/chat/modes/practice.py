"""A practice of a few clients, and the whole graph over it: real search and reading, nothing outside the process."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

from service.adapters.models.local_model import ExtractiveModel, LocalEmbedder, LocalReranker
from service.chat.graph import build_graph
from service.chat.state import ChatContext
from service.domain.answers import Answer, Question
from service.domain.identity import ClientId, Principal
from service.domain.notes import Note
from service.language.detect import language_of
from service.ports.index import IndexedNote, Space
from service.retrieval.dense import DenseIndex
from service.retrieval.exhaustive import Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder
from tests.fakes import (
    CLIENT,
    NOW,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    InMemoryWorkQueue,
    a_bag,
    a_client,
    a_context,
    a_note,
    index,
)
from tests.unit.doubles import USER

EMBEDDER = LocalEmbedder()
EMBEDDERS = SimpleNamespace(find=lambda model: EMBEDDER, of=lambda model: EMBEDDER)


def on(day: str, text: str = "", **more) -> Note:
    """A note of a session on "2026-03-09"; `text` is the subjective field."""
    moment = datetime.fromisoformat(f"{day}T09:00:00").replace(tzinfo=UTC)
    note = replace(a_note(text, **more), session_date=moment)
    return replace(note, fields={name: said for name, said in note.fields.items() if said})


class Practice:
    """Notes in a store, and the graph over them; a question is asked as its therapist would."""

    graph = build_graph()

    def __init__(self, model=None) -> None:
        self.store = InMemoryChunkStore(InMemoryWorkQueue())
        self.source, self.keys = InMemoryNoteSource(), InMemoryKeyStore()
        self.model = model or ExtractiveModel()
        self.calls = a_context()

    async def keep(
        self, *notes: Note, client: ClientId = CLIENT, name: tuple[str, str] = ("דנה", "לוי")
    ) -> None:
        whose = a_client(client, name=name)
        self.source.take(whose, *notes)
        await index(*notes, store=self.store, embedder=EMBEDDER, keys=self.keys)
        key = (await self.keys.keys(workspace=WORKSPACE)).index
        profile = whose.profile
        spaces = [Space(EMBEDDER.model, {}, frozenset(), [])]
        await self.store.put_client(whose, IndexedNote(profile, a_bag(profile, key=key), spaces))

    def context(self) -> ChatContext:
        lexical, people = LexicalIndex(self.store), People(self.store)
        return ChatContext(
            principal=Principal(USER, WORKSPACE, "owner"),
            store=self.store,
            finder=Finder(
                self.store,
                self.source,
                EMBEDDERS,
                LocalReranker(),
                LocalReranker(),
                lexical,
                people,
                DenseIndex(self.store),
            ),
            model=self.model,
            spare=ExtractiveModel(),
            reader=Reader(self.store, self.source, self.keys, lexical, people),
            calls=self.calls,
            clock=lambda: NOW,
        )

    async def ask(
        self,
        text: str,
        client: ClientId | None = CLIENT,
        *,
        earlier: Sequence[str] = (),
        **more,
    ) -> Answer:
        question = Question(text, language_of(text), client, **more)
        state = {"question": question, "earlier": earlier}
        return (await self.graph.ainvoke(state, context=self.context()))["answer"]

    def field(self, citation) -> str:
        """The text that a citation points into."""
        return self.source.sessions[citation.note.id].fields[citation.field]
