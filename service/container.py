"""The composition root: settings in, opened parts out. The one place that chooses adapters."""

from collections.abc import AsyncIterator, Sequence
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import structlog
from redis.asyncio import Redis

from pazpaz_ai_client.signing import (
    LiveKeys,
    RedisNonceStore,
    RequestVerifier,
    ResponseVerifier,
    Signer,
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
from service.adapters.key_store import PgKeyStore
from service.adapters.local_model import (
    ExtractiveModel,
    LocalReranker,
)
from service.adapters.monolith import Monolith
from service.adapters.query_cache import QueryVectors
from service.adapters.rate_limiter import RedisRateLimiter
from service.adapters.receipts import ReceiptFolder
from service.adapters.reindexer import PgReindexer
from service.adapters.restoration import PgRestoration
from service.adapters.schedules import PgSchedules
from service.adapters.spending import PgSpending
from service.adapters.standing import PgStandings
from service.adapters.work_queue import PgWorkQueue
from service.configured import (
    http_of,
    key_encryption_key_of,
    old_key_encryption_keys_of,
    receipts_of,
    redis_of,
    signing_keys_of,
    standing_of,
    tokens_of,
)
from service.domain.answers import Answer, Question
from service.domain.audit import Trail
from service.domain.deadline import Deadline
from service.domain.identity import Principal, WorkspaceId
from service.domain.progress import Tell
from service.errors import OutOfTime
from service.ingestion.erase import Erasure
from service.ingestion.indexing import Indexer
from service.language.words import forget_words
from service.models import Models, open_models
from service.ports.calls import NO_VEILS, CallContexts
from service.ports.clock import now
from service.retrieval.dense import DenseIndex
from service.retrieval.exhaustive import Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder
from service.retrieval.veils import NameVeils
from service.security.principals import Principals
from service.security.tokens import TokenVerifier
from service.settings import Settings

if TYPE_CHECKING:
    from service.chat.graph import Graph

log = structlog.get_logger()

OUR_AUDIENCE = "pazpaz-ai"
THEIR_AUDIENCE = "pazpaz-monolith"


@dataclass(frozen=True, slots=True)
class Memories:
    """What this process remembers of workspaces, beside what their rows say."""

    keys: PgKeyStore
    lexical: LexicalIndex
    dense: DenseIndex
    people: People
    veils: NameVeils

    @classmethod
    def of(cls, settings: Settings, store: PgChunkStore, keys: PgKeyStore) -> Self:
        dense = DenseIndex(
            store,
            max_bytes=settings.hot_vectors_mb * 2**20,
            resident=settings.hot_rows == "resident",
        )
        return cls(keys, LexicalIndex(store), dense, People(store), NameVeils(store, keys))

    def forget(self, workspace: WorkspaceId) -> None:
        """When something of it is erased, anywhere."""
        for memory in (self.keys, self.lexical, self.dense, self.people, self.veils):
            memory.drop(workspace)
        forget_words()


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
    kek = key_encryption_key_of(settings)
    old_keks = old_key_encryption_keys_of(settings)
    signing_keys = signing_keys_of(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(settings.database_url.get_secret_value(), seconds=transaction_seconds)
        )
        await database.refuse_powerful_login()
        await database.refuse_other_schema()
        redis = redis_of(settings)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(http_of(settings))
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
        memories = Memories.of(settings, store, keys)
        stack.push_async_callback(memories.dense.aclose)
        receipts = receipts_of(settings)
        yield Container(
            settings=settings,
            database=database,
            redis=redis,
            notes=notes,
            keys=keys,
            signing_keys=signing_keys,
            store=store,
            lexical=memories.lexical,
            dense=memories.dense,
            people=memories.people,
            veils=memories.veils,
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
            tokens=tokens_of(settings, http),
            principals=principals,
            standings=PgStandings(
                database, standing_of(settings), principals.drop, on_erased=memories.forget
            ),
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
