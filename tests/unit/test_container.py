"""Keys are read before anything is opened, and a bad one stops the start in one line."""

import base64
from pathlib import Path
from types import SimpleNamespace

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
from service.adapters.local_model import ExtractiveModel, LocalReranker
from service.adapters.query_cache import QueryVectors
from service.container import Models, _models, _providers, open_container
from service.errors import BadSettings, ModelUnavailable

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


def test_without_a_key_a_providers_model_is_unavailable() -> None:
    """A question to such an index fails as a model that is away; the default must be one that runs."""
    with pytest.raises(ModelUnavailable):
        models().embedders.of(THEIRS)
    with pytest.raises(BadSettings, match="EMBEDDING_MODEL: must be one of local-hash-1, local-h"):
        models(embedding_model=THEIRS)
