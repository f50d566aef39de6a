"""A therapist at work: whom she asks about, in what manner, and when she asks again."""

import random
from dataclasses import dataclass, field
from typing import Any

from service.demo.bench_load.asking import LEAVING, Heard, Kind, Query, Way
from service.demo.bench_load.ledger import Client
from service.demo.bench_load.material import FOLLOWING, FORMS, TOPICS
from service.demo.bench_load.practices import Practice
from service.demo.therapist import Therapist
from service.domain.answers import Mode

KINDS: dict[Kind, int] = {
    "first": 35,
    "follow-up": 25,
    "other client": 15,
    "practice": 15,
    "form": 10,
}
WAYS: dict[Way, int] = {"events": 55, "whole": 30, "left at once": 7, "left at a sentence": 8}


@dataclass
class Asker:
    """One therapist, one question at a time."""

    practice: Practice
    therapist: Therapist
    chance: random.Random
    client: str | None = None
    """Whom the conversation is about."""
    conversation: str | None = None
    last: str | None = field(default=None, repr=False)

    def next(self) -> Query:
        """What is asked now; without a conversation to go on with, a first question."""
        [kind] = self.chance.choices(list(KINDS), list(KINDS.values()))
        [way] = self.chance.choices(list(WAYS), list(WAYS.values()))
        if kind == "follow-up" and not self._may_go_on():
            kind = "first"
        body, client = self._body(kind)
        return Query(body, way, kind, self.practice.workspace, client)

    def heard(self, heard: Heard) -> None:
        """The conversation goes on where this one can."""
        self.client = heard.query.client
        self.conversation = None
        if heard.answered and heard.query.way not in LEAVING:
            self.conversation = heard.answer.get("conversation_id")

    def _may_go_on(self) -> bool:
        known = self.client is None or self.client in self.practice.clients
        return self.conversation is not None and known

    def _body(self, kind: Kind) -> tuple[dict[str, Any], str | None]:
        if kind == "follow-up":
            asked = self.chance.choice(FOLLOWING[self._language(self.client)])
            return {"query": asked, "conversation_id": self.conversation}, self.client
        client = self._somebody(other=kind == "other client")
        author = self.practice.authors[client.id]
        if kind == "practice":
            topic = self.chance.choice(TOPICS).asked[author.language]
            name = client.name if self.chance.random() < 0.5 else ""
            return {"query": f"{name} {topic}".strip()}, None
        if kind == "form":
            modes: tuple[Mode, Mode] = ("summary", "prepare")
            number = self.chance.randrange(2)
            asked = FORMS[author.language][number]
            return {"query": asked, "client_id": client.id, "mode": modes[number]}, client.id
        return {"query": author.question(), "client_id": client.id}, client.id

    def _language(self, client: str | None) -> Any:
        return self.practice.authors[client].language if client else "he"

    def _somebody(self, *, other: bool) -> Client:
        clients = list(self.practice.clients.values())
        fitting = [one for one in clients if not other or one.id != self.client]
        return self.chance.choice(fitting or clients)
