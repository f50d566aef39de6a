"""What a model provider brings, whoever it is: `open_provider` of its file makes one, `models` chooses."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from service.ports.models import ChatModel, Embedder, EntailmentModel, Reranker
from service.settings import ModelPrice


async def _nothing_to_check() -> None:
    return


@dataclass(frozen=True, slots=True)
class Provider:
    """The models of one provider, by the settings; what is None there, this process's own model does."""

    embedder: Embedder | None
    reranker: Reranker | None
    chat: ChatModel | None
    entailment: EntailmentModel | None = None
    """None: no sentence is confirmed by a model."""
    family: Callable[[str], Embedder | None] = lambda model: None
    """The embedder of a stored model name that is this provider's, whatever the settings say now."""
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    """By the name that usage is counted under."""
    check: Callable[[], Awaitable[None]] = _nothing_to_check
    """Asks the provider whether it knows the key and the models. Raises BadSettings when it says no, and
    ModelUnavailable when it says nothing."""

    def with_embedders(self, around: Callable[[Embedder], Embedder]) -> "Provider":
        """The same provider with another embedder around each of its own, those found by their name included."""

        def family(model: str) -> Embedder | None:
            found = self.family(model)
            return around(found) if found else None

        own = around(self.embedder) if self.embedder else None
        return replace(self, embedder=own, family=family)


M = TypeVar("M", Embedder, Reranker)


@dataclass(frozen=True, slots=True)
class Around(Generic[M]):
    """What stands before an embedder or a reranker, under its name."""

    inner: M

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def crosses_languages(self) -> bool:
        return self.inner.crosses_languages
