"""Migrating a database that others use: who waits for whom, for how long, and what a person reads."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from service import cli
from service.adapters.postgres import schema
from service.adapters.postgres.schema import Patience, Schema, migrate_async
from service.container import open_container
from service.demo.processes import free_port
from service.demo.stage import Stage
from service.errors import BadSettings, SchemaBusy
from service.settings import Settings
from tests.schemas import a_database, connected, head, migrations_with

HASTY = Patience(lock_seconds=0.2, tries=2, pause_seconds=0.1, statement_seconds=5)
PERSISTENT = Patience(lock_seconds=0.2, tries=1000, pause_seconds=0.1, statement_seconds=60)
ADD_A_COLUMN = "op.execute('ALTER TABLE bags ADD COLUMN made_up int')"
IN_ANY_CASE = 30.0


@pytest.fixture(scope="module")
async def migrated(stage: Stage) -> AsyncIterator[str]:
    """The name of a database with the newest schema, to be copied."""
    async with a_database(stage.servers.admin_url) as made:
        await migrate_async(made)
        yield str(make_url(made).database)


@pytest.fixture
async def url(stage: Stage, migrated: str) -> AsyncIterator[str]:
    """Of a database with the newest schema."""
    async with a_database(stage.servers.admin_url, like=migrated) as made:
        yield made


@asynccontextmanager
async def used(url: str, table: str = "bags") -> AsyncIterator[None]:
    """Somebody's transaction that has looked at a table, and goes on."""
    somebody = await connected(url)
    try:
        async with somebody.transaction():
            await somebody.execute(f"SELECT FROM {table} LIMIT 1")
            yield
    finally:
        await somebody.close()


async def columns(url: str, table: str = "bags") -> set[str]:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
    reader = await connected(url)
    try:
        return {row["attname"] for row in await reader.fetch(query, table)}
    finally:
        await reader.close()


async def test_two_at_once_wait_for_each_other(stage: Stage) -> None:
    """One runs everything; the other is told to wait, finds nothing to do, and both are content."""
    told: list[str] = []
    async with a_database(stage.servers.admin_url) as url:
        done = await asyncio.gather(
            *(migrate_async(url, on_wait=lambda: told.append("wait")) for _ in range(2))
        )
    ran = sorted((schema.missing for schema in done), key=len)
    assert ran[0] == []
    assert ran[1][-1] == head()
    assert told == ["wait"]


async def test_a_table_in_use_is_waited_for_in_short_turns(url: str, tmp_path: Path) -> None:
    """Nobody else waits longer than a turn, it is given up after the last, and nothing of it was done."""
    folder = migrations_with(tmp_path / "m", after=head(), added=ADD_A_COLUMN)
    async with used(url):
        with pytest.raises(SchemaBusy):
            await migrate_async(url, patience=HASTY, folder=folder)
    assert "made_up" not in await columns(url)
    assert await migrate_async(url, patience=HASTY, folder=folder) == Schema(["added"])
    assert "made_up" in await columns(url)


async def test_others_read_on_between_two_turns(url: str, tmp_path: Path) -> None:
    """While a table does not come free, queries that came behind the migration are answered all the same."""
    folder = migrations_with(tmp_path / "m", after=head(), added=ADD_A_COLUMN)
    reader = await connected(url)
    async with used(url):
        waiting = asyncio.create_task(migrate_async(url, patience=PERSISTENT, folder=folder))
        for _ in range(20):
            await reader.execute("SELECT FROM bags LIMIT 1", timeout=IN_ANY_CASE)
            await asyncio.sleep(0.05)
        assert not waiting.done()
    assert (await asyncio.wait_for(waiting, IN_ANY_CASE)).missing == ["added"]
    await reader.close()


async def test_what_was_done_before_a_busy_table_stays_done(url: str, tmp_path: Path) -> None:
    """Each migration is a transaction of its own, and the next run goes on where this one stopped."""
    first = "op.execute('ALTER TABLE turns ADD COLUMN made_up int')"
    folder = migrations_with(tmp_path / "m", after=head(), first=first, second=ADD_A_COLUMN)
    async with used(url):
        with pytest.raises(SchemaBusy):
            await migrate_async(url, patience=HASTY, folder=folder)
    assert "made_up" in await columns(url, "turns")
    assert (await migrate_async(url, patience=HASTY, folder=folder)).missing == ["second"]


async def test_a_statement_without_end_is_undone(url: str, tmp_path: Path) -> None:
    """It holds its locks no longer than the setting says."""
    body = f"{ADD_A_COLUMN}; op.execute('SELECT pg_sleep(60)')"
    folder = migrations_with(tmp_path / "m", after=head(), endless=body)
    with pytest.raises(BadSettings, match="longer than MIGRATION_STATEMENT_SECONDS"):
        await migrate_async(url, patience=Patience(statement_seconds=0.5), folder=folder)
    assert "made_up" not in await columns(url)


async def test_an_index_is_built_while_others_write(url: str, tmp_path: Path) -> None:
    """It waits for who was there before it, longer than a lock or a statement may; who comes later writes on."""
    body = "create_index('made_up', 'schedules (due_at)')"
    folder = migrations_with(tmp_path / "m", after=head(), index=body)
    # Two seconds: the small statements around it were cut off at half a one on a machine full of tests.
    patience = Patience(lock_seconds=0.1, tries=1, statement_seconds=2)
    before, later = await connected(url), await connected(url)
    async with before.transaction():
        await before.execute("UPDATE schedules SET failures = 0")
        building = asyncio.create_task(migrate_async(url, patience=patience, folder=folder))
        await asyncio.sleep(2.5)
        await later.execute(
            "INSERT INTO schedules (name, due_at) VALUES ('x', now())", timeout=IN_ANY_CASE
        )
        assert not building.done()
    assert (await asyncio.wait_for(building, IN_ANY_CASE)).missing == ["index"]
    assert await later.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'made_up'::regclass"
    )
    for one in (before, later):
        await one.close()


async def test_an_index_that_was_cut_off_is_built_anew(url: str, tmp_path: Path) -> None:
    """A build that failed leaves an index that is kept up and never used."""
    owner = await connected(url)
    await owner.execute("INSERT INTO schedules (name, due_at) VALUES ('a', now()), ('b', now())")
    with pytest.raises(Exception, match="duplicated"):
        await owner.execute("CREATE UNIQUE INDEX CONCURRENTLY made_up ON schedules ((failures))")
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'made_up'::regclass"
    assert await owner.fetchval(valid) is False
    made = "create_index('made_up', 'schedules (failures)')"
    folder = migrations_with(tmp_path / "m", after=head(), made=made, gone="drop_index('made_up')")
    await migrate_async(url, to="made", folder=folder)
    assert await owner.fetchval(valid) is True
    await migrate_async(url, folder=folder)
    assert await owner.fetchval("SELECT to_regclass('made_up')") is None
    await owner.close()


Run = Callable[..., Awaitable["Outcome"]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a person, or a Job's log, gets."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process, in a thread without a loop."""

    async def call(url: str, *words: str) -> Outcome:
        monkeypatch.setenv("MIGRATION_DATABASE_URL", url)
        monkeypatch.setattr(sys, "argv", ["pazpaz-agent", "migrate", *words])
        with pytest.raises(SystemExit) as caught:
            await asyncio.to_thread(cli.main)
        return Outcome(int(caught.value.code or 0), *capsys.readouterr())

    return call


@pytest.mark.parametrize(
    ("revision", "code", "out", "err"),
    [
        ("2999_01_01_later", 0, "newer than this version; left as it is", ""),
        ("2001_01_01_another", 2, "", "'2001_01_01_another' is no schema that this version knows"),
    ],
)
async def test_a_schema_of_another_version(
    run: Run, url: str, revision: str, code: int, out: str, err: str
) -> None:
    """What a newer version made is left alone, as a rollback of pods wants it; what nobody knows is refused."""
    owner = await connected(url)
    await owner.execute("UPDATE alembic_version SET version_num = $1", revision)
    await owner.close()
    for words in ((), ("--check",)):
        done = await run(url, *words)
        assert done.code == code
        assert out in done.out
        assert err in done.err
        assert done.err.count("\n") == bool(err)


async def test_what_is_missing_is_told_without_a_change(run: Run, stage: Stage) -> None:
    """--check exits with 1 before, and with 0 after; a second run has nothing to do."""
    async with a_database(stage.servers.admin_url) as url:
        before = await run(url, "--check")
        assert (before.code, before.err) == (1, "")
        assert before.out.splitlines()[-1] == f"Missing: {head()}"
        ran = await run(url)
        assert (ran.code, ran.err) == (0, "")
        assert f"Ran: {head()}\nThe database has the newest schema.\n" in ran.out
        for words in ((), ("--check",)):
            assert await run(url, *words) == Outcome(0, "The database has the newest schema.\n", "")


async def test_a_busy_table_is_one_line_and_exit_code_1(
    run: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not 2: run again, it may succeed."""
    folder = migrations_with(tmp_path / "m", after=head(), added=ADD_A_COLUMN)

    def hasty(url: str, *, patience: Patience, on_wait: Callable[[], None]) -> Schema:
        assert patience == Patience()
        return asyncio.run(migrate_async(url, patience=HASTY, folder=folder, on_wait=on_wait))

    monkeypatch.setattr(schema, "migrate", hasty)
    async with used(url):
        busy = await run(url)
    assert (busy.code, busy.out) == (1, "")
    assert busy.err.startswith("pazpaz-agent: A table that a migration changes did not come free")
    assert busy.err.count("\n") == 1


async def test_a_database_that_is_away_is_one_line(run: Run) -> None:
    """Exit code 2; the address is not shown."""
    done = await run(f"postgresql://owner:canary@127.0.0.1:{free_port()}/ai")
    assert done == Outcome(
        2,
        "",
        "pazpaz-agent: MIGRATION_DATABASE_URL: the database cannot be reached (ConnectionRefusedError)\n",
    )


@pytest.mark.parametrize(
    ("at", "lacking"),
    [
        ("2026_11_30_fast", "it lacks index_state[,;]"),
        (
            "2026_11_30_trust",
            "it lacks index_state, index_changes.workspace_id, index_changes.epoch and ",
        ),
    ],
)
async def test_nothing_starts_on_an_older_schema(stage: Stage, at: str, lacking: str) -> None:
    """API, worker and commands name what is missing, before a note or a question is touched."""
    async with a_database(stage.servers.admin_url) as url:
        await migrate_async(url, to=at)
        with pytest.raises(BadSettings, match="the schema is not this version's, " + lacking):
            async with open_container(settings_on(url, stage)):
                pass


async def test_everything_starts_on_a_newer_schema(stage: Stage, url: str, tmp_path: Path) -> None:
    """What we do not know is left alone."""
    folder = migrations_with(tmp_path / "m", after=head(), added=ADD_A_COLUMN)
    await migrate_async(url, folder=folder)
    async with open_container(settings_on(url, stage)) as opened:
        await opened.check_models()


def settings_on(url: str, stage: Stage) -> Settings:
    """The worker's, on another database of the same server."""
    own = make_url(stage.databases.worker).set(database=make_url(url).database)
    address = SecretStr(own.render_as_string(hide_password=False))
    return stage.settings().model_copy(update={"database_url": address})
