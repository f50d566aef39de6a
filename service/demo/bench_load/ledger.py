"""What the load itself wrote, version by version, and whether an answer says no more than that.

A text counts from the moment it was sent to PazPaz until the answer to the next change has come: in between either may
be read. Moments are of one clock, in seconds.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from service.demo.bench_load.material import WORD

Fault = Literal[
    "quotes what nobody wrote",
    "quotes another practice",
    "quotes another client",
    "quotes words that are not there",
    "quotes a version that was over, or a draft",
    "has words of another practice",
    "has words of another client",
    "names another client",
]
Place = tuple[str, str]
"""`sessions` or `clients`, and an id."""
Answer = Mapping[str, Any]


@dataclass(slots=True)
class Span:
    """From when until when something could be read."""

    since: float
    until: float = math.inf

    def meets(self, began: float, ended: float) -> bool:
        return self.since <= ended and began <= self.until


@dataclass(frozen=True, slots=True)
class Version:
    """A text as PazPaz had it; `number` is PazPaz's own, None of a profile."""

    number: int | None
    fields: Mapping[str, str]
    is_final: bool
    span: Span

    def says(self, quote: Answer) -> bool:
        text = self.fields.get(quote["field_name"], "")
        said: str = quote["quote"]
        return bool(said) and text[quote["start"] : quote["end"]] == said

    def is_quoted(self, quote: Answer) -> bool:
        """Word for word, at its place, and as the version that it is."""
        return self.is_final and quote["note_version"] == self.number and self.says(quote)


@dataclass(slots=True)
class Text:
    """A note or a profile. One change at a time: whoever changes it awaits PazPaz's answer."""

    place: Place
    versions: list[Version] = field(default_factory=list)
    is_unsure: bool = False
    """A change of it was not answered: either version may be read, for ever."""

    @property
    def now(self) -> Version:
        return self.versions[-1]

    def sent(self, version: Version) -> None:
        """It may be read from now on, and the one before it still."""
        self.versions.append(version)

    def answered(self, at: float) -> None:
        """PazPaz has it: whatever was before is over."""
        for version in self.versions[:-1]:
            version.span.until = min(version.span.until, at)

    @property
    def may_change(self) -> bool:
        """Whether it is there, and it is known what it says."""
        return not self.is_unsure and self.now.span.until == math.inf

    def gone(self, at: float) -> None:
        for version in self.versions:
            version.span.until = min(version.span.until, at)


@dataclass(slots=True)
class Client:
    """Whose notes they are; `spans` are when the client was neither archived nor erased."""

    id: str
    workspace: str
    name: str
    word: str
    spans: list[Span]
    texts: dict[Place, Text] = field(default_factory=dict)

    def is_there(self, began: float, ended: float) -> bool:
        """At some moment in between."""
        return any(span.meets(began, ended) for span in self.spans)

    def was_there_all_along(self, began: float, ended: float) -> bool:
        return any(span.since <= began and ended <= span.until for span in self.spans)


@dataclass(slots=True)
class Ledger:
    """Of all practices."""

    clients: dict[str, Client] = field(default_factory=dict)
    _owners: dict[Place, Client] = field(default_factory=dict)
    _words: dict[str, Client] = field(default_factory=dict)

    def add(self, client: Client) -> None:
        self.clients[client.id] = client
        self._words[client.word] = client
        for text in client.texts.values():
            self.add_text(client, text)

    def add_text(self, client: Client, text: Text) -> None:
        client.texts[text.place] = text
        self._owners[text.place] = client

    def faults(self, answer: Answer, raw: str, asked: "Asking") -> Iterator[Fault]:
        """Whatever is wrong with it; `raw` is every word that came, events and all."""
        for quote in (*answer.get("citations", ()), *answer.get("risk", ())):
            if fault := self._wrong(quote, asked):
                yield fault
        yield from self._strange_words(raw, asked)

    def _wrong(self, quote: Answer, asked: "Asking") -> Fault | None:
        place = _place(quote)
        owner = self._owners.get(place)
        if owner is None:
            return "quotes what nobody wrote"
        if owner.workspace != asked.workspace:
            return "quotes another practice"
        if owner.id != quote["client_id"] or asked.client not in (None, owner.id):
            return "quotes another client"
        if owner.name != quote["client_name"]:
            return "names another client"
        quoted = [one for one in owner.texts[place].versions if one.is_quoted(quote)]
        if not any(one.says(quote) for one in owner.texts[place].versions):
            return "quotes words that are not there"
        in_time = any(one.span.meets(asked.began, asked.ended) for one in quoted)
        if not in_time or not owner.is_there(asked.began, asked.ended):
            return "quotes a version that was over, or a draft"
        return None

    def _strange_words(self, raw: str, asked: "Asking") -> Iterator[Fault]:
        """Each of them once, however often it comes."""
        owners: Iterable[Client | None] = map(self._words.get, set(re.findall(WORD, raw)))
        for owner in owners:
            if owner is None or owner.workspace != asked.workspace:
                yield "has words of another practice"
            elif asked.client not in (None, owner.id):
                yield "has words of another client"


@dataclass(frozen=True, slots=True)
class Asking:
    """Whose question it was, about whom (None: the whole practice), and when."""

    workspace: str
    client: str | None
    began: float
    ended: float


def _place(quote: Answer) -> Place:
    session = quote["session_id"]
    return ("sessions", session) if session else ("clients", quote["client_id"])
