"""Alive, ready, metrics."""

import pytest

from service.errors import StoreUnavailable
from tests.fakes import CLIENT, WORKSPACE
from tests.unit.api.practice import ask
from tests.unit.doubles import SESSION, USER


async def test_alive_asks_nobody(http, parts):
    """A process lives even when everything around it is away."""
    parts.database.error = StoreUnavailable()
    assert (await http.get("/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize("error", [StoreUnavailable(), TimeoutError()], ids=["away", "slow"])
async def test_ready_means_that_postgres_answers(http, parts, error):
    """Without the database no question can be answered, and no traffic should come."""
    assert (await http.get("/readyz")).status_code == 200
    parts.database.error = error
    response = await http.get("/readyz")
    assert (response.status_code, response.json()["postgres"]) == (503, "away")


async def test_metrics_count_without_naming_anybody(http):
    """Questions are counted by language and outcome; no id and no word is a label."""
    await ask(http, "zebra question", client_id=str(CLIENT))
    text = (await http.get("/metrics")).text
    assert 'ai_agent_queries_total{language="en",status="abstained"}' in text
    for secret in ("zebra", str(WORKSPACE), str(USER), str(CLIENT), SESSION):
        assert secret not in text
