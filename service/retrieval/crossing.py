"""What a question in one language can reach in notes that are written in the other."""

from collections.abc import Mapping, Sequence

from service.domain.answers import Language, Question
from service.language.asking import MEASURES
from service.language.features import stem
from service.language.lexicon import Term, equivalents
from service.language.sides import sides
from service.language.text import words
from service.language.topic import SILENT

OTHER: Mapping[Language, Language] = {"he": "en", "en": "he"}


def topic_crosses(question: Question) -> bool:
    """Whether notes of the other language say each telling word of the topic in a way that we know.

    A number, a word in the other's letters, an abbreviation ("EMDR" is written so in Hebrew too), or a term with an
    equivalent there. Names are found by their sound, but nothing tells that a word is one: these are not known.
    """
    text, other = question.topic or question.text, OTHER[question.language]
    said = words(text)
    known = _known([word.text for word in said], other)
    known |= {place for one in sides(text, said) for place in range(one.start, one.end)}
    measured = question.intent == "change"
    return all(
        place in known
        or word.text in SILENT
        or (measured and stem(word.text) in MEASURES)
        or _is_of(other, (word.text,))
        or _is_abbreviation(text[word.start : word.end], question)
        for place, word in enumerate(said)
    )


def _known(said: Sequence[str], other: Language) -> set[int]:
    """The places of terms that the other language has a word for."""
    return {
        place
        for found in equivalents(said)
        if any(_is_of(other, term) for term in found.terms)
        for place in range(found.start, found.end)
    }


def _is_of(language: Language, term: Term) -> bool:
    """Whether notes of that language say it so: in its letters, or in figures."""
    return all(word.isascii() == (language == "en") or any(map(str.isdigit, word)) for word in term)


def _is_abbreviation(word: str, question: Question) -> bool:
    """In capitals, where not everything is."""
    return len(word) > 1 and word.isupper() and not question.text.isupper()
