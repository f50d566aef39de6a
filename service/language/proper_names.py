"""The proper names in a claim, and whether a text has them in either alphabet."""

import re
from collections.abc import Iterable, Iterator, Sequence

from service.language.dates import covered, days
from service.language.everyday import CALLED, EVERYDAY, OF, RELATIVES, TITLES, TOLD
from service.language.features import other_sounds, sounds, stem
from service.language.hebrew import rests
from service.language.hebrew_words import FORMS, WHOLE
from service.language.spellings import other_spellings
from service.language.stopwords import STOPWORDS
from service.language.terms import is_listed, keys, meanings, tenses
from service.language.text import Word, normal_forms, tokens, words
from service.language.transliteration import name_sounds
from service.language.units import DOSES, unit_of

_CODE = re.compile(r"(?<![A-Za-z\d])[A-Za-z]{1,12}-?\d{1,4}(?![\dA-Za-z])")
"""Named with a number: PHQ-9, L4, T12."""
_TIMES = re.compile(r"[xX]\d+")
_LEAST = 3  # Letters of a Hebrew word that may be a name nobody listed.
_NOBODY = frozenset(["i", "plan", "assessment", "objective", "subjective", "soap", "pt"])


def names(text: str) -> list[str]:
    """The normal forms of the words that are names, and of the codes: as far as spelling and place tell."""
    said, named = words(text), days(text)
    known = {
        at for one in meanings([word.text for word in said]) for at in range(one.start, one.end)
    }
    found = [
        word.text
        for at, word in enumerate(said)
        if not covered(named, word.start, word.end) and _is_name(text, said, at, known=at in known)
    ]
    return [*dict.fromkeys(found), *codes(text)]


def codes(text: str) -> list[str]:
    """What is named with a number, as PHQ-9 or L4; x3 is how often."""
    return [
        _bare(match.group())
        for match in _CODE.finditer(text)
        if not _TIMES.fullmatch(match.group())
    ]


def has_names(wanted: Iterable[str], texts: Sequence[str]) -> bool:
    """Whether all of these names stand in the texts, in whatever alphabet."""
    held = {form for text in texts for word in tokens(text) for form in rests(word)}
    held |= {code for text in texts for code in codes(text)}
    heard = {sound for word in held for sound in sounds(word)}
    return all(_is_held(name, held, heard) or _is_heard(name, held) for name in wanted)


def _is_heard(name: str, held: set[str]) -> bool:
    """Whether a name that no list has sounds like a word of the other alphabet that none has."""
    for form in rests(name):
        if other_spellings(form) or is_listed(form):
            continue
        others = (one for one in held if one.isascii() is not form.isascii())
        if any(
            not name_sounds(form).isdisjoint(name_sounds(one))
            for one in others
            if not is_listed(one)
        ):
            return True
    return False


def _is_held(name: str, held: set[str], heard: set[str]) -> bool:
    for form in (*rests(name), *_owner(name)):
        if form in held or not other_spellings(form).isdisjoint(held):
            return True
        if not heard.isdisjoint(other_sounds(form)):
            return True
    return name.isascii() and stem(name) in map(stem, filter(str.isascii, held))


def _owner(name: str) -> Iterator[str]:
    """ "Ronit's" without what makes it hers; the apostrophe is gone from its normal form."""
    if name.isascii() and name.endswith("s") and len(name) > _LEAST:
        yield name[:-1]


def _is_name(text: str, said: Sequence[Word], at: int, *, known: bool) -> bool:
    word = said[at]
    if (
        word.text in STOPWORDS
        or word.text in _NOBODY
        or unit_of(word.text)
        or any(map(str.isdigit, word.text))
    ):
        return False
    if not known and _is_dosed(said, at):
        return True
    if word.text.isascii():
        return not known and _is_latin_name(text, said, at)
    return _is_hebrew_name(said, at, known=known)


def _is_latin_name(text: str, said: Sequence[Word], at: int) -> bool:
    if not text[said[at].start].isupper() or said[at].text in RELATIVES | TITLES:
        return False
    begins = at == 0 or bool(text[said[at - 1].end : said[at].start].strip(" \t-–/&'\"(“,;:"))
    if not begins and at > 0:
        return True
    after = said[at + 1].text if at + 1 < len(said) else ""
    is_told_to = after == "to" and said[at].text not in _BEFORE_TO
    owns = text[said[at].start : said[at].end].endswith(("'s", "’s"))
    return (
        owns
        or is_told_to
        or after in TOLD
        or bool(other_spellings(said[at].text))
        or _is_verb(after)
    )


_BEFORE_TO_WORDS = """
according due able unable prior similar close next relative contrary thanks likely unlikely ready willing reluctant
referred asked told advised encouraged invited instructed back subject access exposure response reaction adherence
attention attachment sensitivity resistance commitment attempt down up open used allergic
"""
_BEFORE_TO = frozenset(_BEFORE_TO_WORDS.split())
"""Words that a sentence begins with before "to", and that are no names: "According to"."""


def _is_verb(word: str) -> bool:
    """As English verbs of a third person look: "sleeps", "was", "slept" is not told from a noun."""
    return word in {"is", "was", "has", "had", "does", "did", "will"} or (
        len(word) > 3 and word.endswith(("s", "ed"))
    )


def _is_hebrew_name(said: Sequence[Word], at: int, *, known: bool) -> bool:
    word, after = said[at].text, said[at + 1].text if at + 1 < len(said) else ""
    before = said[at - 1].text if at else ""
    listed = [form for form in rests(word) if other_spellings(form)]
    in_place = before in _NAMING or (at == 0 and (after in TOLD or _is_told(after)))
    if listed:
        in_place = in_place or before in RELATIVES
        return not known and (in_place or word in listed) and (in_place or word not in EVERYDAY)
    return not known and in_place and len(word) >= _LEAST and _is_unheard(word)


def _is_told(after: str) -> bool:
    """Whether it is a verb that somebody does; "to do" follows what was agreed on."""
    return bool(tenses(after) - {"infinitive"})


def _is_dosed(said: Sequence[Word], at: int) -> bool:
    """Whether a word that no list has stands before an amount in mg: a drug."""
    if at + 2 >= len(said) or is_listed(said[at].text):
        return False
    number, unit = said[at + 1].text, said[at + 2].text
    return number[0].isdigit() and unit_of(unit) in DOSES


_NAMING = OF | CALLED | normal_forms("""עם אצל מר גב גברת ד"ר פרופ' ושמו ושמה""")


def _is_unheard(word: str) -> bool:
    """Whether it is no word that anybody listed, with or without what may stand before it."""
    forms = list(rests(word))
    return not keys(word) and not any(
        form in WHOLE or form in FORMS or form in STOPWORDS or tenses(form) for form in forms
    )


def _bare(code: str) -> str:
    return code.replace("-", "").casefold()
