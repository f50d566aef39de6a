"""The embedded servers, which must never outlive whoever started them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.demo.stage import stage_home

SECONDS = 5
PARENT = """
import sys, time
from pathlib import Path
from service.demo.embedded import start_postgres, start_redis

folder = Path(sys.argv[1])
for start in (start_postgres, start_redis):
    child, url = start(folder)
    print(child.process.pid, url, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Below the stage's home: as root, Postgres runs as another user, who must get there."""
    path = stage_home() / f"killed-{os.getpid()}"
    path.mkdir(parents=True)
    yield path
    shutil.rmtree(path)


def _runs(pid: int) -> bool:
    """Whether a process still runs; one that ended and was not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _answers(url: str) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals children of a dead parent")
def test_servers_end_with_a_parent_that_was_killed(folder: Path) -> None:
    """kill -9 of the process that started them ends Postgres and Redis within seconds."""
    command = [sys.executable, "-c", PARENT, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        started = [parent.stdout.readline().split() for _ in range(2)]
        servers = [(int(pid), url) for pid, url in started]
        try:
            assert all(_runs(pid) and _answers(url) for pid, url in servers)
            parent.send_signal(signal.SIGKILL)
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline and any(_runs(pid) for pid, _ in servers):
                time.sleep(0.05)
            left = [(pid, url) for pid, url in servers if _runs(pid) or _answers(url)]
            assert left == []
        finally:
            parent.kill()
            for pid, _ in servers:
                if _runs(pid):
                    os.kill(pid, signal.SIGKILL)
