"""Alive, ready, metrics."""

import asyncio
import time
from itertools import count

import pytest

from service.errors import StoreUnavailable
from service.telemetry.metrics import RESTORING, SIGNING_KEY_AGE, STATE_READ
from tests.fakes import CLIENT, NOW, WORKSPACE
from tests.unit.api.practice import ask, is_problem
from tests.unit.doubles import SESSION, USER


async def test_alive_asks_nobody(http, parts):
    """A process lives even when everything around it is away."""
    parts.standings.away = StoreUnavailable()
    assert (await http.get("/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize("error", [StoreUnavailable(), TimeoutError()], ids=["away", "slow"])
async def test_ready_means_that_postgres_answers(http, parts, error):
    """Without the database no question can be answered, and no traffic should come."""
    assert (await http.get("/readyz")).status_code == 200
    parts.standings.away = error
    response = await http.get("/readyz")
    assert (response.status_code, response.json()["postgres"]) == (503, "away")


async def test_a_database_that_takes_no_writes_is_not_ready(http, parts):
    """The audit trail's opening row could not be written, so nobody would be answered."""
    parts.database.read_only = True
    response = await http.get("/readyz")
    assert (response.status_code, response.json()["postgres"]) == (503, "read_only")


async def test_metrics_count_without_naming_anybody(http):
    """Questions are counted by language and outcome; no id and no word is a label."""
    await ask(http, "zebra question", client_id=str(CLIENT))
    text = (await http.get("/metrics")).text
    assert 'ai_agent_queries_total{language="en",status="abstained"}' in text
    for secret in ("zebra", str(WORKSPACE), str(USER), str(CLIENT), SESSION):
        assert secret not in text


async def test_a_restored_database_is_not_ready(http, parts):
    """While an older state of the database is being mended nobody is sent here, and nobody is answered."""
    parts.restoration.why = "receipts_missing"
    response = await http.get("/readyz")
    assert (response.status_code, response.json()["postgres"]) == (503, "receipts_missing")
    refused = await ask(http)
    assert is_problem(refused, 503, "restoring")
    assert refused.headers["Retry-After"] == "60"


async def test_the_page_says_when_the_state_was_read(http, parts):
    """While Postgres is away the last values stay, and their age is told."""
    parts.gauges.clock = count().__next__
    parts.restoration.why = "receipts_missing"
    await http.get("/metrics")
    read, restoring = STATE_READ._value.get(), RESTORING._value.get()
    assert time.time() - read < 60
    parts.restoration.why = None
    parts.restoration.away = StoreUnavailable()
    await http.get("/metrics")
    assert (STATE_READ._value.get(), RESTORING._value.get()) == (read, restoring)
    assert restoring == 1
    parts.restoration.away = None
    await http.get("/metrics")
    assert RESTORING._value.get() == 0


async def test_a_burst_of_looks_measures_once(http, parts, monkeypatch):
    """The page is open to whoever reaches it: a hundred looks in a second cost the database as much as one."""
    measured, seconds = [], [0.0]
    depth = parts.queue.depth

    async def counted():
        measured.append(seconds[0])
        await asyncio.sleep(0)
        return await depth()

    monkeypatch.setattr(parts.queue, "depth", counted)
    parts.gauges.clock = lambda: seconds[0]
    for moment in (0.0, 0.99, 1.0):
        seconds[0] = moment
        pages = await asyncio.gather(*(http.get("/metrics") for _ in range(20)))
        assert all("ai_ingest_open_work" in page.text for page in pages)
    assert measured == [0.0, 1.0]


async def test_the_page_says_how_old_our_signing_key_is(http, parts):
    """Where the ring does not say since when it signs, nothing is claimed anew."""
    parts.gauges.clock = count().__next__
    await http.get("/metrics")
    told = SIGNING_KEY_AGE._value.get()
    assert abs(time.time() - NOW.timestamp() - told) < 60
    parts.signing_keys.since = None
    await http.get("/metrics")
    assert SIGNING_KEY_AGE._value.get() == told
