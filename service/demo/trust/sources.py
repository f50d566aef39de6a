"""Mutants whose words are right and whose sources are not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from service.demo.trust.edits import at_end
from service.demo.trust.material import Shelf, Statement
from service.domain.answers import Passage

_WORD = re.compile(r"\w+")
TOO_ALIKE = 0.8  # Of a sentence's words: a passage that holds so many may well say the same, and then it is no lie.


def fabricated_citation(
    statement: Statement, shelf: Shelf, dice: Random
) -> Iterator[tuple[Passage, ...]]:
    """Another passage of the same client in place of one that says it, the most alike or any; none at all; no such."""
    own = [one for one in shelf.passages if one.note.client == statement.client]
    place = dice.randrange(len(statement.cited))
    for other in _wrong(own, statement, shelf, dice):
        yield (*statement.cited[:place], other, *statement.cited[place + 1 :])
    yield dice.choice([(), (replace(statement.cited[place], id="p0"),)])


def swapped_client(
    statement: Statement, shelf: Shelf, dice: Random
) -> Iterator[tuple[Passage, ...]]:
    """Passages of the same fields of another client: of the one whose note is most alike, and of any."""
    fields = {one.chunk.field for one in statement.cited}
    foreign = [
        one
        for one in shelf.passages
        if one.note.client != statement.client and one.chunk.field in fields
    ]
    for other in _wrong(foreign, statement, shelf, dice):
        theirs = [one for one in foreign if one.note.client == other.note.client and one != other]
        rest = dice.sample(theirs, min(len(statement.cited) - 1, len(theirs)))
        yield (other, *rest)


def grafted(statement: Statement, shelf: Shelf, dice: Random) -> Iterator[str]:
    """What a note of another client says, joined to a sentence that cites its own notes alone."""
    foreign = [
        one
        for one in shelf.passages
        if one.note.client != statement.client
        and _hebrew(one.chunk.text) == _hebrew(statement.text)
    ]
    if foreign:
        said = re.split(r"[.;\n]", dice.choice(foreign).chunk.text)
        clause = max(said, key=len).strip(" -\"'")
        yield at_end(statement.text, f"; {clause}")


def _wrong(
    passages: Sequence[Passage], statement: Statement, shelf: Shelf, dice: Random
) -> Iterator[Passage]:
    """The passage most like what is cited, and one by chance, of those that do not say the sentence too."""
    kept = [
        one
        for one in passages
        if one not in statement.cited
        and shelf.place(one) not in statement.also_true
        and _alike(statement.text, one) < TOO_ALIKE
    ]
    if kept:
        wording = " ".join([statement.text, *(one.chunk.text for one in statement.cited)])
        yield max(kept, key=lambda one: _alike(wording, one))
        yield dice.choice(kept)


def _alike(text: str, passage: Passage) -> float:
    """The share of a sentence's words that stand in a passage."""
    said, noted = (set(_WORD.findall(one.lower())) for one in (text, passage.chunk.text))
    return len(said & noted) / max(1, len(said))


def _hebrew(text: str) -> bool:
    return bool(re.search("[א-ת]", text))
