"""A note's own words: where it says exactly what a claim says."""

import re

from service.domain.answers import Passage, Span
from service.language.modality import modality
from service.language.polarity import is_denial
from service.language.sentences import around
from service.language.text import tokens


def verbatim(text: str, passage: Passage) -> Span | None:
    """Where the note says exactly this: whole words and numbers, and no 'not' or 'if' left outside the quote."""
    source, chunk = passage.chunk.text, passage.chunk
    if not text:
        return None
    for start, end in places(text, source):
        first, last = around(source, start, end)
        said = source[first:last]
        if _denials(text) == _denials(said) and modality(text) == modality(said):
            return Span(passage.id, chunk.start + start, chunk.start + end, text)
    return None


def places(text: str, source: str) -> list[tuple[int, int]]:
    """Where these words stand, neither beginning nor ending inside a word or a number: "5 mg" is not in "2.5 mg"."""
    if text not in source:  # told a thousand times as fast as a pattern is made of it
        return []
    before = r"(?<!\w)(?<!\d[.,:/–-])" if text[:1].isalnum() else ""
    after = r"(?!\w)(?![.,:/–-]\d)" if text[-1:].isalnum() else ""
    return [match.span() for match in re.finditer(before + re.escape(text) + after, source)]


def _denials(text: str) -> int:
    return sum(map(is_denial, tokens(text)))
