"""Postgres: the only two ways to a connection, and the question that goes beside them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from uuid import UUID

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.adapters.postgres.halfvec import speak_binary
from service.adapters.postgres.index_states import IndexStates
from service.adapters.postgres.tables import metadata
from service.domain.identity import WorkspaceId
from service.errors import BadSettings, StoreUnavailable
from service.ports.index import IndexState

Group = Literal["pazpaz_ai_api", "pazpaz_ai_worker"]
"""The roles that have the grants: one a part."""

_AWAY = (OperationalError, InterfaceError, OSError, TimeoutError, asyncpg.PostgresConnectionError)


# Connection, read-only after a failover, rollbacks such as a deadlock, resources, locks, operator, system.
_PASSING_STATES = ("08", "25006", "40", "53", "55", "57", "58")


def _passes(error: DBAPIError) -> bool:
    """Whether trying again later may help, by Postgres's own code (its documentation, appendix A)."""
    return str(getattr(error.orig, "sqlstate", "") or "").startswith(_PASSING_STATES)


@dataclass(frozen=True, slots=True)
class Database:
    """One engine, two doors; what every question asks is asked beside them. A transaction sees one workspace's content,
    or none."""

    engine: AsyncEngine
    index_states: IndexStates
    seconds: float | None = None
    """The longest that a transaction may take, waiting for its connection included; None where nobody waits for it."""

    @asynccontextmanager
    async def tenant_tx(self, workspace: WorkspaceId) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees this workspace's content only; raises StoreUnavailable."""
        async with self._begin(_beginning_for(workspace)) as connection:
            yield connection

    @asynccontextmanager
    async def system_tx(self) -> AsyncIterator[AsyncConnection]:
        """A transaction on system tables; content tables raise inside it. Raises StoreUnavailable."""
        async with self._begin(_BEGIN) as connection:
            yield connection

    async def index_state(self, workspace: WorkspaceId) -> IndexState:
        """As of a moment after this was called; raises StoreUnavailable."""
        async with self._limited():
            return await self.index_states.of(workspace)

    @asynccontextmanager
    async def _begin(self, beginning: str) -> AsyncIterator[AsyncConnection]:
        async with self._limited():
            with _reaching(beginning):
                connection = await self.engine.connect()
            # Its own exit starts a task for the closing, which needs no protection: nothing is sent on the way, unless
            # something went wrong, and who is cut off in that goes.
            async with aclosing(connection), connection.begin():
                yield connection

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except _AWAY as exc:
            raise StoreUnavailable from exc
        except DBAPIError as exc:
            if exc.connection_invalidated or _passes(exc):
                raise StoreUnavailable from exc
            raise

    async def takes_writes(self) -> bool:
        """False of a standby, and where an administrator set it read-only; raises StoreUnavailable."""
        async with self.system_tx() as connection:
            said = await connection.scalar(text("SHOW transaction_read_only"))
        return bool(said == "off")

    async def refuse_powerful_login(self) -> None:
        """Raises BadSettings when the login could step over the walls."""
        async with self.system_tx() as connection:
            row = (await connection.execute(_POWER)).one()
        if row.powerful or row.owner:
            raise BadSettings(
                "DATABASE_URL: this login is a superuser, bypasses row-level security or owns our tables;"
                " use one that is only IN ROLE pazpaz_ai_api or pazpaz_ai_worker"
            )

    async def refuse_login_outside(self, group: Group) -> None:
        """Raises BadSettings when the login has not the rights of its part: it would fail at some first statement."""
        async with self.system_tx() as connection:
            if not await connection.scalar(_MEMBER, {"member_of": group}):
                raise BadSettings(
                    f"DATABASE_URL: this login is not IN ROLE {group}; it is another part's"
                )

    async def refuse_other_schema(self) -> None:
        """Raises BadSettings where the schema lacks what this version names: it is older, or was cleared of what we
        read. One that has more is fine."""
        async with self.system_tx() as connection:
            there = {tuple(row) for row in await connection.execute(_COLUMNS)}
        lacking = [name for name in _NAMED if name not in there]
        if lacking:
            some = ", ".join(".".join(filter(None, name)) for name in lacking[:3])
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            raise BadSettings(
                f"DATABASE_URL: the schema is not this version's, it lacks {some}{more};"
                " `pazpaz-agent migrate --check` tells what is missing"
            )


_MEMBER = text(
    "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :member_of AND pg_has_role(current_user, oid, 'MEMBER'))"
)

_FUNCTIONS = ("app_workspace", "index_state")
_NAMED = [(name, "") for name in _FUNCTIONS] + [
    (table.name, column.name) for table in metadata.sorted_tables for column in table.columns
]
"""Everything that this version asks the schema for."""
_COLUMNS = text(
    "SELECT relname, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
    " WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped"
    " UNION ALL SELECT proname, '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
)
"""From the catalogue, which a login may read that may not read `alembic_version`."""

_POWER = text(
    "SELECT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS powerful,"
    " EXISTS (SELECT FROM pg_class WHERE relname = ANY(:tables) AND relkind = 'r'"
    "         AND relnamespace = 'public'::regnamespace AND pg_has_role(current_user, relowner, 'MEMBER')) AS owner"
).bindparams(tables=[table.name for table in metadata.sorted_tables])


STALLED_SECONDS = 60.0
"""Twice the longest statement. A machine that vanishes in a transaction says no goodbye: its locks on event ids held
every later delivery of them for as long as TCP waits, two hours by default."""


GOODBYE_SECONDS = 0.2
BEGIN_SECONDS = 2.0
"""At most; where a transaction must be quick, a quarter of its time: then there is enough for a new connection."""


@asynccontextmanager
async def open_database(
    url: str,
    *,
    pool_size: int = 10,
    seconds: float | None = None,
    stalled_seconds: float = STALLED_SECONDS,
) -> AsyncIterator[Database]:
    """The engine, disposed of at the end; a transaction may take `seconds`, and each of its statements 30.

    No statement's parameters reach a log or an error.
    """
    limits = {"idle_in_transaction_session_timeout": _milliseconds(stalled_seconds)}
    if seconds:
        limits["statement_timeout"] = _milliseconds(seconds)  # nobody waits for it any longer
    options = {
        "timeout": 5,
        "command_timeout": 30,
        "server_settings": limits,
        "connection_class": TenantConnection,
    }
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        connect_args=options,
    )
    event.listen(engine.sync_engine, "connect", lambda held, _: held.run_async(speak_binary))
    check_seconds = min(BEGIN_SECONDS, seconds / 4) if seconds else BEGIN_SECONDS
    _begin_at_checkout(engine, check_seconds)
    _end_at_return(engine)
    states = IndexStates(partial(_connected, engine, options), seconds=check_seconds)
    try:
        yield Database(engine, states, seconds)
    finally:
        await states.aclose()
        await engine.dispose()


async def _connected(engine: AsyncEngine, options: Mapping[str, Any]) -> asyncpg.Connection:
    """A connection as the pool makes them, beside the pool. Raises StoreUnavailable."""
    _, where = engine.dialect.create_connect_args(engine.url)
    own = {key: value for key, value in where.items() if not key.startswith("prepared_statement_")}
    try:
        return await asyncpg.connect(**own, **options)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as exc:
        raise StoreUnavailable from exc


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


_BEGIN = "BEGIN"
_beginning: ContextVar[str] = ContextVar("beginning", default=_BEGIN)
"""What the transaction that a connection is fetched for begins with."""


@contextmanager
def _reaching(beginning: str) -> Iterator[None]:
    """Whatever keeps us from a connection is the store being away: a full pool, a server that starts, a login."""
    before = _beginning.set(beginning)
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as exc:
        raise StoreUnavailable from exc
    finally:
        _beginning.reset(before)


def _beginning_for(workspace: WorkspaceId) -> str:
    """Whose it is, in the message that begins it: a statement of its own is one more round trip.

    Transaction-local, so that there is nothing to forget; one message of text, which takes no parameters.
    """
    if not isinstance(workspace, UUID):
        raise TypeError("a workspace is named by its UUID")
    return f"BEGIN; SELECT set_config('app.workspace_id', '{workspace}', true)"


class TenantConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """Begins its transaction when it is fetched, before SQLAlchemy asks it to."""

    begun = False
    """Whether a transaction was begun that SQLAlchemy's dialect has not asked for yet."""

    async def begin(self, beginning: str = _BEGIN, *, seconds: float | None = None) -> None:
        """A connection on which that fails, or is given up, is used no more: nobody knows what it is in."""
        try:
            await self.execute(beginning, timeout=seconds)
        except BaseException:
            self.terminate()
            raise
        self.begun = True

    def transaction(self, **_: object) -> "_Transaction":
        """What SQLAlchemy's dialect asks for before its first statement; we set none of its options."""
        return _Transaction(self)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's own
        """SQLAlchemy gives a connection that it drops two seconds to say goodbye: a silent server used up all of them.

        `timeout` is None where a connection is well and the process ends.
        """
        await super().close(timeout=None if timeout is None else min(timeout, GOODBYE_SECONDS))


@dataclass(frozen=True, slots=True)
class _Transaction:
    """The one that is begun already; after it has ended in the midst of a block, a new one of nobody's."""

    connection: TenantConnection

    async def start(self) -> None:
        if not self.connection.begun:
            await self.connection.begin()
        self.connection.begun = False

    async def commit(self) -> None:
        await self.connection.execute("COMMIT")

    async def rollback(self) -> None:
        await self.connection.execute("ROLLBACK")


def _begin_at_checkout(engine: AsyncEngine, seconds: float) -> None:
    """The first message of a transaction is the check of its connection too: nothing was done yet, so if it fails a
    new connection is tried once.

    SQLAlchemy's own ping waits as long as a statement may take, and then doubts that one connection only. A server
    that moved, or a router that forgot us, leaves all of them dead without a word.
    """

    async def begin(adapter: Any) -> None:
        try:
            await adapter.driver_connection.begin(_beginning.get(), seconds=seconds)
        except Exception:  # whatever is wrong with it, a new one is tried
            raise InvalidatePoolError from None
        # Without a message: from here on the dialect knows the transaction, and ends it, even if only the driver is
        # asked in it, as COPY is.
        await adapter._start_transaction()

    @event.listens_for(engine.sync_engine, "checkout")
    def at_checkout(connection: Any, record: Any, fairy: Any) -> None:
        connection.run_async(lambda _: begin(connection))


def _end_at_return(engine: AsyncEngine) -> None:
    """No connection waits in the pool inside a transaction, whoever was cancelled on the way."""

    @event.listens_for(engine.sync_engine, "checkin")
    def at_checkin(connection: Any, record: Any) -> None:
        if connection is not None and connection.driver_connection.is_in_transaction():
            record.invalidate()
