"""Models, of this process or of a provider: they embed, rerank, answer and judge."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from service.domain.answers import Delta, Passage, Question, Stretch
from service.errors import ModelUnavailable
from service.ports.calls import CallContext

Vector = Sequence[float]


class Embedder(Protocol):
    """Turns text into vectors of `vectors.DIMENSION` floats, unit length."""

    @property
    def model(self) -> str: ...

    @property
    def crosses_languages(self) -> bool:
        """Whether a question comes near a note in the other language that means the same."""
        ...

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        """One vector a text, in order; any number of texts (adapters batch by 96). Raises ModelUnavailable.

        The local model hashes under the workspace's index key; a provider reads the text through the veil.
        """
        ...


@dataclass(frozen=True, slots=True)
class Embedders:
    """Every embedder this process can run, by model; `default` is the model of a workspace without an index."""

    default: str
    known: Mapping[str, Embedder]
    family: Callable[[str], Embedder | None] = lambda model: None
    """Models that need not be listed: a provider's, by their name."""

    def find(self, model: str) -> Embedder | None:
        return self.known.get(model) or self.family(model)

    def of(self, model: str) -> Embedder:
        """Raises ModelUnavailable for a model that this process cannot run."""
        embedder = self.find(model)
        if embedder is None:
            raise ModelUnavailable("not_runnable")
        return embedder


class Reranker(Protocol):
    """Judges how well texts answer a query."""

    @property
    def model(self) -> str: ...

    @property
    def crosses_languages(self) -> bool:
        """Whether a text in the other language is judged by what it means."""
        ...

    async def rerank(
        self,
        query: str,
        stretches: Sequence[Stretch],
        *,
        rarity: Callable[[str], float],
        context: CallContext,
    ) -> Sequence[float]:
        """One score a stretch, in order, calibrated to 0..1. Raises ModelUnavailable.

        `rarity` tells how rare a feature is among the workspace's notes: the local model weighs by it, a provider
        ignores it.
        """
        ...


class ChatModel(Protocol):
    """Writes an answer from passages.

    What it writes is not to be trusted: each sentence passes the filter. A stream that ends without
    `Finished` was cut. Closing the generator ends the call at the provider. A provider writes through the veil:
    whoever reads its deltas restores them, whole sentences at a time. Raises ModelUnavailable.
    """

    @property
    def model(self) -> str: ...

    def stream(
        self, question: Question, passages: Sequence[Passage], *, context: CallContext
    ) -> AsyncGenerator[Delta, None]: ...


Entailment = Literal["supported", "contradicted", "not_stated"]


class EntailmentModel(Protocol):
    """Judges whether sources say what a sentence says. A provider reads both through the veil."""

    @property
    def model(self) -> str: ...

    async def entails(
        self, claim: str, sources: Sequence[Stretch], *, context: CallContext
    ) -> Entailment:
        """By all sources together, whatever language each is in. Raises ModelUnavailable."""
        ...
