"""The states of workspaces' indexes, which every question asks for: one statement for all who ask at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg

from service.domain.identity import WorkspaceId
from service.errors import StoreUnavailable
from service.ports.index import IndexModels, IndexState

Connect = Callable[[], Awaitable[asyncpg.Connection]]

# The function says whose each look is and looks behind the walls, so that a statement may be of several workspaces.
_STATES = """
SELECT asked.workspace, state.epoch, state.active, state.beside
FROM unnest($1::uuid[]) AS asked (workspace), LATERAL index_state(asked.workspace) AS state
"""
_BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class IndexStates:
    """Asks on a connection of its own, outside any transaction; a transaction for each took four times as long.

    A statement begins after all whom it answers have asked, so what was committed before that is seen by them. Whoever
    asks while one is under way is answered by the next.
    """

    def __init__(self, connect: Connect, *, seconds: float) -> None:
        """A connection that was well before is given up after so many `seconds`, and a new one is asked once."""
        self._connect, self._seconds = connect, seconds
        self._asked: dict[WorkspaceId, asyncio.Future[IndexState]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None

    async def of(self, workspace: WorkspaceId) -> IndexState:
        """As of a moment after this was called. Raises StoreUnavailable."""
        answer = self._asked.get(workspace)
        if answer is None:
            answer = self._asked[workspace] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._answer_all())
        return await asyncio.shield(answer)  # others may wait for the same

    async def aclose(self) -> None:
        """Ends what is being asked, and the connection."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close(timeout=None)

    async def _answer_all(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                await self._answer(asked)
        finally:
            self._asking = None

    async def _answer(self, asked: Mapping[WorkspaceId, asyncio.Future[IndexState]]) -> None:
        try:
            found = await self._states(list(asked))
        except asyncio.CancelledError:
            _fail(asked, StoreUnavailable())
            raise
        except Exception as exc:
            _fail(asked, StoreUnavailable() if isinstance(exc, _BROKEN) else exc)
        else:
            for workspace, answer in asked.items():
                answer.set_result(found[workspace])

    async def _states(self, workspaces: Sequence[WorkspaceId]) -> Mapping[Any, IndexState]:
        return {
            row["workspace"]: IndexState(row["epoch"], _models(row))
            for row in await self._rows(workspaces)
        }

    async def _rows(self, workspaces: Sequence[WorkspaceId]) -> Sequence[asyncpg.Record]:
        if self._connection is not None:
            try:
                return await self._fetched(self._connection, workspaces)
            except _BROKEN:  # a server that moved, or a router that forgot us
                self._connection = None
        connection = await self._connect()
        rows = await self._fetched(connection, workspaces)
        self._connection = connection
        return rows

    async def _fetched(
        self, connection: asyncpg.Connection, workspaces: Sequence[WorkspaceId]
    ) -> Sequence[asyncpg.Record]:
        """A connection on which that fails, or is given up, is used no more."""
        try:
            rows: Sequence[asyncpg.Record] = await connection.fetch(
                _STATES, workspaces, timeout=self._seconds
            )
        except BaseException:
            connection.terminate()
            raise
        return rows


def _fail(asked: Mapping[WorkspaceId, asyncio.Future[IndexState]], error: Exception) -> None:
    for answer in asked.values():
        answer.set_exception(error)
        answer.exception()  # who asked may have left: then nobody else looks at it


def _models(row: asyncpg.Record) -> IndexModels | None:
    return IndexModels(row["active"], row["beside"]) if row["active"] else None
