"""Which of the two languages a text is written in."""

import re

from service.domain.answers import Language

_HEBREW = re.compile("[\u05d0-\u05ea\ufb1d-\ufb4f]")
_LATIN = re.compile("[A-Za-z]")


def language_of(text: str) -> Language:
    """ "he" when Hebrew letters make up at least a third of all letters, or when there are no letters at all.

    A third, not half: Hebrew notes carry Latin drug and test names, English ones hardly ever Hebrew words.
    """
    hebrew = len(_HEBREW.findall(text))
    return "he" if 2 * hebrew >= len(_LATIN.findall(text)) else "en"
