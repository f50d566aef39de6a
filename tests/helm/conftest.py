"""The renderer, built once a run from its Go source, and the chart with each set of values."""

import base64
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from service.settings import Settings, load
from tests.helm.chart import SETS, Chart, Manifest, Rendered

GOPATH = Path("/usr/share/gocode")  # where Debian puts Go's libraries, Sprig among them
PACKAGES = "golang-go golang-github-masterminds-sprig-dev golang-github-ghodss-yaml-dev"
# What the entries of a Secret may be.
SECRET = {
    "DATABASE_URL": "postgresql://api:password@db.example/ai",
    "WORKER_DATABASE_URL": "postgresql://worker:password@db.example/ai",
    "REDIS_URL": "redis://:password@redis.example/0",
    "SECRET_KEY": "a-secret-key-of-pazpaz-with-32-letters",
    "KEY_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
    "OPERATOR_TOKEN": "an-operator-token-with-32-letters-or-more",
    "COHERE_API_KEY": "a-key",
    "OPENAI_API_KEY": "a-key",
}


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """Left out on a machine without Go and Sprig, but never where these tests decide about a landing."""
    if not (shutil.which("go") and (GOPATH / "src/github.com/Masterminds/sprig").exists()):
        if os.environ.get("CI"):
            pytest.fail(f"the chart's tests need Go and Sprig: apt-get install {PACKAGES}")
        pytest.skip(f"no Go, or no Sprig, on this machine: apt-get install {PACKAGES}")
    return Chart(_build(_shared(tmp_path_factory) / "renderer"))


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _build(binary: Path) -> Path:
    """Processes that share the suite share the binary as well."""
    with binary.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            go = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "CGO_ENABLED": "0"}
            source = Path(__file__).parent / "renderer"
            subprocess.run(
                ["go", "build", "-o", binary, "."],  # noqa: S607 - the machine's own Go
                cwd=source,
                env=os.environ | go,
                check=True,
            )
    return binary


@pytest.fixture(params=SETS)
def rendered(request: pytest.FixtureRequest, chart: Chart) -> Rendered:
    """The chart with each set of values in turn."""
    return _rendered(chart, request.param)


@cache
def _rendered(chart: Chart, name: str) -> Rendered:
    return chart.render(*SETS[name])


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Manifest], Settings]:
    """The settings that a container starts with."""

    def start(container: Manifest) -> Settings:
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for one in container["env"]:
            monkeypatch.setenv(one["name"], one["value"] if "value" in one else _entry(one))
        return load(Settings)

    return start


def _entry(variable: Manifest) -> str:
    return SECRET[variable["valueFrom"]["secretKeyRef"]["key"]]
