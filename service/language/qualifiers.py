"""Small words that turn what is said beside them: denied, long past, still so, before, after."""

from collections.abc import Iterable

from service.language.text import normalise

DENIED = "denied"

# The words of a class say the same of what stands beside them. Most are stop words, for in a note as a whole they tell
# nothing. Sides, numbers and relatives are words like any other.
_CLASSES = {
    DENIED: """
        no not never none nor neither without cannot can't couldn't didn't doesn't don't hadn't hasn't haven't isn't
        aren't wasn't weren't won't wouldn't shouldn't deny denies denied denying
        לא אין אינו אינה אינם אינן איני אינני איננו איננה בלי ללא מבלי בלא
        שולל שוללת שוללים שלל שללה מכחיש מכחישה הכחיש הכחישה
    """,
    "past": "past previously formerly once ago בעבר פעם לשעבר קודם",
    "now": """
        now currently presently nowadays today present still
        כיום כעת כרגע עכשיו היום עדיין
    """,
    "before": "before prior לפני טרם",
    "after": "after following אחרי לאחר",
}
# "And", "that", "when".
_CLITICS = ("", "ו", "ש", "וש", "כש")
_CLASS_OF = {
    normalise(prefix + word): name
    for name, words in _CLASSES.items()
    for word in words.split()
    for prefix in (_CLITICS[:1] if word.isascii() else _CLITICS)
}


def qualifier(word: str) -> str | None:
    """The class of a word in normal form, if it is a qualifier."""
    return _CLASS_OF.get(word)


def qualifiers_in(words: Iterable[str]) -> frozenset[str]:
    """The classes that any of them is of."""
    return frozenset(filter(None, map(_CLASS_OF.get, words)))
