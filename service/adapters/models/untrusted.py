"""What a provider sends back, before it is used: failures under our names, numbers only where they make sense."""

import base64
import math
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import httpx
from prometheus_client import Counter

from service.adapters.http_client import retry_after
from service.errors import ModelFailure, ModelUnavailable
from service.ports.models import Vector
from service.vectors import DIMENSION

T = TypeVar("T")


@contextmanager
def translated() -> Iterator[None]:
    """Any failure of transport or content as ModelUnavailable, without its message: that may quote what was sent."""
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout):  # nothing was sent, so nothing is billed
        raise ModelUnavailable("connection") from None
    except (TimeoutError, httpx.TimeoutException):
        raise ModelUnavailable("timeout") from None
    except httpx.RemoteProtocolError:
        raise ModelUnavailable("cut") from None
    except httpx.HTTPError:
        raise ModelUnavailable("connection") from None
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError):
        raise ModelUnavailable("garbage") from None


def failure(status: int | None, headers: Mapping[str, str] | None) -> ModelUnavailable:
    """What an answer with this status means, with the wait it asks for."""
    return ModelUnavailable(_reason(status), retry_after=retry_after(headers or {}))


@contextmanager
def counted(errors: Counter, model: str) -> Iterator[None]:
    """Counts the ModelUnavailable that leaves the block, by its reason."""
    try:
        yield
    except ModelUnavailable as exc:
        errors.labels(error_type=exc.reason, model=model).inc()
        raise


def batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def in_order(found: Iterable[tuple[int, T]], count: int) -> list[T]:
    """What belongs to each of `count` places, by its place. Raises ModelUnavailable unless each came exactly once."""
    by_place: dict[int, T] = {}
    came = 0
    for place, one in found:
        by_place[place] = one
        came += 1
    # A place named twice leaves another without its own, though the count is right.
    if came != count or sorted(by_place) != [*range(count)]:
        raise ModelUnavailable("garbage")
    return [by_place[place] for place in range(count)]


def whole(text: str) -> str:
    """The text. Raises ValueError where half of a pair of surrogates stands in it: that could not leave the house."""
    text.encode()
    return text


def unit(values: Sequence[float]) -> Vector:
    """The vector at unit length. Raises ModelUnavailable for another dimension, no direction, or what is no number."""
    length = math.sqrt(math.fsum(value * value for value in values))
    if len(values) != DIMENSION or not math.isfinite(length) or length == 0:
        raise ModelUnavailable("garbage")
    return [value / length for value in values]


def floats(encoded: str) -> Sequence[float]:
    """Little-endian float32 in base64; raises ValueError for anything else."""
    return float32(base64.b64decode(encoded, validate=True))


def float32(raw: bytes) -> Sequence[float]:
    """Little-endian; raises ValueError for half a number."""
    values = array("f", raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _reason(status: int | None) -> ModelFailure:
    if status == 429:
        return "rate_limited"
    if status in {408, 409} or (status or 0) >= 500:
        return "server_error"
    if status in {401, 402, 403, 404, 498}:
        return "denied"
    # Cohere's SDK gives the status of the answer, 200, to a body that it cannot read.
    return "refused" if status and 400 <= status < 500 else "garbage"
