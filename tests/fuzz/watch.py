"""Looks over the service's shoulder: which method sends what, in whose transaction, and what was stripped."""

import inspect
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg
from sqlalchemy import Engine, event

from service.adapters.postgres.database import TenantConnection
from service.adapters.postgres.tables import CONTENT_TABLES

CONTENT = {table.name for table in CONTENT_TABLES}
SET_CONFIG = "set_config('app.workspace_id'"
_WHOSE = re.compile(r"BEGIN; SELECT set_config\('app\.workspace_id', '([0-9a-f-]{36})', true\)")
"""How a transaction begins that says whose it is."""
_NAMED = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)")
_READ = re.compile(r"\b(?:FROM|JOIN|UPDATE)\s+(\w+)")
# `turns.workspace_id = $1::UUID`, in a comparison with a parameter only: joins of two columns stay.
_FILTER = re.compile(r"(?:(\w+)\.)?workspace_id = (\$\d+)(?:::\w+)?")
_ALIASES = {"s": "turn_sources"}
_method: ContextVar[str] = ContextVar("method", default="")


def wraps_methods(classes: dict[str, type[Any]], calls: Counter[str]) -> ExitStack:
    """Counts every call of a public async method, and says inside it whose statement is sent."""
    stack = ExitStack()
    for name, one in classes.items():
        for method in public_methods(one):
            code = vars(one)[method]
            stack.enter_context(
                patch.object(one, method, _counted(code, f"{name}.{method}", calls))
            )
    return stack


def public_methods(one: type[Any]) -> list[str]:
    return [
        name
        for name, code in vars(one).items()
        if not name.startswith("_")
        and (inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code))
    ]


def _counted(code: Callable[..., Any], name: str, calls: Counter[str]) -> Callable[..., Any]:
    @wraps(code)
    async def counted(*args: Any, **named: Any) -> Any:
        calls[name] += 1
        before = _method.set(name)
        try:
            return await code(*args, **named)
        finally:
            _method.reset(before)

    @wraps(code)
    async def counted_pages(*args: Any, **named: Any) -> Any:
        calls[name] += 1
        async for one in code(*args, **named):
            yield one

    return counted_pages if inspect.isasyncgenfunction(code) else counted


@dataclass
class Watch:
    """What was seen on one engine."""

    strip: frozenset[str]
    """The tables whose filters are taken out of what is sent."""
    workspaces: frozenset[str]
    sent: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By method: its statements on content, inserts aside, and how many filters each lost."""
    seen: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By connection of the driver: what its transaction said so far."""
    whole: set[str] = field(default_factory=set)
    """Statements on content that should have lost a filter and lost none, or kept one."""
    wrong: list[str] = field(default_factory=list)
    """Transactions that opened content without saying whose, or said two."""

    @contextmanager
    def over(self, engine: Engine) -> Iterator[None]:
        """Only looks, and strips where told to, so that no product code knows of it."""
        event.listen(engine, "begin", self._begun)
        event.listen(engine, "before_cursor_execute", self._sending, retval=True)
        with (
            patch.object(asyncpg.Connection, "copy_from_query", self._copying()),
            patch.object(TenantConnection, "execute", _heard(TenantConnection.execute)),
        ):
            yield
        event.remove(engine, "begin", self._begun)
        event.remove(engine, "before_cursor_execute", self._sending)

    def _copying(self) -> Callable[..., Any]:
        """COPY goes past SQLAlchemy, to the driver."""
        real = asyncpg.Connection.copy_from_query

        async def copying(driver: Any, query: str, *args: Any, **named: Any) -> Any:
            self._look(self.seen[id(driver)], query, args)
            return await real(driver, self._rewritten(query), *args, **named)

        return copying

    def _begun(self, connection: Any) -> None:
        driver = connection.connection.driver_connection
        self.seen[id(driver)] = connection.info
        said = _WHOSE.fullmatch(getattr(driver, "began_with", ""))
        connection.info["whose"] = {said[1]} if said else None
        connection.info["statements"] = 0

    def _sending(
        self, connection: Any, _: Any, statement: str, parameters: Any, *__: Any
    ) -> tuple[str, Any]:
        self._look(connection.info, statement, parameters)
        return self._rewritten(statement), parameters

    def _rewritten(self, statement: str) -> str:
        if statement.lstrip().startswith("INSERT") or not set(_READ.findall(statement)) & CONTENT:
            return statement
        lost, rewritten = self._stripped(statement)
        self.sent[_method.get()][statement] += lost
        if tables_of(statement) & self.strip and (lost == 0 or self._stripped(rewritten)[0]):
            self.whole.add(statement)
        return rewritten

    def _look(self, seen: dict[str, Any], statement: str, parameters: Any) -> None:
        """A transaction begins with whose it is or never says it, and opens no content under another workspace's id."""
        values = set(_values(parameters))
        if SET_CONFIG in statement:
            self.wrong.append(f"{_method.get()} said whose in a statement of its own")
            seen["whose"] = values
        elif tables_of(statement) & CONTENT:
            if seen["whose"] is None:
                self.wrong.append(f"{_method.get()} opened content of nobody")
            elif self.workspaces & values - seen["whose"]:
                self.wrong.append(f"{_method.get()} opened content of another workspace")
        seen["statements"] += 1

    def _stripped(self, statement: str) -> tuple[int, str]:
        lost = 0

        def without(match: re.Match[str]) -> str:
            """True for every row, and still a use of the parameter."""
            nonlocal lost
            table = _ALIASES.get(match[1], match[1]) or _subject(statement, match.start())
            if table not in self.strip:
                return match[0]
            lost += 1
            return f"({match[2]}::uuid IS NOT NULL)"

        rewritten = _FILTER.sub(without, statement)
        return lost, rewritten


def _heard(execute: Callable[..., Any]) -> Callable[..., Any]:
    """The driver's own, which also remembers the last text that was sent to begin a transaction or to end one."""

    @wraps(execute)
    async def heard(connection: Any, query: str, *args: Any, **named: Any) -> Any:
        connection.began_with = query
        return await execute(connection, query, *args, **named)

    return heard


def tables_of(statement: str) -> set[str]:
    return set(_NAMED.findall(statement))


def _subject(statement: str, place: int) -> str:
    """The table that a bare `workspace_id` belongs to: the last one named before it."""
    return _NAMED.findall(statement[:place])[-1]


def _values(parameters: Any) -> Iterator[str]:
    """Every id or text among a statement's parameters, of one execution or of many."""
    for one in parameters:
        if isinstance(one, list | tuple):
            yield from _values(one)
        elif isinstance(one, UUID | str):
            yield str(one)


@contextmanager
def small_memories() -> Iterator[None]:
    """So small that they evict all the time."""
    with (
        patch("service.security.principals.MOST", 5),
        patch("service.adapters.key_store.MOST", 5),
        patch("service.adapters.limits.rate_limiter.MOST_LOCAL", 5),
        patch("service.retrieval.people.MOST", 3),
    ):
        yield
