"""Two notes that differ in one thing, and a question for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.answers import Language


@dataclass(frozen=True, slots=True)
class Pair:
    """A note with a gap, what the twins have in it, and what is asked for the one and for the other."""

    kind: str
    note: str
    twins: tuple[str, str]
    questions: tuple[str, str]
    beyond: tuple[str, str] = ("", "")
    """Why search cannot tell them apart for the one or the other question."""

    @property
    def notes(self) -> tuple[str, str]:
        one, other = self.twins
        return self.note.format(one, other), self.note.format(other, one)


ENGLISH = (
    Pair(
        "negation",
        "Came in tired after a week of night shifts. {} headaches and dizziness. Sleep is short.",
        ("Denies", "Reports"),
        ("Who denies headaches?", "Who reports headaches?"),
    ),
    Pair(
        "negation",
        "Went over the week. {} suicidal thoughts. Will call if things get worse.",
        ("No", "Has"),
        ("When were there no suicidal thoughts?", "When did she have suicidal thoughts?"),
    ),
    Pair(
        "negation",
        "Stretching went well at home. The shoulder {} when lifting the child.",
        ("does not hurt", "hurts"),
        ("Whose shoulder does not hurt?", "Whose shoulder hurts?"),
    ),
    Pair(
        "negation",
        "Took the bus alone on Tuesday {} panic and wrote it in the diary.",
        ("without", "with"),
        ("Who rode the bus without any panic?", "Who had panic on the bus?"),
    ),
    Pair(
        "negation",
        "The GP asked about medicines. {} allergic to penicillin. Blood tests next month.",
        ("Not", "Is"),
        ("Who isn't allergic to penicillin?", "Who is allergic to penicillin?"),
    ),
    Pair(
        "family",
        "{} depressed and hardly leaves the house. We spoke about asking for help.",
        ("The client's mother is", "The client is"),
        ("Whose mother is depressed?", "Which client is depressed?"),
    ),
    Pair(
        "family",
        "Argued with her {} about money again and slept badly.",
        ("brother", "partner"),
        ("An argument with the brother about money", "An argument with the partner about money"),
    ),
    Pair(
        "family",
        "{} drinks too much since the summer. Dinner ends in shouting.",
        ("Father", "Sister"),
        ("Whose father drinks too much?", "Whose sister drinks too much?"),
    ),
    Pair(
        "family",
        "Her {0} has diabetes. Her {1} comes along to appointments.",
        ("mother", "father"),
        ("Does her mother have diabetes?", "Does her father have diabetes?"),
    ),
    Pair(
        "time",
        "{} a pack a day. Coughs in the morning and gets out of breath on stairs.",
        ("Used to smoke", "Smokes"),
        ("Who used to smoke?", "Who smokes now?"),
    ),
    Pair(
        "time",
        "{} the operation she could not climb stairs without holding on.",
        ("Before", "After"),
        ("Trouble with stairs before the operation", "Trouble with stairs after the operation"),
    ),
    Pair(
        "time",
        "{} sertraline, prescribed by the family doctor. Mood is flat.",
        ("In the past took", "Currently takes"),
        ("Who took sertraline in the past?", "Who is taking sertraline now?"),
    ),
    Pair(
        "time",
        "{} afraid of dogs. Walks to school by the long way round.",
        ("Used to be", "Is still"),
        ("Who was once afraid of dogs?", "Who is afraid of dogs these days?"),
        beyond=('"used to" is the past only as two words, and classes are of one', ""),
    ),
    Pair(
        "side",
        "Pain in the {} knee after running. Iced it twice.",
        ("left", "right"),
        ("Who has pain in the left knee?", "Who has pain in the right knee?"),
    ),
    Pair(
        "side",
        "Knee, {}: mild swelling, full range of movement.",
        ("left", "right"),
        ("Swelling of the left knee", "Swelling of the right knee"),
    ),
    Pair(
        "side",
        "Numbness of the {} hand at night, drops cups at work.",
        ("right", "left"),
        ("Whose right hand is numb?", "Whose left hand is numb?"),
    ),
    Pair(
        "side",
        "{}. Goes on with the pulleys.",
        (
            "The left shoulder is stiff, the right shoulder moves freely",
            "The right shoulder is stiff, the left shoulder moves freely",
        ),
        ("Stiff left shoulder", "Stiff right shoulder"),
    ),
    Pair(
        "amount",
        "Sertraline {} mg in the morning, taken with breakfast. No complaints.",
        ("50", "100"),
        ("Who takes 50 mg of sertraline?", "Who takes 100 mg of sertraline?"),
    ),
    Pair(
        "amount",
        "Walked for twenty minutes. Pain {}/10 going downhill.",
        ("6", "3"),
        ("Pain of 6/10 while walking", "Pain of 3/10 while walking"),
    ),
    Pair(
        "amount",
        "Sertraline was {}. Next visit in a month.",
        ("raised from 50 mg to 100 mg", "lowered from 100 mg to 50 mg"),
        ("When was sertraline raised to 100 mg?", "When was sertraline lowered to 50 mg?"),
    ),
    Pair(
        "amount",
        "Sleeps {} hours a night and naps after lunch.",
        ("4", "7"),
        ("Who sleeps four hours a night?", "Who sleeps seven hours a night?"),
    ),
    Pair(
        "amount",
        "Escitalopram {0} at night and melatonin {1} before bed.",
        ("10mg", "20mg"),
        ("Escitalopram 10 mg", "Escitalopram 20 mg"),
    ),
    Pair(
        "agent",
        "{} in front of the neighbours. Both cried afterwards.",
        ("The mother hit the client", "The client hit the mother"),
        ("When did the mother hit the client?", "When did the client hit the mother?"),
    ),
    Pair(
        "agent",
        "{} in March after ten years. Lives with a friend for now.",
        ("Her husband left her", "She left her husband"),
        ("Whose husband left her?", "Who left her husband?"),
        beyond=("", 'the same neighbours, in another order: "left her", "her husband"'),
    ),
    Pair(
        "agent",
        "{} after the meeting. Work feels easier now.",
        ("He apologised to the boss", "The boss apologised to him"),
        ("Did he apologise to the boss?", "Did the boss apologise to him?"),
    ),
    Pair(
        "plan",
        "{} swimming twice a week at the local pool.",
        ("Will start", "Started"),
        ("Who will start swimming?", "Who started swimming?"),
    ),
    Pair(
        "plan",
        "The MRI of the neck {}. Goes on with the exercises.",
        ("is planned", "was done"),
        ("Whose neck MRI is still planned?", "Whose neck MRI was done?"),
    ),
    Pair(
        "plan",
        "{} to the manager about fewer hours.",
        ("Is going to speak", "Spoke"),
        ("Who is going to speak to the manager?", "Who spoke to the manager?"),
    ),
    Pair(
        "negation",
        "Mood: {} hopeless. Appetite came back, cooks for two.",
        ("denies feeling", "reports feeling"),
        ("Who denied feeling hopeless?", "Who said they feel hopeless?"),
        beyond=(
            "",
            '"said" is no sign that it is not denied, and the denial says "denies feeling"',
        ),
    ),
    Pair(
        "negation",
        "Finished the course of tablets. {} side effects so far. Next visit in May.",
        ("No", "Some"),
        ("Which client had no side effects?", "Which client had side effects?"),
    ),
    Pair(
        "negation",
        "Slept in his own bed all week. {} nightmares since the accident anniversary.",
        ("Hasn't had any", "Has had many"),
        ("Who has not had nightmares?", "Who has had nightmares?"),
    ),
    Pair(
        "negation",
        "He {} drink alcohol. Plays football on Fridays.",
        ("doesn't", "does"),
        ("Who doesn't drink alcohol?", "Who drinks alcohol?"),
    ),
    Pair(
        "family",
        "Her {} was diagnosed with cancer in spring and the whole family is tense.",
        ("grandmother", "aunt"),
        ("Whose grandmother has cancer?", "Whose aunt has cancer?"),
    ),
    Pair(
        "family",
        "{} lost the job at the bakery. Money is tight at home.",
        ("Her husband", "She"),
        ("Whose husband lost a job?", "Which client lost her job herself?"),
        beyond=("", '"she" and "the client" are one, and no word of the question'),
    ),
    Pair(
        "family",
        "Wants more time with his {}. Wrote a letter and tore it up.",
        ("son", "daughter"),
        ("Who wants more time with a son?", "Who wants more time with a daughter?"),
    ),
    Pair(
        "time",
        "{} physiotherapy for the hip twice a month.",
        ("Previously had", "Now has"),
        (
            "Who previously had physiotherapy for the hip?",
            "Who has physiotherapy for the hip at present?",
        ),
    ),
    Pair(
        "time",
        "Gets palpitations {} meals, not at night.",
        ("before", "after"),
        ("Palpitations before eating", "Palpitations after eating"),
    ),
    Pair(
        "time",
        "{} in Haifa with three flatmates and a dog.",
        ("Lived", "Lives"),
        ("Who formerly lived in Haifa?", "Who currently lives in Haifa?"),
    ),
    Pair(
        "side",
        "Tingling down the {} arm when typing. Desk too high.",
        ("right", "left"),
        ("Whose right arm tingles?", "Whose left arm tingles?"),
    ),
    Pair(
        "side",
        "Ankle sprain ({}), taped. Walks with a limp.",
        ("left", "right"),
        ("Sprained left ankle", "Sprained right ankle"),
    ),
    Pair(
        "side",
        "{0} ear blocked, {1} ear fine. Hears the bell.",
        ("Left", "Right"),
        ("Blocked left ear", "Blocked right ear"),
    ),
    Pair(
        "amount",
        "Ritalin {0} mg before school, {1} mg at noon. Eats little.",
        ("10", "20"),
        ("Ritalin 10 mg before school", "Ritalin 20 mg before school"),
    ),
    Pair(
        "amount",
        "Rated anxiety {0}/10 at home and {1}/10 at work.",
        ("2", "8"),
        ("Anxiety 2/10 at home", "Anxiety 8/10 at home"),
    ),
    Pair(
        "amount",
        "Panic attacks {} a week. Keeps a log.",
        ("three times", "five times"),
        ("Panic attacks 3 times a week", "Panic attacks 5 times a week"),
    ),
    Pair(
        "agent",
        "{} at the family dinner and left early.",
        ("His brother insulted him", "He insulted his brother"),
        ("Whose brother insulted him?", "Who insulted his brother?"),
    ),
    Pair(
        "agent",
        "{} on the phone every evening.",
        ("The daughter calls the client", "The client calls the daughter"),
        ("Does the daughter call the client?", "Does the client call the daughter?"),
    ),
    Pair(
        "plan",
        "{} quit smoking with the help of patches.",
        ("Wants to", "Has"),
        ("Who wants to quit smoking?", "Who has quit smoking?"),
    ),
    Pair(
        "plan",
        "Knee surgery {} at the public hospital.",
        ("is scheduled for July", "took place in July"),
        ("Whose knee surgery is scheduled?", "Whose knee surgery took place?"),
    ),
)
ENGLISH_BESIDE = (
    "Sore back after gardening. Showed how to lift with the legs; exercises three times a week.",
    "Talked about the new job and the long drive. Her boss is friendly, the hours are long.",
    "Sleep diary: falls asleep late, wakes at six. No coffee after noon.",
    "Her mother came along and asked how to help at home. They laughed a lot.",
    "Neck is better, turns to both sides. Started to walk to work.",
    "Takes iron and vitamin D. Blood pressure 120/80. Feels well.",
    "Panic at the dentist in spring; breathing exercise helped. Wants to fly in summer.",
    "Moved in with a partner. Their cat is ill. Cried once, ate well.",
)
HEBREW = (
    Pair(
        "negation",
        "הגיעה עייפה אחרי שבוע של משמרות לילה. {} כאבי ראש וסחרחורות. ישנה מעט.",
        ("שוללת", "מדווחת על"),
        ("מי שוללת כאבי ראש?", "מי מדווחת על כאבי ראש?"),
    ),
    Pair(
        "negation",
        "עברנו על השבוע. {} מחשבות אובדניות. תתקשר אם יחמיר.",
        ("אין", "יש"),
        ("מתי לא היו מחשבות אובדניות?", "מתי היו מחשבות אובדניות?"),
    ),
    Pair(
        "negation",
        "המתיחות בבית הלכו טוב. הכתף {} בהרמת הילד.",
        ("לא כואבת", "כואבת"),
        ("למי הכתף לא כואבת?", "למי הכתף כואבת?"),
    ),
    Pair(
        "negation",
        "נסע באוטובוס לבד ביום שלישי {} פאניקה וכתב על זה ביומן.",
        ("ללא", "עם"),
        ("מי נסע באוטובוס בלי פאניקה?", "למי הייתה פאניקה באוטובוס?"),
    ),
    Pair(
        "negation",
        "רופא המשפחה שאל על תרופות. {} לפניצילין. בדיקות דם בחודש הבא.",
        ("אינה אלרגית", "אלרגית"),
        ("מי לא אלרגית לפניצילין?", "מי אלרגית לפניצילין?"),
    ),
    Pair(
        "family",
        "{} בדיכאון וכמעט לא יוצאת מהבית. דיברנו על בקשת עזרה.",
        ("אמא של המטופלת", "המטופלת"),
        ("למי יש אמא בדיכאון?", "איזו מטופלת בדיכאון?"),
    ),
    Pair(
        "family",
        "שוב רבה עם {} על כסף וישנה רע.",
        ("אחיה", "בן זוגה"),
        ("מריבה עם האח על כסף", "מריבה עם בן הזוג על כסף"),
    ),
    Pair(
        "family",
        "{} שותה יותר מדי מאז הקיץ. ארוחות הערב נגמרות בצעקות.",
        ("אבא", "האחות"),
        ("למי יש אבא ששותה יותר מדי?", "למי יש אחות ששותה יותר מדי?"),
    ),
    Pair(
        "family",
        "יש סוכרת ל{0}. ה{1} מגיע לתורים.",
        ("אמא", "אבא"),
        ("לאמא שלה יש סוכרת?", "לאבא שלה יש סוכרת?"),
    ),
    Pair(
        "time",
        "{} חפיסה ביום. משתעל בבוקר ומתנשף במדרגות.",
        ("עישן בעבר", "מעשן כיום"),
        ("מי עישן בעבר?", "מי מעשן כיום?"),
    ),
    Pair(
        "time",
        "{} הניתוח לא הצליחה לעלות במדרגות בלי להיאחז.",
        ("לפני", "אחרי"),
        ("קושי במדרגות לפני הניתוח", "קושי במדרגות אחרי הניתוח"),
    ),
    Pair(
        "time",
        "{} סרטרלין, במרשם מרופא המשפחה. מצב הרוח ירוד.",
        ("בעבר נטלה", "כרגע נוטלת"),
        ("מי נטלה סרטרלין בעבר?", "מי נוטלת היום סרטרלין?"),
    ),
    Pair(
        "time",
        "{} מכלבים. הולכת לבית הספר בדרך הארוכה.",
        ("פחדה פעם", "עדיין מפחדת"),
        ("מי פחדה בעבר מכלבים?", "מי מפחדת כיום מכלבים?"),
    ),
    Pair(
        "side",
        "כאב בברך {} אחרי ריצה. שמה קרח פעמיים.",
        ("שמאל", "ימין"),
        ("למי כואבת ברך שמאל?", "למי כואבת ברך ימין?"),
    ),
    Pair(
        "side",
        "ברך {}: נפיחות קלה, טווח תנועה מלא.",
        ("ימין", "שמאל"),
        ("נפיחות בברך הימנית", "נפיחות בברך השמאלית"),
    ),
    Pair(
        "side",
        "נימול ביד {} בלילה, מפיל כוסות בעבודה.",
        ("ימנית", "שמאלית"),
        ("למי יש נימול ביד ימין?", "למי יש נימול ביד שמאל?"),
    ),
    Pair(
        "side",
        "{}. ממשיכה עם הגלגלת.",
        ("כתף ימין נוקשה, כתף שמאל נעה בחופשיות", "כתף שמאל נוקשה, כתף ימין נעה בחופשיות"),
        ("נוקשות בכתף ימין", "נוקשות בכתף שמאל"),
    ),
    Pair(
        "amount",
        'סרטרלין {} מ"ג בבוקר, עם ארוחת הבוקר. בלי תלונות.',
        ("50", "100"),
        ('מי נוטל 50 מ"ג סרטרלין?', 'מי נוטל 100 מ"ג סרטרלין?'),
    ),
    Pair(
        "amount",
        "הלכה עשרים דקות. כאב {}/10 בירידה.",
        ("6", "3"),
        ("כאב של 6/10 בהליכה", "כאב של 3/10 בהליכה"),
    ),
    Pair(
        "amount",
        "המינון של סרטרלין {}. ביקור הבא בעוד חודש.",
        ('הועלה מ-50 מ"ג ל-100 מ"ג', 'הורד מ-100 מ"ג ל-50 מ"ג'),
        ('מתי הועלה הסרטרלין ל-100 מ"ג?', 'מתי הורד הסרטרלין ל-50 מ"ג?'),
    ),
    Pair(
        "amount",
        "ישן {} שעות בלילה ונח אחרי הצהריים.",
        ("4", "7"),
        ("מי ישן ארבע שעות בלילה?", "מי ישן שבע שעות בלילה?"),
    ),
    Pair(
        "amount",
        "אסציטלופרם {0} בלילה ומלטונין {1} לפני השינה.",
        ('10 מ"ג', '20 מ"ג'),
        ('אסציטלופרם 10 מ"ג', 'אסציטלופרם 20 מ"ג'),
    ),
    Pair(
        "agent",
        "{} מול השכנים. שתיהן בכו אחר כך.",
        ("האם הכתה את המטופלת", "המטופלת הכתה את האם"),
        ("מתי האם הכתה את המטופלת?", "מתי המטופלת הכתה את האם?"),
    ),
    Pair(
        "agent",
        "{} במרץ אחרי עשר שנים. בינתיים גרה אצל חברה.",
        ("בעלה עזב אותה", "היא עזבה את בעלה"),
        ("את מי עזב בעלה?", "מי עזבה את בעלה?"),
    ),
    Pair(
        "agent",
        "{} אחרי הישיבה. בעבודה קל יותר עכשיו.",
        ("הוא התנצל בפני הבוס", "הבוס התנצל בפניו"),
        ("מי התנצל בפני הבוס?", "הבוס של מי התנצל בפניו?"),
    ),
    Pair(
        "plan",
        "{} שחייה פעמיים בשבוע בבריכה העירונית.",
        ("תתחיל", "התחילה"),
        ("מי תתחיל שחייה?", "מי התחילה שחייה?"),
    ),
    Pair(
        "plan",
        "MRI של הצוואר {}. ממשיכה בתרגילים.",
        ("מתוכנן", "בוצע"),
        ("למי מתוכנן MRI של הצוואר?", "למי כבר בוצע MRI של הצוואר?"),
    ),
    Pair(
        "plan",
        "{} עם המנהלת על פחות שעות.",
        ("מתכוונת לדבר", "דיברה"),
        ("מי מתכוונת לדבר עם המנהלת?", "מי דיברה עם המנהלת?"),
    ),
    Pair(
        "negation",
        "מצב רוח: {} ייאוש. התיאבון חזר, מבשלת לשניים.",
        ("מכחישה", "חווה"),
        ("מי מכחישה ייאוש?", "מי חווה ייאוש?"),
    ),
    Pair(
        "negation",
        "סיים את הטיפול בכדורים. {} תופעות לוואי. ביקור הבא במאי.",
        ("ללא", "היו"),
        ("למי לא היו תופעות לוואי?", "למי היו תופעות לוואי?"),
        beyond=('"לא היו" shares a word with what denies it not, and "ללא" none with it', ""),
    ),
    Pair(
        "negation",
        "ישן במיטה שלו כל השבוע. {} סיוטים מאז יום השנה לתאונה.",
        ("לא היו לו", "היו לו"),
        ("מי ללא סיוטים?", "מי עם סיוטים?"),
    ),
    Pair(
        "negation",
        "הוא {} אלכוהול. משחק כדורגל בימי שישי.",
        ("אינו שותה", "שותה"),
        ("מי לא שותה אלכוהול?", "מי שותה אלכוהול?"),
    ),
    Pair(
        "family",
        "ל{} אובחן סרטן באביב וכל המשפחה במתח.",
        ("סבתה", "דודתה"),
        ("לסבתא של מי יש סרטן?", "לדודה של מי יש סרטן?"),
    ),
    Pair(
        "family",
        "{} את העבודה במאפייה. אין מספיק כסף בבית.",
        ("בעלה איבד", "היא איבדה"),
        ("בעלה של מי איבד את העבודה?", "מי איבדה בעצמה את העבודה?"),
    ),
    Pair(
        "family",
        "רוצה יותר זמן עם {}. כתב מכתב וקרע אותו.",
        ("בנו", "בתו"),
        ("מי רוצה יותר זמן עם הבן?", "מי רוצה יותר זמן עם הבת?"),
    ),
    Pair(
        "time",
        "{} פיזיותרפיה לירך פעמיים בחודש.",
        ("קיבל בעבר", "מקבל כעת"),
        ("מי קיבל בעבר פיזיותרפיה לירך?", "מי מקבל כיום פיזיותרפיה לירך?"),
    ),
    Pair(
        "time",
        "דפיקות לב {} ארוחות, לא בלילה.",
        ("לפני", "אחרי"),
        ("דפיקות לב לפני האוכל", "דפיקות לב אחרי האוכל"),
    ),
    Pair(
        "time",
        "{} בחיפה עם שלושה שותפים וכלב.",
        ("גר בעבר", "גר כרגע"),
        ("מי גר פעם בחיפה?", "מי גר עכשיו בחיפה?"),
    ),
    Pair(
        "side",
        "עקצוץ לאורך זרוע {} בזמן הקלדה. השולחן גבוה מדי.",
        ("ימין", "שמאל"),
        ("עקצוץ בזרוע הימנית", "עקצוץ בזרוע השמאלית"),
    ),
    Pair(
        "side",
        "נקע בקרסול ({}), נחבש. הולך בצליעה.",
        ("שמאלי", "ימני"),
        ("נקע בקרסול שמאל", "נקע בקרסול ימין"),
    ),
    Pair(
        "side",
        "אוזן {0} סתומה, אוזן {1} תקינה. שומע את הפעמון.",
        ("שמאל", "ימין"),
        ("אוזן שמאל סתומה", "אוזן ימין סתומה"),
    ),
    Pair(
        "amount",
        'ריטלין {0} מ"ג לפני בית הספר, {1} מ"ג בצהריים. אוכל מעט.',
        ("10", "20"),
        ('ריטלין 10 מ"ג לפני בית הספר', 'ריטלין 20 מ"ג לפני בית הספר'),
    ),
    Pair(
        "amount",
        "דירגה חרדה {0}/10 בבית ו-{1}/10 בעבודה.",
        ("2", "8"),
        ("חרדה 2/10 בבית", "חרדה 8/10 בבית"),
    ),
    Pair(
        "amount",
        "התקפי פאניקה {} פעמים בשבוע. מנהלת יומן.",
        ("שלוש", "חמש"),
        ("התקפי פאניקה 3 פעמים בשבוע", "התקפי פאניקה 5 פעמים בשבוע"),
    ),
    Pair(
        "agent",
        "{} בארוחה המשפחתית ויצא מוקדם.",
        ("אחיו העליב אותו", "הוא העליב את אחיו"),
        ("אחיו של מי העליב אותו?", "מי העליב את אחיו?"),
    ),
    Pair(
        "agent",
        "{} כל ערב בטלפון.",
        ("הבת מתקשרת למטופלת", "המטופלת מתקשרת לבת"),
        ("הבת מתקשרת למטופלת?", "המטופלת מתקשרת לבת?"),
    ),
    Pair(
        "plan",
        "{} לעשן בעזרת מדבקות.",
        ("רוצה להפסיק", "הפסיק"),
        ("מי רוצה להפסיק לעשן?", "מי הפסיק לעשן?"),
    ),
    Pair(
        "plan",
        "ניתוח הברך {} בבית החולים הציבורי.",
        ("מתוכנן ליולי", "נעשה ביולי"),
        ("למי מתוכנן ניתוח ברך?", "למי נעשה ניתוח ברך?"),
    ),
)
HEBREW_BESIDE = (
    "גב תפוס אחרי עבודה בגינה. הראיתי איך להרים עם הרגליים; תרגילים שלוש פעמים בשבוע.",
    "סיפרה על העבודה החדשה ועל הנסיעה הארוכה. הבוס נחמד, השעות ארוכות.",
    "יומן שינה: נרדם מאוחר, מתעורר בשש. בלי קפה אחרי הצהריים.",
    "אמא שלה הצטרפה ושאלה איך לעזור בבית. צחקו הרבה.",
    "הצוואר טוב יותר, מסתובב לשני הצדדים. התחילה ללכת ברגל לעבודה.",
    "נוטל ברזל וויטמין די. לחץ דם 120/80. מרגיש טוב.",
    "פאניקה אצל רופא השיניים באביב; תרגיל הנשימה עזר. רוצה לטוס בקיץ.",
    "עברה לגור עם בן זוג. החתול שלהם חולה. בכתה פעם אחת, אכלה טוב.",
)

PAIRS: dict[Language, Sequence[Pair]] = {"en": ENGLISH, "he": HEBREW}
BESIDE: dict[Language, Sequence[str]] = {"en": ENGLISH_BESIDE, "he": HEBREW_BESIDE}
"""What else is in the practice."""
