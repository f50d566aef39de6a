"""The composition root: settings in, opened parts out. The one place that chooses adapters."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import httpx
import structlog
from redis.asyncio import Redis

from pazpaz_ai_client.signing import (
    LiveKeys,
    RedisNonceStore,
    RequestVerifier,
    ResponseVerifier,
    Signer,
)
from service.adapters.audit_log import PgAuditLog
from service.adapters.conversations.conversations import PgConversations
from service.adapters.conversations.feedback import PgFeedback
from service.adapters.erasure.eraser import PgEraser
from service.adapters.erasure.receipts import ReceiptFolder
from service.adapters.erasure.restoration import PgRestoration
from service.adapters.index.both_vectors import BothVectors, vectors_in
from service.adapters.index.chunk_store import PgChunkStore
from service.adapters.index.reindexer import PgReindexer
from service.adapters.key_store import PgKeyStore
from service.adapters.limits.accounts import Accounts
from service.adapters.limits.rate_limiter import RedisRateLimiter
from service.adapters.limits.spending import PgSpending
from service.adapters.limits.standings import PgStandings
from service.adapters.models.local_model import ExtractiveModel, LocalReranker
from service.adapters.models.query_vectors import QueryVectors
from service.adapters.pazpaz.monolith import Monolith
from service.adapters.postgres.database import Database, Group, open_database
from service.adapters.work.backfills import PgBackfills
from service.adapters.work.schedules import PgSchedules
from service.adapters.work.work_queue import PgWorkQueue
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
from service.ingestion.erasure import Erasure
from service.ingestion.indexing import Indexer
from service.language.words import forget_words
from service.models import Models, open_models
from service.ports.calls import NO_VEILS, CallContext, CallContexts
from service.ports.clock import now
from service.ports.conversations import ConversationStore, FeedbackStore
from service.ports.limits import RateLimiter
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
    from service.chat.state import ChatContext, ChatState

log = structlog.get_logger()

OUR_AUDIENCE = "pazpaz-ai"
THEIR_AUDIENCE = "pazpaz-monolith"


@dataclass(frozen=True)
class Container:
    """What was opened, as fields, and what is made of it, once and when it is first asked for; routes, worker and
    commands take from here what they need.
    """

    settings: Settings
    database: Database
    redis: Redis
    http: httpx.AsyncClient
    """To PazPaz."""
    keys: PgKeyStore
    signing_keys: LiveKeys
    """Its `on_change` is free for whoever wants to tell of a rotation."""
    receipts: ReceiptFolder
    query_vectors: QueryVectors
    models: Models

    @cached_property
    def notes(self) -> Monolith:
        return Monolith(
            http=self.http,
            base_url=str(self.settings.monolith_url),
            signer=Signer(self.signing_keys, audience=THEIR_AUDIENCE),
            verifier=ResponseVerifier(self.signing_keys),
            clock=now,
            deadline=self.settings.request_timeout_seconds,
        )

    @cached_property
    def events_verifier(self) -> RequestVerifier:
        return RequestVerifier(
            keys=self.signing_keys,
            audience=OUR_AUDIENCE,
            direction="event",
            nonces=RedisNonceStore(self.redis),
            # A repeated event changes nothing, so an absent nonce store need not stop it.
            accept_without_nonce_store=True,
        )

    @cached_property
    def tokens(self) -> TokenVerifier:
        return tokens_of(self.settings, self.http)

    @cached_property
    def principals(self) -> Principals:
        return Principals(self.notes, now)

    @cached_property
    def standings(self) -> PgStandings:
        start = standing_of(self.settings)
        return PgStandings(self.database, start, self.principals.drop, on_erased=self.forget)

    @cached_property
    def limiter(self) -> RateLimiter:
        return RedisRateLimiter(
            self.redis,
            per_hour=self.settings.ai_agent_max_queries_per_hour,
            per_minute=self.settings.ai_agent_max_queries_per_user_per_minute,
        )

    @cached_property
    def spending(self) -> PgSpending:
        return PgSpending(self.database)

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
    def vector_table(self) -> BothVectors:
        return vectors_in(self.settings.vectors, self.database, self.keys)

    @cached_property
    def store(self) -> PgChunkStore:
        return PgChunkStore(self.database, self.keys, self.vector_table)

    @cached_property
    def reindexer(self) -> PgReindexer:
        return PgReindexer(self.database, self.vector_table)

    @cached_property
    def lexical(self) -> LexicalIndex:
        return LexicalIndex(self.store)

    @cached_property
    def dense(self) -> DenseIndex:
        return DenseIndex(
            self.store,
            max_bytes=self.settings.hot_vectors_mb * 2**20,
            resident=self.settings.hot_rows == "resident",
        )

    @cached_property
    def people(self) -> People:
        return People(self.store)

    @cached_property
    def veils(self) -> NameVeils:
        return NameVeils(self.store, self.keys)

    @cached_property
    def queue(self) -> PgWorkQueue:
        return PgWorkQueue(
            self.database,
            lease_seconds=self.settings.lease_seconds,
            debounce=self.settings.debounce_seconds,
            debounce_limit=self.settings.debounce_limit_seconds,
        )

    @cached_property
    def schedules(self) -> PgSchedules:
        return PgSchedules(self.database)

    @cached_property
    def backfills(self) -> PgBackfills:
        return PgBackfills(self.database)

    @cached_property
    def eraser(self) -> PgEraser:
        return PgEraser(self.database, self.keys, lambda: self.signing_keys.at(now()))

    @cached_property
    def erasure(self) -> Erasure:
        return Erasure(
            notes=self.notes,
            eraser=self.eraser,
            allowances=self.limiter,
            query_vectors=self.query_vectors,
            receipts=self.receipts,
            on_erased=self.standings.on_erased,
        )

    @cached_property
    def restoration(self) -> PgRestoration:
        return PgRestoration(self.database, self.receipts)

    @cached_property
    def conversations(self) -> ConversationStore:
        return PgConversations(self.database, self.keys)

    @cached_property
    def feedback(self) -> FeedbackStore:
        return PgFeedback(self.database)

    @cached_property
    def audit(self) -> PgAuditLog:
        return PgAuditLog(self.database)

    @cached_property
    def contexts(self) -> CallContexts:
        """What goes along with a call; where every model runs here, nothing need be hidden."""
        veils = self.veils if self.models.providers else NO_VEILS
        return CallContexts(self.keys, self.standings, veils)

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
    def graph(self) -> "Graph":
        """Imported here, because LangGraph costs a second that worker and commands need not pay."""
        from service.chat.graph import build_graph

        return build_graph()

    def forget(self, workspace: WorkspaceId) -> None:
        """What this process remembers of a workspace beside its rows, once something of it was erased, anywhere."""
        for memory in (self.keys, self.lexical, self.dense, self.people, self.veils):
            memory.drop(workspace)
        forget_words()

    async def check_start(self, group: Group) -> None:
        """What would otherwise show at the first question or note. Raises BadSettings."""
        await self.database.refuse_login_outside(group)
        await self.keys.refuse_key_of_another()
        await self.check_models()

    async def check_models(self) -> None:
        """Before anything is served. Raises BadSettings."""
        await self.models.check(self.store, budget=self.settings.daily_budget)

    async def warn_of_vectors_elsewhere(self) -> None:
        """They are found all the same; but who set VECTORS=sealed believes that none can be read."""
        if about := await self.vector_table.elsewhere_in_all():
            log.warning("vectors.elsewhere", vectors=self.settings.vectors, rows=about)

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
        from service.chat.telling import run

        deadline = Deadline.after(self.settings.question_seconds)
        asked: ChatState = {"question": question, "earlier": earlier}
        async with self.accounts.question(trail, workspace=caller.workspace) as may_spend:
            try:
                async with deadline.timeout():
                    calls = await self.contexts.of(
                        workspace=caller.workspace,
                        deadline=deadline,
                        meter=trail.meter,
                        may_spend=may_spend,
                    )
                    context = _chat_context(self, caller, calls, trail)
                    return await run(self.graph, asked, context, tell=tell)
            except TimeoutError:
                raise OutOfTime from None


def _chat_context(
    opened: Container, caller: Principal, calls: CallContext, trail: Trail
) -> "ChatContext":
    from service.chat.state import ChatContext

    return ChatContext(
        calls=calls,
        principal=caller,
        store=opened.store,
        finder=opened.finder,
        model=opened.models.chat,
        spare=ExtractiveModel(),
        reader=opened.reader,
        entailment=opened.models.entailment,
        clock=now,
        trail=trail,
    )


@asynccontextmanager
async def open_container(
    settings: Settings, *, transaction_seconds: float | None = None
) -> AsyncIterator[Container]:
    """Opens everything in order and closes it in reverse; raises BadSettings before anything is served.

    A process whose callers wait says how long a transaction may take.
    """
    kek, old_keks = key_encryption_key_of(settings), old_key_encryption_keys_of(settings)
    signing_keys = signing_keys_of(settings)
    async with AsyncExitStack() as stack:
        url = settings.database_url.get_secret_value()
        database = await stack.enter_async_context(open_database(url, seconds=transaction_seconds))
        await database.refuse_powerful_login()
        await database.refuse_other_schema()
        redis = redis_of(settings)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(http_of(settings))
        query_vectors = QueryVectors(redis)
        models = await stack.enter_async_context(open_models(settings, query_vectors))
        container = Container(
            settings=settings,
            database=database,
            redis=redis,
            http=http,
            keys=PgKeyStore(database, kek, now, tuple(old_keks)),
            signing_keys=signing_keys,
            receipts=receipts_of(settings),
            query_vectors=query_vectors,
            models=models,
        )
        stack.push_async_callback(container.dense.aclose)
        yield container
