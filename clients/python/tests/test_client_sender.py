"""The sender, with a table in memory and a service that can fail."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase

from pazpaz_ai_client import sender as sender_module
from pazpaz_ai_client._edges import retry_after
from pazpaz_ai_client.models import Delivery, Event
from pazpaz_ai_client.outbox import OutboxMixin
from pazpaz_ai_client.sender import MAX_BATCH, OutboxRows, OutboxSender, delivery_body
from pazpaz_ai_client.signing import (
    EVENT_TAG,
    MAX_EVENT_BODY,
    KeyRing,
    MemoryNonceStore,
    PrivateKey,
    RequestVerifier,
    Signer,
)

KEY = PrivateKey.generate("ml-2026-11-a")
OCCURRED = datetime(2026, 11, 23, 5, 33, 20, 123456, tzinfo=UTC)


class Base(DeclarativeBase):
    pass


class Outbox(OutboxMixin, Base):
    __tablename__ = "ai_outbox"


def an_event():
    return Event(
        id=uuid4(),
        workspace_id=uuid4(),
        entity="workspaces",
        entity_id=uuid4(),
        kind="upserted",
        occurred_at=OCCURRED,
    )


class InMemoryRows:
    """The table as the sender sees it."""

    def __init__(self, events):
        self.waiting, self.settled, self.deferred = list(events), [], []
        self.refused = []
        self.emptied = asyncio.Event()

    async def lease(self, limit):
        leased, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return leased

    async def settle(self, events):
        self.settled += events
        if not self.waiting:
            self.emptied.set()

    async def defer(self, events, code, retry_after):
        self.deferred.append((len(events), code, retry_after))
        self.waiting += events

    async def refuse(self, events, limit):
        self.refused += events
        return 0


def a_sender(events, serve, **options):
    sender = OutboxSender(
        sessionmaker=None,
        outbox_model=Outbox,
        client=httpx.AsyncClient(transport=httpx.MockTransport(serve)),
        service_url="http://ai/",
        signer=Signer(KEY, audience="pazpaz-ai"),
        **options,
    )
    sender._rows = InMemoryRows(events)
    return sender


class Service:
    """Verifies and takes deliveries."""

    def __init__(self):
        self.deliveries = []
        self.verifier = RequestVerifier(
            keys=KeyRing([KEY.public]),
            audience="pazpaz-ai",
            direction="event",
            nonces=MemoryNonceStore(),
            accept_without_nonce_store=True,
        )

    async def __call__(self, request):
        verified = await self.verifier.verify(
            method=request.method,
            raw_path=request.url.raw_path,
            query_string=b"",
            headers=request.headers.raw,
            body=request.content,
            tag=EVENT_TAG,
        )
        assert verified.path == "/internal/v1/events"
        self.deliveries.append(verified.json())
        return httpx.Response(202, json={"accepted": len(self.deliveries[-1]["events"])})


async def test_a_delivery_is_signed_and_holds_ids_only():
    """The service verifies it, and finds what the contract lists and nothing else."""
    service, event = Service(), an_event()
    sender = a_sender([event], service)

    assert await sender.send_once() == 1
    (delivery,) = service.deliveries
    assert delivery["events"] == [
        {
            "id": str(event.id),
            "workspace_id": str(event.workspace_id),
            "entity": "workspaces",
            "entity_id": str(event.entity_id),
            "kind": "upserted",
            "occurred_at": "2026-11-23T05:33:20.123456Z",
        }
    ]
    assert sender._rows.settled == [event]


async def test_nothing_due_means_no_call():
    """An empty outbox is silent."""

    def serve(request):
        raise AssertionError

    assert await a_sender([], serve).send_once() == 0


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 404, 415, 429, 500, 503])
async def test_only_202_is_delivered(status):
    """Whatever else comes back, the events wait with a code and are tried again."""
    events = [an_event(), an_event()]
    headers = {"Retry-After": "17", "Location": "http://elsewhere"}
    sender = a_sender(events, lambda request: httpx.Response(status, headers=headers))

    assert await sender.send_once() == 0
    assert sender._rows.deferred == [(2, f"status_{status}", 17)]
    assert sender._rows.waiting == events
    assert sender._rows.settled == []


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_row_that_spoils_its_delivery_is_found(status):
    """The others of the batch get through at once; it alone is refused, and waits."""
    events = [an_event() for _ in range(9)]
    spoilt = events[5]

    def serve(request):
        return httpx.Response(status if str(spoilt.id).encode() in request.content else 202)

    sender = a_sender(events, serve)

    assert await sender.send_once() == 8
    assert sender._rows.waiting == sender._rows.refused == [spoilt]
    assert sender._rows.deferred == [(1, f"status_{status}", 0)]


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
async def test_an_absent_service_loses_nothing(fault):
    """A fault of the network is named by its kind, without its text."""

    def away(request):
        raise fault("secret")

    sender = a_sender([an_event()], away)

    assert await sender.send_once() == 0
    assert sender._rows.deferred == [(1, fault.__name__, 0)]


@pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "999999", "٣"])
def test_an_odd_retry_after_is_ignored(value):
    """Only a plain number of seconds counts."""
    answer = SimpleNamespace(headers={"Retry-After": value})

    assert retry_after(answer) is None


async def test_it_runs_until_it_is_stopped():
    """Several batches follow each other without a pause; a stop ends the loop."""
    service, stop = Service(), asyncio.Event()
    sender = a_sender([an_event() for _ in range(7)], service, batch=3, poll_seconds=60)

    running = asyncio.create_task(sender.run(stop))
    await sender._rows.emptied.wait()
    stop.set()
    await asyncio.wait_for(running, 1)

    assert [len(delivery["events"]) for delivery in service.deliveries] == [3, 3, 1]


async def test_a_fault_of_the_database_does_not_end_the_loop():
    """The loop waits and goes on, so an outage of the database heals by itself."""
    service, stop = Service(), asyncio.Event()
    sender = a_sender([an_event()], service, poll_seconds=0)
    rows, faults = sender._rows, [ConnectionError(), OSError()]

    class Flaky(InMemoryRows):
        async def lease(self, limit):
            if faults:
                raise faults.pop()
            return await rows.lease(limit)

        async def settle(self, events):
            await rows.settle(events)
            stop.set()

    sender._rows = Flaky([])
    await asyncio.wait_for(sender.run(stop), 1)

    assert len(rows.settled) == 1


async def test_a_cancelled_sender_settles_nothing():
    """Cancelled while it waits for the service, it leaves the events to their lease."""
    waiting = asyncio.Event()

    async def hang(request):
        waiting.set()
        await asyncio.Event().wait()

    sender = a_sender([an_event()], hang)
    running = asyncio.create_task(sender.run(asyncio.Event()))
    await waiting.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert sender._rows.settled == sender._rows.deferred == []


async def test_a_delivery_under_way_ends_with_its_application():
    """An application that stops lets the delivery end, and settles it."""
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request):
        waiting.set()
        await go_on.wait()
        return httpx.Response(202)

    event = an_event()
    sender = a_sender([event], slow)
    async with sender.running():
        await waiting.wait()
        asyncio.get_running_loop().call_later(0.05, go_on.set)

    assert sender._rows.settled == [event]


async def test_a_delivery_that_hangs_does_not_hold_up_the_exit(monkeypatch):
    """After a few seconds it is left to its lease."""
    monkeypatch.setattr(sender_module, "FINISH_SECONDS", 0.05)
    waiting = asyncio.Event()

    async def hang(request):
        waiting.set()
        await asyncio.Event().wait()

    sender = a_sender([an_event()], hang)
    async with asyncio.timeout(5):
        async with sender.running():
            await waiting.wait()

    assert sender._rows.settled == sender._rows.deferred == []


def test_the_largest_batch_fits_a_delivery():
    """No delivery can be larger than what the service reads."""
    body = delivery_body([an_event() for _ in range(MAX_BATCH)])

    assert len(body) <= MAX_EVENT_BODY
    assert len(Delivery.model_validate(json.loads(body)).events) == MAX_BATCH


@pytest.mark.parametrize("batch", [0, MAX_BATCH + 1])
def test_a_batch_that_cannot_fit_is_refused(batch):
    """A mistake in the settings shows at the start."""
    with pytest.raises(ValueError, match="batch"):
        a_sender([], None, batch=batch)


class FakeSessions:
    """Records statements instead of running them."""

    def __init__(self):
        self.statements = []

    def begin(self):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None

    async def scalars(self, statement):
        self.statements.append(str(statement.compile(dialect=postgresql.dialect())))
        return []

    execute = scalars


async def test_leases_skip_what_another_sender_holds():
    """Rows are locked without waiting, and a delivered row is never touched again."""
    sessions = FakeSessions()
    rows = OutboxRows(sessions, Outbox)

    await rows.lease(10)
    await rows.settle([an_event()])
    await rows.defer([an_event()], "status_401", 0)

    lease, settle, defer = sessions.statements
    assert "FOR UPDATE SKIP LOCKED" in lease
    assert "random()" in defer
    assert all("delivered_at IS NULL" in statement for statement in (lease, settle, defer))
