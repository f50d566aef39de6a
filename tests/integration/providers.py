"""What tests of a provider's adapters share: a stub of it over real sockets, and one of each adapter in front."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
from pydantic import SecretStr

from service.demo.provider_stub import KEY, Stub, provider_stub
from service.domain.answers import Passage, Question, Stretch
from service.domain.deadline import Deadline
from service.domain.usage import Meter
from service.ports.calls import CallContext
from service.ports.models import ChatModel, Embedder, Entailment, EntailmentModel, Reranker
from service.settings import Settings
from tests.fakes import a_context, a_passage

SECRET = "she said that nobody may know"
QUESTION = Question("how is the sleep?", "en")


@asynccontextmanager
async def a_provider() -> AsyncIterator[tuple[Stub, httpx.AsyncClient]]:
    """A stub, and a client without TLS: certificates would take longer to load than a test takes."""
    async with provider_stub() as stub, httpx.AsyncClient(verify=False, trust_env=False) as http:  # noqa: S501
        yield stub, http


@dataclass
class Place:
    """A stub and the adapters in front of it, with breakers of their own; whose they are, a subclass says."""

    stub: Stub
    http: httpx.AsyncClient
    meter: Meter = field(default_factory=Meter)
    embedder: Embedder = field(init=False)
    reranker: Reranker = field(init=False)
    model: ChatModel = field(init=False)
    judge: EntailmentModel = field(init=False)

    def context(self, seconds: float = 5) -> CallContext:
        return a_context(deadline=Deadline.after(seconds), meter=self.meter)

    async def embed(self, *texts: str) -> Any:
        return await self.embedder.embed(texts, purpose="query", context=self.context())

    async def rerank(self, *texts: str) -> Any:
        stretches = [Stretch(text, "Dana", date(2026, 3, 1), "plan") for text in texts]
        context = self.context()
        return await self.reranker.rerank("sleep", stretches, rarity=float, context=context)

    async def entail(self, *texts: str, statement: str = "She sleeps well.") -> Entailment:
        sources = [Stretch(text, "Dana", date(2026, 3, 1), "plan") for text in texts]
        return await self.judge.entails(statement, sources, context=self.context())

    async def chat(self, *texts: str) -> list[Any]:
        deltas = self.model.stream(QUESTION, passages(*texts), context=self.context())
        return [one async for one in deltas]


def passages(*texts: str) -> list[Passage]:
    return [a_passage(text, id=f"p{number}") for number, text in enumerate(texts, 1)]


def cohere_settings(stub: Stub, **given: Any) -> Settings:
    """Those of the provider alone."""
    told = {
        "cohere_base_url": stub.url,
        "cohere_embed_model": "embed-v4.0",
        "cohere_rerank_model": "rerank-v3.5",
        "cohere_chat_model": "command-a-03-2025",
    }
    key = SecretStr(given.get("cohere_api_key", KEY))
    return Settings.model_construct(**{**told, **given, "cohere_api_key": key})
