"""How the mutator changes one word of a sentence and leaves the others."""

import re
from collections.abc import Iterator, Mapping

_CLITICS = "[והבלמכש]{0,3}?"
"""Prefix letters of Hebrew words: and, the, in, to, from, as, that. As few as possible: ללא begins with none."""
VERBAL = "[וש]?"
"""Those of verbs: or בעלה, her husband, would be עלה, went up, behind a prefix."""


def replaced(text: str, pairs: Mapping[str, str], *, clitics: str = _CLITICS) -> Iterator[str]:
    """The text with one word or phrase exchanged for its counterpart, once for each place of it.

    Hebrew prefix letters stay where they are, and a capital stays a capital.
    """
    for match in _any_of(tuple(pairs), clitics).finditer(text) if pairs else ():
        yield text[: match.start(2)] + counterpart(match[2], pairs) + text[match.end(2) :]


def replaced_everywhere(text: str, pairs: Mapping[str, str]) -> str:
    """The text with all of them exchanged at once."""
    return _any_of(tuple(pairs)).sub(lambda match: match[1] + counterpart(match[2], pairs), text)


def count(text: str, words: tuple[str, ...]) -> int:
    """How many places of a text hold one of these words or phrases."""
    return len(_any_of(words).findall(text))


def counterpart(word: str, pairs: Mapping[str, str]) -> str:
    """In place of a word, with its capital; whatever the case it is written in."""
    other = pairs.get(word) or {one.lower(): two for one, two in pairs.items()}[word.lower()]
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def at_end(text: str, clause: str) -> str:
    """A clause put before the full stop, or after a sentence that ends in none."""
    place = len(text) - text.endswith(".")
    return text[:place] + clause + text[place:]


def _any_of(words: tuple[str, ...], clitics: str = _CLITICS) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(
        rf"(?<![\w'])({clitics})({'|'.join(map(re.escape, longest_first))})(?![\w'])",
        re.IGNORECASE,
    )
