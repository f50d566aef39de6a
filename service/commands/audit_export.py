"""Rows of the audit trail in forms that people and other programs read: JSON Lines and CSV."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, TextIO
from uuid import UUID

from service.domain.audit import AuditRow

COLUMNS = (
    "seq",
    "at",
    "user",
    "action",
    "chat",
    "outcome",
    "client",
    "entity",
    "note",
    "version",
    "use",
)


def told(asked: Mapping[str, object], *, rows: int) -> dict[str, Any]:
    """What was asked for, as a row's details."""
    return {name: _plain(value) for name, value in asked.items()} | {"rows": rows}


def _plain(value: object) -> str | None:
    if isinstance(value, datetime):
        value = value.date()
    return str(value) if isinstance(value, UUID | date) else None


def write(
    rows: Sequence[AuditRow], to: TextIO, *, format: Literal["jsonl", "csv"], client: UUID | None
) -> None:
    """One line a row; in CSV one a note, or one for a row without notes."""
    lines = [_line(row, client) for row in rows]
    if format == "jsonl":
        to.writelines(json.dumps(line) + "\n" for line in lines)
        return
    table = csv.DictWriter(to, COLUMNS, lineterminator="\n")
    table.writeheader()
    for line in lines:
        table.writerows(_flat(line))


def _line(row: AuditRow, client: UUID | None) -> dict[str, Any]:
    """Of a client's export only that client's notes: the others are nobody's business there."""
    details = row.entry.details
    notes = [note for note in details.get("notes", ()) if client in (None, UUID(note["client"]))]
    return {
        "seq": row.seq,
        "at": row.at.astimezone(UTC).isoformat(),
        "user": str(row.entry.user) if row.entry.user else None,
        "action": row.entry.action,
        "chat": str(row.entry.chat) if row.entry.chat else None,
        "outcome": details.get("outcome", details.get("code")),
        "client": details.get("client"),
        "notes": notes,
    }


def _flat(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    notes = line.pop("notes")
    for note in notes or [{}]:
        about = {name: note.get(name) for name in ("entity", "version", "use")}
        client = note.get("client") or line["client"]
        yield {**line, **about, "client": client, "note": note.get("id")}
