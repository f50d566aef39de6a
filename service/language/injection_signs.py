"""What speaks to a model, in Hebrew and English: patterns of folded text, each with how often who says it means that."""

from collections.abc import Sequence


def _few(most: int) -> str:
    """Up to so many words of the same sentence, with blanks before and behind."""
    return rf"(?:\s+[^\s.!?]{{1,30}}){{0,{most}}}?\s+"


# Where a sentence or a clause begins, or what makes an order of the words behind it: "she tends to ignore" is none.
_AT = (
    r"(?:(?:^|[.!?;:,(\[{\"'”“\-–—>*#=|\n])\s*(?:and\s+|then\s+|so\s+)?"
    r"|\b(?:please|now|must|kindly|just|instead|immediately|you\s+(?:must|should|will|shall|can|need\s+to|have\s+to|are\s+to))\s+)"
    r"(?:please\s+|now\s+|kindly\s+|just\s+|always\s+|simply\s+|then\s+|also\s+|first\s+)?"
)
_AT_HE = (
    r"(?:(?:^|[.!?;:,(\[{\"'”“\-–—>*#=|\n])\s*|\b(?:נא|אנא|בבקשה|עכשיו|כעת|מעכשיו|עליך|עלייך|חובה|אז|ואז|מיד|פשוט|תמיד|רק)\s+)"
    r"(?:נא\s+|אנא\s+|בבקשה\s+|ל?עכשיו\s+|פשוט\s+|תמיד\s+|רק\s+|ו)?"
)
_MODEL = (
    r"(?:a\.?i\.?(?:\s+(?:assistant|model|system|agent))?|(?:large\s+)?language\s+model|llm|chat\s?bot|gpt(?:-?\d)?|chatgpt|claude|gemini"
    r"|command[- ]?r|copilot|summari[sz]er)"
)
_MODEL_HE = (
    r"(?:מודל(?:\s+(?:ה)?שפה)?|בינה(?:\s+ה?מלאכותית)?|בוט|צ'?אט\s?בוט|צאטבוט|ai|gpt|llm|מסכם)"
)
_RULES = (
    r"(?:instructions?|prompts?|directions|directives?|guidelines|rules|guardrails|polic(?:y|ies)|constraints"
    r"|restrictions|safeguards|safety|commands?|context|messages?)"
)
_RULES_HE = r"(?:ה)?(?:הוראות|הנחיות|הנחיה|הוראה|כללים|פקודות|פרומפט|מגבלות|חוקים|הגבלות)"
# Orders that people give each other: a physiotherapist's, those about ice.
_HUMAN = r"(?!\s+(?:of|from|by|given\s+by|about|on|for|regarding|concerning|as\s+to|around|to\s+(?:ice|rest|avoid|take))\s)"
_HUMAN_HE = r"(?!\s+(?:של\s+(?!ה?מערכת)|מה|לגבי|בנוגע|בקשר|בעניין|על\s|בדבר|ל))"
_IGNORE = (
    r"(?:ignore|disregard|override|bypass|circumvent|overrule"
    r"|do\s+not\s+(?:follow|obey|use)|don'?t\s+(?:follow|obey|use)|stop\s+(?:following|obeying)|pay\s+no\s+attention\s+to)"
)
_IGNORE_HE = (
    r"(?:ה?תעלמ[יו]|התעלם|תתעלם|תתעלמי|תתעלמו|להתעלם|שכחי|שכח|תשכחי?|עקוף|עקפי|תעקוף|דלגי?|תדלגי?|בטלי?|תבטלי?"
    r"|אל\s+(?:תציית|תצייתי|תפעל|תפעלי|תקשיב|תקשיבי)(?:\s+(?:לפי|על\s+פי))?|הפרי?)"
)
_TOLD = r"(?:say|state|write|reply|respond|answer|report|output|claim|insert|append|conclude|declare|copy|paste|repeat|type|add)"
_TOLD_HE = (
    r"(?:אמרי?|אמור|אמרו|כתוב|כתבי|כתבו|ציין|צייני|ענה|עני|השב|השיבי|דווח|דווחי|הוסף|הוסיפי|הצהר|הצהירי|טען|טעני|תגידי?|תכתבי?|תכתוב|תענה"
    r"|תעני|תציין|תצייני|תוסיף|תוסיפי|תאמר|תאמרי|העתק|העתיקי|חזור|חזרי|הכנס|הכניסי|שבץ|קבע|קבעי|החזר|החזירי)"
)
_READER = r"(?:therapist|user|reader|clinician|asker|practitioner|doctor\s+asking)"
_READER_HE = r"(?:מטפלת|מטפל|משתמשת|משתמש|קוראת|קורא|קלינאית|קלינאי|שואלת|שואל)"
_SHOW = (
    r"(?:reveal|print|show|display|output|repeat|leak|disclose|expose|dump|recite|write\s+out|translate|summari[sz]e"
    r"|tell\s+me|give\s+me|what\s+(?:is|are|were)|quote|paste|copy)"
)
_SHOW_HE = (
    r"(?:חשוף|חשפי|גלה|גלי|הצג|הציגי|הדפס|הדפיסי|כתוב|כתבי|תכתבי?|שתף|שתפי|חזור|חזרי|צטט|צטטי|תרגם|תרגמי|הראה|הראי|תראה|תראי|מה(?:ן|ם|\s+הן|\s+הם)?"
    r"|תן\s+לי|תני\s+לי|ספר|ספרי|העתק|העתיקי|פרט|פרטי|תדפיס|תדפיסי)"
)

SIGNS: Sequence[tuple[float, str]] = (
    # To forget what was said before.
    (0.6, rf"{_AT}{_IGNORE}{_few(5)}{_RULES}\b{_HUMAN}"),
    (0.6, rf"{_AT}(?:forget|discard|neglect|skip|drop|erase)\s+(?:about\s+)?(?:all|any|every|the\s+(?:above|previous|prior|system|earlier)|your|previous|prior|these|those|what){_few(4)}{_RULES}\b{_HUMAN}"),
    (0.6, rf"{_AT}(?:forget|discard|erase)\s+(?:your|all|previous|prior)\s+{_RULES}\b{_HUMAN}"),
    (0.5, rf"{_AT}(?:forget|discard|{_IGNORE})\s+(?:all|any|everything|anything|whatever|what)\s+(?:(?:you|that|was|were|is|has|been)\s+){{0,3}}(?:above|before|previously|earlier|told|said|so\s+far|written)\b"),
    (0.3, rf"{_IGNORE}\s+(?:all\s+|any\s+|the\s+|your\s+|my\s+|these\s+|those\s+)*(?:previous|prior|above|earlier|preceding|foregoing|former|system|original|initial|safety)\s+{_RULES}\b{_HUMAN}"),
    # The same of people's orders, which "about sleep" may only pretend to be.
    (0.35, rf"{_AT}{_IGNORE}{_few(5)}{_RULES}\b"),
    (0.35, rf"{_AT_HE}{_IGNORE_HE}(?:\s+\S{{1,30}}){{0,4}}?\s+[ומהבלכש]{{0,3}}{_RULES_HE}(?!\w)"),
    (0.6, rf"{_AT_HE}{_IGNORE_HE}{_few(4)}[ומהבלכש]{{0,3}}{_RULES_HE}(?!\w){_HUMAN_HE}"),
    (0.6, rf"{_AT_HE}{_IGNORE_HE}\s+[ומהבלכש]{{0,3}}{_RULES_HE}(?!\w){_HUMAN_HE}"),
    (0.5, rf"{_AT_HE}{_IGNORE_HE}\s+(?:מ|את\s+)?(?:כל\s+)?(?:מה\s+ש|האמור|הכתוב|הנאמר)\S*\s+(?:לעיל|לפני|קודם|למעלה|עד\s+כה|עד\s+עכשיו|מעל)"),
    (0.3, rf"{_RULES_HE}\s+(?:ה?קודמות|ה?קודמים|שלעיל|הנ\"?ל|שקיבלת|שניתנו\s+לך|שלך|ה?מערכת|של\s+המערכת)(?!\w){_HUMAN_HE}"),
    # To be somebody else.
    (0.6, rf"{_AT}(?:act|behave|respond|answer|pretend|role-?\s?play|pose|operate)\s+(?:as|like|to\s+be|as\s+if\s+you\s+(?:are|were))(?:\s+\S{{1,20}}){{0,3}}?\s+(?:{_MODEL}|assistant|bot|dan|admin\w*|root|developer|jailbr\w+|unrestricted|unfiltered|uncensored|hacker|pirate|system|terminal|linux)\b"),
    (0.55, rf"\byou\s+are\s+(?:now\s+|no\s+longer\s+|an?\s+|hereby\s+){{1,3}}(?:\S{{1,20}}\s+){{0,3}}?(?:{_MODEL}|assistant|bot|dan|admin\w*|unrestricted|unfiltered|uncensored|jailbr\w+|developer|restricted\s+by|bound\s+by|root|mode)\b"),
    (0.25, r"\byou\s+are\s+now\b|\byou\s+are\s+no\s+longer\b"),
    (0.35, r"\bfrom\s+now\s+on\b[\s,]+(?:you(?:r|\s+(?:will|must|are|only|should|always|never))?|always|answer|respond|reply|ignore|only|never)\b"),
    (0.45, r"\b(?:developer|debug|god|admin|maintenance|jailbreak|dan|sudo|unrestricted)\s+mode\b"),
    (0.4, r"\bdo\s+anything\s+now\b|\bjailbr(?:eak|oken)\b"),
    (0.5, rf"{_AT}(?:new|updated|revised|additional|important|secret|hidden|real|actual)\s+(?:instructions?|rules?|directives?|system\s+\w+|task|persona|prompt)\s*(?:[:=]|for\s+(?:the\s+)?{_MODEL})"),
    (0.6, rf"{_AT_HE}(?:התנהגי?|תתנהגי?|פעלי?|פעול|תפעלי?|ענה|עני|תענה|העמד|העמידי|תעמידי?|שחקי?|תשחקי?)\s+(?:פנים\s+)?(?:כאילו|כמו|בתור|שאתה|שאת|כ)(?:\s?\S{{1,20}}){{0,4}}?\s?(?:{_MODEL_HE}|עוזר|מערכת|מנהל|האקר|מפתח|פיראט|ללא\s+(?:מגבלות|הגבלות))"),
    (0.55, rf"\b(?:אתה|את|אתם)\s+(?:עכשיו|כעת|מעכשיו|מעתה|כבר\s+לא|לא\s+עוד)\s+(?:\S{{1,20}}\s+){{0,3}}?(?:{_MODEL_HE}|עוזר\S*|מערכת|מנהל|האקר|חופשי\S*|כפופ\S*|כפוף|מוגבל\S*|במצב|ללא)"),
    (0.45, r"(?<!\w)(?:אתה|את|אתם)\s+(?:עונה|עונים|פועלת?|פועל|מדברת?|מדבר|מתנהגת?|מתנהג|משיבה?|משיב)\s+(?:בתור|כאילו|כמו)(?!\w)"),
    (0.4, r"\b(?:במצב|מצב)\s+(?:מפתח\S*|מנהל|ניפוי|אדמין|ללא\s+הגבלות)"),
    (0.3, rf"\b(?:מעכשיו|מעתה|מרגע\s+זה)(?:\s+ואילך)?[\s,]+(?:אתה|את|ענה|עני|תענה|תמיד|כל|{_TOLD_HE})\b"),
    (0.5, rf"{_AT_HE}(?:הוראות?|הנחיות?|פקודה|משימה)\s+(?:ה?חדשות?|ה?חדשה|ה?מעודכנות?|ה?סודיות?|ה?נסתרות?|דחופות?|ה?אמיתיות?)\s*[:=]"),
    # To tell what it was told.
    (0.5, r"\b(?:system|developer|hidden|secret|initial|original)\s+(?:prompt|message|instructions)\b"),
    (0.5, rf"\b(?:reveal|print|leak|disclose|expose|dump|output|recite)\s+(?:\S{{1,20}}\s+){{0,2}}?(?:your|the\s+(?:system|hidden|secret|above|initial|original))(?:\s+\S{{1,20}}){{0,2}}?\s+(?:{_RULES}|configuration|settings|training)\b"),
    (0.35, rf"\b{_SHOW}\s+(?:\S{{1,20}}\s+){{0,2}}?(?:your|the\s+(?:system|hidden|secret|above|initial|original))(?:\s+\S{{1,20}}){{0,2}}?\s+(?:{_RULES}|configuration|settings|training)\b"),
    (0.5, rf"\b{_SHOW}\s+(?:\S{{1,20}}\s+){{0,2}}?(?:everything|all|the\s+text|the\s+words)\s+above\b"),
    (0.5, rf"(?<!\w){_SHOW_HE}(?:\s+\S{{1,20}}){{0,4}}?\s+(?:ל?[הב]{{0,2}})?(?:הוראות|הנחיות|פרומפט|הוראה|הנחיה|כללים)\s+(?:שלך|שקיבלת|שניתנו\s+לך|של\s+המערכת|ה?מערכת|הסודיות|הנסתרות|המקוריות)"),
    (0.5, r"(?<!\w)(?:ה)?(?:הוראות|הנחיות|הודעת|פרומפט)\s+(?:ה)?מערכת(?!\w)|(?<!\w)ה?פרומפט(?!\w)"),
    # Whom it speaks to.
    (0.35, rf"{_AT}(?:dear\s+|hey\s+|hi\s+|hello\s+|attention[\s,:]+|to\s+(?:the|any|all)\s+)?(?:{_MODEL}s?|assistant|bot)\s*[,:!>]"),
    (0.5, rf"\b(?:instructions?|notes?|message|attention|reminder|important|command)\s+(?:to|for)\s+(?:the\s+|any\s+|all\s+|an\s+)?{_MODEL}"),
    (0.3, r"\b(?:instructions?|message|attention|command)\s+(?:to|for)\s+(?:the\s+|any\s+|all\s+)?(?:assistant|system|model)s?\b"),
    (0.25, rf"\b{_MODEL}\b"),
    (0.35, rf"{_AT_HE}(?:היי\s+|שלום\s+|לתשומת\s+לב\s+|אל\s+|ל)?(?:ה)?(?:{_MODEL_HE}|עוזר(?:ת)?(?:\s+(?:ה)?(?:חכם|וירטואלית?|יקרה?))?|סייען|מערכת)\s*[,:!>]"),
    (0.5, rf"(?<!\w)(?:הערה|הוראה|הודעה|הנחיה|הוראות|הנחיות|תשומת\s+לב)\s+(?:ל|עבור\s+|אל\s+)ה?(?:{_MODEL_HE}|מערכת)(?!\w)"),
    (0.3, r"(?<!\w)(?:ה|ל|של\s+ה|כ)?(?:בינה\s+(?:ה)?מלאכותית|מודל\s+(?:ה)?שפה)(?!\w)"),
    # What its answer shall say.
    (0.4, r"\bwhen(?:ever)?\s+(?:asked\s+(?:for\s+(?:a|the)\s+(?:summary|answer)|to\s+summari[sz]e)|(?:you(?:'re|\s+are)?\s+)(?:asked|summari[sz]\w*|answer\w*|respond\w*|repl\w*|writ\w*|generat\w*)|summari[sz]ing|answering|responding|generating|producing|(?:the|a|any)\s+(?:therapist|user)\s+asks)\b"),
    (0.5, r"\bwhen(?:ever)?\s+(?:you\s+)?summari[sz](?:e|ing)\s+(?:this|the)\s+(?:file|notes?|records?|documents?|client|patient|case|chart|session)\b"),
    (0.5, r"\b(?:in|to|of|into|from|at\s+the\s+(?:end|start|beginning|top)\s+of|with)\s+(?:your|every|each)\s+(?:next\s+|final\s+|own\s+)?(?:answers?|repl(?:y|ies)|responses?|outputs?|summar(?:y|ies))\b"),
    (0.3, rf"{_AT}{_TOLD}\s+(?:that|with|exactly|the\s+following|this|in\b|back|verbatim|:|[\"'“”])"),
    (0.55, rf"{_AT}(?:tell|inform|assure|advise|convince|persuade|let)\s+(?:the\s+|your\s+|any\s+|every\s+)?{_READER}\s+(?:know\s+)?(?:that|the\s+(?:client|patient)|she|he|they|it|everything|all|there)\b"),
    (0.35, rf"\band\s+(?:tell|inform|assure|advise|convince|persuade)\s+(?:the\s+|your\s+)?{_READER}\s+(?:that|the\s+(?:client|patient)|she|he|they|everything)\b"),
    (0.35, rf"(?<!\w)ו{_TOLD_HE}\s+(?:ל(?:כל\s+)?{_READER_HE}\s+)?(?:ש|כי\s)"),
    (0.35, r"\b(?:copy|repeat|include|quote|report|insert|write|paste|reproduce)\s+(?:only\s+|verbatim\s+|exactly\s+)?(?:the|this)\s+(?:(?:following|next|preceding|previous|last)\s+(?:line|sentence|text|words|phrase)|(?:line|sentence|text|words)\s+(?:above|below|that\s+follows?))\b"),
    (0.5, r"\b(?:do\s+not|don'?t|never|avoid|without)\s+(?:cit\w+|quot\w+|mention\w*|disclos\w+|reveal\w*|includ\w+|show\w*|us\w+|add\w*)(?:\s+\S{1,20}){0,2}?\s+(?:sources?|citations?|references|documents?|these\s+instructions|this\s+(?:instruction|message|line|note))\b"),
    (0.4, r"\b(?:do\s+not|don'?t|never)\s+cite\b|\bwithout\s+(?:any\s+)?(?:citations?|citing|sources|references|quoting)\b"),
    (0.4, rf"{_AT}(?:respond|answer|reply|output|write)\s+(?:only|solely|exclusively|just)\b|{_AT}(?:respond|answer|reply)\s+(?:in|using)\s+(?:json|base64|markdown|html|code|latin|french|russian|pirate|all\s+caps)\b"),
    (0.35, r"\b(?:regardless\s+of|no\s+matter|whatever|irrespective\s+of)\s+(?:the\s+|what\s+(?:the\s+)?)?(?:documents?|notes?|question|sources?|context|(?:is|was)\s+asked|you\s+(?:are|were))\b"),
    (0.45, r"\b(?:cite|citing|use|give|quote|reference)\s+(?:it\s+|this\s+|that\s+|them\s+)?(?:as\s+|from\s+|to\s+)?(?:the\s+)?(?:document|source|passage|note|doc)?\s*[\[(]?(?:p|doc|source\s?)\d{1,3}\b"),
    (0.3, r"\bas\s+(?:your|the)\s+(?:only\s+)?(?:source|citation|reference)\b|\bmark\s+(?:it|this)\s+as\s+(?:verified|cited|confirmed)\b"),
    (0.4, r"(?<!\w)(?:בעת|בזמן|כאשר|בכל\s+פעם\s+ש|כש|לכש|אם)\s?(?:ה?סיכום|את?ה?\s+מסכם\S*|ל?סכם|מסכמי?ם?|מסכמת|תסכמי?|תתבקשי?|תישאלי?|תשאל|ישאלו\s+אותך|שואלים\s+אותך|מבקשים\s+ממך|אתה\s+עונה|את\s+עונה|תענה|כתיבת\s+ה?(?:סיכום|תשובה)|מתן\s+תשובה|מענה)"),
    (0.5, r"(?<!\w)(?:ב|ל|מ|בסוף\s+|בתחילת\s+)(?:כל\s+)?(?:ה)?(?:תשובה|תשובות|סיכום|פלט|מענה)\s+שלך(?!\w)|(?<!\w)[בל]?(?:תשובתך|סיכומך)(?!\w)"),
    (0.3, rf"{_AT_HE}{_TOLD_HE}\s+(?:ש\S|כי\s|בדיוק|אך\s+ורק|את\s+(?:המשפט|המילים|הטקסט|ה)|במקום|בסוף|בכל|:|[\"'“”])"),
    (0.55, rf"{_AT_HE}(?:{_TOLD_HE}|הודע|הודיעי|תודיעי?|ספרי?|תספרי?|עדכני?|תעדכני?|שכנעי?|הבטיחי?|הבטח)\s+ל(?:כל\s+)?{_READER_HE}\s+(?:ש|כי\s)"),
    (0.35, r"(?<!\w)(?:העתק|העתיקי|חזור|חזרי|צטט|צטטי|כתוב|כתבי|כלול|כללי|שבץ|הכנס)\s+(?:על\s+|את\s+|בדיוק\s+את\s+|רק\s+את\s+)*(?:המשפט|השורה|הטקסט|המילים)\s+(?:הבאה?|הבאות|הבאים|שלמטה|שלמעלה|הקודמ\S*|שלפני|שאחרי|מעל|מתחת)"),
    (0.5, r"(?<!\w)(?:אל|בלי|מבלי|ללא|אין|לעולם\s+אל)\s+(?:ל|ת)?(?:צטט|צטטי|ציין|צייני|הזכיר|זכיר|זכירי|כלול|כללי|חשוף|חשפי|הביא|ביא|ביאי)(?:\s+\S{1,20}){0,2}?\s+(?:מקורות?|ציטוט\S*|הפניות|מסמכים|מסמך|(?:ה)?הערה\s+ה?זו|(?:ה)?הודעה\s+ה?זו|(?:ה)?הוראות\s+(?:אלה|אלו|האלה))"),
    (0.4, r"(?<!\w)(?:בלי|ללא)\s+(?:שום\s+)?(?:ציטוט\S*|מקורות|הפניות)(?!\w)|(?<!\w)אל\s+תצטטי?(?!\w)"),
    (0.4, rf"{_AT_HE}(?:ענה|עני|תענה|תעני|השב|השיבי|כתוב|כתבי)\s+(?:רק|אך\s+ורק|אך|בלבד)(?!\w)"),
    (0.35, r"(?<!\w)(?:לא\s+משנה\s+מה|בלי\s+קשר\s+ל|ללא\s+קשר\s+ל|בכל\s+מקרה\s+ומה\s+ש)\s?(?:ה)?(?:כתוב|נשאל|שאלה|מסמכים|סיכומים|מקורות|ישאלו|שואלים|נאמר)"),
    (0.45, r"(?<!\w)(?:צטט|צטטי|הפנה|הפני|תצטטי?|ייחסי?)\S*\s+(?:\S{1,20}\s+){0,3}?[ל]?(?:מסמך|מקור|קטע|פסקה)?\s*[\[(]?p\d{1,3}\b"),
    # Roles, tokens and frames of a prompt.
    (0.35, r"^\s*(?:system|user|human|developer|admin)\s*(?:message|prompt|note|override|instructions?)?\s*(?:\([^)]{0,20}\))?\s*[:>]"),
    (0.6, r"\bsystem\s*(?:override|prompt|message|instructions?|notes?|command|update|alert|notice|directive)\s*[:>\]]"),
    (0.35, r"(?m)^\s*(?:מערכת|משתמש|מפתח|מנהל)\s*:"),
    (0.6, r"(?<!\w)(?:הודעת|הוראת|פקודת|הנחיית|עדכון)\s+(?:ה)?מערכת\s*[:>\]]"),
    (0.85, r"<\s*/?\s*\|?\s*(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|begin_of_sentence|start_of_turn|end_of_turn|system|assistant|user|human|start_of_turn_token|end_of_turn_token|system_token|chatbot_token|user_token|bos_token|eos_token)\s*\|?\s*>|<\s*\|[\w▁ ]{2,30}\|\s*>"),
    (0.85, r"\[\s*/?\s*inst\s*]|<\s*<\s*/?\s*sys\s*>\s*>|<\s*/?\s*s\s*>"),
    (0.7, r"<\s*/\s*(?:system|instructions?|prompt|documents?|context|data|notes?|input|query)\s*>|<\s*(?:system|instructions?|prompt)\s*>"),
    (0.6, r"[\[({<#=*\-]{1,6}\s*(?:end|begin|start|beginning)\s+(?:of\s+)?(?:the\s+)?(?:documents?|context|prompt|instructions?|system|notes|user\s+\w+|data)\b"),
    (0.6, r"(?:^|\n)\s*#{2,6}\s*(?:system|instructions?|new\s+\w+|end|assistant|user|response|prompt|override|task)\b"),
    (0.6, r"[\[({<#=*\-]{1,6}\s*(?:סוף|תחילת)\s+(?:ה)?(?:מסמכים|הקשר|פרומפט|הוראות|נתונים)"),
    (0.6, r"(?:^|\n)\s*#{2,6}\s*(?:מערכת|הוראות?|הנחיות?|עוזר)(?!\w)"),
    # Data on its way out, and other people's.
    (0.5, r"!\s?\[[^\]]{0,99}]\s?\(|\bmarkdown\s+(?:image|link|table|code)\b|<\s*img\s|<\s*script|<\s*iframe|javascript:"),
    (0.4, rf"{_AT}(?:click|visit|open|go\s+to|load|fetch|render|embed|include|insert|append|display|add|end\s+with|post|upload|send|forward|transmit|exfiltrate|request|call)\b[^.!?\n]{{0,80}}(?:https?|hxxps?|www\.|\[[^\]]{{0,60}}]\(|://)"),
    (0.45, rf"{_AT}(?:send|post|forward|transmit|upload|exfiltrate|leak|e-?mail)\s+(?:\S{{1,20}}\s+){{0,4}}?(?:notes?|data|conversation|answers?|contents|records?|history|context|documents|everything)\s+(?:\S{{1,20}}\s+){{0,3}}?to\s+\S*(?:https?|hxxps?|www\.|://|@|\.\w{{2,5}}/)"),
    (0.4, rf"{_AT_HE}(?:לחץ|לחצי|בקר|בקרי|פתח|פתחי|היכנס|היכנסי|הוסף|הוסיפי|שלח|שלחי|העלה|העלי|טען|הצג|הציגי|הכנס|שבץ|סיים|סיימי)(?!\w)[^.!?\n]{{0,80}}(?:https?|hxxps?|www\.|\[[^\]]{{0,60}}]\(|://|תמונת\s+markdown|קישור\s+markdown)"),
    (0.5, rf"{_AT}(?:list|show|give|tell|reveal|print|include|summari[sz]e|export|dump|output|quote)\s+(?:me\s+)?(?:\S{{1,20}}\s+){{0,4}}?(?:(?:all|every|other|another|different|the\s+other)\s+(?:clients?|patients?|therapists?|practices?|tenants?)(?:'s?)?|(?:other|another)\s+(?:\S{{1,20}}\s+)?(?:record|file|note)s?)\b"),
    (0.5, rf"{_AT_HE}(?:{_SHOW_HE}|רשום|רשמי|סכם|סכמי|כלול|כללי)\s+(?:\S{{1,20}}\s+){{0,4}}?(?:[לבמש]|של\s+)?ה?(?:מטופלים|מטופלות|לקוחות|מטופל|מטופלת|לקוח|לקוחה)\s+(?:ה)?(?:אחרים|אחרות|נוספים|אחר|אחרת)"),
    # Encoded.
    (0.4, rf"{_AT}(?:decode|decrypt|decipher|base64|rot13|unscramble)\b|{_AT_HE}(?:פענח|פענחי|תפענחי?|פצח)(?!\w)"),
    (0.35, r"\b(?:base64|rot13|hexadecimal)\b"),
    # Other tongues.
    (0.65, r"\b(?:ignor(?:ez|er|a|ad|en|ieren|iere|are|i|ate)|oubliez|olvida|olvide|vergiss|vergessen|dimentica|esque[cç]a|negeer)\b[^.!?\n]{0,40}(?:instruc\w+|istruzioni|anweisungen|consignes|instruc[oõ]es|regeln|indicaciones|instructies)"),
    (0.65, r"(?:игнориру[йи]\w*|забудь\w*|не\s+обраща[йи]\w*)[^.!?\n]{0,40}(?:инструкци\w*|указани\w*|правил\w*|команд\w*)"),
    (0.65, r"(?:تجاهل|انس|تجاهلي|لا\s+تتبع)[^.!?\n]{0,40}(?:تعليمات|التعليمات|الاوامر|الأوامر|القواعد|السابقة)"),
    (0.65, r"(?:忽略|无视|忘记|無視)[^。\n]{0,20}(?:指令|指示|提示|规则|命令)"),
    (0.5, r"\b(?:tu\s+es\s+maintenant|ahora\s+eres|du\s+bist\s+jetzt|ты\s+теперь|dis\s+(?:au|à\s+la)\s+th[ée]rapeute|dile\s+al\s+terapeuta|sag\s+dem\s+therapeuten|скажи\s+терапевту)"),
)  # fmt: skip
"""Weights are 0..1 and set by hand: above a half is what no therapist says of people. `eval injection` holds them to
attacks and to their look-alikes; of 12,000 sentences of practice notes five score 0.4 or more.
"""
