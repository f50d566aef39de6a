"""Keys of a running process: read again when their files change, so that a rotation needs no restart."""

import functools
import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from pazpaz_ai_client.signing.folder import (
    RING,
    Fault,
    KeysUnusable,
    OwnKeys,
    read_folder,
    read_ring,
)
from pazpaz_ai_client.signing.keys import KeyRing, PrivateKey, PublicKey
from pazpaz_ai_client.signing.profile import Clock

LOOK_SECONDS = 2.0  # three stats this often, and no other touch of the disk

Stamp = tuple[tuple[int, int, int] | None, ...]
OnChange = Callable[[str, tuple[str, ...]], None]
OnFault = Callable[[str, Fault], None]
T = TypeVar("T")

log = logging.getLogger(__name__)


def log_fault(source: str, fault: Fault) -> None:
    log.warning("keys kept as they were: source=%s code=%s", source, fault)


class LiveKeys:
    """Our own keys out of a folder, and the other side's out of its ring file.

    A file that cannot be used changes nothing: the last good keys stay, and `on_fault(source, code)`
    is called once for it. `on_change(signing_keyid, accepted_keyids)` is called when the process
    adopts other keys than before, at the next use of a key, at most two seconds late. Raises
    KeysUnusable when there are no good keys to begin with.
    """

    def __init__(
        self,
        *,
        folder: str | Path,
        ring_file: str | Path,
        on_change: OnChange | None = None,
        on_fault: OnFault = log_fault,
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        folder, ring_file = Path(folder), Path(ring_file)
        self.on_change = on_change
        self._monotonic = monotonic
        self._own: Watched[OwnKeys] = Watched(
            "own", (folder / RING, folder), lambda: read_folder(folder, _moment(clock)), on_fault
        )
        self._theirs: Watched[KeyRing] = Watched(
            "theirs", (ring_file,), lambda: read_ring(ring_file), on_fault
        )
        self._adopted = self.state(_moment(clock))
        self._next_look = monotonic() + LOOK_SECONDS

    def at(self, now: datetime) -> PrivateKey:
        """The key we sign with."""
        self._look(now)
        return self._own.value.at(now)

    def find(self, keyid: str, now: datetime) -> PublicKey:
        """The other side's key of that name; raises SignatureRefused."""
        self._look(now)
        return self._theirs.value.find(keyid, now)

    def signs_since(self, now: datetime) -> datetime | None:
        """When the key we sign with began to; None where its ring does not say."""
        self._look(now)
        return self._own.value.since(now)

    def _look(self, now: datetime) -> None:
        if self._monotonic() < self._next_look:
            return
        self._next_look = self._monotonic() + LOOK_SECONDS
        self._own.refresh()
        self._theirs.refresh()
        self._tell(self.state(now))

    def state(self, now: datetime) -> tuple[str, tuple[str, ...]]:
        """The id of the key we sign with, and of those accepted from the other side."""
        return self._own.value.at(now).keyid, self._theirs.value.accepted(now)

    def _tell(self, state: tuple[str, tuple[str, ...]]) -> None:
        if state == self._adopted:
            return
        self._adopted = state
        log.info("keys adopted: signing=%s accepted=%s", state[0], ",".join(state[1]))
        if self.on_change is None:
            return
        try:
            self.on_change(*state)
        except Exception as exc:  # a listener's trouble must not stop signatures
            log.error("listener to keys failed: error=%s", type(exc).__name__)


class LazyKeys:
    """`LiveKeys` that are read at their first use, so that an application is imported where no keys are.

    Until they could be read, each use tries again and raises KeysUnusable.
    """

    def __init__(
        self,
        *,
        folder: str | Path,
        ring_file: str | Path,
        on_change: OnChange | None = None,
        on_fault: OnFault = log_fault,
    ) -> None:
        self._live = functools.cache(
            lambda: LiveKeys(
                folder=folder, ring_file=ring_file, on_change=on_change, on_fault=on_fault
            )
        )

    def at(self, now: datetime) -> PrivateKey:
        """The key we sign with."""
        return self._live().at(now)

    def find(self, keyid: str, now: datetime) -> PublicKey:
        """The other side's key of that name; raises SignatureRefused."""
        return self._live().find(keyid, now)


class Watched(Generic[T]):
    """What was last read well from files, and when these looked otherwise last."""

    def __init__(
        self, source: str, paths: Sequence[Path], read: Callable[[], T], on_fault: OnFault
    ) -> None:
        self._source = source
        self._paths = paths
        self._read = read
        self._on_fault = on_fault
        # Before reading: a file replaced in between is then read once more, not missed.
        self._stamp = _stamp(paths)
        self._complained: Stamp | None = None
        self.value = read()

    def refresh(self) -> None:
        stamp = _stamp(self._paths)
        if stamp == self._stamp:
            self._complained = None
            return
        try:
            self.value = self._read()
        except KeysUnusable as exc:  # tried again at the next look, told once
            if stamp != self._complained:
                self._complained = stamp
                self._on_fault(self._source, exc.fault)
            return
        self._stamp, self._complained = stamp, None


def _stamp(paths: Sequence[Path]) -> Stamp:
    return tuple(_look_at(path) for path in paths)


def _look_at(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # follows links: a mounted Secret is swapped by one
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _moment(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock(), UTC)
