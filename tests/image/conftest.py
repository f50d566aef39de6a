"""The image, really built once a run, and the base under it, which stays until `make clean`."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.buildah import Buildah, Container

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/pazpaz-ai:built"
OWN_BASE = "localhost/python:bookworm"


@pytest.fixture(scope="session")
def engine() -> Iterator[Buildah]:
    if os.geteuid() != 0 or not shutil.which("buildah"):
        pytest.skip("needs root and: apt-get install --no-install-recommends buildah mmdebstrap")
    folder = ROOT / ".demo" / "image"
    folder.mkdir(parents=True, exist_ok=True)
    engine = Buildah(folder)
    yield engine
    engine.say("rm", "--all")
    engine.say("rmi", "--prune")  # of the runs before: half a GB each


@pytest.fixture(scope="session")
def base(engine: Buildah) -> str:
    """BASE of the environment, or one made here."""
    if given := os.environ.get("BASE"):
        return given
    if not engine.has(OWN_BASE):
        engine.make_base(OWN_BASE)
    return OWN_BASE


@pytest.fixture(scope="session")
def image(engine: Buildah, base: str) -> str:
    engine.build(ROOT, IMAGE, BASE=base)
    return IMAGE


@pytest.fixture(scope="session")
def container(engine: Buildah, image: str) -> Iterator[Container]:
    opened = engine.open(image)
    yield opened
    engine.close(opened)
