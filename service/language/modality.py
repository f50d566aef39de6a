"""Whether a statement tells what is, what was once, what is asked for, what is planned, or what only might be."""

import re
from typing import Literal

from service.language.terms import keys, tenses
from service.language.text import tokens

Modality = Literal["told", "past", "advised", "planned", "hypothetical"]


def _cues(english: str, hebrew: str) -> re.Pattern[str]:
    """Any of these, whole; `*` stands for the rest of a word, and a Hebrew one may have "and", "that" or "when"."""
    latin, other = (
        "|".join(_cue(line) for line in re.split(r"[|\n]", some.strip()))
        for some in (english, hebrew)
    )
    return re.compile(rf"\b(?:{latin})\b|(?<![א-ת])[ושכ]{{0,2}}(?:{other})(?![א-ת])", re.IGNORECASE)


def _cue(line: str) -> str:
    return r"\s+".join(re.escape(word).replace(r"\*", r"\w{0,12}") for word in line.split())


_PLANNED = _cues(
    """
    will|shall
    plan to|plans to|planned to|planning to|is planned|planned for|are planned|plan is to|plan is for|plans for
    plans on|going to|intend to|intends to|intended to|aims to|aim to|is to|are to|to be *ed|to be done
    to be taken|next session|next week|next month|next visit|next time|next appointment|next meeting|scheduled
    upcoming|tomorrow|from now on|wants to|wishes to|hopes to|would like to|booked|set for|later on|following week
    following session|in the coming|is due|due to have|due to undergo|was to|were to|supposed to|expected to|meant to
    """,
    """
    מתכנן|מתכננ*|תכנן|תכננ*|מתכוון|מתכוונ*|התכוון|התכוונ*|עומד ל*|עומדת ל*|נקבע|נקבע*|קבענו|מתוכנן|מתוכננ*|מיועד*
    צפוי*|בשבוע הבא|בפגישה הבאה|בחודש הבא|פגישה הבאה|מחר|רוצה ל*|מעוניינ*|מעוניין|מקווה ל*|בעתיד|בהמשך|בקרוב
    בפעם הבאה|לקראת|אמור ל*|אמורה ל*|אמורים ל*|אמורות ל*|עתיד ל*|עתידה ל*
    """,
)
# What was asked of somebody is a plan and a fact.
_ADVISED = _cues(
    """
    agree|agrees|agreed|agreement|asked to|asked him|asked her|asked them|assign*|was told to|was instructed
    recommend*|advis*|suggest*|encourag*|homework|should|must|to start|to begin|to try|to practice|to practise
    to continue|to increase|to reduce|to stop|to use|to do|to keep|need to|needs to|plan|plan includes|the plan
    """,
    """
    סוכם|סיכמנו|הומלץ|הומלצ*|ממליץ|ממליצ*|מומלץ|המלצ*|המליץ|המליצ*|התבקש|התבקש*|הוחלט|הסכים|הסכימ*|הסכמה
    שיעורי בית|מטלה|מטלות|להמשיך|להתחיל|להפסיק|הציע|הציע*|עודד|עודד*|תוכנית|תכנית|בתוכנית|התוכנית|התכנית|אסור|צריך
    צריכה|הונחה|הונחת*
    """,
)
# What is asked of somebody, and nothing of which they did; "agreed" tells that they did.
_ASKED = re.compile(
    r"(?:\b(?:(?:was|were|is|been|has|had|received|given|got|gave)\s)*(?:(?:asked|told|instructed|encouraged|assigned)\b"
    r"|(?:recommend|advi[sc]|suggest)\w*))|(?<![א-ת])[ושכ]{0,2}(?:הומל[צץ]|מומל[צץ]|המלי?[צץ]|ממלי[צץ]|התבקש|הונח)[א-ת]*",
    re.IGNORECASE,
)
_HYPOTHETICAL = _cues(
    """
    if|unless|might|consider|considers|considered|considering|possible|possibly|possibility|perhaps|maybe|wonder*
    option|in case|thinking about|thinking of|thought about|contemplat*|weighing|toying|undecided|depending
    whether|suspect|suspected|suspects|query|provided|only if|on condition
    """,
    """
    אם|אולי|ייתכן|יתכן|אפשר|שוקל|שוקלת|שקל|שקלה|ישקול|תשקול|לשקול|נשקל|נשקלת|מתלבט|מתלבט*|התלבט|התלבט*|חושב ל*
    חושבת ל*|חושב על|חושבת על|חשב ל*|חשבה ל*|במידה|עשוי|עשוי*|עלול|עלול*|אפשרות|היה רוצה|הייתה רוצה|חשד|במקרה|תלוי
    בתנאי|רק בהסכמ*
    """,
)
# A state that was once: a plain past tense tells of the time of the note.
_PAST = _cues(
    """
    used to|in the past|previously|formerly|years ago|as a child|in his childhood|in her childhood|in his youth
    in her youth|in his teens|in her teens|in his twenties|in her twenties|history of|hx of|ex-smoker
    """,
    """
    בעבר|לשעבר|בילדות*|בנעורי*|לפני שנים|בצעירות*|היסטוריה של|נהג ל*|נהגה ל*
    """,
)
# What somebody fears or hopes is no plan: "worries that he will need it".
_FEARED = re.compile(
    r"\b((?:worr|fear|afraid|scared|concern|anxious|dread)\w*\s(?:that\s)?\w+(?:\s\w+){0,2}?)\s(?:will|would|might|may)\b",
    re.IGNORECASE,
)
_HAPPENED = re.compile(
    r"\balready\s(?:did|has|have|had|was|were)\b|\b(?:has|have|had)\s(?:already\s)?(?:begun|started)\b",
    re.IGNORECASE,
)
_TO_DO = re.compile(r"\bto\s(?:\w+ly\s)?(\w+)(?:\s(?:and|or)\s(\w+))?")
_NOW = re.compile(r"\b(?:is|are|been)\s(\w+ing)\b|(?<!\bto\s)\b(\w+s)\b")
_ALTHOUGH = re.compile(r"אם כי|גם אם|even if")
# "Is considered stable" judges; "surgery was considered" only thinks of it.
_JUDGED = re.compile(
    r"\b((?:is|are|was|were|been|be)(?:\snot)?)\sconsidered(?=\s(?:to\sbe|stable|safe|unsafe|normal|mild|moderate"
    r"|severe|high|low|likely|unlikely|appropriate|adequate)\b)",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"next|following|in the coming|later|tomorrow|ב?פגישה|בשבוע|בחודש|בפעם|מחר|בהמשך"
)
_WAS_DONE = re.compile(
    r"\b(?:was|were|has been|have been|had been|already)\s\w{3,20}(?:ed|en|un)\b", re.IGNORECASE
)
_DONE = re.compile(
    r"\b(?:was|were|has|have|had|did|already|(?<!is )(?<!are )(?<!be )\w{3,20}ed)\b"
    r"|\b(?:began|went|took|gave|came|saw|met|spoke|wrote|quit|held|took place)\b"
    r"|(?<![א-ת])(?:כבר|ו?התקיימ\w*|ו?התקיים|ו?נערכ\w*|ו?בוצע\w*)(?![א-ת])",
    re.IGNORECASE,
)


def modality(text: str) -> Modality:
    """The least real of what a statement's words say; `told` where nothing says otherwise."""
    text = _JUDGED.sub(r"\1", _FEARED.sub(r"\1", text))
    if _HAPPENED.search(text):
        return "told"
    if _HYPOTHETICAL.search(_ALTHOUGH.sub("", text)):
        return "hypothetical"
    if _has_future(text) or _is_ahead(text):
        return "planned"
    if _PAST.search(text):
        return "past"
    return "advised" if _ADVISED.search(text) else "told"


def is_done(text: str) -> bool:
    """Whether a verb says that it has happened."""
    if _DONE.search(text):
        return True
    return any("past" in tenses(word) and "present" not in tenses(word) for word in tokens(text))


def is_only_asked_for(text: str) -> bool:
    """Whether it asks something of somebody, and says of nothing that it has happened: "advised to rest"."""
    return bool(_ASKED.search(text)) and not is_done(beside_advice(text))


def is_under_way(text: str, asked: str) -> bool:
    """Whether it tells as what is what is only asked for, in the infinitive: "rests", of "advised to rest"."""
    if not _ASKED.search(asked):
        return False
    to_do = {key for word in _to_do(asked) for key in keys(word)}
    return bool(_in_the_present(text) & to_do - _in_the_present(asked))


def beside_advice(text: str) -> str:
    """What it says beside that something was asked for."""
    return _ASKED.sub(" ", text)


def _to_do(text: str) -> set[str]:
    hebrew = {word for word in tokens(text) if "infinitive" in tenses(word)}
    return hebrew | {word for found in _TO_DO.findall(text.casefold()) for word in found if word}


def _in_the_present(text: str) -> set[str]:
    hebrew = {word for word in tokens(text) if "present" in tenses(word)}
    english = {word for found in _NOW.findall(text.casefold()) for word in found if word}
    return {key for word in hebrew | english for key in keys(word)}


def _is_ahead(text: str) -> bool:
    """A day to come makes no plan of what has happened: "was started at the next session"."""
    found = {match.group().casefold() for match in _PLANNED.finditer(text)}
    return bool(found) and not (_WAS_DONE.search(text) and all(_WHEN.match(one) for one in found))


def _has_future(text: str) -> bool:
    return any(tenses(word) == {"future"} for word in tokens(text))
