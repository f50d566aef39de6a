"""The release before this code, to run beside it: its files out of the repository, its processes on the same Python."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from service.demo.stage import Stage

HERE = Path(__file__).parent.parent
MIGRATIONS = "migrations/versions"
PARTS = ("service", "clients/python", "migrations")


@dataclass(frozen=True, slots=True)
class Release:
    """A version of before, and where its files are."""

    name: str
    folder: Path

    @property
    def drains(self) -> bool:
        """Whether its API, told to stop, goes on until nobody has a connection to it; 0.9.0 did not."""
        return (self.folder / "service/commands/draining.py").exists()

    def on(self, stage: Stage) -> Stage:
        """The same stage, with API and workers of this release."""
        ours = {
            "PYTHONPATH": f"{self.folder}:{self.folder / 'clients' / 'python'}",
            "PYTHONSAFEPATH": "1",  # or the folder that we run in would come first
        }
        return replace(
            stage,
            environment={**stage.environment, **ours},
            worker_environment={**stage.worker_environment, **ours},
            children={},
        )


def git(*words: str) -> bytes | None:
    """What it says; None where it has nothing to say, or there is none, or no repository."""
    # In CI the checkout may be another user's.
    argv = ["git", "-c", "safe.directory=*", "-C", str(HERE), *words]
    try:
        return subprocess.run(argv, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def before() -> str | None:
    """The last tag before this commit, or what stood before the newest migration came; None without a history."""
    if tag := git("describe", "--tags", "--abbrev=0", "HEAD^"):
        return tag.decode().strip()
    if newest := git("log", "-1", "--diff-filter=A", "--format=%H", "--", MIGRATIONS):
        parent = git("rev-parse", "--verify", "--quiet", f"{newest.decode().strip()}^")
        return parent.decode().strip() if parent else None
    return None


@contextmanager
def unpacked(name: str) -> Iterator[Release]:
    """Its files in a folder that goes at the end.

    An archive, where `git worktree` would write into the repository and leave its mark there when a test is killed.
    """
    archive = git("archive", "--format=tar", name, *PARTS)
    assert archive is not None
    with TemporaryDirectory(prefix="pazpaz-release-") as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Release(name, Path(folder))
