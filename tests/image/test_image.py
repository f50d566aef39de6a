"""The image is built, weighed, looked into, and answers a question: `make image`, as root."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.container import open_container
from service.demo.stage import Stage
from tests.image.buildah import Buildah, Container
from tests.image.conftest import ROOT
from tests.journeys.practice import Practice, open_practice

pytestmark = pytest.mark.image

USER = 10001
AGENT = "pazpaz-agent"
PARTS = {"api": "serve", "worker": "worker"}
STOP_SECONDS = 30
ENDED = "subprocess exited on terminated"
"""buildah's words; after its last answer uvicorn ends by the signal that it was sent."""
MAY_BE_WRITTEN = {"tmp", "var/tmp", "run/lock"}
INSTALLED = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
NOTE = 'המטופלת לוקחת איבופרן 400 מ"ג פעמיים ביום. ישנה היטב.'
QUESTION = "כמה איבופרן היא לוקחת?"


def test_its_weight_is_told(engine: Buildah, image: str, container: Container) -> None:
    """What is ours of it stays below 300 MB, and 100 MB compressed, whatever the base weighs."""
    *base, ours = engine.layers(image)
    unpacked = _bytes(container.root / "venv")
    print(  # noqa: T201 - the figures `make image` is run for
        f"\nimage: {ours / 1e6:.0f} MB of ours to pull on a base of {sum(base) / 1e6:.0f}; "
        f"unpacked {unpacked / 1e6:.0f} on {(_bytes(container.root) - unpacked) / 1e6:.0f}"
    )
    assert ours < 100e6
    assert unpacked < 300e6


def test_it_has_what_runs_and_nothing_that_builds_or_tests(container: Container) -> None:
    """No compiler, no packager of ours, no tests, no sources beside those installed."""
    found = {
        path.name
        for folder in ("usr/bin", "usr/local/bin", "venv/bin")
        for path in (container.root / folder).glob("*")
    }
    assert {AGENT, "python3"} <= found
    assert found & {"gcc", "cc", "ld", "strip", "uv", "make", "git", "pytest"} == set()
    assert [*(container.root / "venv").rglob("tests")] == []
    assert not (container.root / "src").exists()
    assert not (container.root / "uv").exists()


def test_its_user_is_nobody_and_may_change_nothing(
    engine: Buildah, image: str, container: Container
) -> None:
    """Uid 10001; it can write where everybody may, and nowhere else."""
    assert engine.settings(image)["User"] == f"{USER}:{USER}"
    assert container.run("id", "-u").stdout.strip() == str(USER)
    look = "find / -xdev ( -type f -o -type d ) -writable -not -path /proc/* -not -path /dev/* -not -path /sys/*"
    writable = container.run(*look.split()).stdout.splitlines()
    assert {path.lstrip("/") for path in writable} == MAY_BE_WRITTEN


def test_its_bill_of_materials_is_what_is_installed(
    engine: Buildah, image: str, container: Container
) -> None:
    """The label leads to a CycloneDX document with every distribution in it, at its version."""
    labelled = engine.settings(image)["Labels"]["ai.pazpaz.sbom"]
    document = json.loads((container.root / labelled.lstrip("/")).read_text())
    listed = {(one["name"], one.get("version")) for one in document["components"]}
    listed.add(
        (document["metadata"]["component"]["name"], document["metadata"]["component"]["version"])
    )
    lines = container.run("python3", "-c", INSTALLED).stdout.splitlines()
    installed = {
        (name.lower().replace("_", "-"), version) for name, version in map(str.split, lines)
    }
    assert document["bomFormat"] == "CycloneDX"
    assert len(installed) > 50
    assert {(name.replace(".", "-"), version) for name, version in installed} <= {
        (name.lower().replace("_", "-").replace(".", "-"), version) for name, version in listed
    }


def test_without_settings_it_says_so_in_a_line(container: Container) -> None:
    """Exit code 2, the names of what is missing, and no traceback."""
    done = container.run(AGENT, "serve")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_traces_are_an_argument(engine: Buildah, base: str) -> None:
    """Built with EXTRAS=otel it has what TRACES_URL needs, and its bill of materials says so."""
    engine.build(ROOT, "localhost/pazpaz-ai:otel", BASE=base, EXTRAS="otel")
    opened = engine.open("localhost/pazpaz-ai:otel")
    try:
        loaded = opened.run(
            "python3", "-c", "import opentelemetry.exporter.otlp.proto.http.trace_exporter"
        )
        assert loaded.returncode == 0, loaded.stderr
        assert "opentelemetry-sdk" in (opened.root / "venv/sbom.cdx.json").read_text()
    finally:
        engine.close(opened)


@pytest.fixture
def mounts(stage: Stage) -> list[str]:
    """The keys to read, and the receipts to write, by who runs in the container."""
    keys, receipts = stage.keys.our_keys.parent, Path(stage.environment["ERASURE_RECEIPTS_DIR"])
    for path in (keys, *keys.rglob("*"), receipts):
        shutil.chown(path, USER, USER)
    return [f"{keys}:{keys}:ro", f"{receipts}:{receipts}:rw"]


@pytest.fixture
async def contained(stage: Stage, container: Container, mounts: list[str]) -> AsyncIterator[Stage]:
    """PazPaz beside an API and a worker that run from the image, on a schema that the image made."""
    migrated = container.run(
        AGENT, "migrate", env={"MIGRATION_DATABASE_URL": stage.databases.owner}, mounts=mounts
    )
    assert migrated.returncode == 0, migrated.stderr
    stage.start("monolith")
    for name, command in PARTS.items():
        env = stage.environment if name == "api" else stage.worker_environment
        log = stage.folder / f"{name}.log"
        stage.children[name] = container.start(
            name, AGENT, command, log=log, env=env, mounts=mounts
        )
    started = time.perf_counter()
    await _until_ready(stage)
    seconds = time.perf_counter() - started
    print(f"\nimage: ready {seconds:.1f} s after its start")  # noqa: T201
    await stage.until_up(stage.monolith_url, stage.service_url)
    yield stage
    stage.stop("monolith")


@pytest.fixture
async def practice(contained: Stage) -> AsyncIterator[Practice]:
    async with (
        open_container(contained.settings()) as inside,
        open_practice(contained, inside) as opened,
    ):
        yield opened


async def test_it_serves_the_whole_journey(
    practice: Practice, contained: Stage, container: Container
) -> None:
    """A note becomes searchable, is quoted with its citation; its health check passes; both end when told to."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()

    answer = await practice.ask(QUESTION, client_id=client)

    assert [one["session_id"] for one in answer["citations"]] == [session]
    assert "400" in answer["answer"]
    check = container.engine.settings("localhost/pazpaz-ai:built")["Healthcheck"]["Test"]
    healthy = container.run(*check[1:], env={"PORT": contained.environment["PORT"]})
    assert healthy.returncode == 0, healthy.stderr
    for name, command in PARTS.items():
        child = contained.children.pop(name)
        _end(command)
        child.process.wait(STOP_SECONDS)
        assert child.process.returncode == 0 or ENDED in child.log.read_text(), child.last_words


async def _until_ready(stage: Stage) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=1) as http:
        for _ in range(600):
            try:
                if (await http.get(f"{stage.service_url}/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.05)
    pytest.fail(stage.children["api"].last_words)


def _end(command: str) -> None:
    """Tells the process itself, as an engine would: buildah's own two around it would kill it."""
    pattern = f"^/venv/bin/python.*{AGENT} {command}"
    subprocess.run(["pkill", "-TERM", "-u", str(USER), "-f", pattern], check=True)  # noqa: S607


def _bytes(folder: Path) -> int:
    return sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
