"""Who calls the fake service: a therapist without PazPaz in between, and PazPaz's outbox."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from pazpaz_ai_client.models import Event
from pazpaz_ai_client.outbox import OutboxMixin
from pazpaz_ai_client.sender import OutboxSender

AGENT = "http://ai.fake/api/v1/ai/agent"
QUESTION = "What helped?"


class Therapist:
    """Somebody whom their token names, straight in front of the service."""

    def __init__(self, fake, name="me"):
        self._client = fake.client
        self._headers = {"Authorization": f"Bearer {name}", "Accept-Language": "en"}

    async def call(self, method, path, **options):
        return await self._client.request(method, AGENT + path, headers=self._headers, **options)

    async def ask(self, query=QUESTION, **more):
        return await self.call("POST", "/chat", json={"query": query, **more})

    def listen(self, query=QUESTION):
        headers = self._headers | {"Accept": "text/event-stream"}
        return self._client.stream("POST", f"{AGENT}/chat", headers=headers, json={"query": query})

    async def events(self, query=QUESTION):
        async with self.listen(query) as response:
            return events_in(await response.aread())


def events_in(content):
    """Names and data, without comments."""
    parts = [part for part in content.decode().split("\n\n") if part.startswith("event: ")]
    split = [part.removeprefix("event: ").split("\ndata: ") for part in parts]
    return [(name, json.loads(data)) for name, data in split]


class Rows:
    """The outbox in memory, in place of PazPaz's PostgreSQL."""

    def __init__(self, events):
        self.waiting, self.settled, self.codes = list(events), [], []

    async def lease(self, limit):
        return self.waiting[:limit]

    async def settle(self, events):
        self.settled += events

    async def defer(self, events, code, retry_after):
        self.codes.append((code, retry_after))


def a_sender(fake, rows, *, signer=None):
    sender = OutboxSender(
        sessionmaker=None,
        outbox_model=OutboxMixin,
        client=fake.client,
        service_url=fake.url,
        signer=signer or fake.signer,
    )
    sender._rows = rows
    return sender


def an_event():
    return Event(
        id=uuid4(),
        workspace_id=uuid4(),
        entity="sessions",
        entity_id=uuid4(),
        kind="upserted",
        occurred_at=datetime(2026, 11, 23, 5, tzinfo=UTC),
    )
