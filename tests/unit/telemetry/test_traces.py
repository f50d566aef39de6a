"""Traces: nothing unless they are wanted, and then nothing that anybody wrote."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from service.errors import BadSettings, SourceUnavailable
from service.telemetry import traces
from service.telemetry.logs import WITHHELD
from service.telemetry.traces import leaf, open_traces, span, traced_by

CANARY = "zebra: the patient said"


@pytest.fixture
def sent() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with traced_by(SimpleSpanProcessor(exporter), part="api"):
        yield exporter


def spans(sent: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {one.name: one for one in sent.get_finished_spans()}


def test_without_an_address_nothing_is_loaded():
    """OpenTelemetry's SDK costs half a second and can read the environment; whoever wants no traces has none of it."""
    code = (
        "import sys\n"
        "from service.telemetry.traces import leaf, open_traces, span\n"
        "with open_traces(None, part='api'), span('question'), leaf('provider.attempt'):\n"
        "    print([one for one in sys.modules if one.startswith('opentelemetry.sdk')])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_an_address_without_the_extra_stops_the_start(monkeypatch):
    """In one line that names the setting and what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    traced = open_traces("http://127.0.0.1:4318/v1/traces", part="api")
    with pytest.raises(BadSettings, match=r"TRACES_URL: needs the extra, pazpaz-ai\[otel\]"):
        traced.__enter__()


async def test_what_is_begun_inside_belongs_to_it(sent):
    """Across tasks too, as the graph has them: a question, its stage, and the attempt at a provider in that."""

    async def stage() -> None:
        with span("stage", stage="retrieve"), leaf("provider.attempt", operation="cohere.rerank"):
            pass

    with span("question", language="he", mode="ask"):
        await asyncio.create_task(stage())
    found = spans(sent)
    assert found["question"].parent is None
    assert found["stage"].parent.span_id == found["question"].context.span_id
    assert found["provider.attempt"].parent.span_id == found["stage"].context.span_id
    assert found["question"].attributes == {"language": "he", "mode": "ask"}


async def test_a_leaf_may_end_in_another_task(sent, caplog):
    """A stream of a provider is begun in one and left in another."""

    async def deltas():
        with leaf("provider.attempt", operation="cohere.chat"):
            yield 1

    stream = deltas()
    await asyncio.create_task(anext(stream))
    await asyncio.create_task(stream.aclose())
    assert spans(sent)["provider.attempt"].attributes["outcome"] == "GeneratorExit"
    assert caplog.records == []


@pytest.mark.parametrize("made", [span, leaf])
def test_no_word_of_anybody_leaves(sent, made):
    """Not in a value, not under a name that nobody listed, and not in an exception's message."""
    with pytest.raises(ValueError, match="zebra"), made("stage", stage=CANARY, said="zebra"):
        raise ValueError(CANARY)
    (told,) = sent.get_finished_spans()
    assert "zebra" not in told.to_json()
    assert told.attributes == {"stage": WITHHELD, "outcome": "ValueError"}
    assert (told.events, told.status.description) == ((), None)
    assert told.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("made", [span, leaf])
def test_a_failure_is_told_by_its_code(sent, made):
    """As logs and metrics have it; who leaves is no error."""
    with pytest.raises(SourceUnavailable), made("pazpaz.call", route="manifest"):
        raise SourceUnavailable
    with pytest.raises(asyncio.CancelledError), made("question"):
        raise asyncio.CancelledError
    found = spans(sent)
    assert found["pazpaz.call"].attributes == {"route": "manifest", "outcome": "source_away"}
    assert found["pazpaz.call"].status.status_code is StatusCode.ERROR
    assert found["question"].status.status_code is StatusCode.UNSET


def test_a_span_joins_the_log_by_the_requests_id(sent):
    """The same id is in every line, in the answer's header and in the audit trail."""
    with structlog.contextvars.bound_contextvars(request_id="req-12345"), span("question"):
        pass
    assert spans(sent)["question"].attributes == {"request_id": "req-12345"}


def test_nobody_else_can_trace(sent, monkeypatch):
    """The provider is not the process's own, and says of the process only what it is."""
    theirs = trace.get_tracer("a library")
    with span("question"), theirs.start_as_current_span("POST", attributes={"body": CANARY}):
        pass
    assert [one.name for one in sent.get_finished_spans()] == ["question"]
    named = spans(sent)["question"].resource.attributes
    assert named == {"service.name": "pazpaz-ai", "service.instance.id": "api"}


def test_attributes_come_from_a_closed_list():
    """No name among them could be of a person, a practice or a text."""
    wanted = {"stage", "operation", "route", "language", "mode", "outcome", "notes", "request_id"}
    assert wanted == traces.ATTRIBUTES
