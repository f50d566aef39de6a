"""Which models this process runs, by the settings: its own, and those of the providers that are set up."""

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import httpx
import structlog

from service.adapters.http_client import open_http
from service.adapters.models.local_model import (
    ExtractiveModel,
    LocalEmbedder,
    LocalReranker,
    SecondLocalEmbedder,
)
from service.adapters.models.pricing import Billed, Prices, billed, counted_as, prices_of
from service.adapters.models.provider import Provider
from service.adapters.models.query_vectors import QueryVectors, remembering
from service.adapters.models.veiled import veiled
from service.adapters.models.whole_streams import read_to_the_end
from service.domain.usage import Part
from service.errors import BadSettings, ModelUnavailable
from service.estimates import most_of_a_question
from service.ports.index import ChunkStore
from service.ports.models import ChatModel, Embedder, Embedders, EntailmentModel, Reranker
from service.settings import Settings

log = structlog.get_logger()

CONNECT_SECONDS, READ_SECONDS = 2.0, 60.0
# Kept for 5 s, as is usual, a therapist who asks once a minute would pay a TLS handshake each time.
IDLE_SECONDS = 60.0
LOCAL = {one.model: one for one in (LocalEmbedder(), SecondLocalEmbedder())}


@dataclass(frozen=True)
class Models:
    """What judges, writes and confirms, one of each; what embeds, as many as can run here; and what they cost."""

    embedders: Embedders
    reranker: Reranker
    chat: ChatModel
    providers: Mapping[str, Provider]
    prices: Prices
    billed: Billed
    entailment: EntailmentModel | None = None
    """Of the chosen provider: this process has none of its own."""

    @property
    def embedder(self) -> Embedder:
        """A new workspace's."""
        return self.embedders.of(self.embedders.default)

    @cached_property
    def estimates(self) -> Mapping[Part, int]:
        """Micro-dollars that each part of one question costs at most."""
        return self.billed.estimates(self.prices, most_of_a_question())

    @property
    def has_unpriced(self) -> bool:
        return bool(self.prices.missing(self.billed.models))

    async def check(self, store: ChunkStore, *, budget: int | None) -> None:
        """Whether the providers know our keys and models, and our models the stored rows.

        Raises BadSettings when a provider says no. One that is away is no reason not to start, nor is a model whose
        price nobody knows.
        """
        for name, provider in self.providers.items():
            try:
                await provider.check()
            except ModelUnavailable as exc:
                log.warning("provider.unchecked", provider=name, reason=exc.reason)
        stored = await self._stored(store)
        self._tell_of_prices(stored - LOCAL.keys(), budget)

    async def _stored(self, store: ChunkStore) -> set[str]:
        """The models of all workspaces; those that cannot run here are told."""
        stored = set[str]()
        for workspace in await store.workspaces():
            models = await store.models(workspace=workspace)
            for model in models.all if models else ():
                stored.add(model)
                if self.embedders.find(model) is None:
                    log.error("index.not_runnable", workspace=workspace, model=model)
        return stored

    def _tell_of_prices(self, stored: Iterable[str], budget: int | None) -> None:
        """Whose use costs nothing in any figure; and a budget under which no question would ever find a model."""
        for model in self.prices.missing({*self.billed.models, *map(counted_as, stored)}):
            log.warning("model.unpriced", model=model)
        question = sum(self.estimates.values())
        if budget and budget < question:
            log.warning("budget.below_one_question", micros=budget, question_micros=question)


@asynccontextmanager
async def open_models(settings: Settings, vectors: QueryVectors) -> AsyncIterator[Models]:
    """One pool of connections for all providers, closed at the end. Raises BadSettings."""
    async with _http(settings) as http:
        yield models_of(settings, http, vectors)


def models_of(settings: Settings, http: httpx.AsyncClient, vectors: QueryVectors) -> Models:
    """The chosen provider's, and this process's own for what it has not. A workspace may be re-embedded by another
    provider while these still answer. Raises BadSettings.
    """
    providers = _providers(settings, http, vectors)
    chosen = providers.get(settings.model_provider, Provider(None, None, None))
    bills = billed(providers, chosen=settings.model_provider)
    return Models(
        embedders=_embedders(settings, chosen, providers.values()),
        reranker=chosen.reranker or LocalReranker(),
        chat=chosen.chat or ExtractiveModel(),
        providers=providers,
        prices=prices_kept(settings, providers, bills),
        billed=bills,
        entailment=chosen.entailment,
    )


def _providers(
    settings: Settings, http: httpx.AsyncClient, vectors: QueryVectors
) -> dict[str, Provider]:
    """Those that the settings say enough of; each behind the veil, its questions' vectors remembered."""
    opened = _opened_providers(settings, http)
    return {name: veiled(remembering(one, vectors)) for name, one in opened if one is not None}


def _opened_providers(
    settings: Settings, http: httpx.AsyncClient
) -> Iterator[tuple[str, Provider | None]]:
    """Imported here: a provider's SDK costs half a second that the local default need not pay."""
    if settings.cohere_api_key is not None:
        from service.adapters.models import cohere

        yield "cohere", cohere.open_provider(settings, http)
    if settings.openai_base_url is not None:
        from service.adapters.models import openai_compatible

        yield "openai", openai_compatible.open_provider(settings, http)


def _embedders(settings: Settings, chosen: Provider, providers: Iterable[Provider]) -> Embedders:
    usual = chosen.embedder or LocalEmbedder()
    theirs = [one.embedder for one in providers if one.embedder]
    embedders = Embedders(
        default=settings.embedding_model or usual.model,
        known={**LOCAL, **{one.model: one for one in theirs}},
        family=partial(_of_any, list(providers)),
    )
    if embedders.find(embedders.default) is None:
        raise BadSettings(f"EMBEDDING_MODEL: must be one of {', '.join(embedders.known)}")
    return embedders


def _of_any(providers: Sequence[Provider], model: str) -> Embedder | None:
    return next((found for one in providers if (found := one.family(model))), None)


def prices_kept(settings: Settings, providers: Mapping[str, Provider], bills: Billed) -> Prices:
    """Raises BadSettings where a budget is to be kept over a model whose price nobody knows."""
    prices = prices_of(providers.values(), settings.model_prices)
    unpriced = prices.missing(bills.models)
    if settings.daily_budget is not None and unpriced:
        raise BadSettings(
            f"DAILY_BUDGET_USD: MODEL_PRICES must say what {', '.join(unpriced)} costs"
        )
    return prices


def _http(settings: Settings) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """The guards time whole calls; here only what no guard sees: how long a connection may take to stand."""
    return open_http(
        timeouts=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
        idle_seconds=IDLE_SECONDS,
        verify=_certificates(settings.provider_ca_file),
        on_response=[read_to_the_end],
    )


def _certificates(path: Path | None) -> ssl.SSLContext | bool:
    try:
        return True if path is None else ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as exc:
        raise BadSettings(f"PROVIDER_CA_FILE: cannot be read ({type(exc).__name__})") from None
