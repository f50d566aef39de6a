"""Words that say nothing about what a text is about, in their normal form."""

from service.language.text import normal_forms

_ENGLISH = """
a about after again all also am an and any are as at be because been before being between both but by can could
did do does doing down during each ever every few for from further get gets getting go goes going gone got had has
have having he her here hers him his how however i if in into is it its itself just know let like lot made make
makes many may maybe me might mine more most much must my myself no nor not now of off oh ok okay on once one only
onto or other our ours out over own perhaps please pretty quite rather really said same saw say says see
seem seems seen shall she should since so some something sometimes still stuff such sure take taken tell than that
the their theirs them then there these they thing things think this those though through thus to told too toward
try two uh um until up upon us very want wants was way we well went were what whatever when where whether which
while who whom whose why will with within without would yeah yep yes yet you your yours yourself
aren't can't couldn't didn't doesn't don't hadn't hasn't haven't he's i'd i'll i'm i've isn't it's let's she's
that's there's they're they've wasn't we're we've weren't what's won't wouldn't you'd you'll you're you've
anything anyone everything gonna wanna kind sort mean mhm hmm hm ah actually basically guess
"""
_HEBREW = """
של את על עם אל אצל בין עד מן כמו כדי לפי לגבי בגלל בשל תוך דרך מול נגד לאור אחרי לאחר לפני מאז בזמן במהלך בעקבות עבור
בעת מתוך לצד ידי על-ידי כנגד באמצעות לשם למען
אני אתה את אנחנו אתם אתן הוא היא הם הן זה זו זאת אלה אלו אותו אותה אותם אותן עצמו עצמה עצמי עצמם
שלי שלך שלו שלה שלנו שלכם שלהם שלהן לי לך לו לה לנו לכם להם להן בו בה בי בך בנו בהם בהן ממנו ממנה ממני מהם מהן
אליו אליה אליהם עליו עליה עליהם איתו איתה איתם אתו אתה עמו עמה
מה מי מתי איפה היכן לאן מאין מדוע למה כיצד איך האם כמה איזה איזו אילו אלו איזשהו מהו מהי מיהו מיהי מהם מהן מיהם
באיזה באיזו באילו לאיזה לאיזו לאילו מאיזה מאיזו מאילו באיזשהו שבו שבה ממה במה לכמה בכמה כמי למי ממי במי
כי אם או אך אבל אלא גם רק אף כאשר כש ש ה ו ב כ ל מ אשר לכן כן לא אין יש אז כבר עוד עדיין יותר פחות מאוד כל כלל שוב עכשיו
פה שם כאן היה היתה הייתה היו יהיה תהיה יהיו להיות הינו הינה נהיה הייתי היינו קיים קיימת קיימים
ולא וכן וגם ואת ועל ועם והוא והיא והם וכי ואז כך ככה כזה כזו כאלה אותי אותך אותנו
"""
# How therapists ask about notes; every note is about a patient and a session, hardly any says so.
_FRAMES = """
client client's clients patient patient's patients therapist session sessions note notes meeting visit appointment
latest recent recently newest current currently nowadays lately
begin began begun start started happen happened
discuss discussed talk talked speak spoke mention mentioned report reported describe described tell
find found different difference differences specific example examples information
המטופל המטופלת מטופל מטופלת למטופל למטופלת המטופלים מטופלים הלקוח הלקוחה לקוח לקוחה המטפל המטפלת הפגישה פגישה פגישות
הפגישות בפגישה בפגישות מהפגישה מפגש מפגשים במפגש במפגשים טיפול הטיפול בטיפול סיכום הסיכום
האחרון האחרונה אחרון אחרונה הנוכחי הנוכחית נוכחי נוכחית כעת כרגע לאחרונה
החל החלה החלו התחיל התחילה התחילו קרה קרתה קרו
דיברנו דיבר דיברה דובר אמר אמרה סיפר סיפרה ציין ציינה הזכיר הזכירה הוזכר תיאר תיארה דיווח דיווחה נאמר נכתב
"""

STOPWORDS = normal_forms(_ENGLISH + _HEBREW + _FRAMES)


def content(words: list[str]) -> list[str]:
    """The distinct words that carry meaning, in order; all of them when none does."""
    distinct = list(dict.fromkeys(words))
    return [word for word in distinct if word not in STOPWORDS] or distinct
