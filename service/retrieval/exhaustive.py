"""Reads all notes of a scope, for what the best few cannot answer: how many sessions, which ones, how it went."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from service.domain.answers import Passage, Question
from service.domain.audit import Trail
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import Chunk, Note, NoteRef, Person, Pulled
from service.domain.scope import IndexedSession, Within
from service.language.likeness import covered
from service.language.sentences import sentences
from service.language.topic import Topic, without_words
from service.ports.index import ChunkStore
from service.ports.keys import KeyStore
from service.ports.monolith import MAX_IDS, NoteSource
from service.retrieval.asked_for import JUDGED
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.readable import readable, refuse_without_consent

MOST = 500  # Notes of one question: ten calls to PazPaz.
IN_FLIGHT = 3  # Calls at once: 500 notes in four rounds, and PazPaz has other callers.
Wanted = tuple[NoteRef, ClientId]
"""A note to be pulled, and whose it is."""
_NO_TOPIC = Topic.of("")
FIELDS = ("assessment", "subjective", "plan", "objective")
"""Where a session that is only listed is quoted from: what it came to says most of it."""
OF_FIELDS_ASKED = 3  # Sentences a session; a plan has seldom more.


@dataclass(frozen=True, slots=True)
class Point:
    """What a session says of what was asked about. `passage` is a whole field of its note, `quote` stands in it."""

    passage: Passage
    quote: str


@dataclass(frozen=True, slots=True)
class Course:
    """What reading everything brought, with exact counts of sessions. What proved to be gone is in none of them."""

    points: tuple[Point, ...]
    """Oldest first: one a session that mentions the topic; without one how each begins, where sessions are listed."""
    notes: tuple[Note, ...]
    """All that were read."""
    ruled_out: int
    """Not read, because the index says that they do not mention it."""
    unreadable: int
    left: int
    """Not read, because there were more than may be read; the oldest ones."""
    first_day: date | None
    last_day: date | None
    """Of those read or ruled out."""
    has_topic: bool
    """False where no word says what it is about: then sessions are counted or listed, and none can mention anything."""
    lists: bool = False
    """Whether the sessions themselves were asked for, and what each says in some field."""
    topic: str = ""
    """What was looked for: the question's, without the names of clients."""
    named: tuple[tuple[Note, str], ...] = ()
    """All that were read, each with its client's name."""
    people: tuple[Person, ...] = ()
    """Whose sessions they are."""

    @property
    def read(self) -> int:
        return len(self.notes)

    @property
    def searched(self) -> int:
        return self.read + self.ruled_out

    @property
    def total(self) -> int:
        return self.searched + self.unreadable + self.left

    @property
    def drafts(self) -> int:
        return sum(note.is_draft for note in self.notes)

    @property
    def is_whole(self) -> bool:
        return not self.unreadable and not self.left


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question with what holds for every note read for it."""

    question: Question
    topic: Topic
    workspace: WorkspaceId
    within: Within
    actor: UserId | None
    trail: Trail

    @property
    def lists_all(self) -> bool:
        """Whether the sessions themselves are asked for; a form reads them for what it tells."""
        question = self.question
        is_list = question.form == "answer" and question.intent == "list" and not self.topic
        return is_list and not JUDGED.search(question.text)


@dataclass(frozen=True, slots=True)
class Pull:
    """What one call brought: notes that may be quoted, each with its client's name, and how many cannot be read."""

    notes: Sequence[tuple[Note, str]]
    unreadable: int
    people: Sequence[Person]


@dataclass(frozen=True)
class Reader:
    """Reads every note of a client; of a whole practice those whose bags say that they may mention it."""

    store: ChunkStore
    notes: NoteSource
    keys: KeyStore
    lexical: LexicalIndex
    people: People
    most: int = MOST
    batch: int = MAX_IDS
    in_flight: int = IN_FLIGHT

    async def can_tell(self, question: Question, *, workspace: WorkspaceId) -> bool:
        """Whether reading all notes answers it: a course is a course of something, and needs a topic.

        Raises StoreUnavailable, KeyUnavailable.
        """
        return question.intent != "change" or bool(
            Topic.of(await self._topic(question, workspace=workspace))
        )

    async def read(
        self,
        question: Question,
        *,
        workspace: WorkspaceId,
        within: Within,
        actor: UserId | None,
        trail: Trail,
    ) -> Course:
        """The course of a topic, read as `actor`; only sessions that are readable at this moment.

        Every note that is read is told to `trail` before anything is done with it.
        Raises Unavailable (source, store or key), NotAllowed, NoConsent.
        """
        await refuse_without_consent(question, notes=self.notes, workspace=workspace, actor=actor)
        said = await self._topic(question, workspace=workspace)
        topic = Topic.of(said, measured=question.intent == "change")
        asked = _Asked(question, topic, workspace, within, actor, trail)
        sessions = await self.store.sessions(workspace=workspace, within=within)
        wanted = await self._worth_reading(sessions, asked)
        pulls = await self._pull_all([_wanted(one, asked) for one in wanted[-self.most :]], asked)
        read = [one for pull in pulls for one in pull.notes]
        # In a thread: 500 notes take 0.2 to 0.5 s, and other questions would wait on the loop.
        points = await asyncio.to_thread(_points, asked, read)
        ruled_out = _without(sessions, wanted)
        days = sorted(_days(read, ruled_out))
        return Course(
            points=tuple(points),
            notes=tuple(note for note, _ in read),
            ruled_out=len(ruled_out),
            unreadable=sum(pull.unreadable for pull in pulls),
            left=max(0, len(wanted) - self.most),
            first_day=days[0] if days else None,
            last_day=days[-1] if days else None,
            has_topic=bool(topic),
            lists=asked.lists_all,
            topic=said,
            named=tuple(read),
            people=tuple(dict.fromkeys(one for pull in pulls for one in pull.people)),
        )

    async def pull(
        self,
        wanted: Sequence[Wanted],
        question: Question,
        *,
        workspace: WorkspaceId,
        within: Within,
        actor: UserId | None,
        trail: Trail,
    ) -> Sequence[Pull]:
        """Those of the notes that are readable at this moment, each told to `trail` before anything is done with it.

        Raises Unavailable (source), NotAllowed.
        """
        asked = _Asked(question, _NO_TOPIC, workspace, within, actor, trail)
        return await self._pull_all(wanted, asked)

    async def _topic(self, question: Question, *, workspace: WorkspaceId) -> str:
        """Without the client's name, for notes say "she"; a name of somebody else is what is asked about."""
        named = await self.people.named(question.text, workspace=workspace)
        return without_words(question.topic, named.words_of(question.client))

    async def _worth_reading(
        self, sessions: Sequence[IndexedSession], asked: _Asked
    ) -> Sequence[IndexedSession]:
        """All of a client's; of a practice, which may have 20,000, those that the bags do not rule out."""
        if asked.within.clients is not None:
            return sessions
        key = (await self.keys.keys(workspace=asked.workspace)).index
        found = await self.lexical.matching(
            asked.topic, key=key, workspace=asked.workspace, within=asked.within
        )
        matching = {ref.id for ref in found if ref.entity == "sessions"}
        return [session for session in sessions if session.id in matching]

    async def _pull_all(self, wanted: Sequence[Wanted], asked: _Asked) -> Sequence[Pull]:
        """Batch by batch, a few calls at once; the first that fails ends the others."""
        places = asyncio.Semaphore(self.in_flight)
        starts = range(0, len(wanted), self.batch)
        try:
            async with asyncio.TaskGroup() as group:
                pulls = [
                    group.create_task(self._pull(wanted[i : i + self.batch], asked, places))
                    for i in starts
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [pull.result() for pull in pulls]

    async def _pull(
        self, wanted: Sequence[Wanted], asked: _Asked, places: asyncio.Semaphore
    ) -> Pull:
        async with places:
            pulled = await self.notes.fetch(
                workspace=asked.workspace,
                sessions=[ref.id for ref, _ in wanted if ref.entity == "sessions"],
                clients=list(dict.fromkeys(client for _, client in wanted)),
                actor=asked.actor,
            )
        read = _readable(wanted, pulled, asked)
        for note, _ in read:
            asked.trail.saw(note, "read")
        # A note whose client cannot be read cannot be judged either.
        lost = {ref for ref, client in wanted if pulled.unreadable.keys() & {ref.id, client}}
        people = [client.person for client in pulled.clients.values()]
        return Pull(read, len(lost), people)


def _wanted(session: IndexedSession, asked: _Asked) -> Wanted:
    return NoteRef(asked.workspace, "sessions", session.id), session.client


def _readable(wanted: Sequence[Wanted], pulled: Pulled, asked: _Asked) -> list[tuple[Note, str]]:
    consent = asked.question.require_consent
    found = (
        readable(ref, pulled, within=asked.within, require_consent=consent) for ref, _ in wanted
    )
    return [one for one in found if one is not None]


def _without(
    sessions: Sequence[IndexedSession], wanted: Sequence[IndexedSession]
) -> list[IndexedSession]:
    ids = {session.id for session in wanted}
    return [session for session in sessions if session.id not in ids]


def _days(read: Sequence[tuple[Note, str]], ruled_out: Sequence[IndexedSession]) -> Iterator[date]:
    days = (*(note.day for note, _ in read), *(session.day for session in ruled_out))
    return (day for day in days if day is not None)


@dataclass(frozen=True, slots=True)
class _Mention:
    """A sentence that says enough of the topic; `share` is how much of it, 0..1."""

    field: str
    text: str
    share: float = 0.0


def _points(asked: _Asked, read: Sequence[tuple[Note, str]]) -> list[Point]:
    """By day, what each note says of it, where it does."""
    if not asked.topic and not asked.lists_all:
        return []
    say = _openings if asked.lists_all else _best
    ordered = sorted(read, key=lambda one: (one[0].day or date.min, one[0].ref.id))
    said = [(note, name, mention) for note, name in ordered for mention in say(note, asked)]
    return [_point(number, *one) for number, one in enumerate(said, 1)]


def _point(number: int, note: Note, name: str, mention: _Mention) -> Point:
    text = note.fields[mention.field]
    whole = Chunk(mention.field, 0, 0, len(text), text)
    return Point(Passage(f"p{number}", note, whole, name, mention.share), mention.text)


def _openings(note: Note, asked: _Asked) -> Sequence[_Mention]:
    """How a note begins: the first sentences of the fields asked for, else one."""
    fields = asked.question.fields
    found = [
        _Mention(field, text[start:end], 1.0)
        for field in FIELDS
        if field in (fields or note.fields) and (text := note.fields.get(field))
        for start, end in sentences(text)
        if any(map(str.isalnum, text[start:end]))
    ]
    return found[: OF_FIELDS_ASKED if fields else 1]


def _best(note: Note, asked: _Asked) -> Sequence[_Mention]:
    """The mention to show, if any: of a course one with its number, of the field asked for, that says most, the first.

    One sentence must say it. Two neighbours together found 9 mentions more in our notes (tests/data), 7 of them
    false: the other knee, "shoulder no complaint" for "shoulder pain".
    """
    mentions = list(_mentions(note, asked.topic))
    shares = covered(asked.topic.asked, [one.text for one in mentions])
    scored = [replace(one, share=share) for one, share in zip(mentions, shares, strict=True)]
    return [max(scored, key=lambda one: _worth(one, asked))] if scored else []


def _worth(mention: _Mention, asked: _Asked) -> tuple[bool, bool, float]:
    measured = asked.question.intent == "change" and asked.topic.has_number(mention.text)
    return measured, mention.field in asked.question.fields, mention.share


def _mentions(note: Note, topic: Topic) -> Iterator[_Mention]:
    said = [
        _Mention(field, text[start:end])
        for field, text in note.fields.items()
        for start, end in sentences(text)
    ]
    mentions = topic.said_in([one.text for one in said])
    return (one for one, is_mention in zip(said, mentions, strict=True) if is_mention)
