"""Clients named in a question."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import chain, combinations, groupby
from typing import Literal

from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Person
from service.language.everyday import (
    ALWAYS_CAPITAL,
    EVERYDAY,
    LOOKALIKES,
    NICKNAMES,
    PARTICLES,
    RELATIVES,
    TITLES,
    UNCLE,
)
from service.language.naming import Said, Word, name_words, said, tells
from service.language.stopwords import STOPWORDS
from service.ports.index import ChunkStore
from service.retrieval.held import EpochCache

MOST = 64
MOST_BYTES = 32 * 2**20
BYTES_EACH = 1000  # A client in memory: 700 measured, of 4,000 with two names of one word each.
_WORDS = EVERYDAY | RELATIVES
_KIN = RELATIVES - NICKNAMES
_NEVER_PREFIXED = STOPWORDS | RELATIVES
_HARDLY_PREFIXED = EVERYDAY | LOOKALIKES
APART = 3  # Words between a first and a last name: "Dana of the Cohen family".


@dataclass(frozen=True, slots=True)
class Named:
    """Clients that a question names: for `sure`, or `maybe`, where a word may be another's name or nobody's."""

    sure: frozenset[ClientId] = frozenset()
    maybe: frozenset[ClientId] = frozenset()
    words: Mapping[ClientId, frozenset[str]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """The words of the question, in normal form, that are nothing but a name and may be this client's."""

    def words_of(self, client: ClientId | None) -> frozenset[str]:
        """Those that may name this client; any client where none is given."""
        if client is not None:
            return self.words.get(client, frozenset())
        return frozenset().union(*self.words.values())


NOBODY = Named()


@dataclass(frozen=True, slots=True)
class _Bearer:
    """Whose name some words are, and which."""

    client: ClientId
    part: Literal["whole", "first", "last"]
    leads: bool = True
    """Not the second of two given names, nor one half of a double last name."""


Words = tuple[str, ...]
Names = Mapping[str, Mapping[Words, Sequence[_Bearer]]]
"""By their first word."""


@dataclass(frozen=True, slots=True, repr=False)
class _Mention:
    """A name that stands at `start` up to `end`, in words."""

    start: int
    end: int
    prefix: str
    words: Words
    bearers: Sequence[_Bearer]

    @property
    def place(self) -> tuple[int, int]:
        return self.start, self.end

    @property
    def clients(self) -> set[ClientId]:
        return {one.client for one in self.bearers}

    @property
    def is_everyday(self) -> bool:
        """Whether each of its words is also one that a text has anyway."""
        if self.words == (UNCLE,):
            return False
        return all(one in _WORDS or _is_nobody(one) for one in self.words)


class Register:
    """Every name of a workspace's clients, as of an epoch of its index."""

    def __init__(self, people: Sequence[Person], *, epoch: int = 0) -> None:
        self.epoch = epoch
        self.nbytes = BYTES_EACH * len(people)
        self._wholes = _register(chain.from_iterable(map(_wholes_of, people)))
        self._parts = _register(chain.from_iterable(map(_parts_of, people)))

    def at(self, epoch: int) -> "Register":
        """The same names at a later epoch."""
        later = copy(self)
        later.epoch = epoch
        return later

    def named(self, text: str) -> Named:
        """Whom a text names."""
        read = said(text)
        wholes = _outermost(_mentions(read, self._wholes))
        taken = {at for one in wholes for at in range(*one.place)}
        parts = (one for one in _mentions(read, self._parts) if _stands(one, read))
        free = [one for one in parts if taken.isdisjoint(range(*one.place))]
        return _judged(read, wholes, _by_place(free))


class People:
    """Clients by name, workspace by workspace, opened on first use and held as `EpochCache` says."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._held = EpochCache(store, self._build, max_workspaces=MOST, max_bytes=MOST_BYTES)

    def drop(self, workspace: WorkspaceId) -> None:
        """Forgets who is there, as when somebody is erased."""
        self._held.drop(workspace)

    async def named(self, text: str, *, workspace: WorkspaceId, epoch: int | None = None) -> Named:
        """Whom of the workspace's clients a text names; `epoch` is the index's, if it was just asked for.

        Raises StoreUnavailable, KeyUnavailable, SealBroken.
        """
        return (await self.register(workspace=workspace, epoch=epoch)).named(text)

    async def register(self, *, workspace: WorkspaceId, epoch: int | None = None) -> Register:
        """Everybody's names, for many texts. Raises StoreUnavailable, KeyUnavailable, SealBroken."""
        return await self._held.get(workspace, epoch=epoch)

    async def _build(self, workspace: WorkspaceId) -> Register:
        if (stale := self._held.stale(workspace)) and (
            same := await self._gone_on(stale, workspace)
        ):
            return same
        epoch, people = await self._store.people(workspace=workspace)
        return await asyncio.to_thread(Register, people, epoch=epoch)

    async def _gone_on(self, stale: Register, workspace: WorkspaceId) -> Register | None:
        """The same names, where only notes changed: a register of 4,000 clients takes 80 ms to make."""
        changed = await self._store.changed_clients(workspace=workspace, since=stale.epoch)
        if changed is None:
            return None
        epoch, clients = changed
        return None if clients else stale.at(epoch)


def _register(names: Iterable[tuple[Words, _Bearer]]) -> Names:
    held: defaultdict[str, defaultdict[Words, list[_Bearer]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for name, bearer in names:
        held[name[0]][name].append(bearer)
    return {first: dict(rest) for first, rest in held.items()}


def _wholes_of(person: Person) -> Iterator[tuple[Words, _Bearer]]:
    """Both names, in either order."""
    first, last = name_words(person.first), name_words(person.last)
    if len(first) + len(last) > 1:
        for whole in {first + last, last + first}:
            yield whole, _Bearer(person.client, "whole")


def _parts_of(person: Person) -> Iterator[tuple[Words, _Bearer]]:
    yield from _names_in(name_words(person.first), person.client, "first")
    yield from _names_in(name_words(person.last), person.client, "last")


def _names_in(
    part: Words, client: ClientId, which: Literal["first", "last"]
) -> Iterator[tuple[Words, _Bearer]]:
    """The part, and of a double one each word that can be a name by itself."""
    if not all(map(_is_nobody, part)):
        yield part, _Bearer(client, which)
    for number, word in enumerate(part if len(part) > 1 else ()):
        if not (_is_nobody(word) or word in _WORDS or word in PARTICLES):
            yield (word,), _Bearer(client, which, leads=which == "first" and number == 0)


def _is_nobody(word: str) -> bool:
    """A number, a letter or a word like "client" names nobody by itself; "Will" does."""
    return len(word) < 2 or word.isdigit() or (word in STOPWORDS and word not in EVERYDAY)


def _mentions(read: Said, names: Names) -> Iterator[_Mention]:
    for start, word in enumerate(read.words):
        for prefix, rest in word.readings:
            for name, bearers in names.get(rest, {}).items():
                end = start + len(name)
                if _go_on(read.words[start + 1 : end], name[1:]):
                    yield _Mention(start, end, prefix, name, bearers)


def _go_on(words: Sequence[Word], rest: Words) -> bool:
    """Whether a name's further words follow, in the same sentence."""
    return len(words) == len(rest) and all(
        not word.begins and form in word.bare for word, form in zip(words, rest, strict=True)
    )


def _outermost(mentions: Iterable[_Mention]) -> list[_Mention]:
    """Without those inside a longer one: who is called Dana Lee Levi is not Dana Lee."""
    held = list(mentions)
    places = {one.place for one in held}
    inner = {
        (start, end)
        for start, end in places
        for first, last in places
        if first <= start and end <= last and (first, last) != (start, end)
    }
    return [one for one in held if one.place not in inner]


def _by_place(mentions: Iterable[_Mention]) -> list[list[_Mention]]:
    """One word may be read as two names: לירון is Liron, or "to Yaron"."""
    ordered = sorted(_outermost(mentions), key=lambda one: one.place)
    return [list(same) for _, same in groupby(ordered, key=lambda one: one.place)]


def _stands(mention: _Mention, read: Said) -> bool:
    """Whether a name alone can be meant: שלי is "mine" and not "that Li", and דוד שלה is her uncle."""
    if mention.prefix:
        word = read.words[mention.start]
        doubtful = mention.words[0] in EVERYDAY and word.is_one_of(_HARDLY_PREFIXED)
        return not (doubtful or word.is_one_of(_NEVER_PREFIXED))
    return not (mention.words[-1] in RELATIVES and read.kinds[mention.end :][:1] in {"O", "P"})


def _judged(read: Said, wholes: Sequence[_Mention], parts: Sequence[Sequence[_Mention]]) -> Named:
    relatives = _clients(one for one in chain(wholes, *parts) if _is_relative(one, read))
    sure = _clients(one for one in wholes if _is_telling(one, read)) | _apart(parts, read)
    for mentions in parts:
        clients = _clients(mentions)
        if len(clients) == 1 and clients.isdisjoint(relatives):
            sure |= clients if any(_is_certain(one, read) for one in mentions) else set()
    maybe = _clients(wholes)
    for mentions in parts:
        clients = _clients(mentions)
        # Dana Levi, and then Dana: the same.
        maybe |= clients if clients.isdisjoint(sure) else set()
    names = (
        *(one for one in wholes if _is_telling(one, read)),
        *(one for one in chain.from_iterable(parts) if _is_name(one, read)),
    )
    return Named(frozenset(sure), frozenset(maybe - sure), _words_of(names, read))


def _words_of(names: Iterable[_Mention], read: Said) -> Mapping[ClientId, frozenset[str]]:
    words: defaultdict[ClientId, set[str]] = defaultdict(set)
    for one in names:
        for client in one.clients:
            words[client].update(word.text for word in read.words[one.start : one.end])
    return {client: frozenset(theirs) for client, theirs in words.items()}


def _clients(mentions: Iterable[_Mention]) -> set[ClientId]:
    return set().union(*(one.clients for one in mentions))


def _is_relative(mention: _Mention, read: Said) -> bool:
    return read.is_relative(*mention.place, prefix=mention.prefix)


def _is_telling(whole: _Mention, read: Said) -> bool:
    """Whether a first and a last name together can be nothing else here; were they "So Will", they could."""
    words_anyway = STOPWORDS.issuperset(whole.words) and not _has_sign(whole, read)
    return not words_anyway and not _is_relative(whole, read)


def _apart(parts: Sequence[Sequence[_Mention]], read: Said) -> set[ClientId]:
    """Whose first and last name stand a few words from each other."""
    return set().union(
        *(
            _both(one, other)
            for one, other in combinations(parts, 2)
            if _are_near(one[0], other[0], read)
            and not any(_is_relative(mention, read) for mention in chain(one, other))
        )
    )


def _are_near(one: _Mention, other: _Mention, read: Said) -> bool:
    if other.start - one.end > APART or (one.is_everyday and other.is_everyday):
        return False
    return not any(word.begins for word in read.words[one.end : other.start + 1])


def _both(ones: Sequence[_Mention], others: Sequence[_Mention]) -> set[ClientId]:
    there = {(bearer.client, bearer.part) for one in others for bearer in one.bearers}
    opposite = {"first": "last", "last": "first"}
    return {
        bearer.client
        for one in ones
        for bearer in one.bearers
        if (bearer.client, opposite[bearer.part]) in there
    }


def _is_certain(mention: _Mention, read: Said) -> bool:
    """Whether a name that is one client's only can be nothing else here."""
    word = read.words[mention.start]
    if not mention.bearers[0].leads or not _is_name(mention, read):
        return False
    return mention.is_everyday or word.letter != "small" or not read.careful


def _is_name(mention: _Mention, read: Said) -> bool:
    """Whether it is somebody's name here, whosever, but of the client's circle."""
    if _is_relative(mention, read):
        return False
    if mention.prefix and read.words[mention.start].is_one_of(_HARDLY_PREFIXED):
        return False
    return not mention.is_everyday or _has_sign(mention, read)


def _has_sign(mention: _Mention, read: Said) -> bool:
    """Of being a name: a title before it, a capital that only names have, or what only somebody does."""
    before = read.words[mention.start - 1] if mention.start else None
    if before and any(rest in TITLES for _, rest in before.readings):
        return True
    capital = read.words[mention.start].letter == "capital"
    if capital and not ALWAYS_CAPITAL.issuperset(mention.words):
        return True
    return not _KIN.issuperset(mention.words) and _does(mention, read)


def _does(mention: _Mention, read: Said) -> bool:
    earlier, before = ["", "", *(word.text for word in read.words[: mention.start])][-2:]
    after = read.words[mention.end].text if mention.end < len(read.words) else ""
    return tells(earlier, before, after)
