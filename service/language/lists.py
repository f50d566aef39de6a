"""What this room makes of its own lists, once a process: before the first question, not during it."""

from service.language import lexicon, risk_words, subjects, terms

MADE = (
    lexicon._lexicon,
    risk_words._sieve,
    risk_words.compiled,
    subjects._mutual,
    subjects._others,
    terms._terms,
)


def read_lists() -> None:
    """A second of CPU, and of an answer where that comes first; nothing afterwards."""
    for make in MADE:
        make()
