"""The environment is read once, and a bad value stops the start in one line."""

import base64
import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.errors import BadSettings
from service.settings import MigrationSettings, Settings, load

GOOD = {
    "DATABASE_URL": "postgresql://api:password@db.example/ai",
    "REDIS_URL": "redis://:password@redis.example/0",
    "SECRET_KEY": "a-secret-key-of-pazpaz-with-32-letters",
    "MONOLITH_URL": "http://pazpaz.example",
    "SIGNING_KEYS_DIR": "/keys/signing",
    "MONOLITH_KEYS_FILE": "/keys/ml.json",
    "KEY_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
}


EITHER = {"KEY_ENCRYPTION_KEY", "SECRET_KEY"}
"""What another variable may stand for."""


@pytest.fixture
def environment(monkeypatch):
    """Sets exactly these variables; a value of None leaves one out."""

    def put(**changes: str | None) -> None:
        known = {name.upper() for name in Settings.model_fields} | {"MIGRATION_DATABASE_URL"}
        for name in known:
            monkeypatch.delenv(name, raising=False)
        for name, value in (GOOD | changes).items():
            if value is not None:
                monkeypatch.setenv(name, value)

    return put


def complaint(kind=Settings) -> str:
    with pytest.raises(BadSettings) as caught:
        load(kind)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_whole_environment_is_read(environment):
    """Seven variables are enough; the rest has defaults a practice can live with."""
    environment()
    settings = load(Settings)
    assert settings.database_url.get_secret_value() == (
        "postgresql+asyncpg://api:password@db.example/ai"
    )
    assert settings.ai_agent_max_queries_per_hour == 30
    assert settings.allowed_roles == {"owner", "assistant"}
    assert (settings.index_drafts, settings.require_consent) == (False, False)
    assert settings.ai_agent_enabled is True


@pytest.mark.parametrize("name", [name for name in GOOD if name not in EITHER])
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_missing_variable_is_named(environment, name, value):
    """One line with the name of what is missing, and no name of what is not."""
    environment(**{name: value})
    assert complaint() == f"{name}: Field required"


def test_everything_that_is_missing_is_named_at_once(environment):
    """Nobody has to start seven times to learn of seven variables."""
    environment(**dict.fromkeys(GOOD))
    said = complaint()
    assert all(f"{name}: " in said for name in GOOD if name not in EITHER)
    assert "\n" not in said


BAD = {
    "DATABASE_URL": "mysql://canary@db/ai",
    "REDIS_URL": "http://canary@redis",
    "SECRET_KEY": "canary-too-short",
    "MONOLITH_URL": "canary://nowhere",
    "MODEL_PROVIDER": "canary",
    "AI_AGENT_ENABLED": "canary",
    "AI_AGENT_MAX_QUERIES_PER_HOUR": "0",
    "INDEX_DRAFTS": "canary",
    "VECTORS": "canary",
    "ALLOWED_ROLES": '["canary"]',
    "PORT": "99999",
    "LOG_LEVEL": "canary",
    "DEBOUNCE_SECONDS": "-1",
    "REQUEST_TIMEOUT_SECONDS": "0",
    "LEASE_SECONDS": "canary",
    "COHERE_BASE_URL": "canary",
    "OPENAI_BASE_URL": "http://user:canary@models.example/v1",
    "JWKS_URL": "http://canary.example/jwks.json",
    "JWKS_RETRY_SECONDS": "0",
    "DAILY_BUDGET_USD": "-1",
    "MODEL_PRICES": '{"m": {"input": -1}}',
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_named_and_never_shown(environment, name):
    """The line says which variable and what it should be; a secret in it stays out of the log."""
    environment(**{name: BAD[name]})
    said = complaint()
    assert said.startswith(f"{name}")
    assert "\n" not in said
    assert "canary" not in said.removeprefix(name)


@pytest.mark.parametrize("value", ["owner", "canary,owner", "[canary", "{'owner'}"])
def test_a_set_that_is_no_json_is_named_like_any_other(environment, value):
    """A list written as words is the likeliest mistake; it is no traceback."""
    environment(ALLOWED_ROLES=value)
    assert complaint() == "ALLOWED_ROLES: must be JSON"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "set SECRET_KEY, or JWKS_URL or JWKS_FILE, or both modes"),
        (
            {"JWKS_URL": "https://pazpaz.example/jwks.json", "JWKS_FILE": "/keys/jwks.json"},
            "set one of JWKS_URL and JWKS_FILE",
        ),
        ({"JWKS_FILE": "/keys/jwks.json"}, "JWKS_URL and JWKS_FILE need TOKEN_ISSUER"),
    ],
)
def test_without_a_whole_token_mode_nothing_starts(environment, given, said):
    """A service that could check nobody's token does not start, and says what it wants."""
    environment(SECRET_KEY=None, **given)
    assert complaint() == said


def test_hs256_can_be_switched_off(environment):
    """A key set and its issuer are a mode of their own, without PazPaz's secret."""
    environment(SECRET_KEY=None, JWKS_FILE="/keys/jwks.json", TOKEN_ISSUER="https://pazpaz.example")
    settings = load(Settings)
    assert settings.secret_key is None
    assert settings.token_audience == "pazpaz-ai"


@pytest.mark.parametrize(
    "address", ["https://pazpaz.example/jwks.json", "http://127.0.0.1:8800/jwks.json"]
)
def test_a_key_set_is_read_where_nobody_can_change_it(environment, address):
    """Over TLS, or without leaving the machine."""
    environment(SECRET_KEY=None, JWKS_URL=address, TOKEN_ISSUER="https://pazpaz.example")
    assert str(load(Settings).jwks_url) == address


@pytest.mark.parametrize(
    "value",
    ["2.50", '{"m": 2.5}', '{"m": {"inputs": 2.5}}', '{"m": {"output": NaN}}', '["m"]', "{m: 1}"],
)
def test_prices_of_another_shape_stop_the_start(environment, value):
    """A misspelled kind would be a price of nothing, and a budget over it no budget."""
    environment(MODEL_PRICES=value)
    said = complaint()
    assert said.startswith("MODEL_PRICES")
    assert "\n" not in said


def test_prices_and_a_budget_are_read(environment):
    """Dollars come in, and whole micro-dollars are what everybody counts in."""
    prices = '{"a": {"input": 2.5, "output": 10}, "b": {"searches": 2}}'
    environment(MODEL_PRICES=prices, DAILY_BUDGET_USD="1.1")
    settings = load(Settings)
    told = settings.model_prices
    assert [told["a"].output, told["a"].searches, told["b"].searches] == [10, 0, 2]
    assert settings.daily_budget == 1_100_000
    environment(DAILY_BUDGET_USD="0")
    assert load(Settings).daily_budget == 0
    environment(DAILY_BUDGET_USD="")
    assert load(Settings).daily_budget is None


@pytest.mark.parametrize("value", ["nan", "inf", "-0.01", "two"])
def test_a_budget_is_an_amount(environment, value):
    """What is no amount, or less than nothing, stops the start."""
    environment(DAILY_BUDGET_USD=value)
    assert complaint().startswith("DAILY_BUDGET_USD: ")


def test_roles_are_read_from_json(environment):
    """The way the line above asks for is the way that works."""
    environment(ALLOWED_ROLES='["owner"]')
    assert load(Settings).allowed_roles == {"owner"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"KEY_ENCRYPTION_KEY": None}, "KEY_ENCRYPTION_KEY"),
        ({"KEY_ENCRYPTION_KEY_FILE": "/keys/kek"}, "KEY_ENCRYPTION_KEY_FILE"),
        ({"MODEL_PROVIDER": "cohere"}, "COHERE_API_KEY"),
        ({"MODEL_PROVIDER": "openai"}, "MODEL_PROVIDER=openai needs OPENAI_BASE_URL"),
        (
            {"MODEL_PROVIDER": "openai", "OPENAI_BASE_URL": "http://models/v1"},
            "needs one of OPENAI_EMBED_MODEL, OPENAI_RERANK_MODEL, OPENAI_CHAT_MODEL",
        ),
        ({"OPENAI_CHAT_MODEL": "m"}, "OPENAI_CHAT_MODEL needs OPENAI_BASE_URL"),
        (
            {"OPENAI_EMBED_QUERY_PREFIX": "query: "},
            "OPENAI_EMBED_QUERY_PREFIX needs OPENAI_EMBED_MODEL",
        ),
        ({"OPENAI_ENTAILMENT_MODEL": "m"}, "OPENAI_ENTAILMENT_MODEL needs OPENAI_CHAT_MODEL"),
    ],
    ids=[
        "no key",
        "two keys",
        "no provider key",
        "no server",
        "no model",
        "lost model",
        "prefix",
        "nobody confirms",
    ],
)
def test_variables_that_belong_together_are_checked_together(environment, changes, names):
    """Exactly one wrapping key; a provider comes with its key."""
    environment(**changes)
    said = complaint()
    assert names in said
    assert GOOD["KEY_ENCRYPTION_KEY"] not in said


@pytest.mark.parametrize("query", ["sslmode=verify-full", "ssl=require&sslrootcert=/ca.pem"])
def test_a_postgres_address_that_the_driver_would_misread_is_refused(environment, query):
    """What libpq calls sslmode is ssl here; the line says so, and shows nothing of the address."""
    environment(DATABASE_URL=f"postgresql://api:zebra@db/ai?{query}")
    said = complaint()
    assert said.startswith("DATABASE_URL: say ssl=")
    assert "zebra" not in said


@pytest.mark.parametrize("prefix", ["postgres://", "postgresql://", "postgresql+asyncpg://"])
def test_every_usual_way_to_write_a_postgres_address_works(environment, prefix):
    """The driver is ours to choose."""
    environment(DATABASE_URL=f"{prefix}api@db/ai", MIGRATION_DATABASE_URL=f"{prefix}owner@db/ai")
    assert load(Settings).database_url.get_secret_value() == "postgresql+asyncpg://api@db/ai"
    assert load(MigrationSettings).migration_database_url.get_secret_value() == (
        "postgresql+asyncpg://owner@db/ai"
    )


def test_migrating_needs_its_own_login_and_nothing_else(environment):
    """The owner of the tables is not among the service's settings."""
    environment(**dict.fromkeys(GOOD))
    assert complaint(MigrationSettings) == "MIGRATION_DATABASE_URL: Field required"


def test_a_server_of_ones_own_is_named_with_what_it_serves(environment):
    """Plain http will do inside a network; what stands before texts keeps its blank; models are listed as JSON."""
    environment(
        MODEL_PROVIDER="openai",
        OPENAI_BASE_URL="http://models.internal:8000/v1",
        OPENAI_EMBED_MODEL="e5",
        OPENAI_EMBED_QUERY_PREFIX="query: ",
        OPENAI_MULTILINGUAL_MODELS='["e5"]',
    )
    settings = load(Settings)
    assert settings.openai_embed_query_prefix == "query: "
    assert settings.openai_multilingual_models == {"e5"}


def test_secrets_do_not_print(environment):
    """Neither the settings nor a field of them shows a secret by accident."""
    environment(COHERE_API_KEY="cohere-canary-key", OPENAI_API_KEY="openai-canary-key")
    settings = load(Settings)
    shown = f"{settings!r} {settings} {settings.model_dump()}"
    secrets = (GOOD["SECRET_KEY"], GOOD["KEY_ENCRYPTION_KEY"], ":password@", "-canary-key")
    assert not [secret for secret in secrets if secret in shown]


def test_settings_do_not_change(environment):
    """What was read at the start holds until the end."""
    environment()
    settings = load(Settings)
    with pytest.raises(ValidationError):
        settings.ai_agent_enabled = False


def test_what_is_given_wins_over_the_environment(environment):
    """Tests and the demo pass values in, and the environment cannot change them."""
    environment(PORT="8811")
    assert load(Settings).port == 8811
    assert load(Settings, port=8812).port == 8812


def test_the_chart_knows_every_setting():
    """One that values.schema.json does not know is refused there; what is no value of it, the templates set."""
    helm = Path(__file__).parents[2] / "helm"
    schema = json.loads((helm / "values.schema.json").read_text())
    values = set(schema["properties"]["config"]["properties"])
    templates = "".join(one.read_text() for one in sorted((helm / "templates").glob("*")))
    set_there = set(re.findall(r"\b[A-Z][A-Z_]+\b", templates))
    settings = {name.upper() for name in Settings.model_fields}
    assert values <= settings
    assert settings - values - set_there == {"KEY_ENCRYPTION_KEY_FILE"}
