"""The words of a text that are clients' names, or may be: in doubt they are."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import pairwise

from service.domain.notes import Person
from service.language.everyday import EVERYDAY, PARTICLES, RELATIVES, TITLES
from service.language.features import sounds
from service.language.hebrew import without_clitics
from service.language.hebrew_words import FORMS, LOOSE, WHOLE
from service.language.identifiers import Identifier
from service.language.name_signs import PIECE, WORD, Reading, Rule, Surroundings, words_between
from service.language.naming import PREFIXES
from service.language.spellings import Heard, other_spellings
from service.language.stopwords import STOPWORDS
from service.language.text import CONTROLS, normalise

WORDS = STOPWORDS | EVERYDAY | RELATIVES | WHOLE | FORMS.keys() | LOOSE.keys()
"""Words of either language, in normal form, as far as this room knows them."""
# Names that are English words too, beside those that questions are read with.
_MORE = "bar bell bob dot don jack josh ken lance man nick norm ram ran tad wade"
_ENGLISH = EVERYDAY | RELATIVES | TITLES | frozenset(_MORE.split())
_HIDES_MOST: tuple[Rule, ...] = ("always", "capital", "sign", "beside")
_LONGEST = max(map(len, PREFIXES))
_PREFIX_LETTERS = frozenset("".join(PREFIXES))
_STEERING = re.compile(f"[{CONTROLS}]+$")
Readings = Callable[[str], tuple[Reading, ...]]


class Names:
    """The names of a workspace's clients, word by word, in every spelling that is known of them."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._rules: dict[str, Rule] = {}
        self._beside: dict[str, set[str]] = {}
        self._heard = Heard()
        for person in people:
            self._add(_forms(person.first), _forms(person.last))

    def knowing(self, people: Iterable[Person]) -> "Names":
        """These too, in a copy."""
        more = Names(people)
        more._rules = self._rules | {
            form: _more(rule, self._rules.get(form, rule)) for form, rule in more._rules.items()
        }
        for form, others in self._beside.items():
            more._beside[form] = others | more._beside.get(form, set())
        more._heard = self._heard.with_those_of(more._heard)
        return more

    def __contains__(self, form: str) -> bool:
        return form in self._rules

    @property
    def forms(self) -> Set[str]:
        return self._rules.keys()

    def said_in(
        self, text: str, apart: Sequence[Identifier] = (), *, readings: Readings | None = None
    ) -> list[Reading]:
        """The names that a text says, in order, outside of the stretches `apart`.

        Of a text that is nothing but names every word is one, לי too. `readings` may remember those of a word.
        """
        of_word = readings or self.readings
        written = words_between(text, apart)
        read = {raw: found for raw in written if (found := of_word(raw))}
        if not read:
            return []
        around = Surroundings(text, apart)
        maybe = list(_placed(around, read))
        is_a_name = len({at for at, _ in maybe}) == len(around.words)
        shown = [is_a_name or around.show(at, name) for at, name in maybe]
        self._show_pairs(shown, maybe, around)
        self._show_neighbours(shown, maybe, around)
        return [
            name.moved(around.words[at].start())
            for (at, name), sure in zip(maybe, shown, strict=True)
            if sure
        ]

    def _add(self, first: Sequence[str], last: Sequence[str]) -> None:
        both = (*first, *last)
        for part in (first, last):
            for form in part:
                self._add_word(form, _rule(form, alone=len(part) == 1), both)
        for run_on in map("".join, (first, last, both, (*last, *first))):
            if run_on and run_on not in both:
                self._put(run_on, _rule(run_on))

    def _add_word(self, form: str, rule: Rule, both: Sequence[str]) -> None:
        self._put(form, rule)
        self._seat(form, both)
        if rule == "beside":
            return
        for other in (*other_spellings(form), _without_accents(form)):
            self._put(other, _rule_of_other(other))
            self._seat(other, both)
        self._heard.add(form)

    def _put(self, form: str, rule: Rule) -> None:
        """The rule that hides most, of all clients who are called so."""
        known = self._rules.setdefault(form, rule)
        if known != rule:
            self._rules[form] = _more(rule, known)

    def _seat(self, form: str, both: Sequence[str]) -> None:
        """Beside which words it is a name, if it is not always."""
        if self._rules[form] != "always":
            others = {*both, *(other for one in both for other in other_spellings(one))}
            self._beside.setdefault(form, set()).update(others - {form})

    def _show_pairs(
        self, shown: list[bool], maybe: Sequence[tuple[int, Reading]], around: Surroundings
    ) -> None:
        """Two names of a client together can hardly be anything else: "hope bell", though not "may will"."""
        for number, ((at, one), (behind, other)) in enumerate(pairwise(maybe)):
            if (
                behind - at <= 1
                and "beside" not in {one.rule, other.rule}
                and not STOPWORDS.issuperset({one.form, other.form})
                and other.form in self._beside.get(one.form, ())
                and around.join(at, behind)
            ):
                shown[number] = shown[number + 1] = True

    def _show_neighbours(
        self, shown: list[bool], maybe: Sequence[tuple[int, Reading]], around: Surroundings
    ) -> None:
        """And what stands next to another name of the same client, and next to that: "de la Cruz", "hope Levi"."""
        sure: defaultdict[int, set[str]] = defaultdict(set)
        for (at, name), is_sure in zip(maybe, shown, strict=True):
            if is_sure:
                sure[at].add(name.form)
        order = range(len(maybe))
        for number in (*order, *reversed(order)):
            at, name = maybe[number]
            others = self._beside.get(name.form)
            if shown[number] or not others or around.are_of_time(at, name):
                continue
            near = (place for place in (at - 1, at, at + 1) if place in sure)
            if any(around.join(at, one) and not others.isdisjoint(sure[one]) for one in near):
                shown[number] = True
                sure[at].add(name.form)

    def readings(self, raw: str) -> tuple[Reading, ...]:
        """The names that a word may be or hold, whatever stands around it."""
        form = normalise(raw)
        if rule := self._rules.get(form):
            return (Reading(0, bare_end(raw), form, rule),)
        found = self._parts(raw, form) or self._foreign(raw, form)
        if found and form in STOPWORDS:  # שלי is "mine" and hardly "that Li", "don't" is not of Don
            return tuple(Reading(one.start, one.end, one.form, "sign") for one in found)
        return found

    def _parts(self, raw: str, form: str) -> tuple[Reading, ...]:
        if raw.isascii() and raw.isalnum():
            return ()
        if _is_hebrew(form):
            if form[0] in _PREFIX_LETTERS and (found := self._behind_prefix(raw, form)):
                return (found,)
        elif rule := self._rules.get(_without_accents(form)):
            return (Reading(0, bare_end(raw), form, rule),)
        return () if raw.isalpha() else self._pieces(raw)

    def _behind_prefix(self, raw: str, form: str) -> Reading | None:
        for end in range(1, min(_LONGEST, len(form) - 2) + 1):
            rule = self._rules.get(form[end:])
            if rule and form[:end] in PREFIXES:
                if rule == "sign" and form not in WORDS:  # ללי is no word, and שאלה is one
                    rule = "always"
                return Reading(place_behind(raw, end), bare_end(raw), form[end:], rule)
            if form[end] not in _PREFIX_LETTERS:
                break
        return None

    def _pieces(self, raw: str) -> tuple[Reading, ...]:
        """The names between apostrophes: "Dana's"."""
        pieces = list(PIECE.finditer(raw))
        return tuple(
            name.moved(piece.start())
            for piece in (pieces if len(pieces) > 1 else ())
            for name in self.readings(piece.group())
        )

    def _foreign(self, raw: str, form: str) -> tuple[Reading, ...]:
        """A name of the other alphabet spelled out: "Rosenberg" where a client is רוזנברג."""
        is_hebrew = _is_hebrew(form)
        if not (is_hebrew or raw[0].isupper()):
            return ()
        said = sounds(form)  # Of a Hebrew word also without its prefix.
        if self._heard.isdisjoint(said) or form in WORDS:
            return ()
        rests = (form, without_clitics(form)) if is_hebrew else (form,)
        for rest, sound in zip(rests, said, strict=False):
            if self._heard.says(rest, sound):
                behind = place_behind(raw, len(form) - len(rest))
                return (Reading(behind, bare_end(raw), rest, "always"),)
        return ()


def place_behind(raw: str, letters: int) -> int:
    """Where the letter behind so many of them stands, whatever is written into them."""
    at = 0
    while letters > 0:
        letters -= len(normalise(raw[at]))
        at += 1
    while at < len(raw) and not normalise(raw[at]):
        at += 1
    return at


def bare_end(raw: str) -> int:
    """Its end without controls that steer what follows."""
    if raw[-1].isalpha():
        return len(raw)
    steering = _STEERING.search(raw)
    return steering.start() if steering else len(raw)


def _placed(
    around: Surroundings, read: dict[str, tuple[Reading, ...]]
) -> Iterator[tuple[int, Reading]]:
    for at, word in enumerate(around.words):
        for name in read.get(word.group(), ()):
            yield at, name


def _forms(name: str) -> tuple[str, ...]:
    """The normal forms of a name's words; a number is no part of a name."""
    found = map(normalise, WORD.findall(unicodedata.normalize("NFKC", name)))
    return tuple(form for form in found if form and not form[0].isdigit())


def _rule(form: str, *, alone: bool = True) -> Rule:
    if len(form) < 2 or (not alone and form in PARTICLES):
        return "beside"
    if form.isascii() and form in _ENGLISH:
        return "capital"
    return "sign" if form in STOPWORDS else "always"


def _more(one: Rule, other: Rule) -> Rule:
    """Which of the two hides more."""
    return min(one, other, key=_HIDES_MOST.index)


def _rule_of_other(form: str) -> Rule:
    """Of a name in letters that the record does not have: "ran" may be רן, and hardly is."""
    rule = _rule(form)
    return "capital" if rule == "always" and form.isascii() else rule


def _is_hebrew(form: str) -> bool:
    return "א" <= form[0] <= "ת"


def _without_accents(form: str) -> str:
    parted = unicodedata.normalize("NFD", form)
    return "".join(one for one in parted if not unicodedata.combining(one))
