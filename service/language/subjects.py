"""Whose doing or state a statement tells: the client's, or that of somebody around the client."""

import re
from collections.abc import Sequence
from functools import lru_cache

from service.language.proper_names import names
from service.language.statements import Statement, Unit, is_silent
from service.language.terms import concept
from service.language.text import normal_forms, normalise

_OTHERS = """
mother|father|parents|brother|sister|sibling|husband|wife|partner|boyfriend|girlfriend|ex|son|daughter|child|baby|teenager
grandmother|grandfather|grandchild|uncle|aunt|cousin|mother-in-law|father-in-law|sister-in-law|brother-in-law|friend|boss
colleague|neighbour|teacher|lecturer|roommate|stepfather|stepmother|twin|dog|cat|grandparents|stranger
"""
_RECIPROCAL = "conflict|talk|meet|lend|relationship|separation|married|divorced|together|share|call"
_LINK_WORDS = """
with to about from for of by at according per toward towards against on after like over without
עם על את של אצל מול ליד בין כלפי לדברי לפי
"""
_OWNER_WORDS = "her his hers the my their a an our מצד"
_SAYING_WORDS = """
says said describes sees views considers calls reports reported thinks believes noticed notices
told describes described states
אומר אומרת אמר אמרה סיפר סיפרה מספר מספרת מדווח מדווחת דיווח דיווחה לדברי
"""
_PASSIVE_WORDS = "was were is are been being got gets be"
_CLIENT_WORDS = """
she he client patient pt they i
היא הוא והיא והוא שהיא שהוא המטופל המטופלת הלקוח הלקוחה מטופל מטופלת
"""
_GENDERS = {"he": "m", "she": "f"} | {
    normalise(word): one for word, one in (("הוא", "m"), ("והוא", "m"), ("היא", "f"), ("והיא", "f"))
}
# What somebody has the client do is the client's doing too.
_LETS = re.compile(
    r"\b(?:let|lets|allow\w*|ask\w*|told|help\w*|made|makes?|want\w*|encourag\w*|permit\w*)\s+(?:her|him)\b|(?<![א-ת])ש?ת?אות[והי](?![א-ת])",
    re.IGNORECASE,
)
_HAS = normal_forms("יש היה הייתה היו אין")
_WHO_WORDS = "who whose which שהיא שהוא"


_LINKS, _OWNERS, _SAYING, _PASSIVE, _CLIENT, _WHO = map(
    normal_forms,
    (_LINK_WORDS, _OWNER_WORDS, _SAYING_WORDS, _PASSIVE_WORDS, _CLIENT_WORDS, _WHO_WORDS),
)
_BEFORE_VERB = 5  # Words of a clause among which its subject stands, counted from its beginning.

People = frozenset[int]
"""Concepts of the people meant; empty for the client."""


def people(units: Sequence[Unit]) -> People:
    """Everybody around the client who is named by their place: mother, boss."""
    others = _others()
    return frozenset(one for unit in units for one in unit.concepts & others)


def is_person(unit: Unit) -> bool:
    return bool(unit.concepts & _others())


def subject(said: Statement, clause: int) -> People | None:
    """Who does or has what a clause tells; None where it does not say."""
    places = [at for at, one in enumerate(said.clauses) if one == clause]
    for unit in said.units:
        if unit.clause == clause and is_person(unit) and _leads(said, places, unit):
            return unit.concepts & _others()
    head = [said.words[at].text for at in places[:_BEFORE_VERB]]
    return frozenset() if any(word in _CLIENT for word in head) else None


def subjects(said: Statement, clause: int) -> set[People]:
    """Who it may be: as the clause says, or as one before it does, or the client."""
    own = subject(said, clause)
    if own:
        return {own, frozenset()} if _LETS.search(said.of_clauses([clause])) else {own}
    if own is not None:
        earlier = people([unit for unit in said.units if unit.clause < clause])
        return {own, earlier} if earlier and gender(said, clause) else {own}
    for before in range(clause - 1, -1, -1):
        if who := subject(said, before):
            return {who, frozenset()}
        if _begins_with(said, clause, _WHO) and (
            last := people([u for u in said.units if u.clause == before])
        ):
            return {last}
    return {frozenset()}


def leaders(said: Statement) -> dict[int, str]:
    """By clause, the name, in normal form, that it begins with: "Omer", or "but Omer"."""
    named = set(names(said.text))
    found = dict[int, str]()
    begun = set[int]()
    for word, clause in zip(said.words, said.clauses, strict=True):
        if clause in begun or clause in found:
            continue
        if word.text in named:
            found[clause] = word.text
        elif not is_silent(word.text):
            begun.add(clause)
    return found


def mentions(units: Sequence[Unit], who: People) -> int:
    """How often somebody is named by their place."""
    return sum(bool(unit.concepts & who) for unit in units)


def gender(said: Statement, clause: int) -> str:
    """Whether a clause says "he" or "she" of whom it tells; empty where it says both or neither."""
    here = (word.text for word, one in zip(said.words, said.clauses, strict=True) if one == clause)
    found = {_GENDERS[word] for word in here if word in _GENDERS}
    return found.pop() if len(found) == 1 else ""


def owner(said: Statement, unit: Unit) -> People:
    """Whose it is: "mother's surgery", "the surgery of her mother", "הניתוח של אמא"."""
    others = _others()
    for one in said.units:
        if one.clause != unit.clause or not one.concepts & others or one is unit:
            continue
        before = 0 <= unit.start - one.end <= 1 and _is_owner(said, one)
        link = {word.text for word in said.words[unit.end : one.start]}
        after = 0 <= one.start - unit.end <= 2 and bool(link & {"of", normalise("של")})
        if before or after:
            return one.concepts & others
    return frozenset()


def is_mutual(unit: Unit) -> bool:
    """Whether what it says holds both ways: who argues with a mother has a mother who argues."""
    return bool(unit.concepts & _mutual())


def _leads(said: Statement, places: Sequence[int], unit: Unit) -> bool:
    first = places[0] if places else 0
    after = said.words[unit.end].text if unit.end < len(said.words) else ""
    if after in _SAYING or _is_owner(said, unit):
        return False
    before = unit.start - 1
    while before >= first and said.words[before].text in _OWNERS:
        before -= 1
    link = said.words[before].text if before >= first else ""
    if link == "by" or (link == normalise("ידי")):
        return any(said.words[at].text in _PASSIVE for at in places) or link != "by"
    if _is_bound(said, unit):
        return unit.end < len(said.words) and bool({after, link} & _HAS)
    if link in _LINKS or (after in {"from", "of"} and unit.clause > 0):
        return False
    told = before >= first and (
        link in _SAYING or link in {"that", "because", "since", "as", "when"}
    )
    return told or unit.start - first < _BEFORE_VERB - 2 or said.words[unit.start].text[:1] == "ש"


def _is_owner(said: Statement, unit: Unit) -> bool:
    raw = said.text[said.words[unit.end - 1].start : said.words[unit.end - 1].end]
    return raw.endswith(("'s", "’s", "s'"))


def _is_bound(said: Statement, unit: Unit) -> bool:
    """Behind a Hebrew preposition that is written as part of it: "לאמא", "מאחותה"; "בעלה" has none."""
    word = said.words[unit.start].text
    if word.isascii() or word[0] not in "לבמ" or len(word) < 4:
        return False
    return bool(
        Statement.of(word[1:]).units and people(Statement.of(word[1:]).units)
    ) and not word.startswith("בעל")


def _begins_with(said: Statement, clause: int, some: frozenset[str]) -> bool:
    first = next((at for at, one in enumerate(said.clauses) if one == clause), None)
    return first is not None and said.words[first].text in some


@lru_cache(maxsize=1)
def _others() -> frozenset[int]:
    return _all(_OTHERS)


@lru_cache(maxsize=1)
def _mutual() -> frozenset[int]:
    return _all(_RECIPROCAL)


def _all(terms: str) -> frozenset[int]:
    listed = terms.replace("\n", "|").strip("|").split("|")
    return frozenset(one for term in listed for one in concept(term))
