"""Which of the two languages a text is written in."""

import re
from collections import Counter

from service.domain.answers import Language
from service.language.sentences import sentences

_HEBREW = re.compile("[\u05d0-\u05ea\ufb1d-\ufb4f]")
_LATIN = re.compile("[A-Za-z]")


def language_of(text: str) -> Language:
    """ "he" when Hebrew letters make up at least a third of all letters, or when there are no letters at all.

    A third, not half: Hebrew notes carry Latin drug and test names, English ones hardly ever Hebrew words.
    """
    hebrew = len(_HEBREW.findall(text))
    return "he" if 2 * hebrew >= len(_LATIN.findall(text)) else "en"


def languages_of(text: str) -> frozenset[Language]:
    """Those in which somebody can search a note: a third of its letters stand in sentences of that language.

    By letters, not by sentences: "VAS 6/10." and "PHQ-9: 14" make no Hebrew note English. Empty without letters.
    """
    letters: Counter[Language] = Counter()
    for start, end in sentences(text):
        sentence = text[start:end]
        letters[language_of(sentence)] += _letters(sentence)
    if not letters.total() and _letters(text):  # a list's bare letter stands in no sentence
        letters[language_of(text)] += 1
    total = letters.total()
    return frozenset(language for language, own in letters.items() if own and 3 * own >= total)


def _letters(text: str) -> int:
    return len(_HEBREW.findall(text)) + len(_LATIN.findall(text))
