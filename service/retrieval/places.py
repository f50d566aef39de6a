"""Sessions named by their place in a course: "the last three sessions", "בפגישה השלישית"."""

import re
from collections.abc import Callable, Iterator

from service.domain.scope import Place
from service.retrieval.time_words import (
    EN_NUMBER,
    HE_NUMBER,
    ORDINALS,
    Phrase,
    compiled,
    english,
    hebrew,
    number,
)

_EN_IN = r"(?:(?:in|at|during|over|from)\s+)?(?:(?:the|our|my|his|her|their)\s+(?:very\s+)?)?"
_EN_LAST = r"(?:last|latest|most\s+recent|previous|prior|past)"
# An appointment or a visit may be anybody's; "our" makes it a session.
_EN_OURS = r"(?:(?:in|at|during|over|from)\s+)?our\s+"
_EN_MEETING = r"(?:meeting|appointment|visit)"
_HE_IN = r"ו?(?:מה|[במלה])?[־-]?"
_HE_ONE = r"(?:פגישה|מפגש|סשן)"
_HE_MANY = r"(?:פגישות|מפגשים|סשנים)"
_HE_LAST = r"(?:ה?(?:אחרונה|אחרון|קודמת|קודם)|שעברה?)"
_HE_LASTS = r"ה?(?:אחרונות|אחרונים|קודמות|קודמים)"
_HE_FIRSTS = r"ה?(?:ראשונות|ראשונים)"
_EN_ORDINAL, _HE_ORDINAL = english(ORDINALS), hebrew(ORDINALS)


def _newest(match: re.Match[str]) -> Place:
    return Place("newest", number(match["n"]))


def _oldest(match: re.Match[str]) -> Place:
    return Place("oldest", number(match["n"]))


def _nth(match: re.Match[str]) -> Place:
    return Place("oldest", skip=ORDINALS[match["o"].lower()] - 1)


def _numbered(match: re.Match[str]) -> Place:
    return Place("oldest", skip=int(match["n"]) - 1)


def _last_but_one(_: re.Match[str]) -> Place:
    return Place("newest", skip=1)


_PLACES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Place]], ...] = tuple(
    (compiled(pattern), read)
    for pattern, read in (
        (rf"{_EN_IN}{_EN_LAST}\s+(?P<n>)session", _newest),
        (rf"{_EN_IN}{_EN_LAST}\s+(?P<n>{EN_NUMBER})\s+sessions?", _newest),
        (rf"{_EN_IN}first\s+(?P<n>{EN_NUMBER})\s+sessions?", _oldest),
        (rf"{_EN_IN}(?P<o>{_EN_ORDINAL})\s+session", _nth),
        (rf"{_EN_OURS}{_EN_LAST}\s+(?P<n>){_EN_MEETING}", _newest),
        (rf"{_EN_OURS}{_EN_LAST}\s+(?P<n>{EN_NUMBER})\s+{_EN_MEETING}s", _newest),
        (rf"{_EN_OURS}first\s+(?P<n>{EN_NUMBER})\s+{_EN_MEETING}s", _oldest),
        (rf"{_EN_OURS}(?P<o>{_EN_ORDINAL})\s+{_EN_MEETING}", _nth),
        (rf"{_EN_IN}session\s+before\s+(?:the\s+)?last(?:\s+one)?", _last_but_one),
        (rf"{_EN_IN}(?:penultimate|(?:second|next)[\s-]to[\s-]last)\s+session", _last_but_one),
        (rf"{_EN_IN}session\s+(?:number\s+|no\.?\s*|#)?(?P<n>\d{{1,3}})", _numbered),
        # At the end of a question alone: "the last time she had a headache" is no session.
        (r"(?<!the\s)last\s+(?P<n>)time(?:\s+we\s+(?:met|spoke|talked)|(?=\W*$))", _newest),
        (r"ו?בפעם\s+(?P<n>)(?:הקודמת|שעברה|האחרונה)(?=\W*$)", _newest),
        (rf"{_HE_IN}{_HE_ONE}\s+(?P<n>){_HE_LAST}", _newest),
        (rf"{_HE_IN}(?P<n>{HE_NUMBER})\s+ה?{_HE_MANY}\s+{_HE_LASTS}", _newest),
        (rf"{_HE_IN}(?P<n>{HE_NUMBER})\s+ה?{_HE_MANY}\s+{_HE_FIRSTS}", _oldest),
        (rf"{_HE_IN}{_HE_ONE}\s+ה?(?P<o>{_HE_ORDINAL})", _nth),
        (rf"{_HE_IN}{_HE_ONE}\s+[הש]?לפני[\s־-]+ה?אחרו(?:נה|ן)", _last_but_one),
        (rf"{_HE_IN}{_HE_ONE}\s+(?:מספר\s+|מס['׳]?\s*|#)?(?P<n>\d{{1,3}})", _numbered),
        # A treatment is a session in these words alone; "the previous treatment" was another therapist's.
        (r"ו?בטיפול\s+(?P<n>)האחרון", _newest),
        (rf"ו?בטיפול\s+ה(?P<o>{_HE_ORDINAL})", _nth),
        (rf"ו?ב[־-]?(?P<n>{HE_NUMBER})\s+ה?טיפולים\s+ה?אחרונים", _newest),
        (rf"ו?ב[־-]?(?P<n>{HE_NUMBER})\s+ה?טיפולים\s+ה?ראשונים", _oldest),
    )
)


def places(text: str) -> Iterator[Phrase]:
    """Every place that is said; "the last sessions", of which nobody knows how many, is none."""
    for pattern, read in _PLACES:
        for match in pattern.finditer(text):
            place = read(match)
            if place.count > 0 and place.skip >= 0:
                yield Phrase(place, match.start(), match.end(), "place")
