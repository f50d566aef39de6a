"""Makes, rotates and retires the keys of a folder, so that a crash at any point leaves one that works.

The private key is written first and the ring last: whoever reads in between sees the old ring, and a
private key that no ring names is harmless.
"""

import fcntl
import os
import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pazpaz_ai_client.signing.folder import RING, KeysUnusable, read_folder, signing_key
from pazpaz_ai_client.signing.keys import KeyRing, PrivateKey, PublicKey

MIN_OVERLAP = timedelta(seconds=180)
"""A signature lives 60 s and clocks may differ by 30 s twice; the rest is for a slow reader."""

Side = Literal["ai", "ml"]
State = Literal["next", "signing", "accepted", "retired"]

_TEMPORARY = ".new-"


class Refused(Exception):
    """A change that would leave the folder worse than it is; one line for the operator."""


@dataclass(frozen=True)
class Rotation:
    """What was decided. Without `old` the new key is the first one."""

    new: PublicKey
    old: PublicKey | None
    switch: datetime
    strays: Sequence[str]
    """Private keys that no ring names, left over from a rotation that was cut off."""


@dataclass(frozen=True)
class Retirement:
    """A key that is refused from now on, and the one that signs instead."""

    retired: PublicKey
    heir: PublicKey


@dataclass(frozen=True)
class KeyState:
    """A line of the table an operator sees."""

    key: PublicKey
    state: State


@dataclass(frozen=True)
class Survey:
    """A folder as it is at a moment."""

    keys: Sequence[KeyState]
    strays: Sequence[str]
    removable: Sequence[str]
    """Private keys of keys retired so long ago that nothing they signed can still be on its way."""


def rotate(
    folder: str | Path,
    *,
    now: datetime,
    switch_after: timedelta,
    overlap: timedelta,
    side: Side | None = None,
) -> Rotation:
    """Adds a key that signs from now + `switch_after`; the old one is accepted `overlap` longer.

    The first key of a folder signs at once. Raises Refused and KeysUnusable.
    """
    if overlap < MIN_OVERLAP:
        raise Refused(f"the overlap must be at least {MIN_OVERLAP.seconds} s")
    folder, now = Path(folder), now.astimezone(UTC).replace(microsecond=0)
    with _locked(folder):
        ring = _ring(folder, now)
        old = signing_key(ring, now) if ring.keys else None
        _refuse_waiting(ring, now)
        switch = now + switch_after if old else now
        strays = _strays(folder, ring)
        new = _next_key(folder, ring, side=side, now=now)
        entry = replace(new.public, sign_from=switch)
        kept = [_ended(key, switch + overlap) for key in ring.keys]
        _write(folder / f"{new.keyid}.pem", new.to_pem(), mode=0o600)
        _write_ring(folder, [*kept, entry])
    return Rotation(entry, _ended(old, switch + overlap) if old else None, switch, strays)


def retire(folder: str | Path, keyid: str, *, now: datetime) -> Retirement:
    """Ends a key now, for an emergency; another takes over at once. Raises Refused and KeysUnusable."""
    folder, now = Path(folder), now.astimezone(UTC).replace(microsecond=0)
    with _locked(folder):
        keys = {key.keyid: key for key in read_folder(folder, now).ring.keys}
        if keyid not in keys:
            raise Refused(f"no key here is called {keyid}")
        if keys[keyid].is_retired(now):
            raise Refused(f"{keyid} is retired already")
        rest = [key for key in keys.values() if key.keyid != keyid and not key.is_retired(now)]
        if not rest:
            raise Refused(f"{keyid} is the only key that could sign; rotate with --now first")
        heir = _heir(rest, now)
        changed = {keyid: replace(keys[keyid], retired_at=now), heir.keyid: heir}
        _write_ring(folder, [changed.get(key.keyid, key) for key in keys.values()])
    return Retirement(changed[keyid], heir)


def survey(folder: str | Path, *, now: datetime) -> Survey:
    """What stands in a folder. Raises KeysUnusable."""
    folder = Path(folder)
    ring = read_folder(folder, now).ring
    signs = signing_key(ring, now)
    return Survey(
        keys=[KeyState(key, _state(key, signs, now)) for key in ring.keys],
        strays=_strays(folder, ring),
        removable=[
            f"{key.keyid}.pem"
            for key in ring.keys
            if key.is_retired(now - MIN_OVERLAP) and (folder / f"{key.keyid}.pem").exists()
        ],
    )


def _state(key: PublicKey, signs: PublicKey, now: datetime) -> State:
    if key.is_retired(now):
        return "retired"
    if key.keyid == signs.keyid:
        return "signing"
    return "accepted" if key.is_started(now) else "next"


def _ring(folder: Path, now: datetime) -> KeyRing:
    return read_folder(folder, now).ring if (folder / RING).exists() else KeyRing([])


def _refuse_waiting(ring: KeyRing, now: datetime) -> None:
    for key in ring.keys:
        if not key.is_retired(now) and not key.is_started(now):
            raise Refused(
                f"{key.keyid} waits to sign from {key.sign_from:%Y-%m-%d %H:%M:%S} UTC; "
                "rotate after that, or retire the key that signs"
            )


def _next_key(folder: Path, ring: KeyRing, *, side: Side | None, now: datetime) -> PrivateKey:
    sides = {key.keyid.partition("-")[0] for key in ring.keys}
    if side and sides - {side}:
        raise Refused(f"this folder has keys of {', '.join(sorted(sides))}, not of {side}")
    month = f"{side or next(iter(sides), 'ai')}-{now:%Y-%m}-"
    # A file that is there is never written again, whether the ring names it or not.
    taken = {key.keyid for key in ring.keys} | {path.stem for path in folder.glob("*.pem")}
    for letter in string.ascii_lowercase:
        if f"{month}{letter}" not in taken:
            return PrivateKey.generate(f"{month}{letter}")
    raise Refused(f"all 26 names of {month.rstrip('-')} are used")


def _ended(key: PublicKey, moment: datetime) -> PublicKey:
    """The key with an end, which is never later than the one it had."""
    return replace(key, retired_at=min(key.retired_at or moment, moment))


def _heir(rest: Sequence[PublicKey], now: datetime) -> PublicKey:
    """The key that signs after a retirement: from now on, and without an end if no other has none."""
    heir = signing_key(KeyRing(rest), now)
    start = heir.sign_from if heir.is_started(now) else now
    lasting = any(key.retired_at is None for key in rest)
    return replace(heir, sign_from=start, retired_at=heir.retired_at if lasting else None)


def _strays(folder: Path, ring: KeyRing) -> Sequence[str]:
    known = {f"{key.keyid}.pem" for key in ring.keys}
    return sorted(path.name for path in folder.glob("*.pem") if path.name not in known)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One command at a time; the kernel lets go of the lock of one that was killed."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as exc:
        raise KeysUnusable("unreadable", f"{folder} cannot be used ({exc.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for leftover in folder.glob(f"{_TEMPORARY}*"):
            leftover.unlink()
        yield
    except BlockingIOError:
        raise Refused("another command is changing this folder") from None
    except OSError as exc:
        raise KeysUnusable("unreadable", f"{folder} cannot be changed ({exc.strerror})") from None
    finally:
        os.close(descriptor)


def _write_ring(folder: Path, keys: Sequence[PublicKey]) -> None:
    _write(folder / RING, KeyRing(keys).to_json().encode(), mode=0o644)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """All of it or nothing, and on the disk when this returns."""
    temporary = path.with_name(f"{_TEMPORARY}{path.stem}")  # no .pem, and no ring
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
