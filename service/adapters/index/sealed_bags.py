"""A bag as its row keeps it: sealed, with the client and the day in clear."""

from array import array
from typing import Any

from sqlalchemy import Row

from service.adapters.index.sealed_rows import ref_of
from service.domain.identity import ClientId
from service.domain.notes import Bag, NoteRef
from service.ports.keys import WorkspaceKeys
from service.security.sealing import seal, unseal


def sealed_bag(bag: Bag, keys: WorkspaceKeys) -> dict[str, object]:
    """A bag as its row."""
    return {
        "workspace_id": bag.ref.workspace,
        "entity": bag.ref.entity,
        "entity_id": bag.ref.id,
        "client_id": bag.client,
        "day": bag.day,
        "key_epoch": keys.epoch,
        "sealed": seal(_pack(bag), key=keys.seal, place=_place(bag.ref)),
    }


def reseal_bag(row: Row[Any], keys: WorkspaceKeys) -> dict[str, object]:
    """A stored bag under the newest key, as the columns to change. Raises KeyUnavailable, SealBroken."""
    place = _place(ref_of(row))
    plain = unseal(row.sealed, key=keys.seal_of(row.key_epoch), place=place)
    return {"key_epoch": keys.epoch, "sealed": seal(plain, key=keys.seal, place=place)}


def open_bag(row: Row[Any], keys: WorkspaceKeys) -> Bag:
    """A stored bag. Raises KeyUnavailable, SealBroken."""
    ref = ref_of(row)
    data = unseal(row.sealed, key=keys.seal_of(row.key_epoch), place=_place(ref))
    n = int.from_bytes(data[:4], "little")
    features, counts = array("Q", data[4 : 4 + 8 * n]), array("I", data[4 + 8 * n :])
    return Bag(ref, ClientId(row.client_id), row.day, features, counts)


def _place(ref: NoteRef) -> tuple[str, ...]:
    return ("bags", str(ref.workspace), ref.entity, str(ref.id))


def _pack(bag: Bag) -> bytes:
    """`n(4) | n hashes of 8 bytes | n counts of 4`, in the machine's order (little-endian everywhere we run)."""
    n = len(bag.features).to_bytes(4, "little")
    return n + array("Q", bag.features).tobytes() + array("I", bag.counts).tobytes()
