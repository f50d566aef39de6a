"""Traces by OpenTelemetry, off unless TRACES_URL is set: spans of ours alone, names and codes, nothing anybody wrote.

The provider is never made the process's own. A library that traces whenever somebody set one up, as some do with whole
requests, finds none.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import structlog

from service.errors import BadSettings, ServiceError
from service.telemetry.logs import safe

if TYPE_CHECKING:  # half a second of import that only a process with TRACES_URL pays
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer

SpanName = Literal["question", "stage", "provider.attempt", "pazpaz.call", "worker.round"]
Code = str | int | bool | None
ATTRIBUTES = frozenset(
    {"stage", "operation", "route", "language", "mode", "outcome", "notes", "request_id"}
)
"""The only ones that leave; another is a mistake, and is left out."""

_tracer: "ContextVar[Tracer | None]" = ContextVar("tracer", default=None)


@contextmanager
def span(name: SpanName, **codes: Code) -> Iterator[None]:
    """A block of work; how it ends is its outcome. Spans that are begun inside are its children."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    opened = tracer.start_as_current_span(
        name, attributes=_told(codes), record_exception=False, set_status_on_exception=False
    )
    with opened as current, _ended(current):
        yield


@contextmanager
def leaf(name: SpanName, **codes: Code) -> Iterator[None]:
    """The same for a block that may end in another task than it began in, as a generator's does: it has no children."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    opened = tracer.start_span(name, attributes=_told(codes))
    try:
        with _ended(opened):
            yield
    finally:
        opened.end()


@contextmanager
def _ended(opened: "Span") -> Iterator[None]:
    """An exception's message may quote a note; its code does not."""
    try:
        yield
    except BaseException as exc:
        _fail(opened, exc)
        raise


def _fail(opened: "Span", exc: BaseException) -> None:
    from opentelemetry.trace import StatusCode

    opened.set_attribute(
        "outcome", exc.code if isinstance(exc, ServiceError) else type(exc).__name__
    )
    if isinstance(exc, Exception):  # who leaves is no error of ours
        opened.set_status(StatusCode.ERROR)


def _told(codes: Mapping[str, Code]) -> dict[str, Any]:
    bound = structlog.contextvars.get_contextvars()
    named = {**codes, "request_id": bound.get("request_id")}
    return {
        name: safe(value)
        for name, value in named.items()
        if name in ATTRIBUTES and value is not None
    }


@contextmanager
def open_traces(url: str | None, *, part: Literal["api", "worker"]) -> Iterator[None]:
    """Sends spans to a collector (OTLP over HTTP) until the block ends; without an address nothing is loaded or done.

    Raises BadSettings where the extra is not installed.
    """
    with traced_by(_to(url), part=part) if url else nullcontext():
        yield


def _to(url: str) -> "SpanProcessor":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise BadSettings("TRACES_URL: needs the extra, pazpaz-ai[otel]") from None
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=url))


@contextmanager
def traced_by(processor: "SpanProcessor", *, part: str) -> Iterator[None]:
    """Spans that are begun inside go to this processor."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    # Made by hand: what OpenTelemetry finds out by itself tells the command line.
    here = Resource({"service.name": "pazpaz-ai", "service.instance.id": part})
    provider = TracerProvider(resource=here, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    outer = _tracer.set(provider.get_tracer("pazpaz-ai"))
    try:
        yield
    finally:
        _tracer.reset(outer)
        provider.shutdown()
