"""A note's own words: where it says exactly what a claim says."""

import re

from service.domain.answers import Passage, Span
from service.language.modality import modality
from service.language.polarity import is_denial
from service.language.sentences import around
from service.language.text import tokens

_INSIDE = re.compile(r"(?<=\w)|(?<=\d[.,:/–-])")
_GOES_ON = re.compile(r"\w|[.,:/–-]\d")


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
    """Where these words stand, neither beginning nor ending inside a word or a number: "5 mg" is not in "2.5 mg".

    Not by a pattern of them: `re` keeps the last 512 it made, and what notes say would stay there beyond an erasure.
    """
    found, start = [], source.find(text)
    while start >= 0:
        end = start + len(text)
        if whole := _is_whole(text, source, start, end):
            found.append((start, end))
        start = source.find(text, end if whole else start + 1)
    return found


def _is_whole(text: str, source: str, start: int, end: int) -> bool:
    begins_inside = text[0].isalnum() and _INSIDE.match(source, start)
    goes_on = text[-1].isalnum() and _GOES_ON.match(source, end)
    return not (begins_inside or goes_on)


def _denials(text: str) -> int:
    return sum(map(is_denial, tokens(text)))
