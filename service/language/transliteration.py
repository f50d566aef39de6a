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
