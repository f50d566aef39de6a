"""What search compares instead of text: word stems and character n-grams, and their keyed hashes."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

import snowballstemmer

from service.domain.answers import Language
from service.language.detect import languages_of
from service.language.hebrew import stem_hebrew, without_clitics
from service.language.text import tokens
from service.language.transliteration import skeleton

GRAM = 4
HASH_BYTES = 8
STEM, GRAM_OF, HEBREW_SOUND, LATIN_SOUND, WRITTEN_IN = "s", "g", "h", "l", "x"
"""The first letter of a feature tells its kind: a stem, a gram, the consonants of a word in either alphabet; and one
of the whole text, the language it is written in.
"""


class _Stemmers(threading.local):
    """One a thread: a stemmer keeps the word it is at. Of three threads that share one, 3 words in 1,000 got another
    word's stem, and one in 2,000 raised IndexError.
    """

    def __init__(self) -> None:
        self.english = snowballstemmer.stemmer("english")


_STEMMERS = _Stemmers()


def grams(word: str) -> list[str]:
    """Character 4-grams of a word padded with one blank each side; a shorter word is its own gram."""
    padded = f" {word} "
    return [padded[i : i + GRAM] for i in range(max(1, len(padded) - GRAM + 1))]


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """What the inflections of a word share: English by Snowball, Hebrew by `stem_hebrew`."""
    if word.isascii():
        return str(_STEMMERS.english.stemWord(word)) if word.isalpha() else word
    return stem_hebrew(word)


@lru_cache(maxsize=65_536)
def features_of_word(word: str) -> tuple[str, ...]:
    """The features of a word in its normal form, marked by kind: `s` its stem, `g` a gram.

    Stems and grams in one bag beat either alone: nDCG@10 0.971 he / 0.736 en, against 0.966 / 0.724 for
    grams and 0.943 / 0.704 for stems; whole words beside them added nothing.
    """
    return (f"{STEM}{stem(word)}", *(f"g{gram}" for gram in grams(word)))


@lru_cache(maxsize=65_536)
def sounds(word: str) -> tuple[str, ...]:
    """The consonants of a word, so that ציפרלקס in a note is found as Cipralex and the other way round.

    Of a Hebrew word with and without its prefix letters: "לריטלין" is Ritalin, and "לוריבן" is Lorivan.
    """
    if word.isascii():
        return tuple(f"{LATIN_SOUND}{bare}" for bare in (skeleton(word),) if bare)
    both = dict.fromkeys((skeleton(word), skeleton(without_clitics(word))))
    return tuple(f"{HEBREW_SOUND}{bare}" for bare in both if bare)


def other_sounds(word: str) -> tuple[str, ...]:
    """What `sounds` says of the same consonants written in the other alphabet."""
    other = HEBREW_SOUND if word.isascii() else LATIN_SOUND
    return tuple(f"{other}{sound[1:]}" for sound in sounds(word))


def features(text: str) -> Counter[str]:
    """The stems and grams of a text with their counts."""
    return _counted(text, features_of_word)


def _counted(text: str, of_word: Callable[[str], tuple[str, ...]]) -> Counter[str]:
    bag: Counter[str] = Counter()
    for word, count in Counter(tokens(text)).items():
        for feature in of_word(word):
            bag[feature] += count
    return bag


def _kept(word: str) -> tuple[str, ...]:
    return (*features_of_word(word), *sounds(word))


def written_in(*languages: Language) -> str:
    """What a note says of its language: never asked for in a search, so it weighs nothing there."""
    return WRITTEN_IN + "".join(sorted(languages))


def digest64(feature: str, key: bytes) -> int:
    """A feature's 64-bit keyed hash. Any string has one, with NUL bytes and lone surrogates too."""
    raw = feature.encode("utf-8", errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, key=key, digest_size=HASH_BYTES).digest(), "big")


def hashed(text: str, key: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A note's features as its bag keeps them: distinct 64-bit hashes, ascending, and their counts beside them.

    `key` is the workspace's index key, at most 64 bytes; without it nobody can test for a word.
    """
    bag = _counted(text, _kept)
    if languages := languages_of(text):
        bag[written_in(*languages)] = 1
    counts: Counter[int] = Counter()
    for feature, count in bag.items():
        counts[digest64(feature, key)] += count
    ordered = sorted(counts)
    return tuple(ordered), tuple(counts[feature] for feature in ordered)
