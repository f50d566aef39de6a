"""Lost events, dead letters and a lost index: shown and mended by the commands, on running parts."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from service.container import Container
from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from tests.journeys.command_line import begin, ended, run, sql
from tests.journeys.practice import A_QUESTION, Practice, eventually

LOST = "She began to swim on Tuesdays."
QUESTION = "When did she begin to swim?"
NOTES = 40

INSERT = """
INSERT INTO sessions (id, workspace_id, client_id, session_date, subjective, is_draft, finalized_at,
  amendment_count, version, undecryptable, updated_at)
VALUES ($1, $2, $3, now(), $4, false, now(), 0, 1, false, now())
"""
TOLD_IN_VAIN = """
INSERT INTO ai_outbox (id, workspace_id, entity, entity_id, kind, occurred_at, delivered_at)
VALUES (gen_random_uuid(), $1, 'sessions', $2, 'upserted', now(), now())
"""


async def behind_our_back(stage: Stage, statement: str, *values: object) -> None:
    """Changes PazPaz's tables without an outbox row."""
    await sql(stage.databases.monolith, statement, *values)


async def insert_note(stage: Stage, practice: Practice, client: str) -> str:
    session = uuid4()
    named = UUID(practice.workspace), UUID(client)
    await behind_our_back(stage, INSERT, session, *named, LOST)
    return str(session)


def cites(practice: Practice, session: str) -> Callable[[], Awaitable[bool]]:
    """Whether the question is answered from this note."""

    async def holds() -> bool:
        answer = await practice.ask(QUESTION)
        return [one["session_id"] for one in answer["citations"]] == [session]

    return holds


async def test_what_changed_behind_our_back_is_shown_and_then_repaired(
    practice: Practice, running: Stage
) -> None:
    """Four changes without an event: a dry run names each and mends none; a run mends all and says "equal"."""
    here = ("--workspace", practice.workspace)
    client, archived = await practice.client(), await practice.client()
    deleted = await practice.note(client, subjective="She began to paint on Mondays.")
    stale = await practice.note(client, subjective="She slept badly.")
    await practice.note(archived, subjective="He began to swim on Fridays.")
    await practice.settled()
    missed = await insert_note(running, practice, client)
    edit = "UPDATE sessions SET subjective = $2, version = version + 1, updated_at = now()"
    await behind_our_back(running, f"{edit} WHERE id = $1", UUID(stale), "She slept well.")
    await behind_our_back(running, "DELETE FROM sessions WHERE id = $1", UUID(deleted))
    archive = "UPDATE clients SET is_active = false, updated_at = now() WHERE id = $1"
    await behind_our_back(running, archive, UUID(archived))

    shown = await run(running, "reconcile", "--dry-run", *here)

    assert shown.code == 1, shown.err
    for fault, entity, key in (
        ("missed", "sessions", missed),
        ("extra", "sessions", deleted),
        ("stale", "sessions", stale),
        ("stale", "clients", archived),
    ):
        assert f"  {fault:<7} {entity:<8} {key}\n" in shown.out
    assert (await practice.ask(QUESTION))["search"]["notes_read"] == 3, "a dry run mends nothing"

    repaired = await run(running, "reconcile", *here)

    assert (repaired.code, repaired.out.splitlines()[-1]) == (0, "equal"), repaired
    assert await cites(practice, missed)()
    assert (await practice.ask(QUESTION))["search"]["notes_read"] == 2
    assert "slept well" in (await practice.ask("She slept well?"))["answer"]


async def test_a_practice_suspended_behind_our_back_is_closed(
    practice: Practice, running: Stage, container: Container
) -> None:
    """Its index goes, and a second look finds nothing to say."""
    here = ("--workspace", practice.workspace)
    await practice.note(await practice.client(), subjective=LOST)
    await practice.settled()
    suspend = "UPDATE workspaces SET status = 'suspended' WHERE id = $1"
    await behind_our_back(running, suspend, UUID(practice.workspace))

    repaired = await run(running, "reconcile", *here)

    assert (repaired.code, repaired.out.splitlines()[-1]) == (0, "equal"), repaired
    workspace = WorkspaceId(UUID(practice.workspace))
    assert not await container.store.catalogue(workspace=workspace)


async def test_a_lost_webhook_is_made_good_by_the_clock(practice: Practice, running: Stage) -> None:
    """An outbox row that PazPaz holds delivered and we never saw is read from the feed when that is due."""
    client = await practice.client()
    await practice.settled()
    session = await insert_note(running, practice, client)
    named = UUID(practice.workspace), UUID(session)
    await behind_our_back(running, TOLD_IN_VAIN, *named)

    await sql(running.databases.owner, "UPDATE schedules SET due_at = now() WHERE name = 'feed'")

    await eventually(cites(practice, session), every=A_QUESTION)


async def test_a_dead_letter_is_listed_explained_dropped_and_retried(
    practice: Practice, running: Stage
) -> None:
    """No repair is called equal with it; dropped, it is drift again; mended and retried, its note is found."""
    here = ("--workspace", practice.workspace)
    session = await practice.note(await practice.client(), subjective="Nothing yet.")
    await practice.settled()
    await _break(practice, running, session)

    listed, shown, unrepaired = await asyncio.gather(
        run(running, "dead-letters", "list", *here),
        run(running, "dead-letters", "show", session),
        run(running, "reconcile", *here),
    )
    assert listed.out.count("\n") == 1
    assert f"{session}  workspace {practice.workspace}  note_unreadable" in listed.out
    assert shown.out.startswith(listed.out)
    assert "mend it there, then retry" in shown.out
    assert unrepaired.code == 1
    assert unrepaired.out.endswith("still different: missed 0  extra 0  stale 0  dead letters 1\n")

    assert (await run(running, "dead-letters", "drop", session)).out == "1 dropped.\n"
    differs = await run(running, "reconcile", "--dry-run", *here)
    assert f"stale   sessions {session}" in differs.out

    await _break(practice, running, session)
    mend = "UPDATE sessions SET undecryptable = false, subjective = $2 WHERE id = $1"
    await behind_our_back(running, mend, UUID(session), LOST)
    retried = await run(running, "dead-letters", "retry", "--all", *here)
    assert retried.out == "1 will be tried again.\n"
    await eventually(cites(practice, session), every=A_QUESTION)


async def _break(practice: Practice, stage: Stage, session: str) -> None:
    """Makes a note unreadable, and spares us the minute that five attempts take."""
    lever = f"/sessions/{session}/undecryptable"
    await practice.admin.call("POST", lever, {"undecryptable": False})
    await practice.admin.call("POST", lever, {"undecryptable": True})
    named = UUID(practice.workspace), UUID(session)
    owner = stage.databases.owner
    hurry = (
        "UPDATE work SET attempts = 4, not_before = now() WHERE workspace_id = $1 AND key = $2"
        " AND last_error IS NOT NULL AND lease_until IS NULL AND parked_at IS NULL"
    )
    parked = "SELECT parked_at FROM work WHERE workspace_id = $1 AND key = $2"

    async def given_up() -> bool:
        """An event that arrives afterwards would have it tried again."""
        await sql(owner, hurry, *named)
        travelled = not await practice.admin.pending()
        return travelled and await sql(owner, parked, *named) is not None

    await eventually(given_up)


NOBODY = str(UUID(int=7))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dead-letters", "retry"), "name one id, or say --all"),
        (("dead-letters", "drop", NOBODY, "--all"), "name one id, or say --all"),
        (("dead-letters", "drop", NOBODY), f"no dead letter has the id {NOBODY}"),
        (("dead-letters", "show", "x"), "a valid UUID"),
        (("backfill", "--since", "yesterday"), "does not match the format"),
        (("backfill", "--workspace", NOBODY), f"no active workspace {NOBODY}"),
        (("reconcile", "--workspace", NOBODY), f"no workspace {NOBODY}"),
    ],
)
async def test_a_wrong_word_does_nothing(running: Stage, words: tuple[str, ...], said: str) -> None:
    """One line that says what is wrong, and exit code 2."""
    assert said in (await run(running, *words)).complaint


async def test_the_apis_login_may_not_do_a_workers_work(running: Stage) -> None:
    """The command names the login it needs, instead of ending in the database's words."""
    words = "erase", "session", NOBODY, "--workspace", NOBODY, "--yes"
    told = await run(running, *words, environment=running.environment)
    assert "needs the worker's login" in told.complaint


async def test_a_stopped_and_a_killed_backfill_go_on_where_they_were(
    practice: Practice, running: Stage, container: Container
) -> None:
    """An emptied index is filled by three runs: stopped, killed, to the end; each note is indexed, and counted once."""
    here = ("backfill", "--workspace", practice.workspace)
    slowly = (*here, "--requests-per-minute", "30")
    await _fill(practice)
    workspace = WorkspaceId(UUID(practice.workspace))
    await _empty(running, workspace)

    first = begin(running, *slowly)
    await eventually(lambda: _asked(running, 16))
    first.send_signal(signal.SIGTERM)
    stopped = await asyncio.to_thread(ended, first)
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err.endswith(
        "stopped; 16 notes were asked for, and run again it goes on from there\n"
    )

    second = begin(running, *slowly)
    other = await run(running, "backfill", "--since", "2026-01-01")
    assert f"unfinished (--workspace {practice.workspace})" in other.complaint
    await eventually(lambda: _asked(running, 32))
    second.kill()
    second.communicate()

    third = await run(running, *here)
    assert third.code == 0, third
    assert "going on after 32 notes" in third.err
    summary = f"{NOTES + 2} notes and profiles of 1 workspaces: {NOTES + 1} indexed, 1 not to be"
    assert third.out.startswith(summary), third.out
    held = await container.store.catalogue(workspace=workspace)
    assert sorted(one.is_searched for one in held) == [False, *[True] * (NOTES + 1)]


async def test_a_backfill_makes_the_codes_that_an_older_release_did_not(
    practice: Practice, running: Stage, container: Container
) -> None:
    """One note without them keeps all of its workspace from being searched by them, and nothing is embedded anew."""
    await _fill(practice)
    workspace = WorkspaceId(UUID(practice.workspace))
    here = {"workspace": workspace, "model": container.models.embedder.model}
    one = "(SELECT max(entity_id::text)::uuid FROM vector_codes WHERE workspace_id = $1)"
    for change in ("UPDATE session_vectors SET coded = false", "DELETE FROM vector_codes"):
        await sql(
            running.databases.owner,
            f"{change} WHERE workspace_id = $1 AND entity_id = {one}",
            workspace,
        )
    _, before = await container.store.chunk_rows(**here)
    assert await container.store.chunk_codes(**here) is None

    await run(running, "backfill", "--workspace", practice.workspace)

    codes = await container.store.chunk_codes(**here)
    assert codes is not None
    assert set(codes[1].placed.places) == set(before.placed.places)


async def _fill(practice: Practice) -> None:
    """Forty notes, a draft and their client."""
    client = await practice.client()
    row = {"workspace_id": practice.workspace, "client_id": client, "subjective": LOST}
    row |= {"session_date": "2026-10-01T09:00:00Z"}
    rows = [{**row, "session_id": str(uuid4()), "is_draft": not n} for n in range(NOTES + 1)]
    await practice.admin.call("POST", "/import", {"sessions": rows})
    await practice.settled()


async def _empty(stage: Stage, workspace: WorkspaceId) -> None:
    for table in ("session_vectors", "bags", "note_catalogue"):
        await sql(stage.databases.owner, f"DELETE FROM {table} WHERE workspace_id = $1", workspace)


async def _asked(stage: Stage, notes: int) -> bool:
    asked = "SELECT asked FROM backfills WHERE finished_at IS NULL"
    return int(await sql(stage.databases.owner, asked) or 0) >= notes
