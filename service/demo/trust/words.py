"""The mutator's own small word lists: they share nothing with what the gate knows, for a key opens its own lock."""

from collections.abc import Mapping, Sequence

from service.domain.answers import Language

Pairs = Mapping[str, str]


def _both(*pairs: tuple[str, str]) -> dict[str, str]:
    return {one: other for pair in pairs for one, other in (pair, pair[::-1])}


SIDES: Mapping[Language, Pairs] = {
    "en": _both(("left", "right")) | {"left-sided": "right-sided"},
    "he": _both(("שמאל", "ימין"), ("שמאלית", "ימנית"), ("שמאלי", "ימני")),
}

DENIED: Mapping[Language, Pairs] = {
    "en": {
        "is": "is not",
        "was": "was not",
        "are": "are not",
        "were": "were not",
        "has": "has not",
        "had": "did not have",
        "will": "will not",
        "can": "cannot",
        "may": "will not",
        "takes": "does not take",
        "took": "did not take",
        "sleeps": "does not sleep",
        "walks": "does not walk",
        "walked": "did not walk",
        "started": "did not start",
        "stopped": "did not stop",
        "fell": "did not fall",
        "went": "did not go",
        "came": "did not come",
        "cries": "does not cry",
        "drinks": "does not drink",
        "drives": "does not drive",
        "helps": "does not help",
        "lives": "does not live",
        "says": "does not say",
        "found": "did not find",
        "received": "did not receive",
        "refused": "did not refuse",
        "reports": "does not report",
        "increased": "did not increase",
        "improved": "did not improve",
        "rose": "did not rise",
        "dropped": "did not drop",
        "raised": "did not raise",
        "reduced": "did not reduce",
        "argued": "did not argue",
        "asked": "did not ask",
        "quarrelled": "did not quarrel",
    },
    "he": {
        "הוא": "הוא לא",
        "היא": "היא לא",
        "יש": "אין",
        "היה": "לא היה",
        "היו": "לא היו",
        "הייתה": "לא הייתה",
        "נמצאה": "לא נמצאה",
        "עלה": "לא עלה",
        "ירד": "לא ירד",
        "ירדו": "לא ירדו",
        "השתפר": "לא השתפר",
        "השתפרה": "לא השתפרה",
        "סבל": "לא סבל",
        "סובל": "לא סובל",
        "נוטלת": "לא נוטלת",
        "נוטל": "לא נוטל",
        "התחילה": "לא התחילה",
        "נפלה": "לא נפלה",
        "חזרה": "לא חזרה",
        "חזר": "לא חזר",
        "הופסק": "לא הופסק",
        "הציעה": "לא הציעה",
        "מתקשרת": "לא מתקשרת",
        "מסייע": "לא מסייע",
        "פוטר": "לא פוטר",
        "התנצלה": "לא התנצלה",
        "העלתה": "לא העלתה",
        "הורידה": "לא הורידה",
        "נקבעה": "לא נקבעה",
        "נוסף": "לא נוסף",
        "הומלץ": "לא הומלץ",
        "הוחלט": "לא הוחלט",
        "סוכם": "לא סוכם",
        "עובדת": "לא עובדת",
    },
}

AFFIRMED: Mapping[Language, Pairs] = {
    "en": {
        "has not": "has",
        "had not": "had",
        "is not": "is",
        "was not": "was",
        "must not": "must",
        "did not": "did indeed",
        "does not": "does indeed",
        "not": "indeed",
        "no": "some",
        "denied": "reported",
        "without": "with",
    },
    "he": {
        "אין לשנות": "יש לשנות",
        "אינה": "אכן",
        "אין": "יש",
        "לא": "אכן",
        "ללא": "עם",
        "בלי": "עם",
        "שללה": "דיווחה על",
        "שוללים": "מדווחים על",
        "שלילי": "חיובי",
        "אסור לו": "מותר לו",
    },
}

NEGATIONS: Mapping[Language, Sequence[str]] = {
    "en": ("not", "no", "never", "without", "denied", "cannot", "neither", "nor", "denies"),
    "he": (
        "לא",
        "אין",
        "ללא",
        "בלי",
        "אינה",
        "אינו",
        "אינם",
        "שללה",
        "שוללת",
        "שולל",
        "שוללים",
        "אסור",
        "אף",
    ),
}

RELATIVES: Mapping[Language, Pairs] = {
    "en": {
        "wife": "mother",
        "husband": "father",
        "sister": "daughter",
        "brother": "father",
        "brother's": "father's",
        "mother": "sister",
        "mother-in-law": "own mother",
        "father": "uncle",
        "ex-husband": "brother",
        "partner": "brother",
        "boss": "doctor",
        "baby": "mother",
        "hospital": "physiotherapist",
        "Elena": "Tom",
        "Arjun": "Priya",
        "grandmother": "aunt",
        "parents": "siblings",
        "son": "father",
        "daughters": "sisters",
        "daughter": "sister",
    },
    "he": {
        "בעלה": "אחיה",
        "אשתו": "אמו",
        "אמה": "אחותה",
        "אמו": "סבתו",
        "אביה": "אחיה",
        "אביו": "דודו",
        "האב": "הסבא",
        "האם": "המורה",
        "אחיו": "אביו",
        "אחותה": "בתה",
        "חמותה": "אמה",
        "הבת": "האחות",
        "בנות": "אחיות",
        "סבתו": "דודתו",
        "ההורים": "המורים",
        "הוריו": "אחיו ואחותו",
        "בן הזוג": "האב",
        "היועצת": "המורה",
        "הבעל לשעבר": "האח",
        "הגרוש שלה": "אביה",
        "רופא המשפחה": "בעלה",
    },
}

BEGINNINGS: Mapping[Language, Pairs] = {
    "en": {
        "He": "His father",
        "She": "Her mother",
        "His": "His brother's",
        "Her": "Her sister's",
        "They": "Their neighbours",
    },
    "he": {"הוא": "אביו", "היא": "אמה"},
}
"""Whom a sentence begins with, and somebody else."""

OF_A_RELATIVE: Mapping[Language, str] = {"en": "{}'s sister", "he": "אחותו של {}"}

DRUGS: Mapping[Language, Sequence[str]] = {
    "en": (
        "sertraline",
        "ibuprofen",
        "naproxen",
        "warfarin",
        "apixaban",
        "bisoprolol",
        "iron",
        "metformin",
        "lisinopril",
        "amlodipine",
        "atorvastatin",
        "omeprazole",
        "prednisone",
        "gabapentin",
        "tramadol",
        "aspirin",
        "insulin",
        "Cipralex",
        "Etopan",
        "Normiten",
        "Lipitor",
        "Tylenol",
        "Lasix",
        "Celebrex",
        "Ambien",
        "Xanax",
    ),
    "he": (
        "ציפרלקס",
        "אטופן",
        "נורמיטן",
        "מטפורמין",
        "סרטרלין",
        "איבופרופן",
        "נפרוקסן",
        "וורפרין",
        "אפיקסבן",
        "ברזל",
        "אקמול",
        "אופטלגין",
        "קלונקס",
        "ריטלין",
        "פרוזק",
        "אומפרדקס",
    ),
}

PEOPLE: Mapping[Language, Sequence[str]] = {
    "en": ("Simon", "Adler", "Hannah", "Novak", "Whitman", "Ingrid"),
    "he": ("גדעון", "טובה", "פלדמן", "ורדה", "סלומון", "אסתר"),
}

NAMED: Mapping[Language, Sequence[str]] = {
    "en": ("Elena", "Ruth", "Mark", "Arjun", "Margaret", "Omer"),
    "he": (
        "דליה",
        "עומר",
        "מיקה",
        "רות",
        "אלנה",
    ),
}
"""People of our own notes beside the clients; others are found after a title."""

TITLES: Mapping[Language, str] = {
    "en": r"(?<!\w)(?:Dr|Mrs|Mr|Ms)\.? ",
    "he": r"(?<!\w)(?:ד\"ר|גב'|מר|פרופ') ",
}

MONTHS: Mapping[Language, Sequence[str]] = {
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    "he": (
        "ינואר",
        "פברואר",
        "מרץ",
        "אפריל",
        "מאי",
        "יוני",
        "יולי",
        "אוגוסט",
        "ספטמבר",
        "אוקטובר",
        "נובמבר",
        "דצמבר",
    ),
}
WEEKDAYS: Mapping[Language, Pairs] = {
    "en": {
        day: other
        for name, another in (
            ("Monday", "Thursday"),
            ("Tuesday", "Friday"),
            ("Wednesday", "Monday"),
            ("Thursday", "Sunday"),
            ("Friday", "Tuesday"),
            ("Saturday", "Wednesday"),
            ("Sunday", "Friday"),
        )
        for day, other in ((name, another), (f"{name}s", f"{another}s"))
    },
    "he": {
        "יום ראשון": "יום חמישי",
        "ימי ראשון": "ימי שלישי",
        "בימי שני": "בימי חמישי",
        "יום שלישי": "יום שישי",
        "יום רביעי": "יום ראשון",
        "יום חמישי": "יום שני",
        "שבתות": "ימי שלישי",
        "בשבת": "ביום שלישי",
    },
}

DOSE_UNITS: Mapping[Language, Pairs] = {
    "en": {"mg": "mcg", "mcg": "mg", "g": "mg", "ml": "l", "units": "mg", "IU": "mg"},
    "he": {'מ"ג': 'מק"ג', 'מק"ג': 'מ"ג', 'מ"ל': "ליטר", "יחידות": 'מ"ג'},
}

COUNTED: Mapping[Language, Pairs] = {
    "en": {
        "once": "three times",
        "twice": "four times",
        "three times": "twice",
        "one": "three",
        "two": "five",
        "three": "two",
        "four": "six",
        "five": "four",
        "six": "nine",
        "seven": "three",
        "eight": "five",
        "ten": "four",
        "half": "full",
    },
    "he": {
        "פעמיים": "ארבע פעמים",
        "פעם אחת": "שלוש פעמים",
        "פעם": "פעמיים",
        "ארבע": "שתי",
        "שלוש": "חמש",
        "שלושה": "חמישה",
        "שתי": "ארבע",
        "שני": "ארבעה",
        "שניים": "ארבעה",
        "חמישה": "שבעה",
        "עשרה": "שישה",
        "שישה": "שלושה",
        "חצי שנה": "שנתיים",
        "חצי משרה": "רבע משרה",
        "אחד בלבד": "שלישי",
        "שבועיים": "שלושה שבועות",
        "יומיים": "שלושה ימים",
    },
}

DIRECTIONS: Mapping[Language, Pairs] = {
    "en": _both(("improved", "worsened"), ("rose", "fell"), ("increased", "decreased"))
    | _both(("better", "worse"), ("raised", "lowered"), ("improving", "worsening"))
    | {
        "dropped": "climbed",
        "fallen": "risen",
        "reduced": "increased",
        "go up": "go down",
        "went down": "went up",
        "gains": "losses",
        "gone": "much stronger",
        "calmer": "more restless",
        "unchanged": "higher",
        "resolved": "increased",
        "recovered": "deteriorated",
        "increase": "decrease",
    },
    "he": _both(("ירד", "עלה"), ("ירדה", "עלתה"), ("ירדו", "עלו"), ("שיפור", "החמרה"))
    | _both(("השתפר", "הידרדר"), ("השתפרה", "הידרדרה"), ("השתפרו", "הידרדרו"))
    | {
        "התארכה": "התקצרה",
        "העלתה": "הורידה",
        "הורידה": "העלתה",
        "להעלות": "להוריד",
        "תעלה": "תרד",
        "להפחית": "להגדיל",
        "חלפו": "התגברו",
        "ירידה": "עלייה",
        "ירידת": "עליית",
        "ההפשרה": "ההחמרה",
    },
}

TIMES: Mapping[Language, Pairs] = {
    "en": {
        "is to be": "has already been",
        "was to be": "had already been",
        "is to": "has begun to",
        "was to": "had already begun to",
        "will": "already did",
        "is planned": "was carried out",
        "takes": "used to take",
        "is taking": "used to take",
        "started": "plans to start",
        "stopped": "plans to stop",
        "received": "is going to receive",
        "refused": "is thinking of refusing",
        "sleeps": "used to sleep",
        "walks": "used to walk",
        "drinks": "used to drink",
        "climbs": "hopes to climb",
        "lifts": "hopes to lift",
        "fell": "is going to fall",
        "has lost": "would like to lose",
        "went": "is going to go",
        "brought": "will bring",
        "found": "is going to look for",
        "replaced": "plans to replace",
        "borrowed": "may borrow",
        "raised": "intends to raise",
        "reduced": "intends to reduce",
    },
    "he": {
        "התחילה": "מתכננת להתחיל",
        "הפסיקה": "מתכננת להפסיק",
        "הצטרפה": "שוקלת להצטרף",
        "קיבל": "אמור לקבל",
        "חזר": "מתכנן לחזור",
        "נוטלת": "נטלה בעבר",
        "נוטל": "נטל בעבר",
        "סירבה": "שוקלת לסרב",
        "הורידה": "מתכננת להוריד",
        "העלתה": "מתכננת להעלות",
        "החליף": "עתיד להחליף",
        "הופסק": "יופסק",
        "נסעה": "תיסע",
        "הותקנה": "תותקן",
        "תוכננו": "כבר בוצעו",
        "תוכננה": "כבר בוצעה",
        "מתוכננת": "התקיימה",
        "מתוכנן": "התקיים",
        "נקבעה": "התקיימה",
        "אמור": "כבר התחיל",
        "אמורה": "כבר התחילה",
        "הקים": "מקווה להקים",
        "הלך": "ילך",
        "הולך": "הלך בעבר",
        "הולכת": "הלכה בעבר",
        "פוטר": "חושש שיפוטר",
        "נפלה": "חוששת שתיפול",
        "עובדת": "עבדה בעבר",
        "תעלה": "עלתה כבר",
    },
}
"""What is so, what was so, and what is only planned, hoped for or feared."""

QUOTED: Mapping[Language, Sequence[str]] = {
    "en": ("never", "driving", "everybody", "hates", "tomorrow"),
    "he": ("תמיד", "אבא", "מחר", "נורא", "שמחה"),
}

ITEMS: Mapping[Language, Sequence[str]] = {
    "en": ("hydrotherapy", "a referral to a dietitian", "acupuncture", "a course of antibiotics"),
    "he": ("הידרותרפיה", "הפניה לדיאטנית", "דיקור סיני", "קורס אנטיביוטיקה"),
}

INVENTIONS: Mapping[Language, Sequence[str]] = {
    "en": (
        ", because of a car accident",
        ", which a neurologist has confirmed",
        ", and this is due to childhood trauma",
        ", as a result of poor nutrition",
        ", against medical advice",
        ", although insurance will not pay for it",
    ),
    "he": (
        ", בעקבות תאונת דרכים",
        ", וכך אישר גם נוירולוג",
        ", וזאת בשל טראומת ילדות",
        ", כתוצאה מתזונה לקויה",
        ", בניגוד להמלצת הרופא",
        ", אף שהביטוח אינו מממן זאת",
    ),
}

SCALES: Mapping[Language, Pairs] = {
    "en": {"PHQ-9": "GAD-7", "GAD-7": "PHQ-9", "EPDS": "BDI", "Berg": "Tinetti", "TUG": "BBS"},
    "he": {"PHQ-9": "GAD-7", "GAD-7": "PHQ-9", "EPDS": "BDI", "ברג": "טינטי", "TUG": "BBS"},
}

FREQUENCIES: Mapping[Language, Pairs] = {
    "en": {
        "a day": "a week",
        "daily": "weekly",
        "every day": "every month",
        "every evening": "every month",
        "a week": "a month",
        "per week": "per day",
        "weekly": "daily",
        "every two weeks": "every two months",
        "every other day": "every day",
        "most days": "rare days",
        "most nights": "rare nights",
        "every 2 hours": "every 2 days",
    },
    "he": {
        "ביום": "בשבוע",
        "בשבוע": "בחודש",
        "כל ערב": "כל חודש",
        "כל יומיים": "כל שבועיים",
        "מדי יום": "מדי חודש",
        "פעם בשבועיים": "פעם בחודשיים",
        "שבועית": "יומית",
    },
}

DURATIONS: Mapping[Language, Pairs] = {
    "en": {
        "minutes": "hours",
        "hours": "minutes",
        "seconds": "minutes",
        "weeks": "months",
        "months": "weeks",
        "days": "weeks",
        "week": "month",
        "month": "year",
        "nights": "months",
    },
    "he": {
        "דקות": "שעות",
        "שעות": "דקות",
        "שניות": "דקות",
        "שבועות": "חודשים",
        "חודשים": "שבועות",
        "ימים": "שבועות",
        "שבוע": "חודש",
        "שנה": "חודש",
    },
}

CERTAINTIES: Mapping[Language, Pairs] = {
    "en": {
        "likely": "proven",
        "may be": "is definitely",
        "may": "certainly does",
        "might": "certainly does",
        "possible": "confirmed",
        "suspected": "confirmed",
        "if": "even if not",
        "worries": "knows",
        "doubts": "no doubts",
    },
    "he": {
        "עלה חשד ל": "אובחן בוודאות ",
        "חשד ל": "אבחנה ודאית של ",
        "עלול להיות": "הוא ללא ספק",
        "לשקול": "לבצע מיד",
        "יש לברר": "כבר הוברר",
    },
}

OPPOSITES: Mapping[Language, Pairs] = {
    "en": _both(("sitting", "standing"), ("morning", "evening"), ("before", "after"))
    | _both(("positive", "negative"), ("low", "high"), ("upper", "lower"), ("first", "last"))
    | {
        "lying": "standing",
        "until": "since",
        "indoors": "outdoors",
        "night": "noon",
        "mild": "severe",
    },
    "he": _both(("בישיבה", "בעמידה"), ("חיובי", "שלילי"), ("גבוה", "נמוך"), ("אחרי", "לפני"))
    | {
        "בירידה": "בעלייה",
        "במנוחה": "במאמץ",
        "בשכיבה": "בהליכה",
        "בתוך הבית": "מחוץ לבית",
        "ירוד": "מצוין",
    },
}

ACTIVITIES: Mapping[Language, Pairs] = {
    "en": {
        "refused": "agreed",
        "stopped": "continued",
        "borrowed": "lent",
        "agreed": "refused",
        "checks": "hides",
        "enjoyed": "disliked",
        "criticises": "praises",
        "argued": "agreed",
        "asked": "warned",
        "calls": "avoids",
        "started": "declined",
        "helps": "forbids",
    },
    "he": {
        "סירבה": "הסכימה",
        "הפסיקה": "המשיכה",
        "הסכימו": "התנגדו",
        "התנגדה": "הסכימה",
        "מסרבת": "מסכימה",
        "התחילה": "סירבה להתחיל",
        "הצטרפה": "סירבה להצטרף",
        "מסייע": "מפריע",
        "מתקשרת": "מסרבת להתקשר",
        "החמיצה": "ביקשה",
        "השפילה": "שיבחה",
    },
}

QUANTIFIERS: Mapping[Language, Pairs] = {
    "en": {
        "only": "more than",
        "most": "no",
        "both": "neither",
        "all": "few",
        "at least": "at most",
        "almost": "not nearly",
        "main": "least",
        "longer than": "less than",
        "every": "hardly any",
    },
    "he": {
        "רק": "לפחות",
        "שניהם": "רק אחד מהם",
        "לפחות": "לכל היותר",
        "בלבד": "לפחות",
        "יותר": "פחות",
        "כל": "כמעט אף",
        "חלקית": "מלאה",
    },
}
