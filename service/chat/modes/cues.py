"""Words by which a sentence asks, leaves something to do, or tells of a change, in both languages."""

import re

from service.language.text import any_of

_HE = r"(?<!\w)[ושכ]{0,2}"
# What is to be asked, checked or come back to.
_TO_CHECK = any_of(
    r"\b(?:ask|check|clarify|verify|find\s+out|follow[\s-]?up(?:\s+(?:on|with))?|look\s+into|enquire|inquire|re-?test|re-?check"
    r"|re-?assess|review)\b(?!\s*(?:list|ed\b))",
    r"\b(?:need|want|have)s?\s+to\s+(?:ask|check|know|see|decide)\b|\bto\s+be\s+(?:checked|decided|discussed|clarified)\b"
    r"|\b(?:undecided|not\s+(?:yet\s+)?(?:decided|sure|clear)|no\s+decision|unclear|pending|awaiting|waiting\s+for)\b"
    r"|\bconsider(?:ing)?\b|\bwhether\b|\bif\s+needed\b",
    rf"{_HE}(?:לבדוק|לברר|לשאול|לוודא|לחזור\s+ל|לעקוב|נבדוק|נברר|לשקול|שוקלת?|מתלבטת?|לבחון|להעלות\s+את)(?!\w)",
    rf"{_HE}(?:לא\s+(?:החליטה?|הוחלט|ברור|בטוחה?)|ממתינה?\s+ל|מחכה\s+ל|טרם|נשאר\s+פתוח|עדיין\s+שוקלת?)",
)
_CHANGE = any_of(
    r"\b(?:better|worse|worsen\w*|improv\w*|new|started|stopped|began|raised|reduced|lowered|increas\w*|decreas\w*|switched"
    r"|changed|relaps\w*|first\s+time|no\s+longer|back\s+to|returned|again|resumed|quit|gone)\b",
    rf"{_HE}(?:שיפור|השתפר\w*|החמר\w*|הוחמר|חדשה?|התחילה?|התחלת|הפסיקה?|הועל\w+|הור(?:ד|יד)\w*|עלתה|ירדה?|חזרה?|חזרו|שונה|השתנ\w+"
    r"|לראשונה|פעם\s+ראשונה|כבר\s+לא|שוב|נפסק\w*|הוחלט|עבר(?:ה|ו)?)(?!\w)",
)
# A value that is aimed at is none that was found.
_AIM = any_of(
    r"\b(?:target|goal|aim|criterion|until|threshold)\b", r"(?<!\w)ה?(?:יעד|מטרה|סף)(?!\w)"
)
_QUOTED = re.compile(r"[\"“”״][^\"“”״]{4,}[\"“”״]|(?<!\w)['‘][^'’]{4,}['’](?!\w)")


def is_open(text: str) -> bool:
    """Whether it asks, or leaves something to ask, to check or to decide; not in words it quotes."""
    own = _QUOTED.sub(" ", text)
    return "?" in own or bool(_TO_CHECK.search(own))


def tells_of_change(text: str) -> bool:
    return bool(_CHANGE.search(text))


def is_aim(text: str) -> bool:
    return bool(_AIM.search(text))
