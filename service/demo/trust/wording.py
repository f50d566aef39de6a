"""Mutants whose words are wrong: sides, denials, people, names, directions, time, quotes, what was never noted."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random

from service.demo.trust.edits import VERBAL, at_end, count, replaced
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
from service.domain.answers import Language

_NO_SIDE = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|she|he) left\b|left (?:the|a|him|her)\b"
)
_AS_WELL: Mapping[Language, str] = {"en": ", as well as", "he": ", וכן"}
_NO_ITEM = r"he|she|it|they|his|her|is|was|has|had|did|does|then|no|now|not|once|in|have"
_JOINT: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(rf",? and (?!(?:{_NO_ITEM})\b)(?=[^.,]*[.]?$)"),
    "he": re.compile(r",? (?=ו(?!היא|הוא|מאז|לאחר|אחר|לא|יש|ללא|ב)[א-ת]\S*[^,]*$)"),
}
"""Before the last thing of a list: what follows is no clause, as far as its first word tells."""
_QUOTE = re.compile(r"(?<!\w)[\"“]([^\"“”]{8,})[\"”](?!\w)")


def side(statement: Statement, dice: Random) -> Iterator[str]:
    """Left for right; where both are said, one of them and not the other."""
    if not _NO_SIDE.search(statement.text):
        yield from replaced(statement.text, SIDES[statement.language])


def negation(statement: Statement, dice: Random) -> Iterator[str]:
    """A denial taken out; where there is none, one put in, at the first verb: later ones may be participles."""
    language, text = statement.language, statement.text
    if count(text, tuple(NEGATIONS[language])):
        yield from replaced(text, AFFIRMED[language])
    else:
        yield from islice(replaced(text, DENIED[language], clitics=VERBAL), 1)


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
    yield from replaced(statement.text, DIRECTIONS[statement.language], clitics=VERBAL)


def time(statement: Statement, dice: Random) -> Iterator[str]:
    """What is planned as done, and what is so as planned, feared or long past."""
    yield from replaced(statement.text, TIMES[statement.language], clitics=VERBAL)


def quote(statement: Statement, dice: Random) -> Iterator[str]:
    """Words between quotation marks that were not said: one in place of another, one put in, two changed over."""
    text = statement.text
    for match in _QUOTE.finditer(text):
        for words in _misquoted(match[1].rstrip(".").split(), QUOTED[statement.language], dice):
            yield text[: match.start(1)] + " ".join(words) + text[match.end(1) :]


def addition(statement: Statement, dice: Random) -> Iterator[str]:
    """One more thing in a list, or in a plan."""
    item = dice.choice(ITEMS[statement.language])
    if any(passage.chunk.field == "plan" for passage in statement.cited):
        yield at_end(statement.text, f"{_AS_WELL[statement.language]} {item}")
    is_list = "," in statement.text or statement.how == "list"
    if is_list and (match := _JOINT[statement.language].search(statement.text)):
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
    yield from replaced(statement.text, ACTIVITIES[statement.language], clitics=VERBAL)


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
