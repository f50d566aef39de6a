"""What the gate is tried on: passages of notes, and sentences that lean on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args
from uuid import NAMESPACE_URL, UUID, uuid5

from service.demo.notes import Row, read_rows
from service.domain.answers import Claim, Language, Passage
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import SOAP_FIELDS, Note, NoteRef
from service.errors import BadSettings
from service.language.chunking import chunk_note

How = Literal["verbatim", "paraphrased", "reordered", "merged", "summarised", "list", "across"]
"""How a sentence says what the notes say; `across`: in the other language."""
Half = Literal["tuning", "closing"]
"""Of the clients, one and one: rules are fitted on the first, and judged by the second, unseen before."""
Place = tuple[str, str]
"""A note's name and a field of it."""

_WORKSPACE = WorkspaceId(uuid5(NAMESPACE_URL, "pazpaz-ai:trust"))


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, and the passages it cites."""

    id: str
    language: Language
    how: How
    text: str
    client: ClientId
    """Whom it is about."""
    cited: tuple[Passage, ...]
    also_true: frozenset[str] = frozenset()
    """Mutants of it that are true all the same: their texts, or "note.field" of what may be cited for it too."""

    @property
    def claim(self) -> Claim:
        return Claim(self.text, tuple(passage.id for passage in self.cited))


@dataclass(frozen=True)
class Shelf:
    """All passages, each with an id of its own."""

    passages: Sequence[Passage]
    names: Mapping[UUID, str]
    """What each note is called in the files."""

    def of(self, place: Place) -> tuple[Passage, ...]:
        return self._by_place.get(place, ())

    def place(self, passage: Passage) -> str:
        """As the files write it: "note.field"."""
        return f"{self.names[passage.note.ref.id]}.{passage.chunk.field}"

    def before(self, statement: Statement) -> list[Passage]:
        """What an answer would be made of: all of the clients cited and asked about, and of one more."""
        clients = {statement.client, *(passage.note.client for passage in statement.cited)}
        everyone = list(self._by_client)
        clients.add(everyone[everyone.index(statement.client) - 1])
        return [one for client in everyone if client in clients for one in self._by_client[client]]

    @cached_property
    def _by_client(self) -> Mapping[ClientId, Sequence[Passage]]:
        found: dict[ClientId, list[Passage]] = {}
        for passage in self.passages:
            found.setdefault(passage.note.client, []).append(passage)
        return found

    @cached_property
    def _by_place(self) -> Mapping[Place, tuple[Passage, ...]]:
        found: dict[Place, tuple[Passage, ...]] = {}
        for passage in self.passages:
            place = (self.names[passage.note.ref.id], passage.chunk.field)
            found[place] = (*found.get(place, ()), passage)
        return found


def read_material(folder: Path) -> tuple[Shelf, list[Statement]]:
    """The notes and the true sentences of a folder; raises BadSettings naming what is wrong."""
    shelf = shelve(
        _note(row) for row in rows_with(folder / "notes.jsonl", {"id", "client", "date"})
    )
    needed = {"id", "language", "how", "text", "cites"}
    rows = rows_with(folder / "claims.jsonl", needed)
    return shelf, [_statement(row, shelf) for row in rows]


def half_of(statements: Sequence[Statement], half: Half) -> list[Statement]:
    """Every other client's sentences, in the order in which clients come."""
    clients = list(dict.fromkeys(one.client for one in statements))
    mine = set(clients[("tuning", "closing").index(half) :: 2])
    return [one for one in statements if one.client in mine]


def shelve(notes: Iterable[tuple[str, str, Note]]) -> Shelf:
    """Passages of notes, each given with its name and its client's name."""
    names, passages = dict[UUID, str](), list[Passage]()
    for name, client_name, note in notes:
        names[note.ref.id] = name
        passages += [
            Passage(f"p{len(passages) + number}", note, chunk, client_name, 0.8)
            for number, chunk in enumerate(chunk_note(note), 1)
        ]
    return Shelf(passages, names)


def rows_with(path: Path, needed: set[str]) -> list[Row]:
    """Raises BadSettings naming the line that lacks one of the keys."""
    rows = read_rows(path)
    for number, row in enumerate(rows, 1):
        if lacking := needed - row.keys():
            raise BadSettings(f"{path}: line {number} lacks {', '.join(sorted(lacking))}")
    return rows


def _note(row: Row) -> tuple[str, str, Note]:
    name, client_name = str(row["id"]), str(row["client"])
    fields = {field: row[field] for field in SOAP_FIELDS if row.get(field)}
    day = datetime.combine(date.fromisoformat(row["date"]), time(12), UTC)
    client = ClientId(uuid5(NAMESPACE_URL, f"pazpaz-ai:trust:{client_name}"))
    ref = NoteRef(_WORKSPACE, "sessions", uuid5(NAMESPACE_URL, f"pazpaz-ai:trust:{name}"))
    return name, client_name, Note(ref, client, "active", fields, day, day, 1)


def _statement(row: Row, shelf: Shelf) -> Statement:
    cited = [passage for place in row["cites"] for passage in _cited(place, row, shelf)]
    if row["language"] not in get_args(Language) or row["how"] not in get_args(How) or not cited:
        raise BadSettings(f"claim {row['id']}: its language, its kind or its sources are none")
    also = frozenset(row.get("also_true", ()))
    client = cited[0].note.client
    return Statement(
        row["id"], row["language"], row["how"], row["text"], client, tuple(cited), also
    )


def _cited(place: str, row: Row, shelf: Shelf) -> Sequence[Passage]:
    name, _, field = place.rpartition(".")
    if not (found := shelf.of((name, field))):
        raise BadSettings(f"claim {row['id']}: {place} is no field of a note")
    return found
