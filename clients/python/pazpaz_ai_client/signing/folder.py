"""One side's own keys: `keys.json`, its public ring, beside a `<keyid>.pem` for each private key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pazpaz_ai_client.signing.keys import KeyRing, PrivateKey, PublicKey

RING = "keys.json"
"""What is handed to the other side; it holds nothing secret."""

Fault = Literal["unreadable", "broken_ring", "no_lasting_key", "broken_private_key", "another_pair"]

_BEGINNING = datetime.min.replace(tzinfo=UTC)


class KeysUnusable(Exception):
    """Keys cannot be read, or do not belong together; one line, with no key in it."""

    def __init__(self, fault: Fault, said: str) -> None:
        super().__init__(said)
        self.fault: Fault = fault


@dataclass(frozen=True)
class OwnKeys:
    """A ring and the private halves of what it has not retired."""

    ring: KeyRing
    private: Mapping[str, PrivateKey] = field(repr=False)

    def at(self, now: datetime) -> PrivateKey:
        """The key to sign with."""
        return self.private[signing_key(self.ring, now).keyid]

    def since(self, now: datetime) -> datetime | None:
        """When that key began to sign; None where the ring does not say."""
        return signing_key(self.ring, now).sign_from


def signing_key(ring: KeyRing, now: datetime) -> PublicKey:
    """The newest key whose `sign_from` has come and that is not retired.

    Where a ring made by hand has a gap, the next key signs early: the other side accepts it already.
    Raises KeysUnusable when every key is retired.
    """
    alive = [key for key in ring.keys if not key.is_retired(now)]
    started = [key for key in alive if key.is_started(now)]
    if started:
        return sorted(started, key=_start)[-1]  # of two equal ones, the later in the file
    if alive:
        return min(alive, key=_start)
    raise KeysUnusable("no_lasting_key", "every key is retired")


def _start(key: PublicKey) -> datetime:
    return key.sign_from or _BEGINNING


def read_folder(folder: str | Path, now: datetime) -> OwnKeys:
    """Reads a folder whole; raises KeysUnusable when any of it is unfit to sign with."""
    folder = Path(folder)
    ring = read_ring(folder / RING)
    if all(key.retired_at is not None for key in ring.keys):
        raise KeysUnusable("no_lasting_key", f"{RING} has no key without an end")
    alive = [key for key in ring.keys if not key.is_retired(now)]
    return OwnKeys(ring, {key.keyid: _private_half(folder, key) for key in alive})


def read_ring(path: str | Path) -> KeyRing:
    """Reads a ring file; raises KeysUnusable."""
    path = Path(path)
    content = _read(path)
    try:
        ring = KeyRing.from_json(content.decode())
    except ValueError:  # of the decoder too; its message would quote the file
        raise KeysUnusable("broken_ring", f"{path.name} is not a list of public keys") from None
    if not ring.keys:  # more likely a file cut short than a wish to refuse everything
        raise KeysUnusable("broken_ring", f"{path.name} lists no key")
    return ring


def _private_half(folder: Path, public: PublicKey) -> PrivateKey:
    name = f"{public.keyid}.pem"
    content = _read(folder / name)
    try:
        key = PrivateKey.from_pem(public.keyid, content)
    except (ValueError, TypeError):  # TypeError: the key is encrypted
        said = f"{name} is not an Ed25519 private key in PEM"
        raise KeysUnusable("broken_private_key", said) from None
    if key.public.key != public.key:
        raise KeysUnusable("another_pair", f"{name} does not belong to its entry in {RING}")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise KeysUnusable("unreadable", f"{path} cannot be read ({exc.strerror})") from None
