"""Between us and every provider: names, numbers and addresses go out as pseudonyms, whichever model is called.

What comes back is restored where whole sentences are read, in `chat/synthesize.py`, before it is verified.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from service.adapters.provider import Around, Provider
from service.domain.answers import Delta, Passage, Question, Stretch
from service.ports import (
    CallContext,
    ChatModel,
    Embedder,
    Entailment,
    EntailmentModel,
    Reranker,
    Vector,
    Veil,
)


def veiled(provider: Provider) -> Provider:
    """The same provider, which reads no text but through the veil of each call."""
    return replace(
        provider.with_embedders(VeiledEmbedder),
        reranker=VeiledReranker(provider.reranker) if provider.reranker else None,
        chat=VeiledChat(provider.chat) if provider.chat else None,
        entailment=VeiledEntailment(provider.entailment) if provider.entailment else None,
    )


@dataclass(frozen=True, slots=True)
class VeiledEmbedder(Around[Embedder]):
    """Keeps Embedder."""

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        hidden = [context.veil.hide(text) for text in texts]
        return await self.inner.embed(hidden, purpose=purpose, context=context)


@dataclass(frozen=True, slots=True)
class VeiledReranker(Around[Reranker]):
    """Keeps Reranker."""

    async def rerank(
        self,
        query: str,
        stretches: Sequence[Stretch],
        *,
        rarity: Callable[[str], float],
        context: CallContext,
    ) -> Sequence[float]:
        veil = context.veil
        hidden = [_hidden_stretch(one, veil) for one in stretches]
        return await self.inner.rerank(veil.hide(query), hidden, rarity=rarity, context=context)


def _hidden_stretch(stretch: Stretch, veil: Veil) -> Stretch:
    text, client_name = veil.hide(stretch.text), veil.hide(stretch.client_name)
    return replace(stretch, text=text, client_name=client_name)


@dataclass(frozen=True, slots=True)
class VeiledChat:
    """Keeps ChatModel; its deltas hold pseudonyms."""

    inner: ChatModel

    @property
    def model(self) -> str:
        return self.inner.model

    def stream(
        self, question: Question, passages: Sequence[Passage], *, context: CallContext
    ) -> AsyncGenerator[Delta, None]:
        veil = context.veil
        asked = replace(question, text=veil.hide(question.text))
        hidden = [_hidden(passage, veil) for passage in passages]
        return self.inner.stream(asked, hidden, context=context)


def _hidden(passage: Passage, veil: Veil) -> Passage:
    """The text that a model reads, and no other text of its note."""
    chunk = replace(passage.chunk, text=veil.hide(passage.chunk.text))
    note = replace(passage.note, fields={})
    return replace(passage, note=note, chunk=chunk, client_name=veil.hide(passage.client_name))


@dataclass(frozen=True, slots=True)
class VeiledEntailment:
    """Keeps EntailmentModel; the sentence has its names back by then, and gets the same pseudonyms again."""

    inner: EntailmentModel

    @property
    def model(self) -> str:
        return self.inner.model

    async def entails(
        self, claim: str, sources: Sequence[Stretch], *, context: CallContext
    ) -> Entailment:
        veil = context.veil
        hidden = [_hidden_stretch(one, veil) for one in sources]
        return await self.inner.entails(veil.hide(claim), hidden, context=context)
