"""What a provider reads of a practice, seen at the provider's end of the wire."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

import httpx
import pytest

from service.adapters.cohere import open_provider
from service.adapters.local_model import ExtractiveModel, LocalReranker
from service.adapters.veiled import veiled
from service.chat.graph import build_graph
from service.chat.state import ChatContext
from service.demo.provider_stub import Stub, citing
from service.domain.answers import Answer, Question
from service.domain.identity import ClientId, Principal
from service.domain.notes import Client, Note
from service.language.chunking import chunk_note
from service.ports import CallContext, CallContexts, IndexedNote, Space
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
    a_client,
    a_note,
    embedders_of,
)
from tests.integration.providers import a_provider, cohere_settings
from tests.unit.doubles import USER, SwitchedStandings

DANA = a_client(ClientId(UUID(int=31)), name=("דנה", "כהן"))
TOM = a_client(ClientId(UUID(int=32)), name=("Tom", "Barnes"))
NOTES = [
    (DANA, "לדנה קשה לישון. דנה כהן ביקשה שנתקשר ל-052-1234567, ת.ז. 123456782."),
    (
        TOM,
        "Tom's sleep is worse. Barnes can be reached at +972-54-765-4321 or tom@example.org.",
    ),
]
SECRETS = ("דנה", "כהן", "Tom", "Barnes", "1234567", "123456782", "765-4321", "tom@example.org")


@dataclass
class Practice:
    """Two clients' notes, embedded, judged and answered from by a provider over sockets."""

    stub: Stub
    http: httpx.AsyncClient
    pseudonyms: bool = True

    def __post_init__(self) -> None:
        opened = open_provider(cohere_settings(self.stub), self.http)
        assert opened
        self.provider = veiled(opened)
        self.store, self.source, self.keys = (
            InMemoryChunkStore(),
            InMemoryNoteSource(),
            InMemoryKeyStore(),
        )
        standings = SwitchedStandings(pseudonyms=self.pseudonyms)
        self.contexts = CallContexts(self.keys, standings, NameVeils(self.store, self.keys))

    async def keep(self) -> None:
        for client, text in NOTES:
            note = a_note(text, client=client.id)
            self.source.take(client, note)
            context = await self.contexts.of(workspace=WORKSPACE)
            context.veil.know([client.person])
            empty = Space(self._embedder.model, {}, frozenset(), [])
            bag = a_bag(client.profile, key=context.keys.index)
            await self.store.put_client(client, IndexedNote(client.profile, bag, [empty]))
            await self.store.replace(await self._indexed(note, context))

    @property
    def _embedder(self) -> Any:
        return self.provider.embedder

    async def _indexed(self, note: Note, context: CallContext) -> IndexedNote:
        chunks = chunk_note(note)
        texts = [chunk.text for chunk in chunks]
        vectors = await self._embedder.embed(texts, purpose="document", context=context)
        space = Space(self._embedder.model, {}, frozenset(), chunks, vectors)
        return IndexedNote(note, a_bag(note, key=context.keys.index), [space])

    async def ask(self, text: str, client: Client | None = None) -> Answer:
        lexical, people = LexicalIndex(self.store), People(self.store)
        models = embedders_of(self._embedder)
        reranker, chat = self.provider.reranker, self.provider.chat
        assert self.provider.entailment
        assert reranker
        assert chat
        context = ChatContext(
            principal=Principal(USER, WORKSPACE, "owner"),
            store=self.store,
            finder=Finder(
                self.store, self.source, models, reranker, LocalReranker(), lexical, people
            ),
            model=chat,
            spare=ExtractiveModel(),
            entailment=self.provider.entailment,
            reader=Reader(self.store, self.source, self.keys, lexical, people),
            calls=await self.contexts.of(workspace=WORKSPACE),
            clock=lambda: NOW.astimezone(UTC),
        )
        asked = Question(text, "he", client.id if client else None, min_similarity=0.0)
        state = await build_graph().ainvoke({"question": asked}, context=context)
        answer: Answer = state["answer"]
        return answer

    @property
    def read_outside(self) -> str:
        """All that left the house, texts and document fields alike."""
        return "\n".join(json.dumps(call.json, ensure_ascii=False) for call in self.stub.calls)


@pytest.fixture
async def outside() -> AsyncIterator[tuple[Stub, httpx.AsyncClient]]:
    async with a_provider() as opened:
        yield opened


@pytest.mark.parametrize(
    ("client", "question", "quote"),
    [
        (DANA, "איך דנה ישנה?", "לדנה קשה לישון."),
        (TOM, "How is Tom's sleep?", "Tom's sleep is worse."),
    ],
    ids=["he", "en"],
)
async def test_a_provider_reads_no_name_and_the_therapist_reads_them_all(
    outside: tuple[Stub, httpx.AsyncClient], client: Client, question: str, quote: str
) -> None:
    """Embedding, judging and writing see pseudonyms; the answer and its quote say the name, prefix included."""
    practice = Practice(*outside)
    await practice.keep()
    answer = await practice.ask(question, client)

    assert {call.operation for call in practice.stub.calls} == {"embed", "rerank", "chat"}
    assert not [secret for secret in SECRETS if secret in practice.read_outside]
    assert answer.degraded == ()
    assert quote in answer.text
    assert quote in {citation.quote for citation in answer.citations}


async def test_a_name_the_model_writes_with_another_prefix_is_restored(
    outside: tuple[Stub, httpx.AsyncClient],
) -> None:
    """The pseudonym comes back in the model's own grammar, and the sentence is judged by the name: by rules here, and
    under its pseudonym again by the model that confirms it.
    """
    practice = Practice(*outside)
    await practice.keep()

    def writer(asked: Any) -> Any:
        said = (
            asked.documents[0].text.split(".")[0].removeprefix("ל")
        )  # "to Dana it is hard to sleep"
        return citing((f"ל-{said}.", asked.documents[0].id))

    confirmed: list[Any] = []

    def judge(asked: Any) -> str:
        confirmed.append(asked)
        return "supported"

    practice.stub.writer, practice.stub.judge = writer, judge
    answer = await practice.ask("איך דנה ישנה?", DANA)
    assert "ל-דנה קשה לישון." in answer.text
    [asked] = confirmed
    hidden = asked.statement.removeprefix("ל-").partition(" ")[0]
    assert asked.sources[0].startswith(f"ל{hidden} קשה לישון.")
    assert not [secret for secret in SECRETS if secret in practice.read_outside]


async def test_a_practice_that_switched_them_off_sends_names(
    outside: tuple[Stub, httpx.AsyncClient],
) -> None:
    """What would be hidden is there: the tests above see what they look for."""
    practice = Practice(*outside, pseudonyms=False)
    await practice.keep()
    await practice.ask("איך דנה ישנה?", DANA)
    assert not [secret for secret in SECRETS if secret not in practice.read_outside]
