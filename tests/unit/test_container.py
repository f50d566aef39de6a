"""Keys are read before anything is opened, and a bad one stops the start in one line."""

import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr
from redis.asyncio import Redis

from pazpaz_ai_client.signing import RING, KeyRing, PrivateKey
from service.adapters.accounts import Accounts
from service.adapters.local_model import ExtractiveModel, LocalReranker
from service.adapters.pricing import Billed, Prices, billed
from service.adapters.provider import Price, Provider
from service.adapters.query_cache import QueryVectors
from service.chat.state import ChatContext
from service.container import Container, Models, _models, _prices, _providers, open_container
from service.domain.answers import Question
from service.domain.audit import Trail
from service.domain.identity import Principal
from service.domain.usage import Usage
from service.errors import BadSettings, ModelUnavailable, SourceUnavailable
from service.ports import CallContexts
from service.settings import ModelPrice
from tests.fakes import WORKSPACE, InMemoryKeyStore, InMemorySpending
from tests.unit.doubles import USER, RecordingEmbedder, ScriptedModel, SwitchedStandings

KEK = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def keys(tmp_path: Path) -> SimpleNamespace:
    """The settings that name keys, all good."""
    key = PrivateKey.generate("ai-2026-11-a")
    folder = tmp_path / "signing"
    folder.mkdir()
    (folder / f"{key.keyid}.pem").write_bytes(key.to_pem())
    (folder / RING).write_text(KeyRing([key.public]).to_json())
    ring = KeyRing([PrivateKey.generate("ml-2026-11-a").public])
    (tmp_path / "ml.json").write_text(ring.to_json())
    (tmp_path / "kek").write_text(KEK + "\n")
    (tmp_path / "old").write_text(KEK + "\n")
    return SimpleNamespace(
        signing_keys_dir=folder,
        monolith_keys_file=tmp_path / "ml.json",
        key_encryption_key=None,
        key_encryption_key_file=tmp_path / "kek",
        key_encryption_keys_old_file=tmp_path / "old",
        database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/none"),
    )


async def complaint(settings: SimpleNamespace) -> str:
    with pytest.raises(BadSettings) as caught:
        async with open_container(settings):
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def an_encrypted_pem() -> bytes:
    encryption = BestAvailableEncryption(b"password")
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def an_rsa_pem() -> bytes:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "content",
    [b"", b"canary", b"\xff\xfe\x00", an_encrypted_pem(), an_rsa_pem()],
    ids=["empty", "text", "binary", "encrypted", "RSA"],
)
async def test_a_signing_key_of_another_kind_stops_the_start(keys, content):
    """Whatever stands in the file, the line names the setting and not the content."""
    (keys.signing_keys_dir / "ai-2026-11-a.pem").write_bytes(content)
    said = await complaint(keys)
    assert said == "SIGNING_KEYS_DIR: ai-2026-11-a.pem is not an Ed25519 private key in PEM"


async def test_a_private_key_of_another_pair_stops_the_start(keys):
    """What we sign must be what the other side can check."""
    other = PrivateKey.generate("ai-2026-11-a")
    (keys.signing_keys_dir / "ai-2026-11-a.pem").write_bytes(other.to_pem())
    said = await complaint(keys)
    assert said == "SIGNING_KEYS_DIR: ai-2026-11-a.pem does not belong to its entry in keys.json"


async def test_a_key_folder_without_its_ring_stops_the_start(keys):
    """A private key alone is not enough: the ring says which one signs."""
    (keys.signing_keys_dir / RING).unlink()
    said = await complaint(keys)
    assert said == "SIGNING_KEYS_DIR: keys.json cannot be read (No such file or directory)"


@pytest.mark.parametrize(
    "content",
    [b"", b"canary", b"\xff\xfe", b"[]", b"{}", b'{"keys": [1]}', b'{"keys": [{"keyid": "ml-1"}]}'],
    ids=["empty", "text", "binary", "list", "no keys", "no entry", "half an entry"],
)
async def test_a_key_list_of_another_shape_stops_the_start(keys, content):
    """PazPaz's keys are a ring as our own command prints it."""
    keys.monolith_keys_file.write_bytes(content)
    assert await complaint(keys) == "MONOLITH_KEYS_FILE: ml.json is not a list of public keys"


@pytest.mark.parametrize(
    "content", [b"", b"canary", bytes(range(224, 256))], ids=["empty", "text", "raw"]
)
async def test_a_wrapping_key_of_another_shape_stops_the_start(keys, content):
    """A key file of raw bytes is not decoded into an error that shows them."""
    keys.key_encryption_key_file.write_bytes(content)
    assert await complaint(keys) == "KEY_ENCRYPTION_KEY: must be 32 bytes, base64"


@pytest.mark.parametrize("line", ["canary", KEK[:-4], f"{KEK} {KEK}", "\ufffd"])
async def test_a_bad_old_wrapping_key_is_named_by_its_line(
    keys: SimpleNamespace, line: str
) -> None:
    """Good keys and empty lines before it count as lines, and the value is not shown."""
    keys.key_encryption_keys_old_file.write_text(f"{KEK}\n\n{line}\n", encoding="utf-8")
    said = "KEY_ENCRYPTION_KEYS_OLD_FILE, line 3: must be 32 bytes, base64"
    assert await complaint(keys) == said


@pytest.mark.parametrize(
    "name", ["monolith_keys_file", "key_encryption_key_file", "key_encryption_keys_old_file"]
)
async def test_a_file_that_is_not_there_is_named_by_its_setting(keys, name):
    """An operator learns which file is missing before anything listens."""
    getattr(keys, name).unlink()
    said = await complaint(keys)
    assert said.startswith(f"{name.upper()}: ")
    assert said.endswith("cannot be read (No such file or directory)")


def models(**given: object) -> Models:
    settings = SimpleNamespace(
        model_provider="local",
        embedding_model=None,
        cohere_api_key=None,
        cohere_base_url=None,
        cohere_embed_model="embed-test",
        cohere_rerank_model="rerank-test",
        cohere_chat_model="chat-test",
        openai_base_url=None,
        openai_api_key=None,
        openai_embed_model=None,
        openai_rerank_model=None,
        openai_chat_model=None,
        openai_embed_query_prefix="",
        openai_embed_document_prefix="",
        openai_multilingual_models=frozenset(),
        breaker_open_seconds=30.0,
    )
    vars(settings).update(given)
    vectors = QueryVectors(Redis.from_url("redis://nowhere.invalid"))
    return _models(settings, _providers(settings, httpx.AsyncClient(), vectors))


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


def prices(**given: object) -> Prices:
    """Of a provider that knows its embedder's and not its chat model's."""
    embedder, prices = RecordingEmbedder("cohere/e-1/1024"), {"e-1": Price(input=1)}
    cohere = Provider(embedder, None, ScriptedModel(), prices=prices)
    settings = SimpleNamespace(model_prices={}, daily_budget=None)
    vars(settings).update(given)
    bills = billed({"cohere": cohere}, chosen="cohere")
    return _prices(settings, {"cohere": cohere}, bills)


def test_a_budget_over_a_model_without_a_price_stops_the_start() -> None:
    """One line names the model and where its price is said; without a budget, or with a price, it starts."""
    with pytest.raises(BadSettings) as caught:
        prices(daily_budget=0)
    assert str(caught.value) == "DAILY_BUDGET_USD: MODEL_PRICES must say what scripted-1 costs"
    assert prices().missing(["scripted-1"]) == ["scripted-1"]
    told = {"scripted-1": ModelPrice(output=1)}
    assert prices(daily_budget=0, model_prices=told).missing(["scripted-1"]) == []


class Asked:
    """What `Container.ask` takes from a container; its graph does what a test says, with one model paid for."""

    def __init__(self, *, budget: int | None, end: BaseException | None = None) -> None:
        self.settings = SimpleNamespace(question_seconds=45)
        self.spending, standings = InMemorySpending(), SwitchedStandings(daily_budget=budget)
        self.contexts = CallContexts(InMemoryKeyStore(), standings)
        prices = Prices({"m": Price(output=1)})
        self.accounts = Accounts(prices, self.spending, standings, {"model": 100})
        self.store = self.finder = self.reader = None
        self.models = SimpleNamespace(chat=ScriptedModel())
        self.graph, self.end = self, end
        self.may_spend: bool | None = None

    async def astream(
        self, state: object, *, context: ChatContext, stream_mode: Sequence[str]
    ) -> AsyncIterator[tuple[str, object]]:
        self.may_spend = context.calls.may_spend
        if self.may_spend:
            context.calls.meter.add("m", Usage(output_tokens=7))
        if self.end:
            raise self.end
        yield "values", {"answer": "said"}

    async def ask(self) -> Trail:
        caller, trail = Principal(USER, WORKSPACE, "owner"), Trail()
        with suppress(SourceUnavailable):
            question = Question("How?", "en")
            await Container.ask(self, question, caller=caller, earlier=(), trail=trail)  # type: ignore[arg-type]
        return trail

    @property
    def spent(self) -> list[int]:
        return [row.asking for row in self.spending.rows.values()]


@pytest.mark.parametrize("end", [None, SourceUnavailable()])
async def test_a_question_is_reserved_metered_and_settled(end: BaseException | None) -> None:
    """Calls of models may spend; what they did is in the trail and in the day's spending, however it ended."""
    house = Asked(budget=100, end=end)
    trail = await house.ask()
    assert house.may_spend is True
    assert (trail.cost, trail.meter.by_model, house.spent) == (7, {"m": Usage(0, 7)}, [7])


async def test_beyond_the_budget_no_model_that_costs_is_called() -> None:
    """The question is asked all the same, with calls that may not spend."""
    house = Asked(budget=99)
    trail = await house.ask()
    assert house.may_spend is False
    assert (trail.cost, house.spent) == (0, [])


async def test_what_has_no_price_is_told_at_the_start(lines: Callable[[], list[Any]]) -> None:
    """Each model once, a stored one's too; and a budget that no question fits into."""
    bills = Billed({"embedder": frozenset({"e"}), "model": frozenset({"m"})})
    house = SimpleNamespace(
        prices=Prices({"m": Price(output=1)}),
        billed=bills,
        settings=SimpleNamespace(daily_budget=5),
        accounts=SimpleNamespace(estimate=100),
    )
    Container._tell_of_prices(house, ["cohere/old/1024", "cohere/e/1024"])  # type: ignore[arg-type]
    told = [(line["event"], line.get("model")) for line in lines()]
    assert told == [
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
