"""A question's vector for ten minutes, sealed in Redis: asked again, as by a follow-up's second look, it costs nothing.

Of questions alone, never of notes: those must not outlive their index. What is embedded comes here behind the veil.
"""

import base64
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import structlog
from redis.asyncio import Redis

from service.adapters.models.provider import Around, Provider
from service.adapters.models.untrusted import float32
from service.adapters.redis import AWAY
from service.domain.identity import WorkspaceId
from service.errors import SealBroken
from service.language.text import normalise
from service.ports.calls import CallContext
from service.ports.models import Embedder, Vector
from service.security.keys import digest
from service.security.sealing import seal, unseal
from service.telemetry.metrics import QUERY_VECTORS
from service.vectors import DIMENSION

log = structlog.get_logger()

KEEP_SECONDS = 600


@dataclass(frozen=True, slots=True)
class QueryVectors:
    """The vectors of a workspace's questions. Redis away: nothing is remembered, and nobody is told no."""

    redis: Redis

    async def get(self, text: str, *, model: str, context: CallContext) -> Vector | None:
        """None for a text that was not embedded within ten minutes, or where the seal is another key's."""
        name = _name(text, model, context)
        try:
            held = await self.redis.get(_key(name))
        except AWAY as exc:
            _missed(exc)
            return None
        QUERY_VECTORS.labels(outcome="hit" if held else "miss").inc()
        return _opened(held, name, context) if held else None

    async def put(self, text: str, vector: Vector, *, model: str, context: CallContext) -> None:
        name = _name(text, model, context)
        held, listed = _sealed(vector, name, context), _list(context.workspace)
        try:
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.set(_key(name), held, ex=KEEP_SECONDS)
                pipe.sadd(listed, name)
                pipe.expire(listed, KEEP_SECONDS)
                await pipe.execute()
        except AWAY as exc:
            _missed(exc)

    async def forget(self, *, workspace: WorkspaceId) -> None:
        """After an erasure. With Redis away they go by themselves, within ten minutes."""
        listed = _list(workspace)
        try:
            names = await self.redis.smembers(listed)
            await self.redis.delete(listed, *(_key(str(name)) for name in names))
        except AWAY as exc:
            _missed(exc)


@dataclass(frozen=True, slots=True)
class RememberingEmbedder(Around[Embedder]):
    """Keeps Embedder, and asks the inner one for a question's vector once in ten minutes."""

    vectors: QueryVectors

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        if purpose == "document":
            return await self.inner.embed(texts, purpose=purpose, context=context)
        known = {text: await self._held(text, context) for text in texts}
        missing = [text for text, vector in known.items() if vector is None]
        made = await self._made(missing, context) if missing else []
        vectors = {**known, **dict(zip(missing, made, strict=True))}
        return [vector for text in texts if (vector := vectors[text]) is not None]

    async def _held(self, text: str, context: CallContext) -> Vector | None:
        return await self.vectors.get(text, model=self.model, context=context)

    async def _made(self, texts: Sequence[str], context: CallContext) -> Sequence[Vector]:
        made = await self.inner.embed(texts, purpose="query", context=context)
        for text, vector in zip(texts, made, strict=True):
            await self.vectors.put(text, vector, model=self.model, context=context)
        return made


def remembering(provider: Provider, vectors: QueryVectors) -> Provider:
    """The same provider, whose embedders remember questions."""
    return provider.with_embedders(partial(RememberingEmbedder, vectors=vectors))


def _name(text: str, model: str, context: CallContext) -> str:
    """An HMAC under the workspace's index key: nobody who reads Redis can try a question out."""
    said = " ".join(normalise(text).split())
    return digest(context.keys.index, "query-vector", str(context.workspace), model, said)


def _key(name: str) -> str:
    return f"ai_query_vector:{name}"


def _list(workspace: WorkspaceId) -> str:
    return f"ai_query_vectors:{workspace}"


def _place(name: str, context: CallContext) -> tuple[str, ...]:
    return str(context.workspace), "query_vector", name


def _sealed(vector: Vector, name: str, context: CallContext) -> str:
    values = array("f", vector)
    if sys.byteorder == "big":
        values.byteswap()
    blob = seal(values.tobytes(), key=context.keys.seal, place=_place(name, context))
    return base64.b64encode(blob).decode()


def _opened(held: str | bytes, name: str, context: CallContext) -> Vector | None:
    """What does not open, as after a change of keys, was never there."""
    try:
        blob = base64.b64decode(held, validate=True)
        values = float32(unseal(blob, key=context.keys.seal, place=_place(name, context)))
    except (SealBroken, ValueError):
        return None
    return list(values) if len(values) == DIMENSION else None


def _missed(exc: BaseException) -> None:
    QUERY_VECTORS.labels(outcome="away").inc()
    log.warning("query_vectors.away", error=type(exc).__name__)
