"""Every setting of the service, read once from the environment by the entry points; a bad value stops the start."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from service.domain.usage import MICROS, MOST_DOLLARS
from service.errors import BadSettings

MIN_SECRET_LENGTH = 32  # RFC 7518 section 3.2: an HS256 key has at least as many bytes as its hash.


def _asyncpg_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if (
        "sslmode=" in url or "sslrootcert=" in url
    ):  # asyncpg's own words; these would only be a TypeError
        raise ValueError("say ssl= for sslmode=; PGSSLROOTCERT names the certificates")
    for prefix in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return SecretStr("postgresql+asyncpg://" + url.removeprefix(prefix))
    raise ValueError("must be a postgresql:// address")


def _redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be a redis:// address")
    return value


def _private_address(value: HttpUrl) -> HttpUrl:
    """Whoever can change the answer on its way chooses who may sign in."""
    if value.scheme != "https" and value.host not in {"127.0.0.1", "localhost"}:
        raise ValueError("must be https; inside a cluster without TLS, mount a JWKS_FILE")
    return value


def _bare_address(value: HttpUrl) -> HttpUrl:
    """A login in an address is shown wherever the address is; a query would end up inside the paths behind it."""
    if value.username or value.password or value.query or value.fragment:
        raise ValueError("must have no login, query or fragment; a key has a setting of its own")
    return value


PostgresUrl = Annotated[SecretStr, AfterValidator(_asyncpg_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
KeySetUrl = Annotated[HttpUrl, AfterValidator(_private_address)]
BareUrl = Annotated[HttpUrl, AfterValidator(_bare_address)]
Dollars = Annotated[float, Field(ge=0, le=MOST_DOLLARS, allow_inf_nan=False)]
S = TypeVar("S", bound=BaseSettings)


class ModelPrice(BaseModel):
    """US dollars: for a million tokens read and written, for a thousand searches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Dollars = 0.0
    output: Dollars = 0.0
    searches: Dollars = 0.0


class Settings(BaseSettings):
    """The environment, by its variable names in lower case; secrets never print."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: PostgresUrl
    """The API's or the worker's own login: it owns no table and bypasses no wall."""
    redis_url: RedisUrl
    secret_key: SecretStr | None = Field(default=None, min_length=MIN_SECRET_LENGTH)
    """PazPaz's SECRET_KEY; unset switches HS256 tokens off. Whoever holds it can mint any PazPaz session."""
    jwks_url: KeySetUrl | None = None
    """Where PazPaz publishes the keys of its short asymmetric tokens. Or name a file."""
    jwks_file: Path | None = None
    jwks_retry_seconds: float = Field(default=30.0, ge=1)
    """An unknown key id, or a failure, makes us read the set again this often at most."""
    token_issuer: str | None = None
    """The `iss` of such a token."""
    token_audience: str = "pazpaz-ai"  # noqa: S105 - a name, no secret
    monolith_url: HttpUrl
    signing_keys_dir: Path
    """Our keys: `keys.json` and a `<keyid>.pem` each, as `pazpaz-agent keys rotate` keeps them."""
    monolith_keys_file: Path
    """PazPaz's public keys: its own `keys.json`. Both are read again when they change."""
    key_encryption_key: SecretStr | None = None
    """32 bytes, base64: wraps every workspace's keys. Or name a file."""
    key_encryption_key_file: Path | None = None
    key_encryption_keys_old_file: Path | None = None
    """Further ones, a line each, that only unwrap: while the key is being changed."""

    model_provider: Literal["local", "cohere", "openai"] = "local"
    embedding_model: str | None = None
    """The embedder of workspaces that have no index yet; the others keep theirs until `reindex switch`."""
    vectors: Literal["plain", "sealed"] = "plain"
    """How notes' vectors are written: as pgvector's columns, or sealed under the workspace's key. Both are read."""
    cohere_api_key: SecretStr | None = None
    cohere_base_url: HttpUrl | None = None
    cohere_embed_model: str = "embed-v4.0"
    cohere_rerank_model: str = "rerank-v3.5"
    cohere_chat_model: str = "command-a-03-2025"
    cohere_entailment_model: str | None = None
    """Confirms sentences of answers; unset, the chat model does. One that thinks before it speaks cannot."""
    openai_base_url: BareUrl | None = None
    """A server that speaks OpenAI's format, with or without /v1; http is for a network that is your own."""
    openai_api_key: SecretStr | None = None
    openai_embed_model: str | None = None
    """This and the next two: what is unset, the local model does."""
    openai_rerank_model: str | None = None
    openai_chat_model: str | None = None
    openai_entailment_model: str | None = None
    """Confirms what the chat model writes; unset, that model itself."""
    openai_embed_query_prefix: str = ""
    """What the embedding model wants before a question, as "query: "; part of the stored model's name."""
    openai_embed_document_prefix: str = ""
    openai_multilingual_models: frozenset[str] = frozenset()
    """Those of them for which a question in Hebrew comes near a note in English."""
    entailment_check: bool = True
    """Whether the provider confirms each sentence that is not a note's own words. False: rules alone judge, and what
    only a model could confirm is withheld."""
    model_prices: dict[str, ModelPrice] = Field(default_factory=dict)
    """Replaces and adds to what the providers' adapters know of their models' prices."""
    daily_budget_usd: Dollars | None = None
    """What a workspace's questions may cost in a day (UTC); beyond it answers are quotes alone. 0: nothing."""

    provider_ca_file: Path | None = None
    """Certificates that a provider's address is checked with in place of the well-known ones: a hospital's own."""

    operator_token: SecretStr | None = Field(default=None, min_length=MIN_SECRET_LENGTH)
    """Opens the operators' routes under /internal/v1; unset, nobody may call them."""
    ai_agent_enabled: bool = True
    ai_agent_max_queries_per_hour: int = Field(default=30, ge=1)
    ai_agent_max_queries_per_user_per_minute: int = Field(default=10, ge=1)
    question_seconds: float = Field(default=45.0, ge=5, le=58)
    """All that a question may take, handed down to every step; PazPaz's nginx cuts at 60."""
    drain_seconds: float = Field(default=0.0, ge=0, le=60)
    """How long the API, told to stop, goes on taking requests, each the last on its connection."""
    transaction_seconds: float = Field(default=15.0, gt=0, le=58)
    """All that a transaction of the API may take, waiting for its connection included; else Postgres is away."""
    breaker_open_seconds: float = Field(default=30.0, gt=0, le=120)
    """How long a provider that keeps failing is left alone before it is tried again."""
    max_concurrent_chats: int = Field(default=16, ge=1)
    """Questions under way in one process; the next is 503 at once."""
    max_concurrent_chats_per_workspace: int = Field(default=4, ge=1)
    index_drafts: bool = False
    require_consent: bool = False
    pseudonyms: bool = True
    """Whether providers read pseudonyms in place of names, numbers and addresses."""
    allowed_roles: frozenset[Literal["owner", "assistant"]] = frozenset({"owner", "assistant"})

    host: str = "127.0.0.1"
    port: int = Field(default=8810, ge=0, le=65535)
    internal_port: int | None = Field(default=None, ge=0, le=65535)
    """Where /internal, /metrics and /readyz are served instead, if set; then PORT refuses them."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    debounce_seconds: float = Field(default=2.0, ge=0)
    """How long a note must be quiet before it is looked at again; autosaves come every 5 s."""
    debounce_limit_seconds: float = Field(default=30.0, ge=0)
    """The longest that further edits can put off the look."""
    audit_orphan_seconds: float = Field(default=300.0, gt=0)
    """After this long without a closing row a question is recorded as ended, outcome unknown."""
    audit_checkpoint_seconds: float = Field(default=60.0, gt=0)
    """How often a chain that grew is signed."""
    feed_seconds: float = Field(default=60.0, gt=0)
    """How often PazPaz's outbox is read for events that the webhook lost."""
    reconcile_hour: int = Field(default=1, ge=0, le=23)
    """The hour (UTC) in which every workspace is compared with PazPaz's list."""
    conversations: bool = True
    """Whether questions and answers are kept at all."""
    conversation_retention_days: int = Field(default=30, ge=1)
    """Conversations without a turn for so long are deleted."""
    event_id_retention_days: int = Field(default=30, ge=1)
    """Event ids older than this are dropped; an event repeated later asks for one more look, and changes nothing."""
    erasure_receipts_dir: Path | None = None
    """Where a file is kept of each erasure, outside the database: after a restore they are applied again."""
    worker_port: int | None = Field(default=None, ge=1, le=65535)
    """Where a worker serves its own /metrics, if set."""
    traces_url: BareUrl | None = None
    """Where spans are sent (OTLP over HTTP, the path included); needs the extra `otel`."""
    request_timeout_seconds: float = Field(default=10.0, gt=0)
    lease_seconds: float = Field(default=60.0, gt=0)
    hot_vectors_mb: int = Field(default=512, ge=1)
    """What a process may hold of workspaces' vectors in memory, in MiB; whoever asked longest ago makes room."""
    hot_rows: Literal["resident", "fetched"] = "resident"
    """Whether float16 vectors stay beside their codes (3.2 KB a vector) or are fetched for each question (1.2 KB)."""

    @property
    def traces(self) -> str | None:
        """The collector's address, as it is called."""
        return None if self.traces_url is None else str(self.traces_url)

    @property
    def daily_budget(self) -> int | None:
        """In micro-dollars."""
        return None if self.daily_budget_usd is None else round(self.daily_budget_usd * MICROS)

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.key_encryption_key is None) == (self.key_encryption_key_file is None):
            raise ValueError("set exactly one of KEY_ENCRYPTION_KEY and KEY_ENCRYPTION_KEY_FILE")
        self._require_a_token_mode()
        if self.model_provider == "cohere" and self.cohere_api_key is None:
            raise ValueError("MODEL_PROVIDER=cohere needs COHERE_API_KEY")
        self._require_a_server()
        return self

    def _require_a_server(self) -> None:
        models = {
            "OPENAI_EMBED_MODEL": self.openai_embed_model,
            "OPENAI_RERANK_MODEL": self.openai_rerank_model,
            "OPENAI_CHAT_MODEL": self.openai_chat_model,
        }
        given = [name for name, model in models.items() if model]
        if self.openai_base_url is None and (given or self.model_provider == "openai"):
            raise ValueError(
                f"{given[0] if given else 'MODEL_PROVIDER=openai'} needs OPENAI_BASE_URL"
            )
        if self.model_provider == "openai" and not given:
            raise ValueError(f"MODEL_PROVIDER=openai needs one of {', '.join(models)}")
        if self.openai_embed_query_prefix and not self.openai_embed_model:
            raise ValueError("OPENAI_EMBED_QUERY_PREFIX needs OPENAI_EMBED_MODEL")
        if self.openai_embed_document_prefix and not self.openai_embed_model:
            raise ValueError("OPENAI_EMBED_DOCUMENT_PREFIX needs OPENAI_EMBED_MODEL")
        if self.openai_entailment_model and not self.openai_chat_model:
            raise ValueError("OPENAI_ENTAILMENT_MODEL needs OPENAI_CHAT_MODEL")

    def _require_a_token_mode(self) -> None:
        asymmetric = self.jwks_url is not None or self.jwks_file is not None
        if not asymmetric and self.secret_key is None:
            raise ValueError("set SECRET_KEY, or JWKS_URL or JWKS_FILE, or both modes")
        if self.jwks_url is not None and self.jwks_file is not None:
            raise ValueError("set one of JWKS_URL and JWKS_FILE")
        if asymmetric and not self.token_issuer:
            raise ValueError("JWKS_URL and JWKS_FILE need TOKEN_ISSUER")


class MigrationSettings(BaseSettings):
    """What `migrate` alone needs: the login that owns the tables."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    migration_database_url: PostgresUrl
    migration_statement_seconds: float = Field(60, gt=0, le=86_400, allow_inf_nan=False)
    """The longest that one statement of a migration may take; building an index concurrently may take longer."""


class AuditSettings(BaseSettings):
    """What reading the audit trail needs: a login of the service, and our keys, which checkpoints are checked with."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: PostgresUrl
    signing_keys_dir: Path | None = None


def load(kind: type[S], **given: Any) -> S:
    """Reads the environment; raises BadSettings with one line that names the variables, never their values."""
    try:
        return partial(kind, **given)()
    except ValidationError as exc:
        lines = (_line(error["loc"], error["msg"]) for error in exc.errors(include_input=False))
        raise BadSettings("; ".join(lines)) from None
    except SettingsError as exc:  # a list or a set that is no JSON; it names the field, in quotes
        name = re.search(r'"(\w+)"', str(exc))
        raise BadSettings(f"{name[1].upper() if name else 'a setting'}: must be JSON") from None


def _line(loc: tuple[int | str, ...], message: str) -> str:
    variable, *inside = (str(part) for part in loc or ("",))
    name = ".".join((variable.upper(), *inside))
    said = message.removeprefix("Value error, ")
    return f"{name}: {said}" if name else said
