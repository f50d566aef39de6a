"""The release before and this code on one database, whose schema is this code's and a step ahead."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from service.adapters.postgres.schema import migrate_async
from service.container import Container, open_container
from service.demo.stage import Stage, open_stage
from service.demo.therapist import HISTORY, Therapist, signed_in
from tests.journeys.practice import Practice, open_practice
from tests.releases import Release
from tests.schemas import EXPAND, connected, head, migrations_with

TOLD = "הסיסמה של הכספת המשפחתית היא ציפור כחולה."
RETOLD = "הסיסמה של הכספת המשפחתית היא דולפין ירוק."
QUESTION = "מה הסיסמה של הכספת המשפחתית?"


@dataclass(frozen=True)
class Both:
    """Two APIs, each behind a PazPaz of its own, on one database; workers are started when they are wanted."""

    old: Stage
    new: Stage
    container: Container


@pytest.fixture(scope="module")
async def both(stage: Stage, release: Release, tmp_path_factory) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        new = await stack.enter_async_context(
            open_stage(
                stage.folder / "versions",
                name=f"pazpaz_versions_{os.getpid()}",
                servers=stage.servers,
            )
        )
        folder = migrations_with(tmp_path_factory.mktemp("m") / "m", after=head(), **EXPAND)
        ran = await migrate_async(new.databases.owner, folder=folder)
        assert list(ran.missing) == list(EXPAND)
        old = release.on(new.beside())
        for one in (new, old):
            stack.callback(one.stop_all)
            one.start("monolith", "api")
            await one.until_up(one.monolith_url)  # the first makes PazPaz's tables
        for one in (new, old):
            await one.until_up(one.service_url)
        container = await stack.enter_async_context(open_container(new.settings()))
        yield Both(old, new, container)


@asynccontextmanager
async def working(stage: Stage) -> AsyncIterator[None]:
    """A worker of that version, alone."""
    stage.start("worker")
    try:
        yield
    finally:
        stage.stop("worker")


@dataclass(frozen=True)
class Desk:
    """A therapist who asks both versions."""

    practice: Practice
    at_old: Therapist
    at_new: Therapist

    async def ask(self, whom: Therapist, **more: str) -> dict:
        response = await whom.ask(QUESTION, **more)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def read(self, whom: Therapist, conversation: str) -> dict:
        response = await whom.call("GET", f"{HISTORY}/{conversation}")
        assert response.status_code == 200, response.text
        return dict(response.json())


@asynccontextmanager
async def open_desk(both: Both) -> AsyncIterator[Desk]:
    async with (
        open_practice(both.new, both.container) as practice,
        signed_in(both.old.monolith_url, practice.user) as at_old,
    ):
        yield Desk(practice, at_old, practice.therapist)


@pytest.fixture(scope="module")
async def desk(both: Both) -> AsyncIterator[Desk]:
    """With one note, which the old version indexed."""
    async with open_desk(both) as opened:
        client = await opened.practice.client()
        async with working(both.old):
            await opened.practice.note(client, subjective=TOLD)
            await opened.practice.settled()
        yield opened


def test_the_old_processes_are_of_the_release(release: Release, both: Both) -> None:
    """And not of this code, which is installed in the same Python."""
    code = "import service, pazpaz_ai_client as c; print(service.__file__, c.__file__)"
    env = {**os.environ, **both.old.environment}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert all(one.startswith(str(release.folder)) for one in said.stdout.decode().split())


async def test_each_finds_changes_and_forgets_what_the_other_indexed(both: Both) -> None:
    """One note goes from worker to worker, and is asked about at both versions each time."""
    async with open_desk(both) as desk:
        practice = desk.practice
        client = await practice.client()
        async with working(both.new):
            session = await practice.note(client, subjective=TOLD)
            await practice.settled()
            await _both_cite(desk, session, "ציפור כחולה")
        async with working(both.old):
            await practice.therapist.edit(session, subjective=RETOLD)
            await practice.settled()
            await _both_cite(desk, session, "דולפין ירוק")
        async with working(both.new):
            await practice.therapist.edit(session, subjective=TOLD)
            await practice.settled()
            await _both_cite(desk, session, "ציפור כחולה")
        async with working(both.old):
            await practice.do("DELETE", f"/api/v1/sessions/{session}")
            await practice.settled()
        for whom in (desk.at_old, desk.at_new):
            assert (await desk.ask(whom))["citations"] == []


async def _both_cite(desk: Desk, session: str, words: str) -> None:
    for whom in (desk.at_old, desk.at_new):
        said = await desk.ask(whom)
        assert [one["session_id"] for one in said["citations"]] == [session]
        assert words in said["answer"]


async def test_a_conversation_goes_on_at_the_other(desk: Desk) -> None:
    """Begun at either, continued at the other, read at both."""
    for first, second in ((desk.at_old, desk.at_new), (desk.at_new, desk.at_old)):
        begun = await desk.ask(first)
        kept = begun["conversation_id"]
        went_on = await desk.ask(second, conversation_id=kept)
        for whom in (first, second):
            turns = (await desk.read(whom, kept))["turns"]
            assert [turn["answer"] for turn in turns] == [begun["answer"], went_on["answer"]]


async def test_a_column_that_the_release_reads_cannot_go(both: Both, desk: Desk) -> None:
    """What these tests are for: were it dropped now, the old version would fail before it was replaced."""
    owner = await connected(both.new.databases.owner)
    column = "texts jsonb NOT NULL DEFAULT '{}'"
    await owner.execute("ALTER TABLE turn_sources DROP COLUMN texts")
    try:
        with pytest.raises(AssertionError):
            await desk.ask(desk.at_old)
    finally:
        await owner.execute(f"ALTER TABLE turn_sources ADD COLUMN {column}")
        await owner.close()
    await desk.ask(desk.at_old)
