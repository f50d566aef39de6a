"""Invented names, which a reader takes for somebody's and which nobody has."""

import hashlib
from typing import Literal

Script = Literal["latin", "hebrew"]

SYLLABLES = (
    5  # 7 million names: of 8,000 words, four or five pairs meet, and those get longer ones.
)
_PERSON = b"pseudonym"

# Each sound in both scripts. No name begins with a letter that may be a Hebrew prefix, nor ends with one that has a
# final form or is an ending; five consonants are more than a Hebrew root has.
_FIRST = "ד d|פ f|ג g|ח h|ק k|נ n|ר r|ס s|ט t|י y|ז z|צ tz"
_INNER = "ב b|ד d|פ f|ג g|ק k|ל l|מ m|נ n|פ p|ר r|ס s|ש sh|ט t|ז z|צ tz"
_LAST = "ד d|ג g|ק k|ר r|ט t|ז z"
_WRITTEN = "ו o|י i"
_ANY = "ו u|י i| a"


def _sounds(pairs: str, script: Script) -> tuple[str, ...]:
    return tuple(pair.split(" ")[script == "latin"] for pair in pairs.split("|"))


_SCRIPTS: tuple[Script, ...] = ("latin", "hebrew")
_LETTERS = {
    script: tuple(_sounds(pairs, script) for pairs in (_FIRST, _INNER, _LAST, _WRITTEN, _ANY))
    for script in _SCRIPTS
}


def invented_name(of: str, *, key: bytes, script: Script, syllables: int) -> str:
    """The name that stands for these words under this key (at most 64 bytes): the same each time.

    A Latin one has a capital.
    """
    raw = of.encode("utf-8", errors="surrogatepass")
    digest = hashlib.blake2b(raw, key=key, person=_PERSON, digest_size=32).digest()
    name = _spelled(int.from_bytes(digest, "big"), _LETTERS[script], syllables)
    return name.capitalize() if script == "latin" else name


def _spelled(number: int, letters: tuple[tuple[str, ...], ...], syllables: int) -> str:
    """Consonant, vowel, ..., consonant; every second vowel is one that Hebrew writes."""
    first, inner, last, written, any_vowel = letters
    name = ""
    for place in range(syllables):
        consonants = inner if 0 < place < syllables - 1 else last if place else first
        number, at = divmod(number, len(consonants))
        name += consonants[at]
        if place < syllables - 1:
            vowels = any_vowel if place % 2 else written
            number, at = divmod(number, len(vowels))
            name += vowels[at]
    return name
