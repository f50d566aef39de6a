"""Times: what is planned, possible or past is not what is."""

import re
from collections.abc import Sequence

from service.chat.grounding.evidence import Source
from service.language.modality import (
    Modality,
    beside_advice,
    is_done,
    is_only_asked_for,
    is_under_way,
    modality,
)
from service.language.statements import Part

_ALREADY = re.compile(
    r"\balready\b|\b(?:has|have|had) begun\b|(?<![א-ת])כבר(?![א-ת])", re.IGNORECASE
)
_SINCE = re.compile(r"\bsince\b|\bfrom\b|(?<![א-ת])מאז", re.IGNORECASE)
_SURE = re.compile(
    r"\b(?:definitely|certainly|undoubtedly|surely|unquestionably|for sure|for certain|no doubt"
    r"|without (?:a |any )?doubt|proven)\b"
    r"|(?<![א-ת])(?:בוודאות|בוודאי|ודאי|בהחלט|ללא ספק|בלי ספק|אין ספק|ללא כל ספק|הוכח|הוכחה)(?![א-ת])",
    re.IGNORECASE,
)
_CLASHES = frozenset(
    {
        ("told", "hypothetical"),
        ("past", "hypothetical"),
        ("advised", "hypothetical"),
        ("planned", "hypothetical"),
        ("told", "planned"),
        ("past", "planned"),
        ("planned", "told"),
        ("planned", "past"),
        ("hypothetical", "told"),
        ("hypothetical", "past"),
        ("hypothetical", "planned"),
        ("hypothetical", "instructed"),
        ("told", "past"),
        ("hypothetical", "dated"),
        ("past", "dated"),
        ("advised", "past"),
        ("past", "advised"),
    }
)


def times_differ(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether what is planned, possible, past or only advised is told as what is, or the other way round; or anything
    as certain."""
    if _SURE.search(part.text) and not any(_SURE.search(one.said.text) for one in evidence):
        return True
    if any(_clash(part, source) or _is_done_already(part, source) for source in evidence):
        return True
    return _is_only_asked_for(part, evidence)


def _is_only_asked_for(part: Part, evidence: Sequence[Source]) -> bool:
    """Whether it says that somebody did or does what all of the evidence only says that they were advised to do."""
    if all(is_under_way(part.text, source.said.text) for source in evidence):
        return True
    asked = [source.said.of_clauses(source.clauses_for(part)) for source in evidence]
    return all(map(is_only_asked_for, asked)) and any(
        is_done(beside_advice(part.whole.text_of(unit)))
        for unit in part.units
        if any(source.matching(unit) for source in evidence)
    )


def _clash(part: Part, source: Source) -> bool:
    clauses = source.clauses_for(part)
    if not clauses:
        return False
    text = source.said.of_clauses(clauses)
    note, claim = _modality_of_note(text, source), _modality_of_claim(part)
    if note == claim:
        return False
    return (
        (claim, note) in _CLASHES
        or ((claim, note) == ("past", "told") and not is_done(text))
        or (note == "instructed" and claim in {"told", "past"} and is_done(part.text))
    )


def _is_done_already(part: Part, source: Source) -> bool:
    """Whether it says that what is only to be done has happened, be there an "if" or not."""
    if not _ALREADY.search(part.text) or _ALREADY.search(source.said.text):
        return False
    text = source.said.of_clauses(source.clauses_for(part))
    return (
        bool(text) and not is_done(text) and _modality_of_note(text, source) not in {"told", "past"}
    )


def _modality_of_claim(part: Part) -> Modality:
    own, whole = modality(part.text), modality(part.whole.text)
    if own == "told" and is_done(part.text):
        return own
    return (
        whole
        if whole == "hypothetical" or (own == "told" and whole in {"planned", "advised"})
        else own
    )


def _modality_of_note(text: str, source: Source) -> str:
    own = modality(text)
    if own != "told":
        return own
    whole = modality(source.said.text)
    if whole == "hypothetical" and source.said.text.split()[0].casefold() in {"if", "אם"}:
        return whole
    if source.passage.chunk.field == "plan" and not is_done(text):
        return "instructed"
    is_ahead = source.said.days and not is_done(text) and not _SINCE.search(source.said.text)
    return "dated" if is_ahead else "told"
