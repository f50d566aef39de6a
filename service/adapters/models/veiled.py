"""Between us and every provider: texts go out as plain copies, with pseudonyms for names, numbers and addresses.

Nothing that a reader does not see reaches a model, nor a word of a model's own vocabulary, whichever model is called.

What comes back is restored where whole sentences are read, in `chat/synthesize.py`, before it is verified.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from service.adapters.models.provider import Around, Provider
from service.domain.answers import Delta, Passage, Question, Stretch
from service.language.chunking import LIMIT
from service.language.plain import plain
from service.ports.calls import CallContext, Veil
from service.ports.models import ChatModel, Embedder, Entailment, EntailmentModel, Reranker, Vector

MOST_OF_A_PASSAGE = 3 * LIMIT
"""Three neighbouring chunks, the most that search hands over."""
MOST_OF_A_NAME = 100


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
        hidden = [outward(text, context.veil) for text in texts]
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
        # Two hundred stretches are of a few clients: a name is looked at once.
        hidden = _hidden_stretches(stretches, veil)
        return await self.inner.rerank(outward(query, veil), hidden, rarity=rarity, context=context)


def _hidden_stretches(stretches: Sequence[Stretch], veil: Veil) -> list[Stretch]:
    """Each name where it first comes: what a veil has not read yet, it may give as a pseudonym."""
    hidden, names = list[Stretch](), dict[str, str]()
    for one in stretches:
        text = outward(one.text, veil)
        if one.client_name not in names:
            names[one.client_name] = _name(one.client_name, veil)
        hidden.append(replace(one, text=text, client_name=names[one.client_name]))
    return hidden


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
        asked = replace(question, text=outward(question.text, veil))
        hidden = [_hidden(passage, veil) for passage in passages]
        return self.inner.stream(asked, hidden, context=context)


def outward(text: str, veil: Veil) -> str:
    """A text as a provider may read it."""
    return veil.hide(plain(text))


def _hidden(passage: Passage, veil: Veil) -> Passage:
    """The text that a model reads, and no other text of its note."""
    chunk = replace(passage.chunk, text=outward(passage.chunk.text[:MOST_OF_A_PASSAGE], veil))
    note = replace(passage.note, fields={})
    return replace(passage, note=note, chunk=chunk, client_name=_name(passage.client_name, veil))


def _name(name: str, veil: Veil) -> str:
    """On one line, and no longer than names are: whoever can rename a client can write into every prompt about them."""
    return outward(" ".join(name.split())[:MOST_OF_A_NAME], veil)


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
        hidden = _hidden_stretches(sources, veil)
        return await self.inner.entails(outward(claim, veil), hidden, context=context)
