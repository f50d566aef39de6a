"""What the catalogue keeps sealed of a row: a client's names, and where a note speaks of danger."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Client, NoteRef, Person
from service.domain.risk import RiskNote, RiskSpan
from service.ports.keys import WorkspaceKeys
from service.security.sealing import seal, unseal

SEALED_BYTES = 512
"""What is sealed of a row is filled up to a multiple of this, and a row without anything is as long: ten stretches fit
once, as many as the fullest of 1,156 notes has, or five beside two names of 19 Hebrew letters each."""

NOTHING_SEALED: dict[str, object] = {"key_epoch": None, "sealed": None}
"""The columns of a draft that is only counted: the row says so in clear, and so there is nothing to hide."""


def seal_row(
    ref: NoteRef, risk: Sequence[RiskSpan], keys: WorkspaceKeys, *, of: Client | None = None
) -> dict[str, object]:
    """The columns of a note's row, or of a client's, who has names beside the text of a profile."""
    kept: dict[str, object] = {
        "risk": [[one.kind, one.polarity, one.field, one.start, one.end] for one in risk]
    }
    if of is not None:
        kept["names"] = [of.first_name, of.last_name]
    plain = json.dumps(kept, separators=(",", ":")).encode()
    # A seal is as long as what is in it, and that tells something of it; blanks are no part of JSON.
    padded = plain.ljust(-len(plain) % SEALED_BYTES + len(plain))
    sealed = seal(padded, key=keys.seal, place=_place(ref))
    return {"key_epoch": keys.epoch, "sealed": sealed}


def names_in(row: Row[Any], keys: WorkspaceKeys) -> Person:
    """Of a client's row. Raises KeyUnavailable, SealBroken."""
    first, last = json.loads(_open(row, keys))["names"]
    return Person(ClientId(row.entity_id), first, last)


def risk_in(row: Row[Any], keys: WorkspaceKeys) -> RiskNote | None:
    """Of any row; None where it speaks of none. Raises KeyUnavailable, SealBroken."""
    kept = json.loads(_open(row, keys)).get("risk") if row.sealed else None
    if kept == []:
        return None
    # One from before risk was kept has none in it: nobody knows yet.
    spans = tuple(RiskSpan(*one) for one in kept or ())
    return RiskNote(ref_of(row), ClientId(row.client_id), row.day, spans)


def reseal_row(row: Row[Any], keys: WorkspaceKeys) -> dict[str, object]:
    """The sealed part of a stored row under the newest key, as the columns to change.

    Raises KeyUnavailable, SealBroken.
    """
    sealed = seal(_open(row, keys), key=keys.seal, place=_place(ref_of(row)))
    return {"key_epoch": keys.epoch, "sealed": sealed}


def _open(row: Row[Any], keys: WorkspaceKeys) -> bytes:
    return unseal(row.sealed, key=keys.seal_of(row.key_epoch), place=_place(ref_of(row)))


def _place(ref: NoteRef) -> tuple[str, ...]:
    return ("note_catalogue", str(ref.workspace), ref.entity, str(ref.id))


def ref_of(row: Row[Any]) -> NoteRef:
    """The note of a row."""
    return NoteRef(WorkspaceId(row.workspace_id), row.entity, row.entity_id)
