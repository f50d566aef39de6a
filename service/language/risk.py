"""Finds the sentences of a note that speak of danger to somebody, and what the note says of it; pure rules."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from service.domain.risk import Polarity, RiskKind, RiskSpan
from service.language.risk_words import (
    DENIED,
    DENIED_BEHIND,
    HARMLESS,
    NOT,
    PAST,
    PERSISTS,
    POSSIBLE,
    POSSIBLE_BEHIND,
    RECENT,
    TURNS,
    Signs,
    signs_in,
    spelled_rightly,
)
from service.language.sentences import sentences
from service.language.text import MARKS, words

# Words that a denial or a question reaches on: "denies any current thoughts, plans or intent of harming herself".
REACH = 12
# "SI: denied", "suicidality was explored and denied"; further on something else is denied, often a plan.
REACH_BACK = 4
NEAR = (
    24  # Code points between "no" and the first danger it denies: "no current thoughts of suicide".
)
# Code points of a sentence that are read at once: what is found is weighed against all the rest, so that time would
# grow with the square (0.5 s for 8,000), and a profile may be of any length.
_WINDOW, _OVERLAP = 2_000, 400
# What is so outweighs what may be, what was and what is not, where a sentence says several.
BY_WEIGHT: tuple[Polarity, ...] = ("present", "possible", "past", "denied")

# The sacroiliac joint is an SI too, and so is intercourse.
_NO_JOINT_BEFORE = r"(?<!\w)(?<!L5/)(?<![LR] )(?<!left )(?<!right )(?<!protected )"
_NO_JOINT_BEHIND = (
    r"(?!\w)(?!\W+(?:joints?|jts?|pain|region|dysf|belt|mob|manip|tender|test|provoc|compress|distract|fusion|inject|"
    r"ligament|area|block|stiff|glide|lock|fixation|irritat|screw|instab|L\b|R\b|left|right|bilat|palpation|asymm))"
)
# Their capitals or quotes say what these are, and are gone from a word in normal form: an overdose would be "odd", and
# a helpline the name Eran.
_SHORT = re.compile(
    r"(?P<overdosed>\bOD['’]?e?d\b|\bOD(?=\s+(?:on|in|at|with|x)\b))"
    rf"|(?P<suicidality>{_NO_JOINT_BEFORE}(?:S/I|S\.I\.|SI|si(?=/hi\b)){_NO_JOINT_BEHIND})"
    r"|(?P<homicidality>(?<!\w)(?:H/I|H\.I\.|HI|(?<=si/)hi)(?!\w))"
    r"|(?P<lifeline>(?<!\w)[ולבמהש]{0,2}ער[\"״”'׳]+ן)",
)
_PARTED = re.compile(rf"[.;,!?\n]|(?P<colon>:)|(?P<dash>[\s{MARKS}][-–—][\s{MARKS}])")
_SIGN_OF = {None: ",", "colon": ":", "dash": "-"}


def risk_spans(fields: Mapping[str, str]) -> tuple[RiskSpan, ...]:
    """The sentences of a note's fields that speak of danger, in order; one for each kind that a sentence speaks of."""
    return tuple(chain.from_iterable(_in_field(name, text) for name, text in fields.items()))


def _in_field(field: str, text: str) -> Iterator[RiskSpan]:
    for start, end in sentences(text):
        for kind, polarity in _said(text[start:end]).items():
            yield RiskSpan(kind, polarity, field, start, end)


def _said(sentence: str) -> Mapping[RiskKind, Polarity]:
    """The kinds that a sentence speaks of, each with what it says of it."""
    polarities: dict[RiskKind, list[Polarity]] = {}
    for start in range(0, max(1, len(sentence) - _OVERLAP), _WINDOW - _OVERLAP):
        text = " ".join(_read(sentence[start : start + _WINDOW]))
        found = _found(text)
        for one in found:
            polarities.setdefault(one.sign.kind, []).append(_polarity(text, one, found))
    return {kind: min(said, key=BY_WEIGHT.index) for kind, said in polarities.items()}


def _read(sentence: str) -> Iterator[str]:
    """The words in normal form, terms spelled rightly, and what parts clauses: a comma, a colon or a dash."""
    said, last = _SHORT.sub(lambda match: match.lastgroup or "", sentence), 0
    for word in words(said):
        # One blank, as before most words, parts nothing.
        if said[last : word.start] != " " and (parted := _PARTED.search(said, last, word.start)):
            yield _SIGN_OF[parted.lastgroup]
        yield spelled_rightly(word.text)
        last = word.end
    if "?" in said[last:]:
        yield "?"


@dataclass(frozen=True, slots=True)
class _Found:
    """A sign, and where it stands in the words of its sentence."""

    sign: Signs
    start: int
    end: int


def _found(text: str) -> Sequence[_Found]:
    """What speaks of danger once all that only sounds like it is out of sight."""
    signs = signs_in(text)
    if not any(sign.lines.said(text) for sign in signs):
        return []
    seen = HARMLESS.hidden(text)
    found = [_Found(sign, *place) for sign in signs for place in sign.lines.found(seen)]
    return [one for one in found if not any(_is_told_by(one, other) for other in found)]


def _is_told_by(one: _Found, other: _Found) -> bool:
    """Violence at home is abuse, and told once; an attempt, which was, is more than the word suicide in it."""
    if one.sign.kind == other.sign.kind:
        holds = other.start <= one.start and one.end <= other.end
        return holds and one.sign.polarity == "present" != other.sign.polarity
    both = (one.sign.kind, other.sign.kind) == ("violence", "abuse")
    return both and one.start < other.end and other.start < one.end


def _polarity(text: str, one: _Found, found: Sequence[_Found]) -> Polarity:
    """By what stands before it, then behind it, then anywhere in the sentence, then by what it is itself."""
    before, behind = _before(text, one), _behind(text, one)
    if PERSISTS.begins(behind):
        return "present"
    if _is_denied(before, one, found) or DENIED_BEHIND.said(behind):
        return "denied"
    if POSSIBLE.said(before) or POSSIBLE_BEHIND.begins(behind) or text.endswith("?"):
        return "possible"
    return _by_time(text, one.sign.polarity)


def _by_time(text: str, polarity: Polarity) -> Polarity:
    if polarity not in {"present", "past"}:
        return polarity
    if RECENT.said(text):
        return "present"
    return "past" if PAST.said(text) else polarity


def _is_denied(before: str, one: _Found, found: Sequence[_Found]) -> bool:
    """A denial reaches over commas to what is named, not to what is done; "no" only over other dangers it denies."""
    clause = before.rpartition(",")[2]
    if NOT.said(clause) or DENIED.said(clause):
        return True
    if one.sign.is_deed or "," not in before:
        return False
    return DENIED.said(before) or _is_listed(before, one, found)


def _is_listed(before: str, one: _Found, found: Sequence[_Found]) -> bool:
    """Whether "no" stands before it with a danger right behind: "no SI, HI or self-harm", not "no better, SI daily"."""
    offset = one.start - len(before)
    denials = (offset + end for _, end in NOT.found(before))
    return any(0 <= other.start - end <= NEAR for end in denials for other in found if other != one)


def _before(text: str, one: _Found) -> str:
    """The last words before it, since a dash or one that turns the sentence round: "denies SI but cuts"."""
    since = max((end for _, end in TURNS.found(text, one.start)), default=0)
    said = text[max(since, text.rfind("-", 0, one.start) + 1) : one.start]
    return said[-len(" ".join(said.split(" ")[-REACH - 1 :])) :] if said else ""


def _behind(text: str, one: _Found) -> str:
    """The next words of its clause: "SI denied", "SI: none reported"; of the next clause if that is one word."""
    said = text[one.end :].strip()
    until = min((start for start, _ in TURNS.found(said)), default=len(said))
    clause = said[:until].lstrip(":- ").partition(",")[0]
    if said.startswith(","):
        clause = said[1:until].partition(",")[0].strip()
        return clause if " " not in clause else ""
    return " ".join(clause.split()[:REACH_BACK])
