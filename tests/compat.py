"""The client's own tests on each Python of this machine, with the oldest and with the newest of what it stands on.

Each cell is an environment of its own, in which the service is not installed. All use one Postgres and one Redis.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from service.demo.embedded import start_postgres, start_redis

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "clients" / "python"
OLDEST_PYTHON = (3, 11)
RESOLUTIONS = {
    "lowest": ["--resolution", "lowest-direct"],
    "highest": ["--prerelease", "if-necessary-or-explicit"],
}
# What the tests use beside the package; their floors keep the lowest resolution to what is the package's own.
TOOLS = (
    "alembic>=1.13",
    "asyncpg>=0.30",
    "hatchling>=1.27",
    "hypothesis>=6.150",
    "jsonschema-rs>=0.40",
    "pip>=24",
    "pyjwt>=2.10",
    "pytest>=9",
    "pytest-asyncio>=1.3",
    "redis>=5.0.1",
    "uvicorn>=0.30",
)
REPORT = """
import importlib.metadata as m, sys
names = ("fastapi", "sqlalchemy", "pydantic", "arq", "redis")
print(sys.version.split()[0], *(f"{name} {m.version(name)}" for name in names))
"""


def main() -> int:
    """One line a cell; 1 when one of them failed."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)  # Postgres runs as another user
        environment = _servers(Path(folder), stack)
        passed = [
            _cell(python, resolution, environment)
            for python in _pythons()
            for resolution in RESOLUTIONS
        ]
    return 0 if passed and all(passed) else 1


def _servers(folder: Path, stack: ExitStack) -> dict[str, str]:
    postgres, database_url = start_postgres(folder)
    stack.callback(postgres.stop)
    redis, redis_url = start_redis(folder)
    stack.callback(redis.stop)
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


def _pythons() -> Iterator[str]:
    """The interpreters on PATH, by version."""
    for minor in range(OLDEST_PYTHON[1], 20):
        if path := _interpreter(f"3.{minor}"):
            yield path


def _interpreter(version: str) -> str | None:
    shim = shutil.which(f"python{version}", path=_path_without_this_environment())
    if shim is None:
        return None
    # pyenv's shims are on PATH whether or not their version is chosen; this chooses it.
    environment = {**os.environ, "PYENV_VERSION": version}
    told = subprocess.run(
        [shim, "-c", "import sys; print(sys.executable)"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or None


def _path_without_this_environment() -> str:
    ours = str(Path(sys.prefix) / "bin")
    return os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != ours)


def _cell(python: str, resolution: str, servers: dict[str, str]) -> bool:
    base = [_uv(), "run", "--isolated", "--no-project", "--python", python]
    # Refreshed, because uv would take a wheel that it built of older sources for as good.
    base += ["--refresh-package", "pazpaz-ai-client"]
    base += [*RESOLUTIONS[resolution], "--quiet", "--with", f"{CLIENT}[arq]"]
    for tool in TOOLS:
        base += ["--with", tool]
    versions = _run([*base, "python", "-c", REPORT], servers)
    tests = ["pytest", "-c", str(ROOT / "pyproject.toml"), str(CLIENT / "tests")]
    tests += ["-p", "no:cacheprovider", *sys.argv[1:]]
    ran = _run([*base, *tests], servers)
    last = (ran.stdout.strip().splitlines() or ["nothing"])[-1]
    told = versions.stdout.strip() or versions.stderr.strip()[-300:]
    _say(f"{resolution:8}{told}: {last}")
    if ran.returncode:
        _say(ran.stdout[-6000:] + ran.stderr[-2000:])
    return ran.returncode == 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run(command: list[str], servers: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"UV_PYTHON_DOWNLOADS": "never", **servers}
    return subprocess.run(
        command, cwd=CLIENT, env=environment, capture_output=True, text=True, check=False
    )


def _uv() -> str:
    """`uv run` says where it is."""
    return os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")


if __name__ == "__main__":
    sys.exit(main())
