"""Whether passages support a sentence, and with which words. Deterministic; unsure means no."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.domain.answers import Passage, Span, WithheldReason
from service.language.features import stem
from service.language.sentences import sentences
from service.language.stopwords import STOPWORDS
from service.language.text import normalise, tokens

_AMOUNT = re.compile(r"(\d+(?:[.,:/–-]\d+)*)[ \t\u00a0-]*(%|[^\W\d_][^\s\d.,;:!?/()\[\]]*)?")
_MEASURES = """
% mg mcg µg ug g gr kg ml l cc iu mm cm m km hz bpm mmhg times x
sec second seconds min minute minutes h hr hour hours day days week weeks month months year years
מ"ג מג מק"ג מיקרוגרם גרם ק"ג מ"ל ליטר ס"מ מ"מ מטר יח' יחידות פעם פעמים
שניות דקה דקות שעה שעות יום ימים שבוע שבועות חודש חודשים שנה שנים
"""
_DENIALS = """
no not none nor never neither without cannot can't won't don't doesn't didn't isn't aren't wasn't weren't
hasn't haven't hadn't couldn't wouldn't shouldn't deny denies denied denying
לא ולא שלא אין ואין שאין בלי ללא מבלי אינו אינה אינם אינן איננו איננה
שולל שוללת שלל שללה מכחיש מכחישה הכחיש הכחישה
"""
_UNITS = frozenset(normalise(word) for word in _MEASURES.split())
_NEGATIONS = frozenset(normalise(word) for word in _DENIALS.split())


@dataclass(frozen=True, slots=True)
class Support:
    """How far passages bear out a sentence: `spans` is empty exactly when `reason` says why they do not."""

    how: Literal["verbatim", "stated", "likely", "none"]
    """A note's own words; said in other words that rules can follow; nothing speaks against it, yet only a model
    could confirm it; not supported."""
    spans: tuple[Span, ...] = ()
    reason: WithheldReason | None = None


def support(text: str, passages: Sequence[Passage]) -> Support:
    """The supporting span of each passage that has one.

    Every number of the sentence must stand, with its unit, in the words quoted for it.
    """
    spans = tuple(span for passage in passages if (span := _best_span(text, passage)))
    if not spans:
        return Support("none", reason="unsupported")
    quoted = {amount for span in spans for amount in _amounts(span.quote)}
    if not _amounts(text) <= quoted:
        return Support("none", reason="number_differs")
    verbatim = any(text in span.quote for span in spans)
    return Support("verbatim" if verbatim else "stated", spans)


def _best_span(text: str, passage: Passage) -> Span | None:
    place = _verbatim(text, passage.chunk.text) or _nearest(text, passage)
    return _span(passage, *place) if place else None


def _verbatim(text: str, source: str) -> tuple[int, int] | None:
    """Where the note says exactly this: whole words and numbers, and no 'not' left outside the quote."""
    for match in re.finditer(_whole(text), source):
        said = _sentences_around(source, match.start(), match.end())
        if _negations(text) == _negations(said):
            return match.start(), match.end()
    return None


def _whole(text: str) -> str:
    """A pattern for these words that does not begin or end inside a word or a number: "5 mg" is not in "2.5 mg"."""
    before = r"(?<!\w)(?<!\d[.,:/–-])" if text[:1].isalnum() else ""
    after = r"(?!\w)(?![.,:/–-]\d)" if text[-1:].isalnum() else ""
    return before + re.escape(text) + after


def _sentences_around(source: str, start: int, end: int) -> str:
    touched = [(s, e) for s, e in sentences(source) if s < end and e > start]
    return source[touched[0][0] : touched[-1][1]] if touched else source[start:end]


def _nearest(text: str, passage: Passage) -> tuple[int, int] | None:
    """The first sentence of the note that says every word of the claim that matters, in the same order.

    Two shared words in three would let "left" pass for "right" and one client for another, so all must be there;
    the name of the passage's client may stand in the claim, because notes say "she".
    """
    name = set(_stems(passage.client_name))
    wanted = [stem for stem in _stems(text) if stem not in name]
    for start, end in sentences(passage.chunk.text):
        said = passage.chunk.text[start:end]
        if wanted and _negations(said) == _negations(text) and _in_order(wanted, _stems(said)):
            return start, end
    return None


def _stems(text: str) -> list[str]:
    """The words that matter; amounts are compared apart, because "50mg" is "50 mg"."""
    return [
        stem(token)
        for token in tokens(text)
        if token not in STOPWORDS and token not in _UNITS and not any(map(str.isdigit, token))
    ]


def _in_order(wanted: Sequence[str], said: Sequence[str]) -> bool:
    rest = iter(said)
    return all(word in rest for word in wanted)


def _amounts(text: str) -> set[tuple[str, str]]:
    """The numbers and ranges of a text, each with its unit ("" when the next word is none)."""
    found = _AMOUNT.findall(text)
    pairs = ((number.replace("–", "-"), normalise(unit)) for number, unit in found)
    return {(number, unit if unit in _UNITS else "") for number, unit in pairs}


def _negations(text: str) -> int:
    return sum(token in _NEGATIONS for token in tokens(text))


def _span(passage: Passage, start: int, end: int) -> Span:
    """From offsets in the chunk to offsets in the field."""
    chunk = passage.chunk
    return Span(passage.id, chunk.start + start, chunk.start + end, chunk.text[start:end])
