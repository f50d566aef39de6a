"""What a migration may do while the release before works on the same tables."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from service.adapters.postgres.schema import MIGRATIONS
from tests.releases import before, git
from tests.schemas import head, migrations_with

SQUAWK = Path(sys.executable).with_name("squawk")
OF_TASTE = (
    "require-lock-timeout",  # `migrate` sets both for every statement
    "require-statement-timeout",
    "prefer-robust-stmts",  # a migration is one transaction, or one index that is dropped before
    "prefer-bigint-over-int",
)
CONTRACTS = (
    "ban-drop-column",
    "ban-drop-table",
    "ban-drop-constraint",
    "ban-drop-function",
    "ban-drop-not-null",
    "ban-drop-default",
    "renaming-column",
    "renaming-table",
)
"""What breaks a release that still reads it, and is free once none does."""
ROWS = re.compile(r"^\s*(UPDATE|DELETE|TRUNCATE|DO)\b", re.MULTILINE)
TRANSACTION = re.compile(r"BEGIN;(.*?)COMMIT;", re.DOTALL)


def scripts(folder: Path = MIGRATIONS) -> dict[str, Script]:
    config = Config()
    config.set_main_option("script_location", str(folder))
    return {one.revision: one for one in ScriptDirectory.from_config(config).walk_revisions()}


def sql_of(module: ModuleType) -> str:
    """What it would run, transactions included."""
    said = io.StringIO()
    options = {"as_sql": True, "output_buffer": said}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context), context.begin_transaction():
        module.upgrade()
    return said.getvalue()


def faults(module: ModuleType, *, released: Sequence[str] = ()) -> set[str]:
    """Squawk's rules and ours that it breaks. `waits_for` names the first release that reads no more what goes here."""
    waits_for = getattr(module, "waits_for", None)
    if waits_for is not None and waits_for not in released:
        return {f"waits for {waits_for}, which is not released"}
    sql = sql_of(module)
    found = _squawked(sql) - set(CONTRACTS if waits_for else ())
    if ROWS.search(sql):
        found.add("changes rows, or in code that cannot be read")
    if "CONCURRENTLY" in sql and any(part.strip() for part in TRANSACTION.findall(sql)):
        found.add("does more than a concurrent index")
    return found


def _squawked(sql: str) -> set[str]:
    argv = [SQUAWK, "--pg-version=16", "--reporter=json", f"--exclude={','.join(OF_TASTE)}"]
    done = subprocess.run(argv, input=sql, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return {fault["rule_name"] for fault in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def release() -> str:
    name = before()
    if name is None:
        pytest.skip("no release before this one: there is no git history")
    return name


def test_what_was_released_is_as_it_was(release: str) -> None:
    """A database that has run a migration never runs it again, whatever it says now."""
    listed = git("ls-tree", "-r", "--name-only", release, "--", "migrations/versions") or b""
    for name in listed.decode().split():
        now = MIGRATIONS.parent / name
        assert now.is_file(), f"{name} stood in {release} and is gone"
        assert now.read_bytes() == git("show", f"{release}:{name}"), f"{name} has changed since"


def test_new_migrations_let_the_release_before_work_on(release: str) -> None:
    """Those that came after it only add, take no long lock, and undo only what no release reads any more."""
    released = (git("tag", "--merged", release) or b"").decode().split()
    for name, script in scripts().items():
        if git("cat-file", "-e", f"{release}:migrations/versions/{Path(script.path).name}") is None:
            assert faults(script.module, released=released) == set(), name


def made_up(folder: Path, body: str, **more: str) -> ModuleType:
    name = "2999_01_01_made_up"
    copied = migrations_with(folder / "m", after=head(), **{name: body})
    module = scripts(copied)[name].module
    vars(module).update(more)
    return module


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("ALTER TABLE bags DROP COLUMN day", "ban-drop-column"),
        ("DROP TABLE bags", "ban-drop-table"),
        ("ALTER TABLE bags RENAME COLUMN day TO date", "renaming-column"),
        ("ALTER TABLE bags RENAME TO sacks", "renaming-table"),
        ("ALTER TABLE bags ADD COLUMN n text NOT NULL", "adding-required-field"),
        (
            "ALTER TABLE bags ADD COLUMN n uuid DEFAULT gen_random_uuid()",
            "adding-field-with-default",
        ),
        ("ALTER TABLE bags ALTER COLUMN day TYPE text", "changing-column-type"),
        ("ALTER TABLE bags ALTER COLUMN day SET NOT NULL", "adding-not-nullable-field"),
        ("CREATE INDEX made_up ON bags (day)", "require-concurrent-index-creation"),
        ("DROP INDEX note_catalogue_client", "require-concurrent-index-deletion"),
        ("ALTER TABLE bags ADD CONSTRAINT c CHECK (key_epoch > 0)", "constraint-missing-not-valid"),
        ("ALTER TABLE bags ADD CONSTRAINT u UNIQUE (day)", "disallowed-unique-constraint"),
        (
            "ALTER TABLE bags ADD CONSTRAINT c CHECK (key_epoch > 0) NOT VALID;"
            " ALTER TABLE bags VALIDATE CONSTRAINT c",
            "constraint-missing-not-valid",
        ),
        (
            "ALTER TABLE bags ADD COLUMN n uuid REFERENCES turns (id)",
            "adding-foreign-key-constraint",
        ),
        ("DROP FUNCTION index_state(uuid)", "ban-drop-function"),
        ("UPDATE bags SET day = NULL", "changes rows, or in code that cannot be read"),
        ("DO $$ BEGIN PERFORM 1; END $$", "changes rows, or in code that cannot be read"),
    ],
)
def test_a_step_that_breaks_or_stops_others_is_refused(
    tmp_path: Path, sql: str, fault: str
) -> None:
    """Each for its own reason."""
    assert fault in faults(made_up(tmp_path, f"op.execute({sql!r})"))


@pytest.mark.parametrize(
    "body",
    [
        "op.execute('ALTER TABLE bags ADD COLUMN n text')",
        "op.execute('ALTER TABLE bags ADD COLUMN n boolean NOT NULL DEFAULT false')",
        "op.execute('CREATE TABLE made (id uuid PRIMARY KEY); CREATE INDEX i ON made (id)')",
        "op.execute('ALTER TABLE bags ADD CONSTRAINT c CHECK (key_epoch > 0) NOT VALID')",
        "op.execute('ALTER TABLE bags VALIDATE CONSTRAINT c')",
        "create_index('made_up', 'bags (day)')",
        "drop_index('note_catalogue_client')",
    ],
)
def test_a_step_that_only_adds_passes(tmp_path: Path, body: str) -> None:
    """Columns that may be empty, tables with what belongs to them, constraints in two steps, indexes beside others."""
    assert faults(made_up(tmp_path, body)) == set()


def test_an_index_beside_others_stands_alone(tmp_path: Path) -> None:
    """What stood before it would be committed by itself."""
    body = "op.execute('ALTER TABLE bags ADD COLUMN n text'); create_index('made_up', 'bags (n)')"
    assert faults(made_up(tmp_path, body)) == {"does more than a concurrent index"}


def test_a_contract_waits_for_its_release(tmp_path: Path) -> None:
    """It names the first release that no longer reads what goes, and that one must be out; its locks stay short."""
    dropped = "op.execute('ALTER TABLE bags DROP COLUMN day')"
    module = made_up(tmp_path, dropped, waits_for="v1.0.0")
    assert faults(module, released=["v0.9.0"]) == {"waits for v1.0.0, which is not released"}
    assert faults(module, released=["v0.9.0", "v1.0.0"]) == set()
    module = made_up(
        tmp_path / "b", "op.execute('DROP INDEX note_catalogue_client')", waits_for="v1"
    )
    assert faults(module, released=["v1"]) == {"require-concurrent-index-deletion"}
