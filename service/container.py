"""The composition root: settings in, opened parts out. The one place that chooses adapters."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog
from redis.asyncio import Redis

from pazpaz_ai_client.signing import (
    KeysUnusable,
    LiveKeys,
    RedisNonceStore,
    RequestVerifier,
    ResponseVerifier,
    Signer,
    read_folder,
)
from service.adapters.accounts import Accounts
from service.adapters.audit_log import PgAuditLog
from service.adapters.backfills import PgBackfills
from service.adapters.both_vectors import BothVectors, vectors_in
from service.adapters.chunk_store import PgChunkStore
from service.adapters.conversations import PgConversations
from service.adapters.database import Database, open_database
from service.adapters.eraser import PgEraser
from service.adapters.feedback import PgFeedback
from service.adapters.http_client import open_http
from service.adapters.jwks import FileSource, Jwks, KeySetSource, UrlSource
from service.adapters.key_store import PgKeyStore
from service.adapters.local_model import (
    ExtractiveModel,
    LocalReranker,
)
from service.adapters.monolith import Monolith
from service.adapters.query_cache import QueryVectors
from service.adapters.rate_limiter import TIMEOUT_SECONDS, RedisRateLimiter
from service.adapters.receipts import ReceiptFolder
from service.adapters.reindexer import PgReindexer
from service.adapters.restoration import PgRestoration
from service.adapters.schedules import PgSchedules
from service.adapters.spending import PgSpending
from service.adapters.standing import PgStandings
from service.adapters.work_queue import PgWorkQueue
from service.domain.answers import Answer, Question
from service.domain.audit import Trail
from service.domain.deadline import Deadline
from service.domain.identity import Principal, WorkspaceId
from service.domain.progress import Tell
from service.errors import BadSettings, OutOfTime
from service.ingestion.erase import Erasure
from service.ingestion.indexing import Indexer
from service.language.words import forget_words
from service.models import Models, open_models
from service.ports.calls import NO_VEILS, CallContexts
from service.ports.limits import Standing
from service.retrieval.dense import DenseIndex
from service.retrieval.exhaustive import Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder
from service.retrieval.veils import NameVeils
from service.security.keys import KeyEncryptionKey
from service.security.principals import Principals
from service.security.tokens import AccessTokens, TokenVerifier
from service.settings import Settings

if TYPE_CHECKING:
    from service.chat.graph import Graph

log = structlog.get_logger()

OUR_AUDIENCE = "pazpaz-ai"
THEIR_AUDIENCE = "pazpaz-monolith"
CONNECT_SECONDS = 2.0
# Before uvicorn, which serves PazPaz, drops an idle one after 5 s: what is sent meanwhile would be lost.
MOST_CONNECTIONS, IDLE_SECONDS = 100, 4.0


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Container:
    """Everything opened; routes, worker and commands take from here what they need."""

    settings: Settings
    database: Database
    redis: Redis
    notes: Monolith
    keys: PgKeyStore
    signing_keys: LiveKeys
    """Its `on_change` is free for whoever wants to tell of a rotation."""
    store: PgChunkStore
    queue: PgWorkQueue
    vector_table: BothVectors
    reindexer: PgReindexer
    schedules: PgSchedules
    backfills: PgBackfills
    eraser: PgEraser
    receipts: ReceiptFolder
    restoration: PgRestoration
    lexical: LexicalIndex
    dense: DenseIndex
    people: People
    veils: NameVeils
    conversations: PgConversations
    feedback: PgFeedback
    audit: PgAuditLog
    spending: PgSpending
    limiter: RedisRateLimiter
    tokens: TokenVerifier
    principals: Principals
    standings: PgStandings
    events_verifier: RequestVerifier
    vectors: QueryVectors
    models: Models

    @cached_property
    def contexts(self) -> CallContexts:
        """What goes along with a call; where every model runs here, nothing need be hidden."""
        return CallContexts(
            self.keys, self.standings, self.veils if self.models.providers else NO_VEILS
        )

    @cached_property
    def finder(self) -> Finder:
        return Finder(
            store=self.store,
            notes=self.notes,
            embedders=self.models.embedders,
            reranker=self.models.reranker,
            spare=LocalReranker(),
            lexical=self.lexical,
            people=self.people,
            dense=self.dense,
        )

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.store, self.notes, self.keys, self.lexical, self.people)

    @cached_property
    def indexer(self) -> Indexer:
        return Indexer(
            notes=self.notes,
            store=self.store,
            queue=self.queue,
            contexts=self.contexts,
            embedders=self.models.embedders,
            erasure=self.erasure,
            standings=self.standings,
            drafts=self.settings.index_drafts,
            on_embedded=self.accounts.indexed,
        )

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(
            prices=self.models.prices,
            spending=self.spending,
            standings=self.standings,
            estimates=self.models.estimates,
            has_unpriced=self.models.has_unpriced,
        )

    @cached_property
    def erasure(self) -> Erasure:
        return Erasure(
            notes=self.notes,
            eraser=self.eraser,
            allowances=self.limiter,
            vectors=self.vectors,
            receipts=self.receipts,
            on_erased=self.standings.on_erased,
        )

    async def check_models(self) -> None:
        """Before anything is served. Raises BadSettings."""
        await self.models.check(self.store, budget=self.settings.daily_budget)

    async def warn_of_vectors_elsewhere(self) -> None:
        """They are found all the same; but who set VECTORS=sealed believes that none can be read."""
        if about := await self.vector_table.elsewhere_in_all():
            log.warning("vectors.elsewhere", vectors=self.settings.vectors, rows=about)

    @cached_property
    def graph(self) -> "Graph":
        """Imported here, because LangGraph costs a second that worker and commands need not pay."""
        from service.chat.graph import build_graph

        return build_graph()

    async def ask(
        self,
        question: Question,
        *,
        caller: Principal,
        earlier: Sequence[str],
        trail: Trail,
        tell: Tell | None = None,
    ) -> Answer:
        """Runs the graph once and tells `trail` which notes it touched and what models did for it.

        Steps and verified lines are told on the way; the lines put together are the answer's text.
        Raises what the ports raise, and OutOfTime.
        """
        from service.chat.state import ChatContext, ChatState
        from service.chat.telling import run

        deadline, workspace = Deadline.after(self.settings.question_seconds), caller.workspace
        asked: ChatState = {"question": question, "earlier": earlier}
        async with self.accounts.question(trail, workspace=workspace) as may_spend:
            try:
                async with deadline.timeout():
                    calls = await self.contexts.of(
                        workspace=workspace,
                        deadline=deadline,
                        meter=trail.meter,
                        may_spend=may_spend,
                    )
                    context = ChatContext(
                        calls=calls,
                        principal=caller,
                        store=self.store,
                        finder=self.finder,
                        model=self.models.chat,
                        spare=ExtractiveModel(),
                        reader=self.reader,
                        entailment=self.models.entailment,
                        clock=now,
                        trail=trail,
                    )
                    return await run(self.graph, asked, context, tell=tell)
            except TimeoutError:
                raise OutOfTime from None


@asynccontextmanager
async def open_container(
    settings: Settings, *, transaction_seconds: float | None = None
) -> AsyncIterator[Container]:
    """Opens everything in order and closes it in reverse; raises BadSettings before anything is served.

    A process whose callers wait says how long a transaction may take.
    """
    kek = _key_encryption_key(settings)
    old_keks = _old_key_encryption_keys(settings)
    signing_keys = _signing_keys(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(settings.database_url.get_secret_value(), seconds=transaction_seconds)
        )
        await database.refuse_powerful_login()
        await database.refuse_other_schema()
        redis = _redis(settings)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(_http(settings))
        keys = PgKeyStore(database, kek, now, tuple(old_keks))
        notes = Monolith(
            http=http,
            base_url=str(settings.monolith_url),
            signer=Signer(signing_keys, audience=THEIR_AUDIENCE),
            verifier=ResponseVerifier(signing_keys),
            clock=now,
            deadline=settings.request_timeout_seconds,
        )
        vectors = QueryVectors(redis)
        models = await stack.enter_async_context(open_models(settings, vectors))
        principals = Principals(notes, now)
        table = vectors_in(settings.vectors, database, keys)
        store = PgChunkStore(database, keys, table)
        lexical = LexicalIndex(store)
        dense = _dense(settings, store)
        stack.push_async_callback(dense.aclose)
        people = People(store)
        veils = NameVeils(store, keys)
        receipts = _receipts(settings)

        def forget(workspace: WorkspaceId) -> None:
            """What this process remembers, when something of a workspace is erased anywhere."""
            keys.drop(workspace)
            lexical.drop(workspace)
            dense.drop(workspace)
            people.drop(workspace)
            veils.drop(workspace)
            forget_words()

        yield Container(
            settings=settings,
            database=database,
            redis=redis,
            notes=notes,
            keys=keys,
            signing_keys=signing_keys,
            store=store,
            lexical=lexical,
            dense=dense,
            people=people,
            veils=veils,
            eraser=PgEraser(database, keys, lambda: signing_keys.at(now())),
            receipts=receipts,
            restoration=PgRestoration(database, receipts),
            queue=PgWorkQueue(
                database,
                lease_seconds=settings.lease_seconds,
                debounce=settings.debounce_seconds,
                debounce_limit=settings.debounce_limit_seconds,
            ),
            vector_table=table,
            reindexer=PgReindexer(database, table),
            schedules=PgSchedules(database),
            backfills=PgBackfills(database),
            conversations=PgConversations(database, keys),
            feedback=PgFeedback(database),
            audit=PgAuditLog(database),
            spending=PgSpending(database),
            limiter=RedisRateLimiter(
                redis,
                per_hour=settings.ai_agent_max_queries_per_hour,
                per_minute=settings.ai_agent_max_queries_per_user_per_minute,
            ),
            tokens=_tokens(settings, http),
            principals=principals,
            standings=PgStandings(database, _standing(settings), principals.drop, on_erased=forget),
            events_verifier=RequestVerifier(
                keys=signing_keys,
                audience=OUR_AUDIENCE,
                direction="event",
                nonces=RedisNonceStore(redis),
                # A repeated event changes nothing, so an absent nonce store need not stop it.
                accept_without_nonce_store=True,
            ),
            vectors=vectors,
            models=models,
        )


def _dense(settings: Settings, store: PgChunkStore) -> DenseIndex:
    return DenseIndex(
        store,
        max_bytes=settings.hot_vectors_mb * 2**20,
        resident=settings.hot_rows == "resident",
    )


def _receipts(settings: Settings) -> ReceiptFolder:
    path = settings.erasure_receipts_dir
    if path is not None and not path.is_dir():
        raise BadSettings("ERASURE_RECEIPTS_DIR: is not a folder")
    return ReceiptFolder(path)


def _standing(settings: Settings) -> Standing:
    return Standing(
        settings.ai_agent_enabled,
        settings.allowed_roles,
        settings.require_consent,
        settings.pseudonyms,
        settings.daily_budget,
        settings.conversations,
    )


def _tokens(settings: Settings, http: httpx.AsyncClient) -> TokenVerifier:
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    return TokenVerifier(secret, _access_tokens(settings, http), now)


def _access_tokens(settings: Settings, http: httpx.AsyncClient) -> AccessTokens | None:
    source: KeySetSource
    if settings.jwks_url is not None:
        source = UrlSource(http, str(settings.jwks_url))
    elif settings.jwks_file is not None:
        source = FileSource(settings.jwks_file)
    else:
        return None
    assert settings.token_issuer is not None  # noqa: S101 - the settings saw to it
    keys = Jwks(source, now, retry=timedelta(seconds=settings.jwks_retry_seconds))
    return AccessTokens(keys, settings.token_issuer, settings.token_audience)


def _redis(settings: Settings) -> Redis:
    """Short timeouts everywhere: a stalled Redis must cost a quarter of a second, not five."""
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )


def _http(settings: Settings) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    timeouts = httpx.Timeout(settings.request_timeout_seconds, connect=CONNECT_SECONDS)
    return open_http(timeouts=timeouts, most=MOST_CONNECTIONS, idle_seconds=IDLE_SECONDS)


def _key_encryption_key(settings: Settings) -> KeyEncryptionKey:
    if settings.key_encryption_key is not None:
        return KeyEncryptionKey.from_base64(settings.key_encryption_key.get_secret_value())
    assert settings.key_encryption_key_file is not None  # noqa: S101 - the settings saw to it
    text = _read("KEY_ENCRYPTION_KEY_FILE", settings.key_encryption_key_file)
    return KeyEncryptionKey.from_base64(text.decode(errors="replace"))


def _old_key_encryption_keys(settings: Settings) -> list[KeyEncryptionKey]:
    name = "KEY_ENCRYPTION_KEYS_OLD_FILE"
    if settings.key_encryption_keys_old_file is None:
        return []
    lines = _read(name, settings.key_encryption_keys_old_file).decode(errors="replace").splitlines()
    return [
        KeyEncryptionKey.from_base64(line, name=f"{name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _signing_keys(settings: Settings) -> LiveKeys:
    with _named("SIGNING_KEYS_DIR"):
        read_folder(settings.signing_keys_dir, now())
    with _named("MONOLITH_KEYS_FILE"):
        return LiveKeys(
            folder=settings.signing_keys_dir,
            ring_file=settings.monolith_keys_file,
            on_fault=_keys_kept,
        )


def _keys_kept(source: str, code: str) -> None:
    log.warning("keys.kept", source=source, code=code)


@contextmanager
def _named(setting: str) -> Iterator[None]:
    try:
        yield
    except KeysUnusable as exc:
        raise BadSettings(f"{setting}: {exc}") from None


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise BadSettings(f"{name}: cannot be read ({exc.strerror})") from None
