"""What this room remembers of single words, so that they are worked out once; and how it forgets them."""

from service.language.features import features_of_word, sounds, stem
from service.language.hebrew import readings, stem_hebrew, sure_readings
from service.language.risk_words import spelled_rightly
from service.language.statements import forms_of, is_silent
from service.language.terms import keys
from service.language.text import normalise


def forget_words() -> None:
    """Empties every memory of words: after an erasure none of a person's words stays in the process by our doing."""
    words = (
        normalise,
        stem,
        stem_hebrew,
        readings,
        sure_readings,
        sounds,
        features_of_word,
        keys,
        forms_of,
        is_silent,
        spelled_rightly,
    )
    for remembered in words:
        remembered.cache_clear()
