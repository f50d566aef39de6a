"""Mutants whose words are wrong: sides, denials, people, names, directions, time, quotes, what was never noted."""

import re
from collections.abc import Iterator, Sequence
from random import Random

from service.demo.trust.edits import at_end, count, replaced
from service.demo.trust.material import Statement
from service.demo.trust.words import (
    ACTIVITIES,
    AFFIRMED,
    BEGINNINGS,
    CERTAINTIES,
    DENIED,
    DIRECTIONS,
    DRUGS,
    INVENTIONS,
    ITEMS,
    NAMED,
    NEGATIONS,
    OF_A_RELATIVE,
    OPPOSITES,
    PEOPLE,
    QUANTIFIERS,
    QUOTED,
    RELATIVES,
    SIDES,
    TIMES,
    TITLES,
    Pairs,
)

_QUOTE = re.compile(r"(?<!\w)[\"“]([^\"“”]{8,})[\"”](?!\w)")


def side(statement: Statement, dice: Random) -> Iterator[str]:
    """Left for right; where both are said, one of them and not the other."""
    yield from replaced(statement.text, SIDES[statement.language])


def negation(statement: Statement, dice: Random) -> Iterator[str]:
    """A denial taken out; where there is none, one put in."""
    language, text = statement.language, statement.text
    if count(text, tuple(NEGATIONS[language])):
        yield from replaced(text, AFFIRMED[language])
    else:
        yield from replaced(text, DENIED[language])


def subject(statement: Statement, dice: Random) -> Iterator[str]:
    """The same of somebody else: of another relative, or of a relative in place of the client."""
    language, text = statement.language, statement.text
    yield from replaced(text, RELATIVES[language])
    first, _, rest = text.partition(" ")
    if first in (begin := BEGINNINGS[language]):
        yield f"{begin[first]} {rest}"
    if first in _first_names(statement):
        yield f"{OF_A_RELATIVE[language].format(first)} {rest}"


def name(statement: Statement, dice: Random) -> Iterator[str]:
    """Another drug, another person, another client."""
    language, text = statement.language, statement.text
    drugs, people = DRUGS[language], PEOPLE[language]
    yield from replaced(text, _shuffled(drugs, drugs, dice))
    titled = re.findall(rf"{TITLES[language]}(\w+)", text)
    known = [*NAMED[language], *titled, *_first_names(statement)]
    yield from replaced(text, _shuffled([one for one in known if one in text], people, dice))


def direction(statement: Statement, dice: Random) -> Iterator[str]:
    """Better for worse, up for down."""
    yield from replaced(statement.text, DIRECTIONS[statement.language])


def time(statement: Statement, dice: Random) -> Iterator[str]:
    """What is planned as done, and what is so as planned, feared or long past."""
    yield from replaced(statement.text, TIMES[statement.language])


def quote(statement: Statement, dice: Random) -> Iterator[str]:
    """Words between quotation marks that were not said: one in place of another, one put in, two changed over."""
    text = statement.text
    for match in _QUOTE.finditer(text):
        for words in _misquoted(match[1].split(), QUOTED[statement.language], dice):
            yield text[: match.start(1)] + " ".join(words) + text[match.end(1) :]


def addition(statement: Statement, dice: Random) -> Iterator[str]:
    """One more thing in a list."""
    item = dice.choice(ITEMS[statement.language])
    joint = r"(?:,)? and (?=[^.]*$)" if statement.language == "en" else r" (?=ו[א-ת-]\S*[^,]*$)"
    if "," in statement.text and (match := re.search(joint, statement.text)):
        yield statement.text[: match.start()] + f", {item}" + statement.text[match.start() :]


def invention(statement: Statement, dice: Random) -> Iterator[str]:
    """A reason or a circumstance that no note knows."""
    yield at_end(statement.text, dice.choice(INVENTIONS[statement.language]))


def certainty(statement: Statement, dice: Random) -> Iterator[str]:
    """What is only suspected, as if it were known."""
    yield from replaced(statement.text, CERTAINTIES[statement.language])


def opposite(statement: Statement, dice: Random) -> Iterator[str]:
    """A circumstance turned round: sitting for standing, morning for evening."""
    yield from replaced(statement.text, OPPOSITES[statement.language])


def activity(statement: Statement, dice: Random) -> Iterator[str]:
    """Something else was done."""
    yield from replaced(statement.text, ACTIVITIES[statement.language])


def quantifier(statement: Statement, dice: Random) -> Iterator[str]:
    """All for few, only for more."""
    yield from replaced(statement.text, QUANTIFIERS[statement.language])


def _first_names(statement: Statement) -> list[str]:
    """Of the clients whose notes are cited, as far as the sentence says them."""
    said = (passage.client_name.partition(" ")[0] for passage in statement.cited)
    return [one for one in dict.fromkeys(said) if one and one in statement.text]


def _shuffled(words: Sequence[str], among: Sequence[str], dice: Random) -> Pairs:
    """Each word with another one that is not it."""
    return {
        word: dice.choice([one for one in among if one.lower() != word.lower()]) for word in words
    }


def _misquoted(words: list[str], strange: Sequence[str], dice: Random) -> Iterator[list[str]]:
    """A changed word is never the first or the last, or a shorter quote might still be right."""
    place = dice.randrange(1, len(words) - 1) if len(words) > 2 else 0
    other = dice.choice(strange)
    yield [*words[:place], other, *words[place + 1 :]]
    yield [*words[:place], other, *words[place:]]
    if len(words) > 2 and words[place] != words[place + 1]:
        yield [*words[:place], words[place + 1], words[place], *words[place + 2 :]]
