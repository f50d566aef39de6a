"""Whether a sentence asks or orders, or only tells; and whom it addresses."""

import re

# Beyond this a sentence is told, not asked: the longest question of a therapist among 490 has 16 words.
LONGEST = 30

_ASKS = (
    r"(?:(?:in\s+)?(?:what|which|how)|whats|when|who|whom|whose|where|why|did|does|do|is|are|was|were|has|have|had|any"
    r"|(?:can|could|would|will)\s+you"
    r"|ו?(?:מה|מהו|מהי|מהם|מהן|מי|מתי|ממתי|איפה|היכן|לאן|מאיפה|למה|מדוע|איך|כיצד|האם|כמה|לכמה|בכמה|במה"
    r"|על\s+מה|עם\s+מי|למי|את\s+מי|של\s+מי|[בלמ]?(?:איזה|איזו|אילו)|יש|היה|הייתה|היתה|היו))"
)
ORDER_VERBS = """
show list summarise summarize recap find give remind search count compare describe review
סכם סכמי תסכם תסכמי לסכם הראה הראי תראה תראי הצג הציגי ספר ספרי תן תני פרט פרטי מצא מצאי תמצא תמצאי חפש חפשי תחפש תחפשי
הזכר הזכירי תזכיר תזכירי רשימת רשימה
"""
_ORDERS = rf"ו?(?:{'|'.join(ORDER_VERBS.split())}|tell\s+me|bring\s+up)"
_LEAD = r"\W*(?:(?:and|so|but|or|also|please|ok|okay|well|וגם|אז|בבקשה|אבל)\W+)*"
_BEGINS = re.compile(rf"{_LEAD}(?:{_ASKS}|{_ORDERS})(?!\w)", re.IGNORECASE)
_BEGINS_ORDER = re.compile(rf"{_LEAD}{_ORDERS}(?!\w)", re.IGNORECASE)
# "For Dana, what did we plan?", "כשכאב לה באיזה צד זה היה": the asking word may come late, but not at the end.
_WITHIN = re.compile(
    r"(?:^|[,;:–-]\s*|\s)(?:ו?(?:מה|מתי|איך|[בלמ]?כמה|[בלמ]?איזה|[בלמ]?איזו|[בלמ]?אילו|האם))\s"
    r"|[,;:–-]\s*(?:what|how|when|which|who|where|why|did|does|is|was)\s",
    re.IGNORECASE,
)
_SUMMED = re.compile(
    r"\W*(?:a\s+)?(?:summary|overview|recap)\b|\W*(?:סיכום|תקציר)(?!\w)", re.IGNORECASE
)

_FOR_ME = re.compile(r"\b(?:can|could|would|will)\s+you\b", re.IGNORECASE)
_ADDRESSED = re.compile(r"\b(?:you|your|yours|yourself|you['’](?:re|ve|d|ll))\b", re.IGNORECASE)
_OF_A_CLIENT = re.compile(
    r"\b(?:me|myself|i['’](?:m|ve|d)|i am|am i"
    r"|my\s+(?!(?:notes?|sessions?|assessments?|impressions?|plans?|clients?|patients?|diagnos[ie]s|observations?"
    r"|findings?|summar(?:y|ies)|last|latest|previous|first|second|third)\b)\w+)\b"
    r"|\b(?:should|can|could|would|must|may|might|do|will)\s+(?:i|we)\b",
    re.IGNORECASE,
)
_TO_ME = re.compile(r"\b(?:show|give|tell|remind|find|for)\s+me\b", re.IGNORECASE)


def asks(sentence: str) -> bool:
    """A question or an order to find; "I have had headaches since March" is neither."""
    if len(sentence.split()) > LONGEST:
        return False
    asked = sentence.rstrip().endswith(("?", "؟"))
    return bool(
        asked or begins_asking(sentence) or _WITHIN.search(sentence) or _SUMMED.match(sentence)
    )


def begins_asking(sentence: str) -> bool:
    """Its first word asks or orders; a question mark alone does not count."""
    return bool(_BEGINS.match(sentence))


def orders(sentence: str) -> bool:
    return bool(_BEGINS_ORDER.match(sentence))


def of_a_conversation(sentence: str) -> bool:
    """Out of a session rather than about it: "have you slept since March?", "my last session of chemo"."""
    about = _TO_ME.sub(" ", _FOR_ME.sub(" ", sentence, count=1))
    return bool(_ADDRESSED.search(about) or _OF_A_CLIENT.search(about))
