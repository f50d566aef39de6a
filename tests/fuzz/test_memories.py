"""What a process and Redis still hold after requests, found by looking at every object there is, not by its name."""

import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MethodType, ModuleType
from typing import Any
from uuid import uuid4
from weakref import WeakSet, WeakValueDictionary

import asyncpg

import service.chat.graph  # noqa: F401 - a module that is imported halfway looks like one that remembers
from pazpaz_ai_client.signing import EVENT_TAG
from service.demo.stage import Stage
from service.domain.erasure import Subject
from service.domain.scope import ANYWHERE
from tests.fuzz.operations import REGISTRY, Run
from tests.fuzz.over_http import CHAT, EVENTS, bearer, send_events
from tests.fuzz.running import running
from tests.fuzz.world import Practice

OURS = ("service.", "pazpaz_ai_client.")
HOLDS = (dict, list, set, deque, OrderedDict, Counter, WeakValueDictionary, WeakSet)
ENOUGH = 240


@dataclass(frozen=True)
class Memory:
    """A cache: how many entries it may have here, whose each is, and why one may outlive an erasure."""

    bound: int
    whose: Callable[[Any], tuple[Any, ...]] | None = None
    """The ids in a key; None: it is nobody's, and holds nothing that a practice said."""
    left: str = ""
    """Empty: an erasure leaves nothing here."""


def _by_workspace(key: Any) -> tuple[Any, ...]:
    return (key,)


MEMORIES = {
    "PgKeyStore._open": Memory(5, _by_workspace),
    "Principals._confirmed": Memory(5, lambda claims: (claims.workspace, claims.user)),
    "EpochCache._open": Memory(3, _by_workspace, left="never served: the epoch is another"),
    "EpochCache._building": Memory(0, _by_workspace),
    "Memory._open": Memory(3, _by_workspace),
    "Memory._building": Memory(0, _by_workspace),
    "DenseIndex._loading": Memory(9, _by_workspace),
    "DenseIndex._too_large": Memory(0, _by_workspace),
    "Bulkhead._inside": Memory(0, _by_workspace),
    "IndexStates._asked": Memory(0, _by_workspace),
    "PgStandings._rows": Memory(0, lambda key: key[:1]),
    "RedisRateLimiter._local": Memory(0, left="used only while Redis is away; counts only"),
}
NO_MEMORIES = {
    # Settings, read once.
    "Settings.__dict__",
    "Settings.__pydantic_fields_set__",
    # Signing keys, ours and PazPaz's, as their files have them.
    "KeyRing._keys",
    "OwnKeys.private",
    # Inside an entry of EpochCache._open or Memory._open.
    "Notes.clients",
    "Chunks.fields",
    "Postings.refs",
    "NoteColumns.clients",
    "Register._wholes",
    "Register._parts",
    # The models this process can run.
    "Embedders.known",
    "Models.providers",
    # What they cost, by model; nobody's.
    "Settings.model_prices",
    "Prices.by_model",
    "Billed.by_part",
    "Accounts.estimates",
    "Models.estimates",
    # Inside an entry of PgKeyStore._open.
    "WorkspaceKeys.older",
}
REDIS = {
    # Counters of an hour or a minute, gone with it; their members are random.
    "ai_agent_chat": "workspace",
    "ai_agent_chat_user": "user",
    "ai_agent_look": "user",
    # Vectors of the last ten minutes' questions: sealed, under an HMAC; and a list of them for an erasure.
    "ai_query_vector": "nobody",
    "ai_query_vectors": "workspace",
    # Nonces of PazPaz's requests to us.
    "pp": "nobody",
}


def _memories(*roots: object) -> Iterator[tuple[str, Any]]:
    """Every container that an object of ours holds, however deep, with the place it is held in."""
    seen, waiting = set[int](), list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, asyncpg.Connection):
            continue  # a connection's listeners and statements are its driver's
        seen.add(id(one))
        if isinstance(one, MethodType):
            waiting.append(one.__self__)
        elif isinstance(one, (*HOLDS, tuple, frozenset)):
            waiting += one.values() if hasattr(one, "values") else one
        elif type(one).__module__.startswith(OURS):
            for name, value in _attributes(one):
                waiting.append(value)
                if isinstance(value, HOLDS):
                    yield f"{type(one).__name__}.{name}", value


def _attributes(one: object) -> Iterator[tuple[str, Any]]:
    slots = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    for name in {*getattr(one, "__dict__", ()), *slots}:
        if hasattr(one, name):
            yield name, getattr(one, name)


def _globals() -> dict[str, int]:
    """How much every module and class of ours holds."""
    return {
        f"{place}.{name}": len(value)
        for place, space in _spaces()
        for name, value in list(vars(space).items())
        if isinstance(value, HOLDS) and not name.startswith("__")
    }


def _spaces() -> Iterator[tuple[str, ModuleType | type]]:
    for place, module in list(sys.modules.items()):
        if place.startswith(OURS):
            yield place, module
            for name, one in list(vars(module).items()):
                if isinstance(one, type) and one.__module__ == place:
                    yield f"{place}.{name}", one


async def _work(run: Run, operations: int) -> None:
    drawn = list(REGISTRY)
    weights = [REGISTRY[operation][0] for operation in drawn]
    for operation in run.chance.choices(drawn, weights, k=operations):
        await operation(run)


async def test_every_memory_has_a_wall_a_bound_and_an_end(stage: Stage) -> None:
    """What objects of ours hold after requests is registered, keyed by its practice and within its bound; of an
    erased practice nothing is held, or served."""
    async with running(stage, "both", 20, Counter(), forgotten=frozenset()) as run:
        await _work(run, ENOUGH)
        first = _globals()
        await _work(run, ENOUGH)
        grown = {place for place, size in _globals().items() if size > first.get(place, 0)}
        assert grown == set(), "a module or class remembers by itself"
        at = run.world.any()
        await _meet(run, at)
        _all_are_known(run)
        assert _held_of(run, at) >= {"PgKeyStore._open", "Principals._confirmed"}
        assert at.id in run.parts.people._held._open
        await _erase(run, at)
        assert at.id not in run.parts.people._held._open, "names go at once, not by their epoch"
        assert _held_of(run, at) <= {name for name, one in MEMORIES.items() if one.left}
        assert await _found_words(run, at) == []


def _found(run: Run) -> list[tuple[str, Any]]:
    return list(_memories(run.parts, run.build.finder, run.parts.indexer, *run.served.values()))


def _all_are_known(run: Run) -> None:
    ids = {one for at in run.world.practices for one in (at.id, *at.everybody)}
    found = [one for one in _found(run) if one[0] not in NO_MEMORIES]
    assert {name for name, _ in found} == set(MEMORIES)
    for name, held in found:
        memory = MEMORIES[name]
        assert len(held) <= memory.bound, name
        if memory.whose is None:
            continue
        for key in held:
            assert set(memory.whose(key)) <= ids, f"{name}: whose is an entry?"


def _held_of(run: Run, at: Practice) -> set[str]:
    ids = {at.id, *at.everybody}
    return {
        name
        for name, held in _found(run)
        if name in MEMORIES and (whose := MEMORIES[name].whose)
        if any(ids & set(whose(key)) for key in held)
    }


async def _meet(run: Run, at: Practice) -> None:
    """A question, so that this practice is in every memory that remembers."""
    headers = bearer(run, at, at.askers[0])
    response = await run.http.post(CHAT, json={"query": f"What of {at.mark}?"}, headers=headers)
    assert response.status_code == 200
    at.audit += 2
    await run.key(at)
    await run.parts.people.named(at.mark, workspace=at.id)


async def _erase(run: Run, at: Practice) -> None:
    """As PazPaz tells it: an event to the API, and the worker's erasure."""
    event = {"id": str(uuid4()), "workspace_id": str(at.id), "entity": "workspaces"}
    event |= {"entity_id": str(at.id), "kind": "status", "occurred_at": "2026-11-01T10:00:00Z"}
    body = {"delivery_id": str(uuid4()), "events": [event]}
    said = await run.http.post(EVENTS, json=body, auth=run.signer.auth(EVENT_TAG))
    assert said.status_code == 202
    (lease,) = await run.parts.queue.claim(limit=1)
    assert (lease.kind, lease.workspace) == ("workspaces", at.id)
    subject = Subject(at.id, "workspaces", at.id)
    assert await run.parts.erasure.erase(subject, asked_by="event", lease=lease)


async def _found_words(run: Run, at: Practice) -> list[Any]:
    """What words find of an erased practice, asked with the very key that it had."""
    assert at.keys
    asked = {"key": at.keys, "workspace": at.id, "within": ANYWHERE, "limit": 100}
    return list(await run.build.finder.lexical.search(at.canary, **asked))


async def test_every_key_in_redis_has_an_owner_and_an_end(stage: Stage) -> None:
    """Redis holds counters and nonces: each named by its workspace or user, none with a text, none for ever."""
    async with running(stage, "both", 21, Counter(), forgotten=frozenset()) as run:
        redis = run.parts.redis
        before = {key async for key in redis.scan_iter()}
        await _work(run, ENOUGH)
        await send_events(run)
        fresh = [key async for key in redis.scan_iter() if key not in before]
        kinds = {key.partition(":")[0] for key in fresh}
        assert {"ai_agent_chat", "ai_agent_chat_user", "pp"} <= kinds <= set(REDIS)
        owners = {
            "workspace": {str(at.id) for at in run.world.practices},
            "user": {str(user) for at in run.world.practices for user in at.everybody},
        }
        for key in fresh:
            kind, _, rest = key.partition(":")
            assert REDIS[kind] == "nobody" or rest in owners[REDIS[kind]], kind
            assert 0 < await redis.ttl(key) <= 3600
            assert "canary" not in repr(await _content(redis, key))


async def _content(redis: Any, key: str) -> Any:
    if await redis.type(key) == "zset":
        return key, await redis.zrange(key, 0, -1)
    if await redis.type(key) == "set":
        return key, await redis.smembers(key)
    return key, await redis.get(key)
