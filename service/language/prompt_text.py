"""The instructions that we send to models, so that no answer can repeat them."""

from collections.abc import Sequence

from service.language.text import tokens

RUN = 7  # Words in a row that only a copy shares: of 14,000 sentences of practice notes none shares four.
LEAST = 5  # Words of a sentence that stands whole in an instruction.

_known: dict[str, frozenset[tuple[str, ...]]] = {}


def instructions(text: str) -> str:
    """The text, from here on known as one that answers must not repeat."""
    _known[text] = _runs(tokens(text))
    return text


def known() -> frozenset[str]:
    """All that are known in this process: those of the providers that are set up."""
    return frozenset(_known)


def repeats_instructions(text: str) -> bool:
    """Whether it says seven words of an instruction in a row, or is itself a stretch of one."""
    said = tokens(text)
    if len(said) < LEAST:
        return False
    runs = _of(said, min(RUN, len(said)))
    return any(not known.isdisjoint(runs) for known in _known.values())


def _runs(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(run for size in range(LEAST, RUN + 1) for run in _of(words, size))


def _of(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}
