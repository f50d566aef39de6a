"""What a provider reads of a practice, seen at the provider's end of the wire."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from service.adapters.models.cohere import open_provider
from service.adapters.models.veiled import veiled
from service.demo.provider_stub import Stub, citing
from service.domain.answers import Answer
from service.domain.identity import ClientId
from service.domain.notes import Client
from tests.fakes import (
    a_client,
)
from tests.integration.outside import SmallPractice
from tests.integration.providers import a_provider, cohere_settings

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
        provider = veiled(opened)
        assert provider.embedder
        assert provider.reranker
        assert provider.chat
        assert provider.entailment
        self.provider = provider
        self.practice = SmallPractice(
            provider.embedder,
            provider.reranker,
            provider.chat,
            provider.entailment,
            pseudonyms=self.pseudonyms,
        )

    async def keep(self) -> None:
        for client, text in NOTES:
            await self.practice.keep(client, text)

    async def ask(self, text: str, client: Client | None = None) -> Answer:
        return await self.practice.ask(text, "he", client)

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
