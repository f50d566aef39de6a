"""Practices with therapists, clients and notes, put into PazPaz and written down in the ledger."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from service.demo.bench_chat.sides import marks
from service.demo.bench_load.ledger import Client, Ledger, Span, Text, Version
from service.demo.bench_load.material import FIRST_NAMES, LAST_NAMES, Author
from service.demo.bench_load.plan import Plan
from service.demo.notes import Practice as Rows
from service.demo.notes import Row
from service.domain.answers import Language

FIRST_DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass(slots=True)
class Practice:
    """One workspace. `clients` are those that can be asked about."""

    workspace: str
    users: Sequence[str]
    chance: random.Random
    clients: dict[str, Client] = field(default_factory=dict)
    authors: dict[str, Author] = field(default_factory=dict)


@dataclass(slots=True)
class People:
    """Everybody of a load, drawn from its seed; each client has a word that nobody else has."""

    plan: Plan
    ledger: Ledger
    chance: random.Random = field(init=False)
    practices: list[Practice] = field(default_factory=list)
    _words: Iterator[str] = field(default_factory=marks)
    _number: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.plan.seed)  # noqa: S311 - a load is repeated by its seed

    def settle_in(self) -> Rows:
        """What PazPaz imports before the load begins."""
        rows = Rows([], [], [], [])
        for number in range(self.plan.practices):
            _extend(rows, self._practice(number))
        return rows

    def _practice(self, number: int) -> Rows:
        each = range(number, self.plan.therapists, self.plan.practices)
        workspace, users = self._id(), [self._id() for _ in each]
        practice = Practice(workspace, users, random.Random(self.chance.random()))  # noqa: S311
        self.practices.append(practice)
        rows = Rows([{"id": workspace, "name": f"Practice {number}"}], [], [], [])
        _extend(rows, Rows([], [_user(user, workspace) for user in users], [], []))
        for _ in range(self.plan.clients):
            _extend(rows, self._client(practice))
        return rows

    def _client(self, practice: Practice) -> Rows:
        client, author = self.new_client(practice)
        first, last = client.name.split()
        profile = {"notes": author.text(1), "medical_history": author.text(2)}
        _seeded(client, Text(("clients", client.id)), None, profile)
        row = {"client_id": client.id, "workspace_id": practice.workspace, "is_active": True}
        row |= {"first_name": first, "last_name": last, "consent_status": True, **profile}
        sessions = [
            self._note(client, author, FIRST_DAY + timedelta(days=7 * week))
            for week in range(self.plan.notes)
        ]
        self.admit(practice, client, author)
        return Rows([], [], [row], sessions)

    def new_client(self, practice: Practice) -> tuple[Client, Author]:
        """Somebody who is nowhere yet; two of three write Hebrew."""
        number, language = next(self._number), self._language()
        firsts, lasts = FIRST_NAMES[language], LAST_NAMES[language]
        name = f"{firsts[number % len(firsts)]} {lasts[number // len(firsts) % len(lasts)]}"
        word = next(self._words)
        client = Client(self._id(), practice.workspace, name, word, [Span(time.monotonic())])
        return client, Author(language, word, practice.chance)

    def admit(self, practice: Practice, client: Client, author: Author) -> None:
        """From now on others ask about this client."""
        practice.clients[client.id], practice.authors[client.id] = client, author
        self.ledger.add(client)

    def _note(self, client: Client, author: Author, when: datetime) -> Row:
        id, fields = self._id(), author.fields()
        _seeded(client, Text(("sessions", id)), 1, fields)
        return {
            "session_id": id,
            "workspace_id": client.workspace,
            "client_id": client.id,
            "session_date": when.isoformat(),
            "is_draft": False,
            "finalized_at": when.isoformat(),
            **fields,
        }

    def _language(self) -> Language:
        return "he" if self.chance.random() < 2 / 3 else "en"

    def _id(self) -> str:
        return str(UUID(int=self.chance.getrandbits(128), version=4))


def _seeded(client: Client, text: Text, number: int | None, fields: dict[str, str]) -> None:
    text.sent(Version(number, fields, True, Span(time.monotonic())))
    client.texts[text.place] = text


def _user(user: str, workspace: str) -> Row:
    short = user[:8]
    return {
        "id": user,
        "workspace_id": workspace,
        "email": f"{short}@example.org",
        "display_name": f"Therapist {short}",
    }


def _extend(rows: Rows, more: Rows) -> None:
    for name in ("workspaces", "users", "clients", "sessions"):
        getattr(rows, name).extend(getattr(more, name))
