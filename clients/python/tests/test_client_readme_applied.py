"""The README's patch, applied to files as a stranger would: imported, type-checked, and tested by its own tests."""

import ast
import asyncio
import builtins
import inspect
import re

import pytest
from readme_host import FILES, HERE, PATCH, README, run_in, write_host

CACHE = (
    HERE.parents[2] / ".mypy_cache" / "readme"
)  # SQLAlchemy's types are read once, not each time


@pytest.fixture
def pazpaz(tmp_path):
    """A PazPaz in files, with no key anywhere."""
    return write_host(tmp_path)


def test_the_patch_is_under_sixty_lines():
    """All of it, blank lines aside."""
    lines = [line for text in PATCH.values() for line in text.splitlines() if line.strip()]

    assert 40 < len(lines) < 60


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


OTHER_BLOCKS = [
    block
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    if block not in FILES.values()
]
PAZPAZ_S_NAMES = {
    "AsyncSessionLocal",
    "Request",
    "app",
    "bearer",
    "client_id",
    "flag_of",
    "folder",
    "get_current_user",
    "http",
    "old_chat",
    "request",
    "url",
    "workspace_of",
}


def imported(tree):
    """What a block's imports bring; raises ImportError for what is not there."""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {}
    exec(compile(ast.Module(imports, []), "README.md", "exec"), names)  # noqa: S102 - our own README
    return names


def names_in(tree, context):
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }


@pytest.mark.parametrize("block", OTHER_BLOCKS)
def test_the_other_blocks_import_what_they_name(block):
    """Each name is imported, the block's own, Python's, or PazPaz's."""
    tree = ast.parse(block)
    nodes = list(ast.walk(tree))
    made = names_in(tree, ast.Store) | {node.arg for node in nodes if isinstance(node, ast.arg)}
    made |= {node.name for node in nodes if isinstance(node, ast.AsyncFunctionDef)}
    known = made | imported(tree).keys() | PAZPAZ_S_NAMES | set(dir(builtins))

    assert names_in(tree, ast.Load) - known == set()


@pytest.mark.parametrize("block", OTHER_BLOCKS)
def test_the_other_blocks_pass_what_is_taken(block):
    """Each call of what they import gives arguments by names that there are."""
    tree = ast.parse(block)
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    found = imported(tree)
    for call in calls:
        if called := found.get(call.func.id):
            given = {one.arg for one in call.keywords}
            assert given <= set(inspect.signature(called).parameters), call.func.id
