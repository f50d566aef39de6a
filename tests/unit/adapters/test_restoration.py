"""Whether a database came back from a backup is asked of it now and then, not by everybody."""

import asyncio

from service.adapters.erasure.restoration import MAX_AGE_SECONDS, PgRestoration


async def test_a_burst_asks_once(monkeypatch):
    """However many requests ask at the same moment, one statement tells them, until two seconds have passed."""
    asked, seconds = [], [0.0]

    async def reason(self):
        asked.append(seconds[0])
        await asyncio.sleep(0)
        return "receipts_missing"

    monkeypatch.setattr(PgRestoration, "reason", reason)
    restoration = PgRestoration(None, None, clock=lambda: seconds[0])
    for moment in (0.0, MAX_AGE_SECONDS - 0.01, MAX_AGE_SECONDS):
        seconds[0] = moment
        told = await asyncio.gather(*(restoration.recent() for _ in range(20)))
        assert set(told) == {"receipts_missing"}
    assert asked == [0.0, MAX_AGE_SECONDS]
