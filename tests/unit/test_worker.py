"""The background loop: one bad note, one outage or one stop costs nobody else anything."""

import asyncio
import json
import time
from uuid import UUID

import pytest

from service.errors import (
    KeyUnavailable,
    ModelUnavailable,
    NoteUnreadable,
    SealBroken,
    SourceUnavailable,
    StoreUnavailable,
)
from service.telemetry.metrics import WORKER_TURNED
from service.worker import BATCH, Worker
from tests.fakes import round_of
from tests.unit.doubles import RecordingQueue, a_lease

ONE, TWO = a_lease(UUID(int=1)), a_lease(UUID(int=2))


class ScriptedIndexer:
    """Looks at leases and says, or raises, what it is told to."""

    def __init__(self, *results: object) -> None:
        self.results = list(results)
        self.looked: list[list] = []

    async def look_again(self, leases):
        self.looked.append(list(leases))
        result = self.results.pop(0) if self.results else "indexed"
        if isinstance(result, BaseException):
            raise result
        if isinstance(result, list):
            return result
        return [(lease, result) for lease in leases]


def a_worker(queue, *results) -> Worker:
    return Worker(queue, ScriptedIndexer(*results))


async def test_a_round_handles_one_claim():
    """What was claimed is looked at once; nothing is given back."""
    queue = RecordingQueue([ONE, TWO])
    worker = a_worker(queue)
    assert await round_of(worker) is True
    assert worker.indexer.looked == [[ONE, TWO]]
    assert (queue.failures, queue.released) == ([], [])


async def test_without_work_a_round_says_so():
    """The loop pauses only when nothing was ready."""
    worker = a_worker(RecordingQueue())
    assert await round_of(worker) is False
    assert worker.indexer.looked == []


async def test_a_claim_is_a_batch():
    """One round takes what one pull and a few embed calls can carry."""
    asked = []

    class Asked(RecordingQueue):
        async def claim(self, *, limit):
            asked.append(limit)
            return []

    await round_of(a_worker(Asked()))
    assert asked == [BATCH]
    assert BATCH <= 50


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (SourceUnavailable(), "source_away", 5.0),
        (SourceUnavailable(retry_after=30), "source_away", 30),
        (SourceUnavailable(retry_after=0), "source_away", 1.0),
        (ModelUnavailable(), "model_away", 5.0),
        (ModelUnavailable("denied"), "model_away", 5.0),
        (ModelUnavailable("refused"), "model_away", None),
        (KeyUnavailable(), "key_away", 5.0),
        (SealBroken(), "seal_broken", None),
        (ValueError("the patient said zebra"), "internal", None),
    ],
    ids=[
        "source",
        "source with a wait",
        "no wait",
        "model",
        "model, key",
        "model, text",
        "key",
        "seal",
        "unforeseen",
    ],
)
async def test_an_error_gives_the_whole_batch_back(lines, error, code, retry_after):
    """An outage delays without blame; any other error counts against the note, under a code and no message."""
    queue = RecordingQueue([ONE, TWO])
    assert await round_of(a_worker(queue, error)) is True
    assert queue.failures == [(ONE, code, retry_after), (TWO, code, retry_after)]
    written = [line for line in lines() if line["event"] == "note.failed"]
    assert [line["code"] for line in written] == [code, code]
    assert "zebra" not in json.dumps(written)


async def test_an_unforeseen_error_is_logged_with_its_place(lines):
    """Somebody must be able to mend it."""
    await round_of(a_worker(RecordingQueue([ONE]), ValueError("zebra")))
    [line] = [line for line in lines() if line["event"] == "note.failed"]
    assert line["error"] == "ValueError"
    assert line["raised_at"].startswith("tests.unit.test_worker:")
    assert line["key"] == str(ONE.key)


async def test_an_unreadable_note_fails_alone():
    """The notes beside it are done; it is tried again, and parked in the end."""
    queue = RecordingQueue([ONE, TWO])
    await round_of(a_worker(queue, [(ONE, "indexed"), (TWO, "unreadable")]))
    assert queue.failures == [(TWO, NoteUnreadable.code, None)]


async def test_a_fenced_result_is_nobodys_fault():
    """Another worker has the note: nothing is given back twice."""
    queue = RecordingQueue([ONE])
    await round_of(a_worker(queue, "fenced"))
    assert queue.failures == []


async def test_a_lost_database_is_not_the_notes_fault():
    """Nothing can be given back to a queue that is away; the lease will run out."""
    queue = RecordingQueue([ONE])
    with pytest.raises(StoreUnavailable):
        await round_of(a_worker(queue, StoreUnavailable()))
    assert queue.failures == []


async def test_a_cancelled_round_gives_its_leases_back():
    """At a hard stop the notes are free at once, not after the lease."""
    queue = RecordingQueue([ONE, TWO])
    with pytest.raises(asyncio.CancelledError):
        await round_of(a_worker(queue, asyncio.CancelledError()))
    assert queue.released == [ONE, TWO]
    assert queue.failures == []


async def test_the_loop_finishes_the_round_in_hand_and_stops():
    """After the stop no new work is claimed, and what was claimed is done."""
    stop = asyncio.Event()

    class Stopping(ScriptedIndexer):
        async def look_again(self, leases):
            stop.set()
            return await super().look_again(leases)

    queue = RecordingQueue([ONE], [TWO])
    worker = Worker(queue, Stopping())
    await worker.run(stop)
    assert worker.indexer.looked == [[ONE]]
    assert queue.ready == [[TWO]]


async def test_the_loop_says_when_it_turned_last():
    """A worker that hangs can be told from one that has nothing to do."""
    stop, before = asyncio.Event(), time.time()
    queue = RecordingQueue()
    queue.on_idle = stop.set
    await asyncio.wait_for(a_worker(queue).run(stop), timeout=5)
    assert before <= WORKER_TURNED._value.get() <= time.time()


async def test_the_loop_outlives_an_outage_of_the_database(monkeypatch):
    """Claiming fails, the loop pauses and goes on where it was."""
    monkeypatch.setattr("service.worker.IDLE_SECONDS", 0)
    stop = asyncio.Event()

    class Flaky(RecordingQueue):
        failed_once = False

        async def claim(self, *, limit):
            if not self.failed_once:
                self.failed_once = True
                raise StoreUnavailable
            return await super().claim(limit=limit)

    queue = Flaky([ONE])
    queue.on_idle = stop.set
    worker = a_worker(queue)
    await asyncio.wait_for(worker.run(stop), timeout=5)
    assert worker.indexer.looked == [[ONE]]


async def test_a_stop_ends_a_pause_at_once():
    """An idle worker does not make a deployment wait."""
    stop = asyncio.Event()
    queue = RecordingQueue()
    queue.on_idle = stop.set
    await asyncio.wait_for(a_worker(queue).run(stop), timeout=0.25)
    assert stop.is_set()


async def test_leases_in_hand_are_renewed_until_the_round_ends():
    """A note that takes longer than its lease keeps it; once the round is over, nothing is renewed."""
    queue, thrice = RecordingQueue([ONE, TWO]), asyncio.Event()

    async def renew(leases):
        queue.renewed.append(leases)
        if len(queue.renewed) == 3:
            thrice.set()

    queue.renew = renew

    class Slow(ScriptedIndexer):
        async def look_again(self, leases):
            await thrice.wait()
            return await super().look_again(leases)

    worker = Worker(queue, Slow(), renew_seconds=0.001)
    assert await round_of(worker) is True
    renewed = len(queue.renewed)
    assert queue.renewed[0] == [ONE, TWO]
    await asyncio.sleep(0.01)
    assert len(queue.renewed) == renewed


async def test_a_renewal_that_fails_is_tried_again():
    """A database that is away for a moment costs no lease by itself."""
    queue, twice = RecordingQueue([ONE]), asyncio.Event()
    tries = []

    async def renew(leases):
        tries.append(leases)
        if len(tries) == 2:
            twice.set()
        raise StoreUnavailable

    queue.renew = renew

    class Slow(ScriptedIndexer):
        async def look_again(self, leases):
            await twice.wait()
            return await super().look_again(leases)

    worker = Worker(queue, Slow(), renew_seconds=0.001)
    assert await round_of(worker) is True
    assert queue.failures == []
