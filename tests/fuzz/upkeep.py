"""What the service and its operators do of their own accord: comparing, giving up, retrying, tidying."""

import tempfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from service.adapters.erasure.receipts import ReceiptFolder
from service.domain.erasure import Subject
from service.domain.notes import ManifestItem
from service.domain.usage import Meter
from service.ports.clock import now
from service.ports.monolith import ChangesCursor, Event
from tests.fakes import NOW
from tests.fuzz.builds import OPERATOR
from tests.fuzz.operations import Run, covers
from tests.fuzz.world import CLIENTS, SESSIONS, Practice

HEADERS = {"Authorization": f"Bearer {OPERATOR}"}


@covers(
    "PgChunkStore.catalogue",
    "PgChunkStore.workspaces",
    "PgWorkQueue.buried",
    "PgWorkQueue.open_work",
    "Monolith.workspaces",
    weight=4,
)
async def compare_a_practice(run: Run) -> None:
    """The catalogue is the model's, and a comparison names nobody else's notes."""
    at = run.world.any()
    real = await run.parts.store.catalogue(workspace=at.id)
    model = await at.store.catalogue(workspace=at.id)
    run.same(_sorted(real), _sorted(model))
    run.same(await run.parts.queue.buried(workspace=at.id), frozenset())
    run.same((await run.parts.queue.open_work(workspace=at.id)).waiting, frozenset())
    mine = {*at.source.sessions, *at.source.clients, *(item.id for item in model)}
    found = await run.parts.indexer.reconciler.compare(at.id)
    run.same({one.item.id for one in found.differences} <= mine, True)
    known = {practice.id for practice in run.world.practices}
    run.same(await run.parts.store.workspaces() <= known, True)
    run.same(set(await run.parts.notes.workspaces()), known)


def _sorted(items: object) -> list[ManifestItem]:
    return sorted(items, key=lambda item: (item.entity, item.id))  # type: ignore[call-overload, no-any-return]


@covers("PgWorkQueue.want_whole", "PgWorkQueue.renew", "POST /internal/v1/reconcile", weight=2)
async def ask_for_a_comparison(run: Run) -> None:
    """One practice's comparison is one lease, which another's token does not renew."""
    at, other = run.chance.sample(run.world.practices, 2)
    body = {"workspace_id": str(at.id)}
    response = await run.http.post("/internal/v1/reconcile", json=body, headers=HEADERS)
    run.same((response.status_code, response.json()), (202, {"count": 1}))
    await run.parts.queue.want_whole([other.id], kind="reconcile")
    leases = [*await run.parts.queue.claim(limit=4), *await run.parts.queue.claim(limit=4)]
    run.same(
        {(one.workspace, one.kind) for one in leases}, {(p.id, "reconcile") for p in (at, other)}
    )
    await run.parts.queue.renew(leases)
    for lease in leases:
        run.same(await run.parts.queue.done(lease), True)


@covers(
    "PgWorkQueue.dead_letters",
    "PgWorkQueue.retry_dead_letters",
    "PgWorkQueue.drop_dead_letters",
    "GET /internal/v1/dead-letters",
    "POST /internal/v1/dead-letters/{what}",
    weight=2,
)
async def give_up_on_the_same_note_of_two(run: Run) -> None:
    """One id parked in two practices is two dead letters; ending the one leaves the other."""
    at, other = run.chance.sample(run.world.practices, 2)
    session = run.chance.choice(SESSIONS)
    for one in (at, other):
        await _park(run, one, session)
    named = {"workspace_id": str(at.id)}
    response = await run.http.get("/internal/v1/dead-letters", params=named, headers=HEADERS)
    listed = response.json()["dead_letters"]
    run.same([(one["workspace_id"], one["key"]) for one in listed], [(str(at.id), str(session))])
    run.clean(response.text, at)
    run.same(await run.parts.queue.drop_dead_letters(workspace=at.id, key=session), 1)
    left = await run.parts.queue.dead_letters()
    run.same([one.workspace for one in left], [other.id])
    body = {"workspace_id": str(other.id), "key": str(session)}
    response = await run.http.post("/internal/v1/dead-letters/retry", json=body, headers=HEADERS)
    run.same(response.json(), {"count": 1})
    run.same(await run.parts.queue.retry_dead_letters(workspace=None), 0)
    (lease,) = await run.parts.queue.claim(limit=4)
    run.same((lease.workspace, await run.parts.queue.done(lease)), (other.id, True))


async def _park(run: Run, at: Practice, session: UUID) -> None:
    item = ManifestItem("sessions", session, CLIENTS[0], "active", NOW)
    await run.parts.queue.want([item], workspace=at.id)
    statement = "UPDATE work SET parked_at = now() WHERE workspace_id = $1 AND key = $2"
    await run.build.owner.execute(statement, at.id, session)


@covers("PgConversations.forget_before", "PgWorkQueue.forget_old_events", weight=1)
async def forget_what_is_old(run: Run) -> None:
    """One practice's old conversations go, and no other's."""
    at = run.world.any()
    moment = NOW + timedelta(days=1)
    said = await run.parts.conversations.forget_before(moment, workspace=at.id)
    run.same(said, await at.conversations.forget_before(moment, workspace=at.id))
    run.same(await run.parts.queue.forget_old_events(days=1), 0)


@covers(
    "PgSpending.reserve",
    "PgSpending.settle",
    "PgSpending.indexed",
    "PgSpending.days",
    "PgSpending.forget_old",
    "Accounts.indexed",
    weight=2,
)
async def spend_what_another_has_not(run: Run) -> None:
    """One practice at its budget is no other's limit, and each is told its own spending."""
    at, other = run.chance.sample(run.world.practices, 2)
    spending, ids = run.parts.spending, [at.id, other.id]
    await run.build.owner.execute("DELETE FROM spending WHERE workspace_id = ANY($1)", ids)
    reserved = await spending.reserve(workspace=at.id, estimate=9, budget=9)
    assert reserved is not None
    run.same(await spending.reserve(workspace=at.id, estimate=1, budget=9), None)
    run.same((await spending.reserve(workspace=other.id, estimate=9, budget=9)) is None, False)
    await spending.settle(reserved, cost=4)
    await spending.indexed(workspace=other.id, cost=2)
    await run.parts.accounts.indexed(Meter(), workspace=other.id)
    for one, said in ((at, (1, 4, 0)), (other, (1, 9, 2))):
        [told] = await spending.days(workspace=one.id, days=1)
        run.same((told.workspace, (told.questions, told.asking, told.indexing)), (one.id, said))
    run.same(await spending.forget_old(days=1), 0)


@covers("PgWorkQueue.cursor", "PgWorkQueue.accept", "Monolith.changes", weight=1)
async def read_the_feed(run: Run) -> None:
    """PazPaz's outbox is read on from where it was."""
    at = run.world.any()
    cursor = ChangesCursor(run.chance.getrandbits(40), uuid4())
    told = Event(uuid4(), at.id, "users", at.askers[0], "status")
    run.same(await run.parts.queue.accept([told], feed=cursor), 1)
    run.same(await run.parts.queue.cursor(), cursor)
    page = await run.parts.notes.changes(after=cursor, limit=500)
    run.same((list(page.events), page.next), ([], cursor))


@covers(
    "PgSchedules.plan",
    "PgSchedules.claim",
    "PgSchedules.done",
    "PgSchedules.failed",
    "PgSchedules.ages",
    "PgBackfills.open",
    "PgBackfills.moved",
    "PgBackfills.finished",
    "PgBackfills.abandon",
    weight=1,
)
async def keep_the_clock(run: Run) -> None:
    """What runs by the clock is nobody's; a backfill of one practice is of that one."""
    schedules, backfills, at = run.parts.schedules, run.parts.backfills, run.world.any()
    await schedules.plan({"fuzz": now()})
    await run.build.owner.execute("UPDATE schedules SET due_at = now() - interval '1 minute'")
    turn = await schedules.claim(["fuzz"])
    assert turn is not None
    await schedules.failed(turn, code="internal")
    await schedules.done(turn, due_at=now())
    run.same(set(await schedules.ages()), {"fuzz"})
    opened = await backfills.open(workspace=at.id, since=None)
    run.same(opened.workspace, at.id)
    await backfills.moved(opened.id, at=at.id, after=SESSIONS[0], asked=1)
    again = await backfills.open(workspace=None, since=None)
    run.same((again.id, again.at, again.after), (opened.id, at.id, SESSIONS[0]))
    await backfills.finished(opened.id)
    run.same(await backfills.abandon(), False)


async def _tell(run: Run) -> None:
    before = await run.epochs()
    await run.parts.restoration.tell()
    told = [at for at in run.world.practices if at.audit]
    for at in told:
        at.audit += 1
    after = await run.epochs()
    run.same([at.id for at in told if after.get(at.id, 1) <= before.get(at.id, 0)], [])


@covers(
    "PgRestoration.recent",
    "PgRestoration.reason",
    "PgRestoration.note_server",
    "PgRestoration.begin",
    "PgRestoration.tell",
    "PgRestoration.asked",
    "PgRestoration.state",
    "PgRestoration.finish",
    weight=1,
)
async def come_back_from_a_backup(run: Run) -> None:
    """A restored database is not ready, and becomes so again; every chain is told, and no epoch comes again."""
    restoration = run.parts.restoration
    await restoration.note_server()
    run.same(await restoration.reason(), None)
    await restoration.begin()
    run.same(await restoration.reason(), "not_reconciled")
    await _tell(run)
    await restoration.asked()
    row = await restoration.state()
    assert row is not None
    run.same(row.asked_at is None, False)
    await restoration.finish()
    run.same((await restoration.recent()) in {None, "not_reconciled"}, True)
    receipts = await run.parts.eraser.receipts()
    with tempfile.TemporaryDirectory() as there:
        folder = ReceiptFolder(Path(there))
        run.same(folder.write(receipts[:3]), len(receipts[:3]))
        run.same(folder.ids(), frozenset(one.id for one in receipts[:3]))
        run.same([folder.read(one.id) for one in receipts[:3]], list(receipts[:3]))
    await run.parts.restoration._reason.renew()


@covers(
    "PgWorkQueue.want_erased", "GET /internal/v1/erasures", "POST /internal/v1/erasures", weight=2
)
async def erase_over_http(run: Run) -> None:
    """An operator names the practice; the same id elsewhere is nobody's business."""
    at, other = run.chance.sample(run.world.practices, 2)
    await run.key(at)
    session = run.chance.choice(SESSIONS)
    body = {"workspace_id": str(at.id), "entity": "sessions", "id": str(session)}
    response = await run.http.post("/internal/v1/erasures", json=body, headers=HEADERS)
    run.same(response.status_code, 202)
    at.audit += 1
    run.same(await run.parts.queue.buried(workspace=other.id), frozenset())
    leases = await run.parts.queue.claim(limit=4)
    run.same([(one.workspace, one.key) for one in leases], [(at.id, session)])
    subject = Subject(at.id, "sessions", session)
    done = await run.parts.eraser.erase(subject, asked_by="event", lease=leases[0])
    await at.store.erase(subject)
    if done and done.receipt:
        at.audit += 1
        run.same(done.receipt.told["asked_by"], "operator")
    listed = await run.http.get(
        "/internal/v1/erasures", params={"workspace_id": str(at.id)}, headers=HEADERS
    )
    run.clean(listed.text, at)
    run.same(await run.parts.eraser.lift(subject), True)
    at.audit += 1
