"""A sentence taken apart for comparison: what its words mean, which are denied, what it counts, names and quotes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

from service.language.amounts import Amount, amounts
from service.language.bounds import Bound, bounds
from service.language.dates import Day, covered, days
from service.language.everyday import AGED
from service.language.features import other_sounds, sounds, stem
from service.language.hebrew import rests, sure_readings
from service.language.number_words import is_number_word
from service.language.polarity import is_denial, polarities
from service.language.sides import SideSaid, sides
from service.language.spans import spans
from service.language.spellings import other_spellings
from service.language.stopwords import STOPWORDS
from service.language.terms import (
    COMMON,
    DIRECTION,
    GENERAL,
    LEXICON,
    broader,
    is_listed,
    kind,
    meanings,
    tenses,
)
from service.language.text import Word, normal_forms, words
from service.language.transliteration import name_sounds
from service.language.units import unit_of

_CLAUSE = re.compile(
    r"[;:,()\[\]\n.!?…]+(?=\s|$)|\s[-–—+&]\s|[\n()]|\s(?:(?<!between\s\d\s)(?<!between\s\d\d\s)(?<!between\s\d\d\d\s)and|but|while|whereas|although|though|then|or|because|that|who|when)\s"
    r"|\s(?:since|as)\s(?=(?:his|her|their|she|he|they|the|its)\s)|\s(?:אך|אבל|אולם|ואילו|בעוד|וגם|או|כי|מפני|כאשר)\s",
    re.IGNORECASE,
)
# What says only that something was said, and by whom.
_FILLERS = """
test side sides צד בצד בדיקה
report reports reported reporting describe describes described describing state states stated mention mentions
mentioned note notes noted client client's clients patient patient's patients pt therapist session sessions
according indicate indicates indicated share shares shared express expressed expresses explain explains explained
feel feels feeling felt experience experiences experienced experiencing say says said tell tells told continue
continues continued currently present presents presented related relating regarding concerning document documented
appear appears appeared seem seems discussed discuss talked talks spoke spoken discussion recorded record observed
noticed notice given give times time also there has had been being having well made make makes took take takes
taking use used using during both another overall summary course update point total approximately about around
roughly per out ten scale rate rated rating level became become becomes getting remain remains remained since today
visit meeting appointment occasion day week month year days weeks months years hours hour minutes minute date set
sets rep reps repetition repetitions degree degrees points age aged assessment plan plans planned home-based way
amount number judged assessed deemed considered found actually indeed diagnosis
along apart whereas see sees seen views caused cause reached reaches part מדווח מדווחת דיווח דיווחה
מתאר מתארת תיאר תיארה מספר מספרת סיפר סיפרה אומר אומרת אמר אמרה ציין ציינה מציין מציינת לדבריו לדבריה המטופל המטופלת
מטופל מטופלת הלקוח הלקוחה לקוח לקוחה המטפל המטפלת הפגישה בפגישה פגישה מפגש במפגש נאמר צוין דווח חש חשה מרגיש מרגישה
הרגיש הרגישה שיתף שיתפה משתף משתפת הביע הביעה מביע מביעה הסביר הסבירה לפי חווה חוותה היה הייתה היתה כי אשר נמצא
נמצאת נמצאו ביניהם ביניהן בפועל האבחנה אבחנה אובחן אובחנה הוערך הוערכה מתוכנן מתוכננת מתוכננים
 כרגע כיום בערך סביב ציון סך מתוך בסולם סולם נותר נותרה נשאר נשארה תאריך היום כעת יום ימים שבוע שבועות חודש
חודשים שנה שנים שעה שעות דקה דקות סט סטים חזרות מעלות מעלה נקודות בגיל גיל לדברי בהתאם בתוכנית התוכנית תוכנית כוללת
כולל הכוללת נכתב בלבד רבע צפוי צפויה מדי והדבר הדבר דבר פעם פעמים יש לו לה לאורך במשך מדובר נרשם נרשמה לקח לקחה לוקח
לוקחת מכן נוטל נוטלת משתמש משתמשת דיבר דיברה דיברו עלתה ערך רמת רמה
"""
_FILLER = normal_forms(_FILLERS)
_SILENT = STOPWORDS | _FILLER
_AND_SAY = normal_forms("והוא והיא ואין ולא ויש")
_COURSE = frozenset([DIRECTION, "opposite", LEXICON])
_SOFT = frozenset([GENERAL, "opposite"])
_UNKNOWN, _GENERAL = 0.7, 0.3  # What a word weighs that no list has, or that says little, beside 1.
_SPELLING = str.maketrans("", "", "וי")
_LEAST_LETTERS = 3
_PREFIXES = "ובלמשכה"


@dataclass(frozen=True, slots=True)
class Unit:
    """A word or a term that carries meaning, `words[start:end]` of its statement."""

    start: int
    end: int
    concepts: frozenset[int]
    """Empty where no list knows it."""
    wide: frozenset[int]
    """With what may also be said of it in fewer words."""
    forms: frozenset[str]
    """What the same word looks like elsewhere: stems, other spellings, consonants."""
    polarity: int
    clause: int
    inner: frozenset[str]
    """The forms of its words, where it is a term of several."""
    pieces: tuple[frozenset[int], ...]
    """What each of its words means, where it is a term of several: כאבי בטן is pain, and a stomach."""
    weight: float
    """How much of a claim it is: nothing for fillers, 1 for what the lists know well."""

    @property
    def is_someone(self) -> bool:
        return any(kind(one) == "person" for one in self.concepts)

    @property
    def is_course(self) -> bool:
        """Whether it only says which way something went: "rose" of what?"""
        return bool(self.concepts) and all(kind(one) in _COURSE for one in self.concepts)

    def is_said_by(self, other: "Unit") -> bool:
        """Whether the other one, or something narrower, means it."""
        return not (
            self.concepts.isdisjoint(other.wide)
            and self.forms.isdisjoint(other.forms)
            and self.forms.isdisjoint(other.inner)
        )


@dataclass(frozen=True)
class Statement:
    """A sentence or a part of one."""

    text: str
    words: Sequence[Word]
    clauses: Sequence[int]
    """The clause of each word."""
    units: Sequence[Unit]

    @classmethod
    def of(cls, text: str) -> Self:
        said = words(text)
        parted = _clauses(text, said)
        named = days(text)
        return cls(text, said, parted, _units(said, parted, named))

    @cached_property
    def days(self) -> list[Day]:
        return days(self.text)

    @cached_property
    def amounts(self) -> list[Amount]:
        """Without those that are part of a day."""
        return [one for one in amounts(self.text) if not covered(self.days, one.start, one.end)]

    @cached_property
    def bounds(self) -> list[Bound]:
        return bounds(self.text, self.amounts)

    @cached_property
    def spans(self) -> frozenset[str]:
        return spans(self.text)

    @cached_property
    def sides(self) -> list[SideSaid]:
        return sides(self.text, self.words)

    @cached_property
    def telling(self) -> list[Unit]:
        """The units that weigh something."""
        return [unit for unit in self.units if unit.weight]

    def clause_at(self, place: int) -> int:
        """The clause of a code point."""
        at = next((i for i, word in enumerate(self.words) if word.end > place), len(self.words) - 1)
        return self.clauses[at] if self.words else 0

    def of_clause(self, clause: int) -> list[Unit]:
        return [unit for unit in self.telling if unit.clause == clause]

    def of_clauses(self, some: Sequence[int]) -> str:
        """The text from the first word of these clauses to their last."""
        places = [at for at, one in enumerate(self.clauses) if one in some]
        return self.text[self.words[places[0]].start : self.words[places[-1]].end] if places else ""

    def text_of(self, unit: Unit) -> str:
        return self.text[self.words[unit.start].start : self.words[unit.end - 1].end]

    def part(self, some: Sequence[int]) -> "Part":
        return Part(self, tuple(some))


@dataclass(frozen=True)
class Part:
    """Some neighbouring clauses of a statement, to be supported by themselves."""

    whole: Statement
    clauses: tuple[int, ...]

    @cached_property
    def text(self) -> str:
        return self.whole.of_clauses(self.clauses)

    @cached_property
    def units(self) -> list[Unit]:
        return [unit for unit in self.whole.units if unit.clause in self.clauses]

    @cached_property
    def telling(self) -> list[Unit]:
        return [unit for unit in self.units if unit.weight]

    @cached_property
    def amounts(self) -> list[Amount]:
        return [
            one for one in self.whole.amounts if self.whole.clause_at(one.start) in self.clauses
        ]

    @cached_property
    def days(self) -> list[Day]:
        return [one for one in self.whole.days if self.whole.clause_at(one.start) in self.clauses]

    @property
    def is_full(self) -> bool:
        """Whether it tells something by itself."""
        return any(
            unit.weight >= _UNKNOWN and not unit.is_someone and not unit.is_course
            for unit in self.units
        )

    @property
    def substance(self) -> int:
        """How many things it says."""
        return len(self.telling) + len(self.amounts) + len(self.days)


def _clauses(text: str, said: Sequence[Word]) -> list[int]:
    ends = [match.start() for match in _CLAUSE.finditer(text)]
    found, clause, passed = list[int](), 0, 0
    for word in said:
        while passed < len(ends) and ends[passed] < word.start:
            passed, clause = passed + 1, clause + 1
        if found and found[-1] == clause and _joins(word.text):
            clause += 1
        found.append(clause)
    return found


def _joins(word: str) -> bool:
    """Whether "and" is written into a verb that begins something new: "והפסיקה"."""
    if word in _AND_SAY:
        return True
    if word[:1] != "ו" or len(word) <= _LEAST_LETTERS:
        return False
    return bool(tenses(word[1:])) or any(
        kind(one) == "person" for meaning in meanings([word[1:]]) for one in meaning.concepts
    )


def _units(said: Sequence[Word], clauses: Sequence[int], named: Sequence[Day]) -> list[Unit]:
    forms = [word.text for word in said]
    signs = polarities(forms, clauses)
    found: list[Unit] = []
    at = 0
    for meaning in meanings(forms):
        found += (
            _unknown(said[i], i, signs[i], clauses[i], named) for i in range(at, meaning.start)
        )
        at = meaning.end
        found.append(_known(said, meaning.start, at, meaning.concepts, signs, clauses, named))
    found += (_unknown(said[i], i, signs[i], clauses[i], named) for i in range(at, len(said)))
    return [unit for unit in found if unit is not _NOTHING]


_NOTHING = Unit(0, 0, frozenset(), frozenset(), frozenset(), 1, 0, frozenset(), (), 0.0)


def _unknown(word: Word, place: int, sign: int, clause: int, named: Sequence[Day]) -> Unit:
    if is_silent(word.text) or covered(named, word.start, word.end):
        return _NOTHING
    return Unit(
        place,
        place + 1,
        frozenset(),
        frozenset(),
        forms_of(word.text),
        sign,
        clause,
        frozenset(),
        (),
        _UNKNOWN,
    )


def _known(
    said: Sequence[Word],
    start: int,
    end: int,
    concepts: frozenset[int],
    signs: Sequence[int],
    clauses: Sequence[int],
    named: Sequence[Day],
) -> Unit:
    if covered(named, said[start].start, said[end - 1].end) or _is_age(said, end):
        return _NOTHING
    inner = frozenset(form for word in said[start:end] for form in forms_of(word.text))
    forms = inner if end == start + 1 else frozenset[str]()
    kinds = {kind(one) for one in concepts}
    is_client = said[start].text in _FILLER
    loud = "frequency" in kinds or ("person" in kinds and not is_client)
    silent = not loud and all(is_silent(word.text) for word in said[start:end])
    soft = [one in _SOFT for one in kinds - {LEXICON} or kinds]
    is_common = any(soft) or COMMON in kinds
    weight = 0.0 if silent else _GENERAL if all(soft) else _UNKNOWN if is_common else 1.0
    pieces = _pieces(said[start:end])
    return Unit(
        start,
        end,
        concepts,
        concepts | broader(concepts) | _of_body(pieces),
        forms,
        signs[start],
        clauses[start],
        inner,
        pieces,
        weight,
    )


def _pieces(said: Sequence[Word]) -> tuple[frozenset[int], ...]:
    if len(said) < 2:
        return ()
    return tuple(
        frozenset(one for meaning in meanings([word.text]) for one in meaning.concepts)
        for word in said
        if not is_silent(word.text)
    )


def _of_body(pieces: Sequence[frozenset[int]]) -> frozenset[int]:
    """Of "back pain" that it is of the back and pain; "loss of appetite" is no appetite."""
    if not any(kind(one) == "body" for piece in pieces for one in piece):
        return frozenset()
    return frozenset().union(*pieces)


def _is_age(said: Sequence[Word], end: int) -> bool:
    """Whether a number follows: בן 34 is no son."""
    return said[end - 1].text in AGED and end < len(said) and said[end].text[0].isdigit()


@lru_cache(maxsize=65_536)
def is_silent(word: str) -> bool:
    return (
        word in _SILENT
        or (word[0] in _PREFIXES and len(word) > _LEAST_LETTERS and word[1:] in _SILENT)
        or is_denial(word)
        or is_number_word(word)
        or bool(unit_of(word))
        or (word[0] in _PREFIXES and word.lstrip("ו") in _PREFIXES)  # of a number: "ול-8"
        or not any(map(str.isalpha, word))
    )


@lru_cache(maxsize=65_536)
def forms_of(word: str) -> frozenset[str]:
    """What a word in normal form looks like elsewhere."""
    return frozenset(_forms(word))


def _forms(word: str) -> Iterator[str]:
    """Stems, defective spelling and the consonants, each marked so that only like is compared."""
    if word.isascii():
        yield f"s{stem(word)}"
    else:
        yield from (f"s{one}" for one in sure_readings(word))
        bare = (one.translate(_SPELLING) for one in sure_readings(word))
        yield from (f"v{one}" for one in bare if len(one) >= _LEAST_LETTERS)
    if not is_listed(word):
        yield from (f"m{sound}" for rest in rests(word) for sound in name_sounds(rest))
    yield from (f"n{one}" for one in (word, *other_spellings(word)))
    yield from (
        one for one in (*sounds(word), *other_sounds(word)) if len(one) > _LEAST_LETTERS + 1
    )
