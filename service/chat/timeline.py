"""How an answer that counts begins, in both languages, and how each of its lines does."""

from collections.abc import Iterable

from service.chat.days import day_text
from service.chat.not_found import drafts_en, drafts_he
from service.chat.other_language import not_crossed
from service.domain.answers import Claim, Heading, Language, SearchStatement, Verdict
from service.language.markup import has_markup
from service.retrieval.exhaustive import Course, Point

SHOWN = 40  # Lines of an answer; the counts stay exact. A client seen weekly fills it in most of a year.


def lines(course: Course) -> list[Claim]:
    """The points shown, the newest ones where there are more: a day, then the quote, which is to be admitted."""
    shown = course.points[-SHOWN:]
    of_several = len({point.passage.note.client for point in shown}) > 1
    return [
        Claim(point.quote, (point.passage.id,), _lead(point, with_name=of_several))
        for point in shown
    ]


def _lead(point: Point, *, with_name: bool) -> str:
    day = point.passage.note.day
    name = " ".join(point.passage.client_name.split())
    said = [day_text(day) if day else "", name if with_name and not has_markup(name) else ""]
    return f"{', '.join(filter(None, said))}: "


def heading(
    course: Course, verdicts: Iterable[Verdict], search: SearchStatement, language: Language
) -> Heading:
    """What was counted, exactly, and what is missing from it."""
    withheld = sum(not verdict.admitted for verdict in verdicts)
    told = _hebrew if language == "he" else _english
    said = (*told(course, withheld, search), not_crossed(search, language))
    text = " ".join(filter(None, said))
    return Heading(text, {note.ref: note.client for note in course.notes})


def _english(course: Course, withheld: int, search: SearchStatement) -> Iterable[str]:
    yield _counted_en(course)
    if course.left:
        worth = course.total - course.ruled_out
        which = " that may mention it" if course.ruled_out else ""
        yield f"Read {course.read:,} of {worth:,}{which}; the older ones were not read."
    if course.unreadable:
        yield f"{_sessions_en(course.unreadable)} could not be read."
    if search.unsearched_drafts:
        yield f"{drafts_en(search.unsearched_drafts).capitalize()}."
    if not search.complete:
        yield "Recent changes may be missing."
    if len(course.points) > SHOWN:
        yield f"The newest {SHOWN} are shown."
    if withheld:
        yield f"{withheld} of the quotes {'is' if withheld == 1 else 'are'} held back."


def _counted_en(course: Course) -> str:
    sessions = f"{_sessions_en(course.searched)} {'searched' if course.ruled_out else 'read'}"
    days = _days(course, ", {} to {}", ", {}")
    if not course.searched:
        return "No session could be read."
    if course.lists and not course.points:
        return f"Nothing is written of that in {sessions}{days}."
    if not course.has_topic:
        clients = _clients(course)
        return f"{sessions}{f' with {clients} clients' if clients > 1 else ''}{days}."
    if not course.points:
        return f"No mention found in {sessions}{days}."
    return f"Mentioned in {len(course.points):,} of {sessions}{days}."


def _sessions_en(count: int) -> str:
    return "1 session" if count == 1 else f"{count:,} sessions"


def _hebrew(course: Course, withheld: int, search: SearchStatement) -> Iterable[str]:
    yield _counted_he(course)
    if course.left:
        worth = course.total - course.ruled_out
        which = " שייתכן שהוזכר בהן" if course.ruled_out else ""
        yield f"נקראו {course.read:,} מתוך {worth:,}{which}; הישנות יותר לא נקראו."
    if course.unreadable:
        could = "לא ניתנת" if course.unreadable == 1 else "לא ניתנות"
        yield f"{_sessions_he(course.unreadable)} {could} לקריאה כרגע."
    if search.unsearched_drafts:
        yield f"{drafts_he(search.unsearched_drafts)}."
    if not search.complete:
        yield "ייתכן ששינויים מהזמן האחרון חסרים."
    if len(course.points) > SHOWN:
        yield f"מוצגות {SHOWN} האחרונות."
    if withheld:
        yield "ציטוט אחד אינו מוצג." if withheld == 1 else f"{withheld} ציטוטים אינם מוצגים."


def _counted_he(course: Course) -> str:
    searched, days = course.searched, _days(course, ", מ-{} עד {}", ", ב-{}")
    one, many = ("שנסרקה", "שנסרקו") if course.ruled_out else ("שנקראה", "שנקראו")
    if not searched:
        return "לא ניתן היה לקרוא אף פגישה."
    if course.lists and not course.points:
        return f"לא נכתב על כך דבר {_in_none_he(searched, one, many)}{days}."
    if not course.has_topic:
        clients = _clients(course)
        of = f" של {'שני' if clients == 2 else clients} מטופלים" if clients > 1 else ""
        return f"{_sessions_he(searched)}{of} {one if searched == 1 else many}{days}."
    if not course.points:
        return f"לא נמצא אזכור {_in_none_he(searched, one, many)}{days}."
    return f"הוזכר {_in_some_he(len(course.points), searched, one, many)}{days}."


def _sessions_he(count: int) -> str:
    return {1: "פגישה אחת", 2: "שתי פגישות"}.get(count, f"{count:,} פגישות")


def _in_none_he(searched: int, one: str, many: str) -> str:
    of = {2: "משתי הפגישות"}.get(searched, f"מ-{searched:,} הפגישות")
    return f"בפגישה היחידה {one}" if searched == 1 else f"באף אחת {of} {many}"


def _in_some_he(found: int, searched: int, one: str, many: str) -> str:
    if searched == 1:
        return f"בפגישה היחידה {one}"
    if searched == found == 2:
        return f"בשתי הפגישות {many}"
    if found > 2:
        return f"ב-{found:,} מתוך {searched:,} פגישות {many}"
    return f"ב{_sessions_he(found)} מתוך {'שתיים' if searched == 2 else f'{searched:,}'} {many}"


def _clients(course: Course) -> int:
    """Whose sessions were read; where the index ruled some out, all of theirs are not known."""
    return 0 if course.ruled_out else len({note.client for note in course.notes})


def _days(course: Course, shape: str, of_one: str) -> str:
    first, last = course.first_day, course.last_day
    if first is None or last is None:
        return ""
    return (
        of_one.format(day_text(first))
        if first == last
        else shape.format(day_text(first), day_text(last))
    )
