"""How names are written in the other alphabet: דנה is Dana."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from service.language.features import other_sounds
from service.language.text import normalise

# By hand, because rules are not certain for names this short: דנה could be Dana, Dina or "done".
_PAIRS = """
אבוטבול abutbul|אבי avi|אביב aviv|אביגיל avigail abigail|אביטל avital|אביטן avitan|אבנר avner|אברהם avraham abraham
אברי avri|אברמוב abramov|אדלר adler|אדם adam|אדר adar|אדרי edri|אהוד ehud|אהרון aharon aaron|אהרן aharon aaron
אודי udi|אוהד ohad|אוחיון ohayon|אוחנה ohana|אור or|אורי ori uri|אוריאל uriel|אורית orit|אורלי orly orli|אורן oren
אורנה orna|אושר osher|אזולאי azoulay azulay|אחמד ahmad ahmed|איב eve|איגור igor|אייל eyal|איילה ayala|איילת ayelet
אילן ilan|אילנה ilana|אילת ayelet eilat|אימן iman|אירינה irina|אירית irit|איתי itai itay|איתמר itamar
איתן eitan eytan ethan|אלבז elbaz|אלה ella|אלון alon|אליה elia eliya|אליהו eliyahu|אלינור elinor|אליעזר eliezer
אלכס alex|אלכסיי alexey|אלעד elad|אלקיים elkayam|אמיר amir|אמיתי amitai amitay|אמנון amnon|אמסלם amsalem
אנדריי andrey|אנה anna ana|אסולין asulin|אסנת osnat|אסף asaf assaf|אסתר esther ester|אפרת efrat|אריאל ariel
אריה arie arye aryeh|אריק arik|אשכנזי ashkenazi|אתי eti etti|בוזגלו buzaglo|בועז boaz|בוריס boris|ביטון biton bitton
בילאל bilal|בינה bina|בירן biran|בכר bachar|בן ben|בני benny beni|בנימין binyamin benjamin|בר bar|ברגר berger
ברוך baruch|ברק barak|ברקוביץ berkovich berkowitz|בתיה batya|גבאי gabay gabai|גבי gabi gaby|גבריאל gabriel|גד gad
גדי gadi|גולדברג goldberg|גולדשטיין goldstein|גולן golan|גונן gonen|גיא guy|גיורא giora|גיל gil|גילה gila|גילי gili
גל gal|גליה galia galya|גלית galit|גרוס gross|דבורה devora dvora deborah|דהן dahan|דוד david dudi|דודי dudi|דור dor
דורון doron|דורית dorit|דיין dayan|דליה dalia dalya|דן dan|דנה dana|דני danny dani|דניאל daniel|דניאלה daniela
דפנה dafna daphna|דקל dekel|דרור dror|הגר hagar|הדס hadas|הדסה hadassah|הדר hadar|הורוביץ horowitz hurwitz|הילה hila
הלוי halevi halevy|הלל hillel|הראל harel|הרוש harush|וולף wolf|וייס weiss|וקנין vaknin|ורד vered|זאב zeev
זהבה zehava|זוהר zohar|זיו ziv|זילבר zilber silver|חגי hagai|חגית hagit chagit|חדד hadad haddad|חוה hava chava
חזן hazan chazan|חיה haya chaya|חיון hayun|חיים haim chaim|חן chen hen|חנה hanna hana hannah chana|חנן hanan
טובה tova|טולדנו toledano|טל tal|טלי tali|טליה talia talya|טניה tania tanya|יאיר yair|יגאל yigal|ידידיה yedidya
יהב yahav|יהודה yehuda|יהודית yehudit|יהונתן yehonatan jonathan|יהושע yehoshua|יואב yoav|יואל yoel|יובל yuval
יוחאי yohai|יונה yona|יוני yoni|יונתן yonatan|יוסי yossi yosi|יוסף yosef joseph yusuf|יורם yoram|ימין yamin|יעל yael
יעקב yaakov jacob|יעקובי yaakobi|יערה yaara|יפה yafa yaffa|יפעת yifat|יצחק yitzhak yitzchak isaac|ירדן yarden
ירון yaron|ישי yishai|ישראל yisrael israel|כהן cohen kohen|כלנית kalanit|כנרת kineret kinneret|כץ katz|כרם kerem
כרמית carmit karmit|כרמל carmel karmel|לאה lea leah|לאון leon|לב lev|לוי levi levy|לוין levin levine|ליאור lior
ליאורה liora|ליאת liat|ליהי lihi|לילה layla leila|לילך lilach|לימור limor|לינה lina|לינוי linoy|לירון liron
לירז liraz|לנדאו landau|לרנר lerner|מאור maor|מאיה maya|מאיר meir|מאלק malak|מוחמד muhammad mohammad mohammed
מוטי moti motti|מועלם moalem|מור mor|מורן moran|מזרחי mizrahi mizrachi|מחמוד mahmoud|מיה mia|מיטל meital
מיכאל michael|מיכאלה michaela|מיכל michal|מימון maimon|מיקי miki micky|מירב merav meirav|מירי miri|מלול malul
מלכא malka|מלכה malka|מלמד melamed|מנחם menachem menahem|מעיין maayan|מריה maria|מרים miriam|מרינה marina
מרציאנו marciano|משה moshe|משיח mashiach|מתן matan|נאוה nava|נגה noga|נדב nadav|נוי noy|נועה noa|נועם noam
נורית nurit|נח noah|נחום nahum|נחמיאס nahmias|נטלי natalie|נטע neta netta|נילי nili|ניסים nissim nisim|ניצן nitzan
ניר nir|נירית nirit|נמרוד nimrod|נעה noa|נעמה naama|נעמי naomi|נתן natan nathan|נתנאל netanel nathaniel|סאלי sally
סבג sabag sabbag|סגל segal|סויסה suissa|סיגל sigal|סיגלית sigalit|סיון sivan|סימון simon|סמדר smadar|סמי sami sammy
סמיר samir|ספיר sapir|סרגיי sergey|סתיו stav|עדי adi|עדינה adina|עדן eden|עודד oded|עוז oz|עומר omer|עומרי omri
עופר ofer|עופרה ofra|עזרא ezra|עידו ido|עידן idan|עינב einav|עינת einat|עירית irit|עליזה aliza|עמוס amos|עמית amit
עמר amar|עמרי omri|ענבל inbal|ענבר inbar|ענת anat|עפרה ofra|פאטמה fatima fatma|פורת porat|פטמה fatima fatma
פינטו pinto|פישר fisher fischer|פלד peled|פלדמן feldman|פנינה pnina|פרידמן friedman|פרץ peretz perez|צבי zvi tzvi
ציון zion tzion|ציפי tzipi|צליל tslil|צמח tzemach|קדוש kadosh|קובי kobi|קורל coral|קליין klein|קפלן kaplan
קרין karin|קרמר kramer|קרן keren|רביבו revivo|רביד ravid|רבקה rivka rebecca|רובין rubin|רוזן rosen|רוזנברג rosenberg
רוט roth|רון ron|רוני roni ronny|רונית ronit|רונן ronen|רות ruth rut|רותי ruti|רותם rotem|רז raz|רחל rachel rahel
רחלי rachely|רייך reich|רינה rina|רינת rinat|רם ram|רמי rami|רן ran|רננה renana|רעות reut|רעיה raya
רפאל rafael raphael|רפי rafi|שגיא sagi|שגית sagit|שוורץ schwartz|שולה shula|שולמית shulamit|שון sean shaun
שושנה shoshana|שחר shachar shahar|שטיין stein|שטרן stern|שי shay shai|שיר shir|שירה shira|שירי shiri|שירלי shirley
שירן shiran|שלום shalom|שלומי shlomi|שלומית shlomit|שלמה shlomo|שמואל shmuel samuel|שמעון shimon simon|שני shani
שפירא shapira shapiro|שפירו shapiro|שקד shaked|שרה sara sarah|שרון sharon|שרית sarit|שרעבי sharabi|ששון sasson
ששי sasi|תאיר tair|תהילה tehila|תום tom|תומר tomer|תורגמן turgeman|תמי tami tammy|תמר tamar|תמרה tamara|תקוה tikva
תקווה tikva
"""


def _entries() -> Iterator[tuple[str, str]]:
    for entry in _PAIRS.replace("\n", "|").strip("|").split("|"):
        hebrew, *latin = entry.split()
        for spelling in latin:
            yield normalise(hebrew), spelling


def _both_ways() -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for hebrew, latin in _entries():
        found[hebrew].add(latin)
        found[latin].add(hebrew)
    return {form: frozenset(others) for form, others in found.items()}


_SPELLINGS = _both_ways()


def other_spellings(form: str) -> frozenset[str]:
    """The normal forms in the other alphabet of a name in its normal form, as far as they are known by heart."""
    return _SPELLINGS.get(form, frozenset())


class Heard:
    """Names by their sound, so that one is known in the other alphabet though nobody wrote it down here."""

    def __init__(self) -> None:
        self._by_sound: dict[str, set[str]] = {}

    def add(self, form: str) -> None:
        """A name in its normal form; one of fewer than four consonants sounds like too much else."""
        for sound in other_sounds(form)[:1]:
            self._by_sound.setdefault(sound, set()).add(form)

    def with_those_of(self, other: "Heard") -> "Heard":
        """Both, in a copy."""
        both = Heard()
        for held in (self, other):
            for sound, forms in held._by_sound.items():
                both._by_sound.setdefault(sound, set()).update(forms)
        return both

    def isdisjoint(self, sounds: Iterable[str]) -> bool:
        """Whether no name of the other alphabet has one of these sounds (`service.language.features.sounds`)."""
        return self._by_sound.keys().isdisjoint(sounds)

    def says(self, form: str, sound: str) -> bool:
        """Whether a word of that sound says a name of the other alphabet."""
        names = self._by_sound.get(sound, ())
        return any(_say_the_same(*sorted((form, name))) for name in names)


def _say_the_same(latin: str, hebrew: str) -> bool:
    """Beside the consonants: "Samantha" is not זמנית, "National" not נתנאל, "Eastern" not שטרן."""
    return (
        _has(latin, "ou") == _has(hebrew.replace("וו", ""), "ו")
        and (latin[0] in "aeiou") == (hebrew[0] in "אעוי")
        and (not _has(hebrew, "י") or _has(latin, "eijy"))
    )


def _has(form: str, letters: str) -> bool:
    return any(letter in form for letter in letters)
