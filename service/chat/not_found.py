"""The statement of a search that found nothing: what was searched, with exact counts, in the asker's language."""

from collections.abc import Iterator, Sequence
from datetime import date

from service.chat.other_language import not_crossed
from service.domain.answers import Language, Question, SearchStatement
from service.domain.scope import Period, Place
from service.domain.usage import Lack
from service.language.said import counted_he, day_said, days_said, number_en, number_he


def not_found(
    search: SearchStatement,
    question: Question,
    *,
    today: date,
    degraded: Sequence[Lack] = (),
    withheld: int = 0,
) -> str:
    """How many notes of which days were searched, what was not, why it was no full search, and what was held back.

    `today` decides which days need their year.
    """
    told = _hebrew if question.language == "he" else _english
    parts = told(search, question, today)
    less = _searched_less(degraded)[question.language] if degraded else ""
    crossed = not_crossed(search, question.language)
    held = _held_back(withheld, question.language) if withheld else ""
    return " ".join(filter(None, (f"{'; '.join(parts)}.", held, less, crossed)))


def _held_back(count: int, language: Language) -> str:
    """Something was written, and may not be shown: "not found" alone would be no whole truth."""
    if language == "he":
        return "משפט אחד לא הוצג." if count == 1 else f"{count} משפטים לא הוצגו."
    return "One sentence is held back." if count == 1 else f"{count} sentences are held back."


def _searched_less(degraded: Sequence[Lack]) -> dict[Language, str]:
    """Why, and when it is worth asking again: a budget does not come back in a minute."""
    return _NO_BUDGET if "budget" in degraded else _AWAY


_AWAY: dict[Language, str] = {
    "he": "החיפוש היה חלקי, כי שירות השפה אינו זמין כרגע; כדאי לשאול שוב מאוחר יותר.",
    "en": "The search was limited, because the language service is away; ask again later.",
}
_NO_BUDGET: dict[Language, str] = {
    "he": "החיפוש היה חלקי, כי התקציב היומי של שירות השפה נוצל; כדאי לשאול שוב מחר.",
    "en": "The search was limited, because the day's budget for the language service is used up; ask again tomorrow.",
}


def _english(search: SearchStatement, question: Question, today: date) -> Iterator[str]:
    if search.notes_read:
        notes = "note" if search.notes_read == 1 else "notes"
        drafts = _drafts_among_en(search.drafts, search.notes_read)
        days = _days(search, "en", today, "{} to {}", "{}")
        yield f"Not found in {number_en(search.notes_read)} {notes}{drafts}{days}"
    else:
        yield f"Not found: {_nothing_en(question, today)}"
    if search.unsearched_drafts:
        yield drafts_en(search.unsearched_drafts)
    if not search.complete:
        yield "recent changes may be missing"


def _nothing_en(question: Question, today: date) -> str:
    match question.when:
        case Period() as period if when := _period_en(period, today):
            return f"{when} there are no session notes to search"
        case Place():
            return "there is no such session among the notes that can be searched"
    return "there are no session notes to search yet"


def _period_en(period: Period, today: date) -> str:
    match _ends(period, "en", today):
        case (first, last) if first and last:
            return f"on {last}" if period.first == period.last else f"from {first} to {last}"
        case (first, last):
            return f"since {first}" if first else f"until {last}" if last else ""


def _drafts_among_en(drafts: int, of: int) -> str:
    if not drafts:
        return ""
    if drafts < of:
        return f", {number_en(drafts)} of them {'a draft' if drafts == 1 else 'drafts'}"
    return {1: ", a draft", 2: ", both of them drafts"}.get(of, ", all of them drafts")


def drafts_en(count: int) -> str:
    """Of sessions that nobody may search yet."""
    return f"{number_en(count)} {'session is still a draft' if count == 1 else 'sessions are still drafts'}"


def _hebrew(search: SearchStatement, question: Question, today: date) -> Iterator[str]:
    if search.notes_read:
        drafts = _drafts_among_he(search.drafts, search.notes_read)
        days = _days(search, "he", today, "מ-{} עד {}", "מ-{}")
        yield f"לא נמצאה תשובה {_in_notes_he(search.notes_read)}{drafts}{days}"
    else:
        yield f"לא נמצאה תשובה: {_nothing_he(question, today)}"
    if search.unsearched_drafts:
        yield drafts_he(search.unsearched_drafts)
    if not search.complete:
        yield "ייתכן ששינויים מהזמן האחרון חסרים"


def _in_notes_he(count: int) -> str:
    notes = counted_he(count, "סיכום אחד", "שני סיכומים", "סיכומים", feminine=False)
    return f"ב-{notes}" if notes[0].isdigit() else f"ב{notes}"


def _nothing_he(question: Question, today: date) -> str:
    match question.when:
        case Period() as period if when := _period_he(period, today):
            return f"{when} אין סיכומי פגישות שאפשר לחפש בהם"
        case Place():
            return "אין פגישה כזאת בין הסיכומים שאפשר לחפש בהם"
    return "אין עדיין סיכומי פגישות שאפשר לחפש בהם"


def _period_he(period: Period, today: date) -> str:
    match _ends(period, "he", today):
        case (first, last) if first and last:
            return f"ב-{last}" if period.first == period.last else f"מ-{first} עד {last}"
        case (first, last):
            return f"החל מ-{first}" if first else f"עד {last}" if last else ""


def _drafts_among_he(drafts: int, of: int) -> str:
    if not drafts:
        return ""
    if drafts < of:
        number = number_he(drafts, feminine=False)
        return f", {number} מהם {'טיוטה' if drafts == 1 else 'טיוטות'}"
    return {1: ", טיוטה", 2: ", שניהם טיוטות"}.get(of, ", כולם טיוטות")


def drafts_he(count: int) -> str:
    """The same."""
    sessions = counted_he(count, "פגישה אחת", "שתי פגישות", "פגישות", feminine=True)
    return f"{sessions} עדיין בטיוטה"


def _days(search: SearchStatement, language: Language, today: date, shape: str, of_one: str) -> str:
    """Of the notes that were searched."""
    first, last = search.first_day, search.last_day
    if first is None or last is None:
        return ""
    ends = days_said(first, last, language, today=today)
    return ", " + (of_one.format(ends[1]) if first == last else shape.format(*ends))


def _ends(period: Period, language: Language, today: date) -> tuple[str, str]:
    """Of a period that was asked about; an open end is empty."""
    if period.first and period.last:
        return days_said(period.first, period.last, language, today=today)
    ends = (
        day_said(one, language, with_year=one.year != today.year) if one else ""
        for one in (period.first, period.last)
    )
    first, last = ends
    return first, last
