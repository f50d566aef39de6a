"""The README's patch, applied to files as a stranger would: imported, type-checked, and tested by its own tests."""

import asyncio

import pytest
from readme_host import HERE, PATCH, run_in, write_host

CACHE = (
    HERE.parents[2] / ".mypy_cache" / "readme"
)  # SQLAlchemy's types are read once, not each time


@pytest.fixture
def pazpaz(tmp_path):
    """A PazPaz in files, with no key anywhere."""
    return write_host(tmp_path)


def test_the_patch_is_sixty_lines_at_most():
    """All of it, blank lines aside."""
    lines = [line for text in PATCH.values() for line in text.splitlines() if line.strip()]

    assert 40 < len(lines) <= 60


async def test_the_readme_s_own_tests_pass(pazpaz, database_url):
    """With its conftest a question, a pull and an event reach the fake, with no key and no setting."""
    tests = ["-m", "pytest", "tests", "-p", "own_fixtures", "-o", "asyncio_mode=auto", "-q"]

    ran = await asyncio.to_thread(run_in, pazpaz, *tests, database_url=database_url)

    assert "3 passed" in ran.stdout, ran.stdout[-3000:] + ran.stderr[-3000:]


def test_importing_pazpaz_needs_no_keys(pazpaz):
    """The OpenAPI document, with the routes of the page, is made where no key is."""
    ran = run_in(pazpaz, "-c", "from pazpaz.main import app; print(*app.openapi()['paths'])")

    assert "/api/v1/ai/agent/chat" in ran.stdout.split(), ran.stderr


START = """
import asyncio
from pazpaz.main import app, lifespan

print("imported")

async def start():
    async with lifespan(app):
        print("started")

asyncio.run(start())
"""


def test_pazpaz_does_not_start_without_keys(pazpaz):
    """It says which file it cannot read, before it serves anybody."""
    ran = run_in(pazpaz, "-c", START)

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].endswith(
        "KeysUnusable: no-such-folder/keys.json cannot be read (No such file or directory)"
    )
    assert ran.stdout == "imported\n"


def test_the_patch_passes_mypy_strict(pazpaz):
    """What a PazPaz developer pastes needs no annotation added and no error silenced."""
    pytest.importorskip("mypy", reason="the environments of `make compat` have none")
    strict = ["--strict", "--follow-imports=silent", f"--cache-dir={CACHE}"]
    checked = ["src/pazpaz/ai_bridge.py", "src/pazpaz/main.py"]

    ran = run_in(pazpaz, "-m", "mypy", *strict, *checked)

    assert ran.stdout == "Success: no issues found in 2 source files\n", ran.stdout + ran.stderr


DIFFERENCES = """
import asyncio, os, sys
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from pazpaz.db.base import Base
from sqlalchemy.ext.asyncio import create_async_engine

def migrate(connection):
    Base.metadata.create_all(connection)  # PazPaz's own tables: the patch is not imported yet
    with Operations.context(MigrationContext.configure(connection)):
        from versions import ai_outbox
        ai_outbox.upgrade()

def compare(connection):
    differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    print(sorted({difference[0] for difference in differences}))

async def main():
    async with create_async_engine(os.environ["DATABASE_URL"]).begin() as connection:
        await connection.run_sync(migrate)
        await connection.run_sync(compare)
        import env
        await connection.run_sync(compare)

sys.path.append("alembic")
asyncio.run(main())
"""


async def test_alembic_has_nothing_to_change_once_env_imports_the_patch(pazpaz, database_url):
    """Without that line it would drop the outbox."""
    ran = await asyncio.to_thread(run_in, pazpaz, "-c", DIFFERENCES, database_url=database_url)

    assert ran.stdout.splitlines() == ["['remove_index', 'remove_table']", "[]"], ran.stderr
