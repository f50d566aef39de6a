"""Names that are words too, and words that stand around names, in their normal form."""

from service.language.text import normal_forms

_ENGLISH = """
amber angel april archer aria art ash aspen august aurora autumn baker banks bill bishop black bliss bloom blue bond
brook brooks brown buck buddy bush candy carol carter cash chance charity chase cherry chip chuck church clay cliff
coach colt constant cook cooper coral cox crew crystal daisy dale dawn day dean destiny drew duke earl eden ember
eve faith farmer fern field fields fisher flint ford forest foster fox frank frost gale garland gene ginger glen gold
good grace grant gray green grey guy hall hart harmony haven hazel heart heath heather heaven hill holly honey hope
hunter iris ivory ivy jade jay jean jewel joy june justice king lake lamb lane lark law light lily little long love
lucky major mark marsh mason max may meadow melody mercy miles miller moody moon moore noble north oak ocean olive opal
page parker pat patience pearl penny piper pope poppy porter potter power prince price quick rain ranger ray reed rich
river rob robin rock rose rosemary ruby rusty sage sandy scout sharp shepherd short skip sky skye small smart snow song
spring star sterling stone storm strong sue summer summers sunny swan sweet taylor terry trinity true turner tyler
unity van violet walker wall wells west white will willow winter wise wolf wood woods wren young
"""
# Capitals say nothing of these.
_ALWAYS_CAPITAL = """
april august austin autumn brooklyn carolina charlotte chelsea china christian dallas easter florence friday georgia
india ireland israel january jordan june lincoln london madison march may milan monday montana noel paris phoenix rome
savannah sunday sydney virginia washington wednesday
"""
# Not every name that means something: nobody writes "רון" for joy, or "ליאור" for a light of his.
_HEBREW = """
אביב אגם אדום אדם אדר אהבה אהוב אופק אור אושר אילת אלה אלול אמונה אמת אמיתי אריה אתי בן בר ברוך ברק ברכה גאולה גבי
גולן גור גיל גילה גל גליל גלים גפן גשם דבורה דוב דור דין דיין דן דר הר ורד זהב זוהר זית חוה חווה חיה חיים חייט חן
חרות חרמון טוב טובה טל יהלום יונה יופי ים יעד יפה יקיר יקר ירדן ירוק ירח ישר ישראל כוכב כלנית כנרת כרמל כתר לב לבן
לבנה ליבי לילה מגן מורה מזל מטר מלך מלכה מעוז מעיין מרים משמר מתן מתנה נגר נהר נועם נח נחל נחמה ניסן נעים נעם נר נרקיס
נשר נתן סופר סיון סיוון סיני סלע סער סתו סתיו עדן עוז עוזר עידן עלי עמית עמק ענן ערבה פלא פלג פנינה פסח פרח פרי פרץ
צבי צבר צור צחור ציון ציפור צליל קורן קיץ קרן קשת רוח רופא רחמים רימון רעות רעם שבת שדה שושנה שחר שחור שי שיא שיר
שירה שלג שלווה שלום שמחה שמיר שמן שמש שני שפיר שקד ששון תהילה תום תמוז תמיד תמר תקווה תקוה
"""
EVERYDAY = normal_forms(_ENGLISH, _ALWAYS_CAPITAL, _HEBREW)
"""Names that stand in a text as words more often than not, or too often to rely on."""
ALWAYS_CAPITAL = normal_forms(_ALWAYS_CAPITAL)
UNCLE = "דוד"
"""An uncle too; alone it is nearly always David."""

LOOKALIKES = normal_forms(
    # Names of others that begin with letters which may be prefixes: לירון is hardly "to Yaron".
    """
    שרון מאיה מרינה שגיא מאור לירון לירן כרמי כרמית לאורה ליאורה ליאון ליאן מתמר בנימין מיכאל מיקה מירה מירב מירי מלי
    ליהי לינה לינוי ליעד ליעוז שמואל שמעון שירן שרית שגית שני בועז בתיה ורדה מנחם משה מתי
    """,
    # And words.
    """
    אמר כאב כבוד כדור כלב כלים כרם כשרון כשרה בלוי בחנה בשר בשרה גרם לבוש לבן לשון מחנה מחלה מדינה מלאה מלוא מלון
    מרות משרה משי משמח משמר שבר שבריר שגרה שלילי שמיר שמשה שרות שרירי שרשרת
    """,
)
"""Words whose first letters look like prefixes before a name and hardly ever are."""

# Not "אם", which is "if" a hundred times more often, nor "חם", which is "hot".
_RELATIVES = """
brother brothers sister sisters sibling siblings mother mothers father fathers mom mum mommy mummy mama dad daddy papa
parent parents son sons daughter daughters child children kid kids baby twin husband wife spouse partner partners
fiance fiancee boyfriend girlfriend ex grandmother grandfather grandma grandpa grandson granddaughter grandparents
uncle uncles aunt aunts cousin cousins nephew nieces niece stepmother stepfather stepson stepdaughter law
friend friends boss manager colleague colleagues coworker neighbor neighbour roommate teacher tutor doctor dr prof
professor psychiatrist psychologist lawyer coach nurse rabbi dog cat
אח אחים אחות אחיות אבא אב אמא אימא הורים הורה בן בנים בת בנות ילד ילדה תאום תאומה בעל אישה אשה אשת זוג בנזוג ארוס ארוסה
חבר חברה חברים חברות סבא סבתא סב נכד נכדה דוד דודה דודים גיס גיסה חמות חותן חותנת כלה חתן אחיין אחיינית גרוש גרושה
בוס מנהל מנהלת קולגה שכן שכנה שותף שותפה מורה מחנך מחנכת רופא רופאה פסיכיאטר פסיכיאטרית פסיכולוג פסיכולוגית דר פרופ
עורכת רב כלב כלבה חתול
"""
_SOMEBODYS = """
אחי אחיו אחיה אחיהם אחותי אחותו אחותה אחותם אחיותיו אחיותיה אביו אביה אביהם אבי אמו אמה אימו אימה אמם אמי הוריו הוריה
הוריי בנו בנה בנם בני בתו בתה בתם בתי בניו בניה בנותיו בנותיה ילדיו ילדיה ילדו ילדתה בעלה בעלי אשתו אשתי זוגו זוגה זוגי
ארוסתו ארוסה חברו חברתו חברתה חבריו חבריה חברי חברתי סבו סבה סבתו סבתה נכדו נכדתו נכדתה דודו דודתו דודתה דודי גיסו גיסתו
גיסתה חמותו חמותה חתנו חתנה כלתו כלתה אחייניתו אחיינו גרושו גרושתו גרושה מנהלו מנהלתו מורתו מורתה שכנו שכנתו שכנתה
"""
RELATIVES = normal_forms(_RELATIVES, _SOMEBODYS)
"""Whoever may be called by name in a note beside the client."""
SOMEBODYS = normal_forms(_SOMEBODYS)
"""Those of them whose ending says "his" or "her"."""
OWNERS = normal_forms("his her hers their my your our whose")
OWNED = normal_forms("שלו שלה שלי שלך שלהם שלהן שלנו")
OF = normal_forms("of של")
AGED = normal_forms("בן בת")
"""Before a number they say an age: "בן 45" is no son."""
CALLED = normal_forms("called named name is בשם ששמו ששמה שמו שמה ששם שנקרא שנקראת")
AND = normal_forms("and וגם ואת")
TITLES = normal_forms(
    "client patient mr mrs ms miss mister מר גב גברת מטופל מטופלת המטופל המטופלת לקוח לקוחה הלקוח הלקוחה"
)
TOLD = normal_forms(
    "said told mentioned reported described complained talked raised brought",
    "אמר אמרה סיפר סיפרה הזכיר הזכירה דיבר דיברה דיווח דיווחה התלונן התלוננה",
    "תיאר תיארה ציין ציינה העלה העלתה שיתף שיתפה",
)
"""What only somebody does: who stands before them is no spring and no hope."""
TELL = normal_forms("say tell mention report describe complain talk speak raise bring")
DID = normal_forms("did does has had")
MEETINGS = normal_forms(
    "פגישה פגישות הפגישה הפגישות בפגישה בפגישות מהפגישות מפגש מפגשים המפגש המפגשים במפגש במפגשים מהמפגשים",
    "לנו נפגשנו קיימנו",
)
MEETINGS_OF = normal_forms("של עם")
TOLD_ABOUT = normal_forms("את על כי שהוא שהיא")
NICKNAMES = normal_forms("אבי בני אמי דודי")
"""My father and so on; but who asks about a client means a name."""
PARTICLES = normal_forms(
    "de da del di du el al la le van von der den bin ibn abu ben bar st אבו אל בן בר בת דה ואן די"
)
"""Parts of a double name that are nobody's name by themselves."""
