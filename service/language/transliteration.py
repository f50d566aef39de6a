"""The consonants a word keeps when it is written in the other alphabet: ציפרלקס and Cipralex, ננוקס and Nanox."""

import re

LEAST = 4
"""Consonants. Three meet by chance too often: תרופה (medication) would be "therapy"."""

# In normal form: lower case, final letters folded, no geresh. Sounds that Hebrew spelling keeps apart in one way and
# Latin spelling in another are one class: s is ס ז צ ש and s, z, c before e, i, y; vowels and h are nothing.
_LATIN_GROUPS = (
    (re.compile("sch"), "s"),
    (re.compile("qu"), "kv"),
    (re.compile("ph"), "p"),
    (re.compile("th"), "t"),
    (re.compile("sh|ts|tz"), "s"),
    (re.compile("ck|ch"), "k"),
    (re.compile("x"), "ks"),
    (re.compile("s?c(?=[eiy])"), "s"),
)
_LATIN = str.maketrans(
    {**dict.fromkeys("aeiouyh", ""), "c": "k", "q": "k", "z": "s", "f": "p", "j": "g"}
    | dict.fromkeys("vw", "b")
)
_HEBREW_GROUPS = (("וו", "ב"), ("סצ", "צ"))  # a doubled vav is a v; "sc" is one sound
_HEBREW = str.maketrans(
    {
        **dict.fromkeys("אהויע", ""),
        **dict(zip("בגדזחטכלמנספצקרשת", "bgdsktklmnspskrst", strict=True)),
    }
)
_DOUBLED = re.compile(r"(.)\1+")  # of Latin spelling only: in ננוקס the two are two sounds
_IS_LATIN = re.compile("[a-z]+")
_IS_HEBREW = re.compile("[א-ת]+")


def skeleton(word: str) -> str:
    """The consonants of a word of one alphabet, by classes both alphabets share; empty where they are too few.

    `word` is in its normal form (`service.language.text`).
    """
    if _IS_LATIN.fullmatch(word):
        bare = _of_latin(word)
    elif _IS_HEBREW.fullmatch(word):
        bare = _of_hebrew(word)
    else:
        return ""
    return bare if len(bare) >= LEAST else ""


def _of_latin(word: str) -> str:
    for pattern, sound in _LATIN_GROUPS:
        word = pattern.sub(sound, word)
    return _DOUBLED.sub(r"\1", word).translate(_LATIN)


def _of_hebrew(word: str) -> str:
    for letters, sound in _HEBREW_GROUPS:
        word = word.replace(letters, sound)
    return word.translate(_HEBREW)


_LATIN_H = re.compile(r"(?<![csptkg])h")


def name_sounds(word: str) -> frozenset[str]:
    """How a name that no list has is heard, in either alphabet: its consonants, two at least, and those of its vowels
    that both spellings show: אטופן and Etopan, לורה and Laura, חיפה and Haifa.

    For names alone, among words that no list knows: two consonants are too few for anything else.
    """
    if _IS_LATIN.fullmatch(word):
        spelled = {word, _LATIN_H.sub("ch", word), word.replace("ch", "sh")}
        bare, vowels = {_of_latin(one) for one in spelled}, _vowels_of_latin(word)
    elif _IS_HEBREW.fullmatch(word):
        bare, vowels = {_of_hebrew(word)}, _vowels_of_hebrew(word)
    else:
        return frozenset()
    return frozenset(f"{one}{vowels}" for one in bare if len(one) > 1)


def _vowels_of_latin(word: str) -> str:
    """Whether it begins with one, has an "o" or "u", and an "i"."""
    return _marks(word[0] in "aeiou", re.search("[ou]", word), re.search("[iy]|ee", word))


def _vowels_of_hebrew(word: str) -> str:
    return _marks(word[0] in "אעי", "ו" in word.replace("וו", ""), "י" in word)


def _marks(*found: object) -> str:
    return "".join("+" if one else "-" for one in found)
