"""Which models run here, by the settings, and what is told of them at a start."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from service.adapters.models.local_model import ExtractiveModel, LocalReranker
from service.adapters.models.pricing import Billed, Prices, billed
from service.adapters.models.provider import Provider
from service.adapters.models.query_vectors import QueryVectors
from service.errors import BadSettings, ModelUnavailable
from service.models import Models, models_of, prices_kept
from service.ports.index import IndexModels
from service.ports.models import Embedders
from service.settings import ModelPrice
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryChunkStore
from tests.unit.doubles import RecordingEmbedder, ScriptedModel


def models(**given: object) -> Models:
    settings = SimpleNamespace(
        model_provider="local",
        embedding_model=None,
        cohere_api_key=None,
        cohere_base_url=None,
        cohere_embed_model="embed-test",
        cohere_rerank_model="rerank-test",
        cohere_chat_model="chat-test",
        cohere_entailment_model=None,
        openai_base_url=None,
        openai_api_key=None,
        openai_embed_model=None,
        openai_rerank_model=None,
        openai_chat_model=None,
        openai_entailment_model=None,
        entailment_check=True,
        openai_embed_query_prefix="",
        openai_embed_document_prefix="",
        openai_multilingual_models=frozenset(),
        model_prices={},
        daily_budget=None,
        breaker_open_seconds=30.0,
        max_concurrent_chats=16,
    )
    vars(settings).update(given)
    vectors = QueryVectors(Redis.from_url("redis://nowhere.invalid"))
    return models_of(settings, httpx.AsyncClient(), vectors)


KEY = SecretStr("k")
THEIRS = "cohere/embed-test/1024"


@pytest.mark.parametrize(
    ("given", "embedder"),
    [
        ({}, "local-hash-1"),
        ({"embedding_model": "local-hash-2"}, "local-hash-2"),
        ({"cohere_api_key": KEY}, "local-hash-1"),
        ({"cohere_api_key": KEY, "model_provider": "cohere"}, THEIRS),
        ({"cohere_api_key": KEY, "embedding_model": THEIRS}, THEIRS),
        (
            {"cohere_api_key": KEY, "model_provider": "cohere", "embedding_model": "local-hash-1"},
            "local-hash-1",
        ),
    ],
)
def test_a_new_workspace_gets_the_settings_embedder(
    given: dict[str, object], embedder: str
) -> None:
    """The named one, else the provider's."""
    assert models(**given).embedder.model == embedder


@pytest.mark.parametrize("provider", ["local", "cohere"])
def test_with_a_key_every_embedder_can_run(provider: str) -> None:
    """Indexes by the local models and by any of Cohere's are asked and kept up, whoever writes the answers."""
    embedders = models(model_provider=provider, cohere_api_key=KEY).embedders
    for name in ("local-hash-1", "local-hash-2", THEIRS, "cohere/embed-older/1024"):
        assert embedders.of(name).model == name


SERVER: dict[str, object] = {
    "openai_base_url": "http://models.invalid/v1",
    "openai_embed_model": "e5",
}
OWN = "openai/e5/1024"


def test_a_server_of_ones_own_does_what_it_has_models_for() -> None:
    """The local model does the rest; indexes by any model of the server can run, and Cohere's beside them."""
    chosen = models(model_provider="openai", cohere_api_key=KEY, **SERVER)
    assert chosen.embedder.model == OWN
    assert (chosen.reranker.model, chosen.chat.model) == (
        LocalReranker.model,
        ExtractiveModel.model,
    )
    for name in (THEIRS, OWN, "openai/older/1024?query=query%3A+"):
        assert chosen.embedders.of(name).model == name
    assert models(**SERVER).embedder.model == "local-hash-1"
    assert models(**SERVER, openai_chat_model="c").chat.model == ExtractiveModel.model
    assert models(model_provider="openai", **SERVER, openai_chat_model="c").chat.model == "c"


@pytest.mark.parametrize(
    ("given", "confirms"),
    [
        ({}, None),
        ({"cohere_api_key": KEY}, None),
        ({"cohere_api_key": KEY, "model_provider": "cohere"}, "chat-test"),
        (
            {
                "cohere_api_key": KEY,
                "model_provider": "cohere",
                "cohere_entailment_model": "judge-test",
            },
            "judge-test",
        ),
        ({"cohere_api_key": KEY, "model_provider": "cohere", "entailment_check": False}, None),
    ],
)
def test_the_chosen_provider_confirms_and_is_billed_for_it(
    given: dict[str, object], confirms: str | None
) -> None:
    """By its chat model unless another is named; nobody else does, and nobody where the settings say so."""
    chosen = models(**given)
    assert (chosen.entailment.model if chosen.entailment else None) == confirms
    assert chosen.billed.by_part["entailment"] == frozenset({confirms} if confirms else ())


def prices(**given: object) -> Prices:
    """Of a provider that knows its embedder's and not its chat model's."""
    embedder, prices = RecordingEmbedder("cohere/e-1/1024"), {"e-1": ModelPrice(input=1)}
    cohere = Provider(embedder, None, ScriptedModel(), prices=prices)
    settings = SimpleNamespace(model_prices={}, daily_budget=None)
    vars(settings).update(given)
    bills = billed({"cohere": cohere}, chosen="cohere")
    return prices_kept(settings, {"cohere": cohere}, bills)


def test_a_budget_over_a_model_without_a_price_stops_the_start() -> None:
    """One line names the model and where its price is said; without a budget, or with a price, it starts."""
    with pytest.raises(BadSettings) as caught:
        prices(daily_budget=0)
    assert str(caught.value) == "DAILY_BUDGET_USD: MODEL_PRICES must say what scripted-1 costs"
    assert prices().missing(["scripted-1"]) == ["scripted-1"]
    told = {"scripted-1": ModelPrice(output=1)}
    assert prices(daily_budget=0, model_prices=told).missing(["scripted-1"]) == []


async def test_what_has_no_price_is_told_at_the_start(lines: Callable[[], list[Any]]) -> None:
    """Each model once, a stored one's too, and one that cannot run here; and a budget that no question fits into."""
    bills = Billed({"embedder": frozenset({"e"}), "model": frozenset({"m"})})
    prices = Prices({"m": ModelPrice(output=1)})
    embedders = Embedders("cohere/e/1024", {"cohere/e/1024": RecordingEmbedder("cohere/e/1024")})
    house = Models(embedders, LocalReranker(), ScriptedModel(), {}, prices, bills)
    store = InMemoryChunkStore()
    for workspace, model in ((WORKSPACE, "cohere/old/1024"), (OTHER_WORKSPACE, "cohere/e/1024")):
        store.held[workspace] = IndexModels(model)
        store.epochs[workspace] = 1
    await house.check(store, budget=1)
    told = [(line["event"], line.get("model")) for line in lines()]
    assert told == [
        ("index.not_runnable", "cohere/old/1024"),
        ("model.unpriced", "e"),
        ("model.unpriced", "old"),
        ("budget.below_one_question", None),
    ]


def test_without_a_key_a_providers_model_is_unavailable() -> None:
    """A question to such an index fails as a model that is away; the default must be one that runs."""
    with pytest.raises(ModelUnavailable):
        models().embedders.of(THEIRS)
    with pytest.raises(BadSettings, match="EMBEDDING_MODEL: must be one of local-hash-1, local-h"):
        models(embedding_model=THEIRS)
