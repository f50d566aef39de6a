"""A short name for a conversation, of the words of its first question."""

import unicodedata

from service.language.sentences import sentences

LONGEST = 60
"""Code points: what a list of conversations shows of one in a line of a phone."""
CUT = "…"
_JOINER = "\u200d"
"""Holds the parts of an emoji together; it turns no text around."""


def title(question: str) -> str | None:
    """The first sentence, cut behind a word; None where nothing readable is in it.

    Without line breaks, controls and marks of direction: a list must not be turned around by one of its lines.
    """
    plain = _plain(question)
    first = next((plain[start:end] for start, end in sentences(plain)), plain)
    return _cut(first) or None


def _plain(text: str) -> str:
    kept = "".join(sign if _is_shown(sign) else " " if sign.isspace() else "" for sign in text)
    return " ".join(kept.split())


def _is_shown(sign: str) -> bool:
    """No control, format, surrogate, private or unassigned sign."""
    return sign == _JOINER or not unicodedata.category(sign).startswith("C")


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    whole, _, _ = text[:LONGEST].rpartition(" ")
    return (whole or _unbroken(text)).rstrip(" ,;:-–—") + CUT


def _unbroken(word: str) -> str:
    """The beginning of a word longer than a title: no letter without its points, no half of a joined sign."""
    end = LONGEST - len(CUT)
    while end > 1 and (_joins(word[end]) or word[end - 1] == _JOINER):
        end -= 1
    return word[:end]


def _joins(sign: str) -> bool:
    return sign == _JOINER or unicodedata.category(sign).startswith("M")
