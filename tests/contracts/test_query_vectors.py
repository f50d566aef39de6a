"""A question's vector is remembered in real Redis: sealed, for ten minutes, and never in anybody's way."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from service.adapters.models.query_vectors import KEEP_SECONDS, QueryVectors, RememberingEmbedder
from service.domain.identity import WorkspaceId
from service.ports.calls import CallContext
from service.vectors import DIMENSION
from tests.fakes import a_context
from tests.unit.doubles import RecordingEmbedder

QUESTION = "איך היא ישנה?"
NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class Asked:
    """An embedder that remembers, over one that counts."""

    redis: Redis
    workspace: WorkspaceId = field(default_factory=lambda: WorkspaceId(uuid4()))

    def __post_init__(self) -> None:
        self.inner = RecordingEmbedder()
        self.vectors = QueryVectors(self.redis)
        self.embedder = RememberingEmbedder(self.inner, self.vectors)

    def context(self, *, key: bytes = b"k" * 32, seal: bytes = b"s" * 32) -> CallContext:
        context = a_context(workspace=self.workspace, key=key)
        return replace(context, keys=replace(context.keys, seal=seal))

    async def ask(self, text: str = QUESTION, *, purpose="query", context=None) -> int:
        """How often the inner embedder was called so far, after this question."""
        [vector] = await self.embedder.embed(
            [text], purpose=purpose, context=context or self.context()
        )
        assert len(vector) == DIMENSION
        return len(self.inner.calls)


@pytest.fixture
async def asked(redis: Redis) -> AsyncIterator[Asked]:
    opened = Asked(redis)
    yield opened
    await opened.vectors.forget(workspace=opened.workspace)


async def test_a_question_is_embedded_once(asked: Asked) -> None:
    """Asked again, with other blanks and niqqud, it costs nothing."""
    assert await asked.ask() == 1
    assert await asked.ask(f"  {QUESTION} ") == 1
    assert await asked.ask("How does she sleep?") == 2


async def test_notes_are_never_remembered(asked: Asked) -> None:
    """The same words as a document are embedded each time, and leave nothing in Redis."""
    await asked.ask(purpose="document")
    assert await asked.ask(purpose="document") == 2
    assert await asked.ask() == 3


async def test_workspace_model_and_key_keep_questions_apart(asked: Asked) -> None:
    """Another workspace, another model, or other keys of the same one: another question."""
    await asked.ask()
    assert await asked.ask(context=replace(asked.context(), keys=a_context().keys)) == 2
    assert await asked.ask(context=asked.context(key=b"o" * 32)) == 3
    asked.inner.model = "recording-2"
    assert await asked.ask() == 4


async def test_what_lies_in_redis_is_sealed_and_goes_by_itself(asked: Asked) -> None:
    """No word and no number of it can be read there; another seal key opens nothing and is no error."""
    await asked.ask()
    [name] = await asked.redis.smembers(f"ai_query_vectors:{asked.workspace}")
    held = await asked.redis.get(f"ai_query_vector:{name}")
    assert len(held) > 4 * DIMENSION
    assert "AAAAAAAA" not in held  # the vector is nearly all zeros
    for key in (f"ai_query_vector:{name}", f"ai_query_vectors:{asked.workspace}"):
        assert 0 < await asked.redis.ttl(key) <= KEEP_SECONDS
    assert await asked.ask(context=asked.context(seal=b"t" * 32)) == 2


async def test_an_erasure_empties_it(asked: Asked) -> None:
    """Every question of the workspace is forgotten, and of no other."""
    other = Asked(asked.redis)
    await other.ask()
    await asked.ask()
    await asked.ask("another one")
    await asked.vectors.forget(workspace=asked.workspace)
    assert await asked.ask() == 3
    assert await other.ask() == 1
    await other.vectors.forget(workspace=other.workspace)


async def test_without_redis_every_question_is_embedded() -> None:
    """A cache that is away is a miss, and forgetting raises nothing."""
    redis = Redis.from_url(NOWHERE, socket_connect_timeout=0.2)
    asked = Asked(redis)
    assert await asked.ask() == 1
    assert await asked.ask() == 2
    await asked.vectors.forget(workspace=asked.workspace)
    await redis.aclose()
