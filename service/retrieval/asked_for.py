"""How questions say which fields they ask for, and that all notes are asked for rather than the best."""

import re

from service.language.text import any_of

# ---- Fields ----

_WE = r"\b(?:i|we)\b(?:\s+\w+)?\s+"
_HE_LED = r"(?<!\w)[ושכמה]{0,2}"
FIELDS: dict[str, re.Pattern[str]] = {
    "plan": any_of(
        rf"{_WE}(?:plan(?:ned)?|assign(?:ed)?|recommend(?:ed)?|suggest(?:ed)?|advised?|prescribed?|refer(?:red)?"
        r"|agreed?|g[ia]ven?|set)\b",
        r"\b(?:homework|next\s+steps?|(?:treatment|care|follow[\s-]?up|the|my|our)\s+plans?|home\s+exercises?)\b",
        r"\bplan(?:ned)?\s+for\s+(?:the\s+)?(?:next|further|follow)|\bwas\s+planned\b",
        rf"{_HE_LED}(?:תכננתי|המלצתי|הצעתי|נתתי|הנחיתי|הפניתי|הוריתי|סיכמנו|קבענו|הבטחתי)(?!\w)",
        r"שיעורי[\s־-]ה?בית|(?:תו?כנית|תכנית)\s+ה?טיפול|(?<!\w)ו?מה\s+ה?תו?כנית(?!\w)|^\W*ו?ה?תו?כנית(?=\W*$)|(?<!\w)ו?מה\s+(?:תכננו|תוכנן)(?!\w)|להמשך(?!\w)|צעדים\s+הבאים",
        r"תרגילי\s+ה?בית|(?<!\w)תרגילי?\s+בית(?!\w)",
    ),
    "subjective": any_of(
        r"\b(?:she|he|they|client|patient)\s+(?:\w+\s+)?(?:report(?:ed)?|complain(?:ed)?|sa(?:y|id)|tell|told"
        r"|describ(?:e|ed)|mention(?:ed)?|feel|felt)\b",
        r"\b(?:did|has)\s+(?!(?:i|we|you)\b)\w+\s+(?:report(?:ed)?|complain(?:ed)?|sa(?:y|id)|tell|told"
        r"|describ(?:e|ed)|mention(?:ed)?)\b",
        r"\bcomplain(?:ts?|ed)\b|\bin\s+(?:her|his|their)\s+(?:own\s+)?words\b",
        rf"(?<!מי\s){_HE_LED}(?:דיווחה?|התלונ[ןנ]ה?|סיפרה?|אמרה?|תיארה?|שית[ףפ]ה?)(?!\w|\s+פעולה)|(?<!\w)ה?תלונ(?:ה|ות)(?!\w)",
    ),
    "objective": any_of(
        rf"{_WE}(?:observed?|measured?|examined?|tested|see\s+on|find\s+(?:on|in)|found\s+(?:on|in))\b",
        r"\b(?:on|in)\s+(?:the\s+|my\s+)?(?:physical\s+)?exam(?:ination)?\b|\bmeasured\b|\bmeasurements?\b",
        rf"{_HE_LED}(?:מדדתי|בדקתי|נמדד|נמדדה|נמדדו)(?!\w)|(?<!\w)בבדיקה(?!\w)|(?<!\w)ב?ממצאי(?:ם|\s+הבדיקה)(?!\w)",
        r"(?<!\w)ה?מדדים(?!\w)",
    ),
    "assessment": any_of(
        r"\b(?:my|the|our)\s+(?:clinical\s+)?(?:assessment|impression|diagnosis|formulation)\b",
        rf"{_WE}(?:assess(?:ed)?|diagnosed?|conclude[d]?)\b",
        rf"(?<!\w)[ב]?(?:ההערכה|הרושם|האבחנה|ההתרשמות|האבחון|הערכתי)(?!\w)|{_HE_LED}(?:התרשמתי|אבחנתי|הערכתי)(?!\w)",
    ),
}


# What is asked of the last of several. A bare "now" is not: what people say is full of it, and says no order.
NEWEST = any_of(
    r"\b(?:latest|most\s+recent|newest|last\s+(?:score|value|reading|time))\b",
    r"(?<!\w)ה?(?:אחרון|אחרונה|נוכחי|נוכחית)(?!\w)",
)


# ---- Kinds of answer ----

_MEETINGS = r"(?:sessions|meetings|appointments|notes)"
_WHOSE = r"(?:of\s+)?(?:the\s+|our\s+|my\s+|her\s+|his\s+|their\s+)?"
_MENTIONS = (
    r"(?:mention\w*|talk\w*|discuss\w*|sp(?:eak|oke|oken)|bring|brings|brought|raised?|report\w*|complain\w*"
    r"|describ\w*|referred|cover\w*|came\s+up|come\s+up|note[ds]?|deal\w*|dealt|address\w*|work(?:ed)?\s+on|touch\w*\s+on"
    r"|includ\w*|involv\w*|practi[cs]\w*|focus\w*)"
)
_THAT = r"(?:where|in\s+which|that|when|which|with|about|mentioning|about|on|involving|since|from|between|in)"
_HE_MEETINGS = r"(?:ה?פגישות|ה?מפגשים|ה?סשנים)"
_HE_MENTIONS = (
    r"(?:דיברנו|שוחחנו|עסקנו|דנו|עבדנו|הזכירה?|דיברה?|הוזכרה?|הוזכרו|עלה|עלתה|עלו|ציי[ןנ]ה?|צוי[ןנ]ה?|התלונ[ןנ]ה?|דיווחה?"
    r"|סיפרה?|תיארה?|הופיעה?|הופיעו|נגענו|נגעו|התייחסנו|התייחסה?|הועלה|הועלתה|הועלו|עסקו|כללו|התמקדנו|התמקדו|תרגלנו"
    r"|נדונה?|נידונה?|דובר|נאמר)"
)
# Of all times one is meant, so the best passages say it: "when did we first talk about it".
ONE = any_of(
    r"\b(?:first|last|next|initially|latest|most\s+recent)\b(?!\s+(?:\w+\s+)?(?:weeks?|months?|years?|sessions))",
    r"(?<!\w)(?:לראשונה|לאחרונה|פעם\s+(?:ראשונה|אחרונה)|בפעם\s+ה(?:ראשונה|אחרונה)|הבאה?)(?!\w)",
)
COUNT = any_of(
    rf"\bhow\s+many\s+{_WHOSE}{_MEETINGS}\s+(?:did|have|has|had|were|was|mention|include|where|in\s+which|talk|discuss"
    rf"|deal|are\s+there|since|about)\b",
    rf"\bhow\s+many\s+{_WHOSE}{_MEETINGS}\s+(?:\w+\s+){{1,8}}?{_MENTIONS}\b",
    rf"\bin\s+how\s+many\s+{_WHOSE}(?:\w+\s+){{0,3}}?{_MEETINGS}\b",
    rf"\bnumber\s+of\s+{_MEETINGS}\s+(?:where|in\s+which|that|with|about|since)\b",
    rf"\bhow\s+(?:often|many\s+times)\s+(?:did|do|does|has|have|was|were|is|has)\s+(?:\w+\s+){{1,4}}?{_MENTIONS}\b",
    r"(?<!\w)בכמה\s+(?:מה)?(?:פגישות|מפגשים|סשנים|הפגישות|המפגשים|טיפולים)(?!\w)",
    rf"(?<!\w)כמה\s+{_HE_MEETINGS}\s+(?:היו|קיימנו|נפגשנו|התקיימו|עשינו|הוזכרה?|הוזכרו|שבה[ןם]|בה[ןם]|עסקו|דיברנו|מאז)(?!\w)",
    rf"(?<!\w)כמה\s+{_HE_MEETINGS}\s+(?:\w+\s+){{0,6}}?{_HE_MENTIONS}(?!\w)",
    rf"(?<!\w)בכמה\s+מ(?:תוך\s+|\w+\s+){{0,3}}?{_HE_MEETINGS}(?!\w)|(?<!\w)בכמה\s+(?:מהן\s+)?{_HE_MENTIONS}(?!\w)",
    rf"(?<!\w)כמה\s+פעמים\s+(?:\w+\s+){{0,2}}?{_HE_MENTIONS}(?!\w)",
)
# The sessions themselves are counted, so that a time can only be theirs.
HELD = any_of(
    rf"\bhow\s+many\s+{_WHOSE}{_MEETINGS}\s+(?:(?:did|have|has)\s+(?:\w+\s+){{1,2}}(?:have|had|met?)|were\s+there"
    r"|have\s+there\s+been|are\s+there)\b",
    rf"(?<!\w)כמה\s+{_HE_MEETINGS}\s+(?:היו|קיימנו|נפגשנו|התקיימו|עשינו)(?!\w)",
)
# Sessions with something are asked for, though no word is left that says with what: "in which was she not there?".
JUDGED = any_of(
    r"\b(?:not|never|no|without|well|good|bad|badly|better|best|worse|worst|hard|long|short)\b|n['’]t\b",
    r"(?<!\w)[ושכ]{0,2}(?:לא|בלי|ללא|אין|אף|טוב|טובה|טובות|רע|רעה|קשה|קשות|ארוכה|קצרה)(?!\w)",
)
# Somebody is meant, whoever it is: "what did she say last week?".
SOMEBODY = any_of(
    r"\b(?:s?he|her|hers|him|his)\b",
    r"(?<!\w)[ושכ]{0,2}(?:היא|הוא|שלה|שלו|אותה|אותו|לה|לו|אמרה?|סיפרה?|דיווחה?|הגיעה?|באה?|התלונ[ןנ]ה?)(?!\w)",
)
# Counted by others: an insurer, a hospital, a prescription.
COUNTED_ELSEWHERE = any_of(
    r"\b(?:approv\w*|authori\w*|insur\w*|recommend\w*|prescri\w*|left|remain\w*|need\w*|chemo\w*|radiation|dialysis"
    r"|physio\w*|gym|training|per\s+(?:week|day|month)|a\s+(?:week|day|month)|weekly|daily)\b",
    r"אושרו|נשארו|נותרו|מומלצ|ביטוח|ביום(?!\w)|בשבוע(?!\w)(?!\s+שעבר)|כימו|הקרנות|דיאליזה",
)
LIST = any_of(
    rf"\b(?:every|each)\s+(?:single\s+)?(?:session|meeting|appointment|note)\s+(?:{_THAT}|(?:s?he|they|we)\s+{_MENTIONS})\b",
    rf"\ball\s+{_WHOSE}{_MEETINGS}\s+(?:{_THAT}|{_MENTIONS}|(?:s?he|they|we)\s+{_MENTIONS})\b",
    rf"\b(?:show|list|find|give|get)\s+(?:me\s+)?(?:all|every)\s+{_WHOSE}(?:{_MEETINGS}|session|note|times?|mentions?)\b",
    r"^\W*(?:please\s+)?list\s+(?:all|every)\b",
    r"^\W*(?:the\s+)?(?:sessions|meetings|notes)\s+(?:where|in\s+which|that|mentioning|about|on|with)\b",
    r"^\W*ה?(?:פגישות|מפגשים)\s+(?:ש\w+|בה[ןם]|על|בנושא)(?!\w)",
    r"\b(?:which|what)\s+(?:of\s+(?:the|our)\s+)?(?:sessions|meetings|notes)\b(?!\s+(?:are|is|should|will|does|do)\b)",
    rf"\bin\s+(?:which|what)\s+(?:session|meeting|note)\s+(?:\w+\s+){{1,4}}?{_MENTIONS}\b",
    rf"\bwhen\s+(?:did|have)\s+we\s+(?:\w+\s+)?{_MENTIONS}\b",
    r"\bwhen\s+(?:did|has)\s+(?!(?:you|i)\b)\w+\s+(?:mention|talk\s+about|bring\s+up|complain\s+(?:of|about))\b",
    r"\bwhen\s+(?:was|were|has|have)\s+(?:\w+\s+){1,4}?(?:been\s+)?(?:mentioned|discussed|talked\s+about|brought\s+up)\b",
    rf"\b(?:all|every)\s+(?:the\s+)?times?\s+(?:that\s+|when\s+)?(?:s?he|they|we)\s+{_MENTIONS}\b",
    rf"(?<!\w)ב?אילו\s+(?:מה)?{_HE_MEETINGS}(?!\w)|(?<!\w)באיזה\s+{_HE_MEETINGS}(?!\w)",
    rf"(?<!\w)באיזו\s+פגישה\s+(?:\w+\s+){{0,2}}?{_HE_MENTIONS}(?!\w)|(?<!\w)באיזה\s+מפגש\s+(?:\w+\s+){{0,2}}?{_HE_MENTIONS}(?!\w)",
    r"(?<!\w)(?:ב|את\s+)?כל\s+(?:הפגישות|המפגשים|הסשנים)\s+(?:ש\w+|בה[ןם]|עם|בנושא|על|מאז)(?!\w)",
    rf"(?<!\w)כל\s+(?:פגישה|מפגש)\s+(?:שב[הו]|בה|בו|ש{_HE_MENTIONS})(?!\w)|(?<!\w)כל\s+הפעמים\s+(?:ש\w+|בה[ןם])",
    r"(?<!\w)מתי\s+(?:דיברנו|שוחחנו|עסקנו|עבדנו|הזכירה?|הוזכרה?|הוזכרו|עלה\s+ה?נושא|התלונ[ןנ]ה?)(?!\w)",
    r"(?:^|\W)(?:הראה?|הראי|הצג|הציגי|תן|תני|מצא|מצאי|רשימה\s+של|רשימת)\s+(?:לי\s+)?(?:את\s+)?כל\s+(?:הפגישות|המפגשים|הפעמים|האזכורים)",
)
CHANGE = any_of(
    r"\bhow\s+(?:did|has|have|is|are)\s+(?:[\w'’]+[\s-]+){1,8}?(?:chang(?:e|ed|ing)|evolv(?:e|ed|ing)|progress(?:ed|ing)?)"
    r"(?!\s+(?:affect|help|impact|go|in\s+(?:dose|medication)))\b",
    r"\bprogress\s+(?:of|in|on|with|over|since|made|toward)\b|\b(?:her|his|their|'s|’s|what|any)\s+progress\b",
    r"\bover\s+(?:the\s+)?(?:course\s+of\s+)?(?:time|treatment|therapy|the\s+sessions|sessions)\b"
    r"|\bover\s+the\s+course\s+of\b|\bthroughout\s+(?:the\s+)?(?:treatment|therapy|sessions)\b|\bacross\s+(?:the\s+|all\s+)?sessions\b",
    r"\bcourse\s+of\s+(?:her|his|their)\s+(?!(?:treatment|therapy|illness|life|career)\b)\w+",
    r"\btrends?\b|\btrajectory\b|\bevolution\s+of\b|\btimeline\s+of\b",
    r"(?<!\w)(?:איך|כיצד|במה|האם)\s+(?:\w+\s+){0,2}?(?:השתנה|השתנתה|השתנו|התפתחה?|התפתחו|התקד[םמ]\w*|משתנה|משתנים)(?!\w)",
    r"(?<!\w)(?:ה?התקדמות|המגמה)(?!\w)",
    r"(?<!\w)לאורך\s+(?:הטיפול|הטיפולים|הזמן|הפגישות|המפגשים|התהליך|התקופה)(?!\w)|(?<!\w)על\s+פני\s+(?:הזמן|הפגישות)(?!\w)",
)
