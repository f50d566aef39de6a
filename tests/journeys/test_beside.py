"""A PazPaz developer runs the service beside their own PazPaz, with what one command prints."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from service.container import open_container
from service.demo.processes import free_port
from service.demo.stage import Stage, open_stage
from service.settings import Settings, load
from tests.journeys.practice import open_practice

QUESTION = "מתי התחילה לרוץ שוב?"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a socket, and open to whom Postgres runs as."""
    made = Path(tempfile.mkdtemp(prefix="pz"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _beside(folder: Path, monolith_url: str, **surroundings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli", "beside", monolith_url, "--port", str(_two_ports())],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder), **surroundings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _two_ports() -> int:
    """A free one below a free one."""
    while True:
        with suppress(OSError), socket.socket() as next_one:
            port = free_port()
            next_one.bind(("127.0.0.1", port + 1))
            return port


def _said_until_ready(running: subprocess.Popen[str]) -> str:
    assert running.stdout
    said = ""
    for line in running.stdout:
        said += line
        if line.startswith("Ready."):
            return said
    raise AssertionError(said)


def _as_told(stage: Stage, said: str) -> Stage:
    """A PazPaz whose settings are the printed lines; the stand-in names two of them otherwise."""
    told = dict(re.findall(r"^(AI_\w+)=(.+)$", said, re.MULTILINE))
    renamed = {"DEMO_SIGNING_KEYS_DIR": "AI_KEYS_DIR", "DEMO_SERVICE_KEYS_FILE": "AI_SERVICE_KEYS"}
    told |= {ours: told.pop(name) for ours, name in renamed.items()}
    return replace(stage, monolith_environment={**stage.monolith_environment, **told}, children={})


def _its_settings(said: str) -> Settings:
    """What the file of the last printed command gives to a shell."""
    [path] = re.findall(r"set -a; \. (\S+);", said)
    shown = subprocess.run(
        ["/bin/sh", "-c", f"set -a; . {path}; env -0"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(one.split("=", 1) for one in shown.stdout.split("\0") if one)
    ours = {name.lower(): value for name, value in found.items()}
    return load(Settings, **{name: ours[name] for name in ours.keys() & Settings.model_fields})


async def test_a_note_of_their_pazpaz_is_found_by_what_was_printed(
    folder: Path, stage: Stage
) -> None:
    """Servers, keys and databases are made, and the printed lines join both sides."""
    name = f"pazpaz_of_a_developer_{os.getpid()}"
    async with open_stage(folder / "theirs", name=name, servers=stage.servers) as theirs:
        secret = theirs.monolith_environment["SECRET_KEY"]
        running = _beside(folder, theirs.monolith_url, SECRET_KEY=secret)
        said = await asyncio.to_thread(_said_until_ready, running)
        pazpaz = _as_told(theirs, said)
        pazpaz.start("monolith")
        await pazpaz.until_up(pazpaz.monolith_url)
        async with (
            open_container(_its_settings(said)) as container,
            open_practice(pazpaz, container) as practice,
        ):
            client = await practice.client()
            session = await practice.note(client, subjective="התחילה לרוץ שוב ביום שלישי.")
            await practice.settled()
            answer = await practice.ask(QUESTION, client_id=client)
        pazpaz.stop("monolith")
        running.terminate()
        assert await asyncio.to_thread(running.wait, 30) == 0
    assert [one["session_id"] for one in answer["citations"]] == [session]


def test_without_pazpaz_s_key_nothing_is_started(folder: Path) -> None:
    """One line says what to set, before any server was made."""
    running = _beside(folder, "http://127.0.0.1:9")
    said, _ = running.communicate(timeout=30)
    assert (running.returncode, said.count("\n")) == (2, 1)
    assert said.startswith("pazpaz-agent: SECRET_KEY: ")
    assert not list(folder.rglob("postgres*"))
