"""The spans of time that a text names, with a number or without: hours, days, nights, weeks, months, years."""

import re

from service.language.text import normalise

_WAYS = {
    "hour": "hour hours hourly שעה שעות שעתיים",
    "day": "day days daily evening evenings night nights nightly morning mornings"
    " יום ימים יומי יומית יומיים לילה לילות ערב ערבים בוקר בקרים",
    "week": "week weeks weekly fortnight שבוע שבועות שבועי שבועית שבועיים",
    "month": "month months monthly חודש חודשים חודשי חודשית חודשיים",
    "year": "year years yearly annual annually שנים שנתי שנתית שנתיים",
}
"""A year in the singular is left out in Hebrew: without its vowel letter, sleep is written so."""
_SPAN = {normalise(way): span for span, ways in _WAYS.items() for way in ways.split()}
_WORD = re.compile(r"[A-Za-z]+|[א-ת]+")
_PREFIXED = re.compile(r"(?:ו|ש|כש)?[בלמהכ]{0,2}")
_NAMED = re.compile(
    r"(?<![א-ת])[ובלמהש]{0,3}יום\s(?:ראשון|שני|שלישי|רביעי|חמישי|שישי|הולדת|כיפור|יום)(?![א-ת])"
    r"|(?<![א-ת])היום(?![א-ת])|\byears?[ -]old\b",
    re.IGNORECASE,
)
"""Days that are no span: Monday, a birthday, today; and an age."""


def spans(text: str) -> frozenset[str]:
    """As `hour`, `day` (its parts too), `week`, `month`, `year`."""
    found = (_span(match.group()) for match in _WORD.finditer(_NAMED.sub(" ", text)))
    return frozenset(one for one in found if one)


def _span(word: str) -> str:
    plain = normalise(word)
    most = _PREFIXED.match(plain)
    cuts = range(most.end() + 1) if most and not plain.isascii() else range(1)
    return next((_SPAN[plain[cut:]] for cut in cuts if plain[cut:] in _SPAN), "")
