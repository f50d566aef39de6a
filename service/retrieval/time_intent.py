"""Whether the time that a question names is the time of the sessions it is about."""

import re
from dataclasses import dataclass
from datetime import date

from service.domain.scope import When
from service.language.sentences import sentences
from service.language.text import any_of
from service.retrieval.asking import asks, begins_asking, of_a_conversation
from service.retrieval.days import periods
from service.retrieval.places import places
from service.retrieval.time_words import Phrase
from service.retrieval.topic import topic_words


@dataclass(frozen=True, slots=True)
class Timed:
    """The sessions a question is about, said at `text[start:end]`."""

    when: When
    start: int
    end: int


def when_of(text: str, *, today: date) -> Timed | None:
    """The time of the sessions that are asked about; None when none is said, or when it may be that of an event.

    What it returns confines the search, so a wrong one loses the answer and a missing one only a preference:
    "what did we discuss since March" has one, "what did he take before the accident in March" has none.
    """
    phrase = only_phrase(text, today)
    if phrase is None:
        return None
    for start, end in sentences(text):
        if start <= phrase.start and phrase.end <= end:
            before, after = text[start : phrase.start], text[phrase.end : end]
            if _is_of_sessions(phrase, text[phrase.start : phrase.end], before, after):
                return Timed(phrase.when, phrase.start, phrase.end)
    return None


def when_moved(text: str, *, after: str, today: date) -> Timed | None:
    """The time that a follow-up moves the question before it to: "and in March?", "ובפגישה הקודמת?".

    It says so little else that the time can only be the answer's, unless an event was asked about.
    """
    phrase = only_phrase(text, today)
    if phrase is None or of_a_conversation(f"{after} {text}"):
        return None
    before, said, rest = text[: phrase.start], text[phrase.start : phrase.end], text[phrase.end :]
    if phrase.kind == "place":
        moved = _is_our_session(said, before, rest)
    else:
        # Its own words aside: "שעבר" in "the month that passed" is no event.
        moved = _moves(phrase, before, rest) and not _EVENT.search(f"{after} {before} {rest}")
    return Timed(phrase.when, phrase.start, phrase.end) if moved else None


def only_phrase(text: str, today: date) -> Phrase | None:
    """The one time that is said. Of two, as in "the first session and the last", neither confines the answer."""
    found = phrases(text, today)
    return found[0] if len(found) == 1 else None


def phrases(text: str, today: date) -> list[Phrase]:
    """Every time that is said, in order, the longest reading of each."""
    found = [*places(text), *periods(text, today)]
    kept: list[Phrase] = []
    for phrase in sorted(found, key=lambda phrase: (phrase.start, -phrase.end)):
        if not kept or phrase.start >= kept[-1].end:
            kept.append(phrase)
    return kept


def _is_of_sessions(phrase: Phrase, said: str, before: str, after: str) -> bool:
    sentence = f"{before} {after}"
    if not asks(f"{before}{said}{after}") or of_a_conversation(sentence):
        return False
    if phrase.kind == "place":
        return _is_our_session(said, before, after)
    return _is_when_it_was_told(phrase, said, before, after)


# ---- Places ----

_NOT_IN_IT = any_of(
    # "since the last session" is the time between; "before the first session" is none of ours.
    r"\b(?:since|after|before|until|till|than|to|between|except|besides|versus|vs|like|as|from|next|with"
    r"|apart\s+from|other\s+than|up\s+to)\s*$",
    r"(?<!many)(?<!notes)(?<!note)(?<!summary)(?<!recap)(?<!homework)(?<!overview)\s(?:for|of|on|about)\s*$",
    r"\bwhen(?:\s+is|['’]?s|\s+will\s+be)\s*$",
    r"(?<!\w)(?:מאז|לפני|אחרי|לאחר|עד|בין|לבין|לעומת|מול|למעט|חוץ|מלבד|לקראת|כמו|לגבי|על)[\s־-]*$",
    r"(?<!\w)ו?מתי\s*$",
    r"(?<!\w)קו\s*$",
)
_ONE_OF_TWO = any_of(r"\w\W+(?:and|or|to|than|not)\s*$")
_PLACED = any_of(r"(?:in|at|during|over|from|on|within)\b", r"ו?(?:ב|מ(?!פגש))")
"""Words that bring their own preposition: "what did we agree on in the last session"."""
_NOT_OURS = any_of(
    r"\s*(?:of|at|by|per)\b",
    r"\s+with\s+(?:(?:a|an|the|his|her|their|another)\s+(?!client|patient)|(?:dr|doctor|physio|psychiatrist)\b)",
    r"\s+(?:minutes?|min|hours?|hrs?|x|times)\b",
    r"\s+של\s+ה(?!מטופל|לקוח)",
    r"\s+עם\s+(?:ה(?!מטופל|לקוח|יא|וא)|רופא|פסיכיאטר|פיזיו|מורה|מורתו|מורי|עובדת?\s+סוציאלי"
    # A name that begins as one of these is a client's: עומר is no עו"ד, and אבי nobody's father.
    r"|(?:אימא|אמא|אבא|אמ[וה]|אימ[וה]|אבי[וה]|אחי[וה]|אחות[וה]?|בעל[הי]?|אשת[וי]|ב[ןת]\s+ה?זוג\w*|דר|ד\"ר|ד״ר"
    r"|עו[\"״]?[דס])(?!\w))",
    r"\s+(?:דקות|שעות)",
)
_TREATMENT_ELSEWHERE = any_of(r"\s+(?:ב|של|עם|אצל|נגד)")
_SINCE_THEN = any_of(
    r"\b(?:chang|improv|progress|differ|wors|better|happen|days|weeks|long)",
    r"השתנ|שינוי|שיפור|השתפר|החמר|ירד|עלי|התקדם|קרה|עבר|חלף|זמן|ימים",
)


def _is_our_session(said: str, before: str, after: str) -> bool:
    """In that session, and no session of chemotherapy."""
    if _ONE_OF_TWO.search(before) or _NOT_OURS.match(after):
        return False
    if not _PLACED.match(said) and _NOT_IN_IT.search(before):
        return False
    if "טיפול" in said and _TREATMENT_ELSEWHERE.match(after):
        return False
    from_it = re.match(r"from\b|ו?מ(?!פגש)", said, re.IGNORECASE)
    return not (from_it and _SINCE_THEN.search(before))


# ---- Periods ----

# What a therapist and a client do in a session, and what stands in a note of it.
_TOLD = any_of(
    r"\b(?:discuss\w*|talk\w*|sp(?:oke|eak|oken)|cover\w*|work(?:ed|ing)?\s+on|focus\w*|review\w*|address\w*"
    r"|agree\w*|decide\w*|plan(?:s|ned)?|homework|assign\w*|recommend\w*|suggest\w*|advis\w*|practi[cs]ed?"
    r"|wrote|written|write|noted?|notes|recorded|document\w*|observ\w*|assess\w*|impression|examin\w*"
    r"|sa(?:id|y)|report\w*|mention\w*|complain\w*|describ\w*|brought\s+up|bring\s+up|raised?|shared?|disclos\w*"
    r"|sessions?|meetings?|summar\w*|recap|overview|topics?|themes?|progress\w*|chang(?:e|ed|es))\b",
    r"(?<!\w)(?:ו|ש|כש)?(?:דיברנו|שוחחנו|עבדנו|סיכמנו|קבענו|תכננו|תוכנן|החלטנו|תרגלנו|עסקנו|הגדרנו|נפגשנו|העלינו"
    r"|דיברתי|כתבתי|רשמתי|תיעדתי|ציינתי|תכננתי|המלצתי|הצעתי|נתתי|הנחיתי|הנחתי|מדדתי|בדקתי|מצאתי|הערכתי"
    r"|התרשמתי|הסברתי|הפניתי|הוריתי|אמרתי|סיכמתי"
    r"|אמרה?|סיפרה?|דיווחה?|התלונ[ןנ]ה?|ציי[ןנ]ה?|הזכירה?|תיארה?|שית[ףפ]ה?|דיברה?|הוזכרה?|הוזכרו|נאמר|נכתב|צוין|צוינו|סוכם|דובר"
    r"|מה\s+עלה|השתנה|השתנתה|השתנו|התקד[םמ]\w*)(?!\w)",
    r"(?<!\w)[ובהלמ]{0,2}(?:פגישות|מפגשים|סיכומי?ם?|רשומות|תיעוד|הערות|התקדמות|נושאים|שיעורי)(?!\w)",
    r"(?:^|\W)(?:סכם|סכמי|תסכם|תסכמי|לסכם)(?!\w)",
)
# How somebody is, as sessions follow it: asked of a time, it is asked of that time's notes.
_FOLLOWED = (
    r"pain|sleep\w*|mood|anxiety|appetite|weight|dos(?:e|age)|medications?|scores?|symptoms?|nightmares?|energy|rom"
    r"|strength|swelling|function\w*|gait|balance|exercises?|stress|depression|panic|headaches?"
)
_HE_FOLLOWED = (
    r"(?<!\w)[ובהלמ]{0,2}(?:כאב|כאבים|כאבי|שינה|מצב\s+רוח|מצב\s+הרוח|חרדה|תיאבון|משקל|מינון|תרופות|כדור|כדורי|כדורים"
    r"|ציון|ציוני|מדד|מדדי|תסמינים|סיוטים|טווח|טווחי|תפקוד|תרגיל|תרגילים|תרגילי|דיכאון|סטרס|מתח|כאבי\s+ראש)(?!\w)"
)
# A scale's name: PHQ-9, PCL-5, ROM, SUDS.
_SCALE = r"(?-i:\b[A-Z]{2,}(?:-?\d+)?\b)"
_STATE = any_of(
    rf"\b(?:how|what|which)\b(?:\s+\w+){{0,3}}?\s+(?:was|were|is|are|been)\b.*\b(?:{_FOLLOWED}|{_SCALE})",
    rf"\b(?:how|what|which)\b.*\b(?:{_FOLLOWED}|{_SCALE}).*\b(?:was|were|is|been)\b",
    r"\bhow\s+(?:did|does|was|is|has|were)\s+(?:\w+\s+){1,3}?(?:sleep|feel|cope|coping|sleeping|feeling|doing)\b",
    rf"(?<!\w)(?:איך|מה|כמה|[בלמ]?איזה|[בלמ]?איזו|לכמה|עדיין)\b.*(?:{_HE_FOLLOWED}|{_SCALE})",
    r"(?<!\w)איך\b.*(?<!\w)(?:ישן|ישנה|הרגיש|הרגישה|תפקד|תפקדה|התמודד|התמודדה)(?!\w)",
)
# Whatever else has a day of its own, so that the time may be its; and what is still to come.
_EVENT = any_of(
    r"\b(?:surger\w+|operati\w+|operated|accident|injur\w*|f[ae]ll|fallen|birth|deliver\w*|divorc\w*|death|funeral"
    r"|trip|vacation|holiday|wedding|hospital\w*|admi(?:ssion|tted)|discharg\w*|mri|scan|x-?rays?|biops\w+|fractur\w*"
    r"|broke|stroke|attacks?|episodes?|incident|fight|argument|exam|war|relaps\w*|diagnosed|procedure|injection"
    r"|start\w*|beg[aiu]n|happen\w*|occur\w*|died?|born|hurt|hit|moved|marri\w*|quit|left|lost|underw\w+"
    r"|travel\w*|bought|sold|took|take[ns]?|ate|drank|went|used\s+to|ever|next|upcoming|will|first\s+time|last\s+time)\b",
    r"(?<!\w)[ובהלמש]{0,2}(?:ניתוח|תאונה|תאונת|פציעה|נפילה|לידה|גירושים|גירושין|מוות|הלוויה|טיול|חופשה|חתונה|אשפוז|צילום|סריקה"
    r"|שבר|אירוע|התקף|מריבה|ריב|מבחן|מלחמה|פיטורים|זריקה|זריקת|הריון|היריון)(?!\w)",
    r"(?<!\w)[וש]?(?:התחילה?|התחילו|החלה?|החלו|קרה|קרתה|קרו|נפלה?|נפצעה?|נשברה?|עברה?|התגרשה?|התחתנה?|נולדה?|נפטרה?|מתה?|אובח[ןנ]ה?"
    r"|אושפזה?|פוטרה?|עזבה?|לקחה?|נטלה?|נסעה?|טסה?|חזרה?|[הל]?באה?|פעם\s+(?:ראשונה|אחרונה))(?!\w)",
)
# A clause of its own after the telling: "did she say she slept badly last week".
_CLAUSE = any_of(
    r"\b(?:that|who|which|because|after|before|since|when|while|whether|if|where|i|he|she|they|it"
    r"|was|were|had|has|have|is|are|(?!(?:any|some|every|no)thing|morning|evening)\w+ing)\b",
    r"(?<!\w)(?:הוא|היא|הם|הן|כי|אם|בגלל|מאז|לפני|אחרי|היה|הייתה|היתה|היו)(?!\w)",
    r"(?<!\w)(?:כש|ש)(?!ל(?:ו|ה|י|נו|הם|הן)?(?!\w)|ינה|בוע|בועיים|נה|לוש|לושה|תי|ני|יעורי|יחה|ב[והם]|בה[םן])\w{3,}",
)
_OWN_VERB = any_of(r"^\s*(?:have|has|had|did|do|does|were|was|are)\s+\w+(?:\s+had)?\b")
_APART = any_of(
    r"(?<!talk\s)(?<!talked\s)(?<!speak\s)(?<!spoke\s)(?<!spoken\s)\babout\s*$",
    r"\b(?:regarding|than|like|by|more\s+than|over|less\s+than|least|almost|nearly|to|or|of|\d+\s*-)\s*$",
    r"(?<!\w)(?:על|לגבי|יותר\s+מ-?|פחות\s+מ-?|כמו|או|סוף|ראש|יום|תחילת|אמצע|כל|סדר|שעות|עד|אורך|מהלך|בסוף|בתחילת|באמצע|במהלך|לאורך)\s*$",
)
# "When was it in March?" asks for the time itself.
_ASKS_WHEN = any_of(r"\b(?:when|how\s+long|since\s+when)\b", r"(?<!\w)[ומ]?מתי(?!\w)")
# "His first score in October" is of when the course began, and the latest October need not be that one.
_AT_FIRST = any_of(r"\b(?:first|initial|originally)\b", r"(?<!\w)[הל]?(?:ראשו[ןנ]\w*|התחלתי)(?!\w)")
_GOES_ON = any_of(
    r"\s+(?:or\s+so|or\s+more|pain|score|tablets?|pills?|mg|ml|cups?|doses?|on\s+the\s+scale|school|break|holiday)\b",
    r"\s+(?:\d|ה\w+|של\s|כאב|ציון|כדור|מ\"ג|מ״ג|ק\"ג|ק״ג|ס\"מ|ס״מ|אחוז|%|לספירה)",
)
_LISTED = any_of(
    r"\b(?:sessions?|notes|summar\w*|recap|overview|everything)\b",
    r"פגישות|מפגשים|סכמ|סכם|סיכום",
)


def _is_when_it_was_told(phrase: Phrase, said: str, before: str, after: str) -> bool:
    """What was said or seen at that time, rather than what happened then and was told whenever."""
    sentence = f"{before} {after}"
    apart = not _PLACED.match(said) and _APART.search(before)
    if apart or _GOES_ON.match(after):
        return False
    if _says_nothing_else(phrase, sentence):
        return True
    if _EVENT.search(sentence):
        return False
    if phrase.kind == "month" and _AT_FIRST.search(sentence):
        return False
    if phrase.role == "for":  # "sleeping badly for the last month" is how long it lasted
        return bool(_LISTED.search(sentence))
    told = _TOLD.search(before)
    if told:
        return not _CLAUSE.search(_OWN_VERB.sub("", before[told.end() :]))
    if _TOLD.search(after):
        return True
    return phrase.kind in {"relative", "month"} and bool(_STATE.search(sentence))


def _says_nothing_else(phrase: Phrase, sentence: str) -> bool:
    """Nothing is left to look for: "what happened in March?", "מה היה בחודש שעבר?" can only mean its sessions."""
    if phrase.role == "for" or not begins_asking(sentence) or _ASKS_WHEN.search(sentence):
        return False
    return not topic_words(sentence)


def _moves(phrase: Phrase, before: str, after: str) -> bool:
    """Says the time alone, or with what sessions follow: "and the pain in March?"."""
    if phrase.role == "for" or _APART.search(before) or _GOES_ON.match(after):
        return False
    rest = f"{before} {after}"
    return not topic_words(rest) or bool(
        _STATE.search(f"how was {rest}") or _STATE.search(f"איך {rest}")
    )
