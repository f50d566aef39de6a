"""Which words of a statement are denied."""

import re
from collections.abc import Sequence
from itertools import takewhile

from service.language.qualifiers import DENIED, qualifier
from service.language.text import normal_forms, normalise

AFFIRMED, DENIED_HERE, UNSURE = 1, -1, 0
REACH = 8  # Words behind a denial that it may deny: "no known history of any drug allergies at all" has seven.
REACH_OF_LIST = 3  # Words of each further thing on a list: "denies SI, HI, plan or intent".

_MORE_DENIALS = """
unable lacks lack lacked absent absence nobody nothing nowhere hardly ain't
חסר חסרת חסרו חסרים חסרות היעדר העדר אף לעולם מעולם בניגוד contrary
"""
_DENIALS = normal_forms(_MORE_DENIALS)  # Beside those that are stop words: qualifiers.py.
_LISTING_WORDS = """
denies denied deny denying
שולל שוללת שלל שללה הכחיש הכחישה מכחיש מכחישה
"""
_END_WORDS = "but except however although though yet אך אבל אולם למעט חוץ אלא"
# These deny what they stand before and say nothing else: "not only", "no change" (a word).
_NOT_SO_WORDS = "only just change רק"
_AND_WITH = normalise("ועם")
_OR = normal_forms("or nor או")
_UN = re.compile(
    r"un(?!der|cle|ique|ion|it|til|iform|ivers)\w{3,}|\w{3,}less"
)  # "unsent", "sleepless"
_BEEN = frozenset(
    ["been", "is", "was", "be", "came", "come", "comes", "stays", "stayed", "kept", "remains"]
)
_GIVE = frozenset(["give", "gives", "gave", "given", "giving"])
_LESS = normal_forms("less fewer פחות")
_REACH_OF_LESS = 2
_HARD_WORDS = """
difficulty difficulties difficult trouble hard struggle struggles struggling unable avoids avoided avoiding
קושי קשה מתקשה התקשה התקשתה מתקשים נמנע נמנעת נמנעה הימנעות
"""
_AVOID = normal_forms("avoid להימנע")
_STOP_WORDS = """
stop stops stopped stopping halt halts halted halting quit quits discontinued ceased wean weaned weaning abstains
abstained abstinent refuse refuses refused refusing declined declines fails failed
סירב סירבה מסרב מסרבת יסרב תסרב לסרב וסירב וסירבה נכשל נכשלה
הפסיק הפסיקה הפסיקו מפסיק מפסיקה יפסיק תפסיק להפסיק חדל חדלה נגמל נגמלה והפסיק והפסיקה
"""
_STOPS = normal_forms(_STOP_WORDS)
_LISTING, _ENDS, _NOT_SO, _HARD = (
    normal_forms(some) for some in (_LISTING_WORDS, _END_WORDS, _NOT_SO_WORDS, _HARD_WORDS)
)


def is_denial(word: str) -> bool:
    """Whether a word in normal form denies what follows it."""
    return qualifier(word) == DENIED or word in _DENIALS


def _ends(word: str) -> bool:
    """Whether it says that what follows is no more, or is not to be: "avoid sitting"."""
    return word in _STOPS or word in _AVOID


def _is_off(words: Sequence[str], place: int) -> bool:
    """ "Has been off alcohol", or "Off work since May"."""
    return words[place] == "off" and (place == 0 or words[place - 1] in _BEEN)


def _gives_up(words: Sequence[str], place: int) -> bool:
    """ "Gave up alcohol", but not "was given up to 50 mg"."""
    is_up = words[place] == "up" and words[place + 1 : place + 2] != ["to"]
    return is_up and place > 0 and words[place - 1] in _GIVE


def polarities(words: Sequence[str], clauses: Sequence[int]) -> list[int]:
    """For each word, in normal form, whether it is denied; a denial of a denial affirms.

    `clauses` gives the clause of each. Behind a word of difficulty it is not said for sure: "trouble sleeping".
    """
    said = [AFFIRMED] * len(words)
    for place, word in enumerate(words):
        if (
            (is_denial(word) and not _is_idiom(words, place))
            or _ends(word)
            or _is_off(words, place)
            or _gives_up(words, place)
        ):
            for denied in _scope(words, clauses, place):
                said[denied] = -said[denied]
    for place, word in enumerate(words):
        if word in _LESS:  # neither yes nor no
            for near in range(place + 1, min(len(words), place + 1 + _REACH_OF_LESS)):
                said[near] = UNSURE
        if word == "free" and place and clauses[place - 1] == clauses[place]:  # "pain-free"
            said[place - 1] = -said[place - 1]
        if word in _HARD:
            for near in range(place + 1, min(len(words), place + 1 + REACH_OF_LIST)):
                if clauses[near] == clauses[place] and said[near] == AFFIRMED:
                    said[near] = UNSURE
    return said


def denials(words: Sequence[str]) -> list[int]:
    """The places of the words that deny something: of "not only" there is none."""
    return [at for at, word in enumerate(words) if is_denial(word) and not _is_idiom(words, at)]


def turns(words: Sequence[str], clauses: Sequence[int]) -> bool:
    """Whether anything is denied, ended, or not said for sure."""
    return any(
        is_denial(word) or _UN.fullmatch(word) or said != AFFIRMED
        for word, said in zip(words, polarities(words, clauses), strict=True)
    )


def _is_idiom(words: Sequence[str], place: int) -> bool:
    after = words[place + 1] if place + 1 < len(words) else ""
    return after in _NOT_SO


def _scope(words: Sequence[str], clauses: Sequence[int], place: int) -> list[int]:
    """The places a denial reaches: its clause, and what is listed behind it."""
    here = [
        at
        for at in range(place + 1, min(len(words), place + 1 + REACH))
        if clauses[at] == clauses[place]
    ]
    reached = list(takewhile(lambda at: not _cuts(words[at]), here))
    if len(reached) < len(here):
        return reached
    listed = _listed(words, clauses, clauses[place] + 1)
    if words[place] in _LISTING:
        return reached + listed
    return reached + listed[: _through_last_or(words, clauses, listed)]


def _through_last_or(words: Sequence[str], clauses: Sequence[int], listed: Sequence[int]) -> int:
    """How many of the places listed a plain "no" denies, to the end of what "or" begins: "no wine, beer or bets"."""
    last = max((clauses[at] for at in listed if words[at] in _OR), default=None)
    return sum(clauses[at] <= last for at in listed) if last is not None else 0


def _cuts(word: str) -> bool:
    return word in _ENDS or word == _AND_WITH or (word[0] == "ו" and is_denial(word))


def _listed(words: Sequence[str], clauses: Sequence[int], clause: int) -> list[int]:
    """Further short things of the same list, clause by clause; one that denies or turns by itself is none."""
    found: list[int] = []
    while True:
        item = [at for at, one in enumerate(clauses) if one == clause]
        if not item or len(item) > REACH_OF_LIST:
            return found
        if any(words[at] in _ENDS or is_denial(words[at]) for at in item):
            return found
        found += item
        clause += 1
