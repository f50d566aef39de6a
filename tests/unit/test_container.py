"""Keys are read before anything is opened, and a bad one stops the start in one line."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

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

from pazpaz_ai_client.signing import RING, KeyRing, PrivateKey
from service.adapters.limits.accounts import Accounts
from service.adapters.models.pricing import Prices
from service.chat.state import ChatContext
from service.configured import redis_of
from service.container import Container, open_container
from service.domain.answers import Question
from service.domain.audit import Trail
from service.domain.identity import Principal
from service.domain.usage import Usage
from service.errors import BadSettings, OutOfTime, SourceUnavailable
from service.ports.calls import CallContexts
from service.settings import ModelPrice
from tests.fakes import WORKSPACE, InMemoryKeyStore, InMemorySpending
from tests.unit.doubles import USER, ScriptedModel, SwitchedStandings

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
    ring = keys.signing_keys_dir / RING
    assert said == f"SIGNING_KEYS_DIR: {ring} cannot be read (No such file or directory)"


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


class Asked:
    """What `Container.ask` takes from a container; its graph does what a test says, with one model paid for."""

    def __init__(self, *, budget: int | None, end: BaseException | None = None) -> None:
        self.settings = SimpleNamespace(question_seconds=45)
        self.spending, standings = InMemorySpending(), SwitchedStandings(daily_budget=budget)
        self.contexts = CallContexts(InMemoryKeyStore(), standings)
        prices = Prices({"m": ModelPrice(output=1)})
        self.accounts = Accounts(prices, self.spending, standings, {"model": 100})
        self.store = self.finder = self.reader = self.people = None
        self.models = SimpleNamespace(chat=ScriptedModel(), entailment=None)
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


async def test_a_question_is_out_of_time_before_its_first_step_too() -> None:
    """Names are opened under the same limit as all the rest, and what was reserved for it comes back."""
    house, hung = Asked(budget=100), asyncio.Event()
    house.settings.question_seconds = 0.01

    async def never(**_: object) -> None:
        await hung.wait()

    house.contexts = SimpleNamespace(of=never)  # type: ignore[assignment]
    with pytest.raises(OutOfTime):
        await asyncio.wait_for(house.ask(), 5)
    assert house.spent == [0]


async def test_beyond_the_budget_no_model_that_costs_is_called() -> None:
    """The question is asked all the same, with calls that may not spend."""
    house = Asked(budget=99)
    trail = await house.ask()
    assert house.may_spend is False
    assert (trail.cost, house.spent) == (0, [])


def test_a_stalled_redis_is_given_up_soon():
    """A Redis that takes a connection and says nothing costs a quarter of a second, not the client's own five."""
    redis = redis_of(SimpleNamespace(redis_url=SecretStr("redis://127.0.0.1:1")))
    given = redis.connection_pool.connection_kwargs
    assert given["socket_timeout"] <= 0.25
    assert given["socket_connect_timeout"] <= 0.25
