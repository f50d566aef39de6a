"""Pseudonyms for what says who somebody is, and the way back."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from copy import copy
from dataclasses import dataclass
from functools import cache
from itertools import count

from service.domain.notes import Person
from service.language.client_names import WORDS, Names, Readings
from service.language.identifiers import identifiers
from service.language.invented import SYLLABLES, Script, invented_name
from service.language.naming import PREFIXES
from service.language.text import HEBREW

BYTES_EACH = 600  # A spelling in memory.
_IDENTIFIER = "\0"  # Before what all writings of a number share: it is no name.
_LETTERS_BEFORE = "".join({"ה", *PREFIXES})
_LETTERS = re.compile(rf"[{HEBREW}]+|[^\W\d_{HEBREW}]+")
_HEBREW_LETTER = re.compile(f"[{HEBREW}]")


@dataclass(frozen=True, slots=True, repr=False)
class Hidden:
    """A stretch that does not leave, in code points; `same` is what all its writings share."""

    start: int
    end: int
    same: str


class Pseudonyms:
    """What names of a workspace's clients are called outside: a word each, unlike all others, the same each time."""

    def __init__(self, people: Collection[Person], *, key: bytes, epoch: int = 0) -> None:
        self.epoch = epoch
        self._key = key
        self._made_of = _digest(people, key)
        self._names = Names(people)
        self._own = self._invented()
        self._taken = {name.casefold() for name in self._own.values()}

    @property
    def nbytes(self) -> int:
        return BYTES_EACH * len(self._own)

    def is_of(self, people: Iterable[Person], *, key: bytes) -> bool:
        """Whether these are the names it was made of."""
        return self._made_of == _digest(people, key)

    def as_of(self, epoch: int) -> "Pseudonyms":
        """The same for another epoch."""
        same = copy(self)
        same.epoch = epoch
        return same

    def knowing(self, people: Iterable[Person]) -> "Pseudonyms":
        """These clients too: what is there stays as it is; nothing new, and it is the same."""
        names = self._names.knowing(people)
        if names.forms == self._names.forms:
            return self
        more = copy(self)
        more._names = names
        more._own, more._taken = dict(self._own), set(self._taken)
        for form in sorted(more._names.forms - self._own.keys()):
            name = more.of(form, taken=more._taken.__contains__)
            more._own[form] = name
            more._taken.add(name.casefold())
        return more

    def readings(self) -> Readings:
        """The names that a word may be, each word looked at once: for the texts of one question."""
        return cache(self._names.readings)

    def found_in(self, text: str, *, readings: Readings | None = None) -> list[Hidden]:
        """What a text must not say outside, in order; `readings` may be kept from one text to the next."""
        apart = identifiers(text)
        found = [Hidden(one.start, one.end, _IDENTIFIER + one.same) for one in apart]
        names = self._names.said_in(text, apart, readings=readings)
        found += (Hidden(one.start, one.end, one.form) for one in names)
        return sorted(found, key=lambda one: one.start)

    def of(self, same: str, *, taken: Callable[[str], bool]) -> str:
        """Its pseudonym; a longer one where that is taken, which is asked of it case-folded."""
        own = self._own.get(same)
        if own and not taken(own.casefold()):
            return own
        longer = (self._name(same, size) for size in count(SYLLABLES + (own is not None)))
        return next(name for name in longer if self._is_free(name) and not taken(name.casefold()))

    def _invented(self) -> dict[str, str]:
        """Where two would be called the same, both get longer names: who comes later changes nobody else's."""
        own: dict[str, str] = {}
        waiting: Collection[str] = self._names.forms
        size = SYLLABLES
        while waiting:
            names = {form: self._name(form, size) for form in waiting}
            shared = Counter(names.values())
            waiting = [
                form for form, name in names.items() if shared[name] > 1 or self._is_word(name)
            ]
            own |= {form: names[form] for form in names.keys() - set(waiting)}
            size += 1
        return own

    def _name(self, same: str, size: int) -> str:
        return invented_name(same, key=self._key, script=_script(same), syllables=size)

    def _is_word(self, name: str) -> bool:
        """Whether it says something, or names a client."""
        return name.casefold() in WORDS or name.casefold() in self._names

    def _is_free(self, name: str) -> bool:
        return name.casefold() not in self._taken and not self._is_word(name)


class PseudonymVeil:
    """Keeps Veil: hides what `Pseudonyms` finds, and remembers the words that stood there, as they were written."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._readings = pseudonyms.readings()
        self._given: dict[str, str] = {}
        self._written: dict[str, list[str]] = {}
        self._read: list[str] = []

    def know(self, people: Iterable[Person]) -> None:
        """From here on these clients' names are hidden too."""
        self._pseudonyms = self._pseudonyms.knowing(people)
        self._readings = self._pseudonyms.readings()

    def hide(self, text: str) -> str:
        """Twice is as once: its own pseudonyms stay as they are."""
        self._read.append(text.casefold())
        pieces: list[str] = []
        end = 0
        for one in self._pseudonyms.found_in(text, readings=self._readings):
            if _bare(one.same) not in self._written:
                pieces += text[end : one.start], self._pseudonym(one, text)
                end = one.end
        return "".join((*pieces, text[end:]))

    def restore(self, text: str, *, as_in: str = "") -> str:
        """A pseudonym it has not given stays; so do a prefix before and an ending behind.

        A word is written as in `as_in` where it has one of the writings seen, else as in the first.
        """
        if not self._written:
            return text
        return _LETTERS.sub(lambda letters: self._restored(letters, as_in), text)

    def _pseudonym(self, hidden: Hidden, text: str) -> str:
        """What it has once given it gives again; it gives nothing that stands in what it has read."""
        if hidden.same not in self._given:
            name = self._pseudonyms.of(hidden.same, taken=self._is_taken)
            self._given[hidden.same] = name
            self._written[name.casefold()] = []
        name = self._given[hidden.same]
        written, writings = text[hidden.start : hidden.end], self._written[name.casefold()]
        if written not in writings:
            writings.append(written)
        return name

    def _is_taken(self, name: str) -> bool:
        return name in self._written or any(name in text for text in self._read)

    def _restored(self, letters: re.Match[str], as_in: str) -> str:
        form = letters.group().casefold()
        bare = _bare(form)
        if (writings := self._written.get(bare)) is None:
            return letters.group()
        return form[: -len(bare)] + next((one for one in writings if one in as_in), writings[0])


def _bare(form: str) -> str:
    return form.lstrip(_LETTERS_BEFORE)


def _digest(people: Iterable[Person], key: bytes) -> bytes:
    names = sorted(f"{one.first}\0{one.last}\0" for one in people)
    raw = "\0".join(names).encode("utf-8", errors="surrogatepass")
    return hashlib.blake2b(raw, key=key, digest_size=16).digest()


def _script(same: str) -> Script:
    return "hebrew" if _HEBREW_LETTER.match(same) else "latin"
