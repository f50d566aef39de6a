"""Builds and runs images without a container engine's daemon: buildah, in plain chroots, as root."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.demo.processes import Child, spawn

CERTIFICATES = "/etc/ssl/certs"  # of this machine: a package mirror may have its own authority
MINIMAL = "python3,python3-venv,ca-certificates"


@dataclass(frozen=True, slots=True)
class Container:
    """Made from an image, its files at `root`; each command runs on the machine's own network."""

    engine: "Buildah"
    id: str
    root: Path

    def command(
        self, *argv: str, env: Mapping[str, str] | None = None, mounts: Sequence[str] = ()
    ) -> list[str | Path]:
        """What runs `argv` inside; `mounts` as `FOLDER:FOLDER:ro`."""
        named = [
            part for name, value in (env or {}).items() for part in ("--env", f"{name}={value}")
        ]
        bound = [part for mount in mounts for part in ("--volume", mount)]
        return [
            *self.engine.buildah,
            "run",
            "--isolation",
            "chroot",
            *named,
            *bound,
            self.id,
            *argv,
        ]

    def run(self, *argv: str, **how: Any) -> subprocess.CompletedProcess[str]:
        """To its end, whatever that is."""
        return subprocess.run(
            self.command(*argv, **how), capture_output=True, text=True, check=False
        )

    def start(self, name: str, *argv: str, log: Path, **how: Any) -> Child:
        return spawn(name, self.command(*argv, **how), log=log)


@dataclass(frozen=True, slots=True)
class Buildah:
    """Images of ours, in a folder of ours: nothing of the machine's own engine is touched."""

    folder: Path

    @property
    def buildah(self) -> list[str | Path]:
        places = ("--root", self.folder / "images", "--runroot", self.folder / "run")
        return ["buildah", *places, "--storage-driver", "vfs"]

    def say(self, *argv: str | Path) -> str:
        """What a command prints; raises CalledProcessError, whose notes have what it complained of."""
        try:
            done = subprocess.run(
                [*self.buildah, *argv], capture_output=True, text=True, check=True
            )
        except subprocess.CalledProcessError as exc:
            exc.add_note(str(exc.stderr)[-2000:])
            raise
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        return image in self.say("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()

    def make_base(self, image: str) -> None:
        """Debian 12 with its Python and nothing else, where no registry can be reached: half a minute."""
        archive = self.folder / "base.tar"
        wanted = ("--quiet", "--variant=minbase", f"--include={MINIMAL}", "bookworm")
        subprocess.run(["mmdebstrap", *wanted, archive], check=True)  # noqa: S607 - the machine's own
        made = self.say("from", "scratch")
        self.say("add", made, archive, "/")
        self.say("commit", "--rm", made, image)
        archive.unlink()

    def build(self, source: Path, image: str, **arguments: str) -> None:
        given = [
            part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")
        ]
        self.say(
            *["bud", "--format", "docker", "--isolation", "chroot", "--network", "host"],
            *("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"),
            *given,
            *("--tag", image),
            source,
        )

    def open(self, image: str) -> Container:
        id = self.say("from", image)
        return Container(self, id, Path(self.say("mount", id)))

    def close(self, container: Container) -> None:
        self.say("rm", container.id)

    def settings(self, image: str) -> dict[str, Any]:
        """What the image says of itself: user, command, labels, health check."""
        settings: dict[str, Any] = json.loads(self.say("inspect", "--type", "image", image))[
            "Docker"
        ]["config"]
        return settings

    def layers(self, image: str) -> list[int]:
        """Bytes of each layer as a node pulls it, compressed; the base's come first."""
        with tempfile.TemporaryDirectory() as folder:
            self.say("push", image, f"oci:{folder}:pushed")
            blobs = Path(folder) / "blobs" / "sha256"
            index = json.loads((Path(folder) / "index.json").read_text())
            manifest = index["manifests"][0]["digest"].partition(":")[2]
            return [
                int(one["size"]) for one in json.loads((blobs / manifest).read_text())["layers"]
            ]
