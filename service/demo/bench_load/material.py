"""What the therapists of a load write and ask, in both languages.

Every sentence has a number that is drawn anew each time, so that an old version is told from a new one, and ends in a
word of no language that only its client's notes have, so that it is known wherever it turns up.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from service.demo.bench_chat.sides import MARK
from service.domain.answers import Language
from service.domain.notes import SOAP_FIELDS

WORD = MARK
"""What every planted word looks like."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a sentence says, and how it is asked for."""

    said: Mapping[Language, str]
    asked: Mapping[Language, str]


def _topic(he: str, en: str, asked_he: str, asked_en: str) -> Topic:
    return Topic({"he": he, "en": en}, {"he": asked_he, "en": asked_en})


TOPICS = (
    _topic(
        "כאב בברך ימין {n} מתוך 10 בירידה במדרגות",
        "Right knee pain {n} out of 10 going down the stairs",
        "כמה כואבת הברך במדרגות?",
        "How strong is the knee pain on the stairs?",
    ),
    _topic(
        "ישנה {n} שעות בלילה ומתעוררת מוקדם",
        "Sleeps {n} hours a night and wakes early",
        "כמה שעות שינה בלילה?",
        "How many hours of sleep a night?",
    ),
    _topic(
        "כפיפת הכתף {n} מעלות בלי כאב",
        "Shoulder flexion {n} degrees without pain",
        "מה טווח כפיפת הכתף?",
        "What was the shoulder flexion in degrees?",
    ),
    _topic(
        "הולכת {n} דקות ביום בפארק",
        "Walks {n} minutes a day in the park",
        "כמה דקות הליכה ביום בפארק?",
        "How many minutes of walking in the park?",
    ),
    _topic(
        "נוטלת איבופרופן {n} מ״ג אחרי האוכל",
        "Takes ibuprofen {n} mg after meals",
        "מה המינון של האיבופרופן?",
        "What is the dose of ibuprofen?",
    ),
    _topic(
        "חרדה לפני ישיבות בעבודה, {n} פעמים השבוע",
        "Anxious before meetings at work, {n} times this week",
        "מה נאמר על חרדה בעבודה?",
        "What was said about anxiety before meetings?",
    ),
    _topic(
        "תרגול נשימה {n} פעמים בשבוע עד הפגישה הבאה",
        "Breathing exercise {n} times a week until the next session",
        "באיזו תדירות תרגול הנשימה?",
        "How often is the breathing exercise?",
    ),
    _topic(
        "כוח האחיזה ביד שמאל {n} ק״ג",
        "Grip strength of the left hand {n} kg",
        "מה כוח האחיזה ביד שמאל?",
        "How strong is the grip of the left hand?",
    ),
    _topic(
        "מריבות עם האח על הדירה, {n} שיחות טלפון",
        "Quarrels with the brother about the flat, {n} phone calls",
        "על מה המריבות עם האח?",
        "What are the quarrels with the brother about?",
    ),
    _topic(
        "לחץ דם {n} על 80 במנוחה",
        "Blood pressure {n} over 80 at rest",
        "מה היה לחץ הדם במנוחה?",
        "What was the blood pressure at rest?",
    ),
    _topic(
        "כתבה ביומן {n} עמודים על הפרידה",
        "Wrote {n} pages about the separation in the diary",
        "כמה עמודים כתבה ביומן?",
        "How many pages were written in the diary?",
    ),
    _topic(
        "סקוואט {n} חזרות עם גומייה צהובה",
        "Squats, {n} repetitions with the yellow band",
        "כמה חזרות סקוואט עם הגומייה?",
        "How many squats with the yellow band?",
    ),
)
DANGER = _topic(
    "שוללת מחשבות אובדניות, ציון {n} בשאלון",
    "Denies suicidal thoughts, score {n} in the questionnaire",
    "היו מחשבות אובדניות?",
    "Were there suicidal thoughts?",
)
"""In one note of eight: pinned above every answer about its client."""
COUNTED: Mapping[Language, tuple[str, ...]] = {
    "he": ("בכמה פגישות דיברנו על שינה?", "באילו פגישות הוזכרה הברך?"),
    "en": ("In how many sessions did we talk about sleep?", "Which sessions mention the knee?"),
}
FOLLOWING: Mapping[Language, tuple[str, ...]] = {
    "he": ("ומה בפגישה שלפני כן?", "ומה עם השינה?", "ומה התוכנית?"),
    "en": ("And in the session before?", "And the sleep?", "And what is the plan?"),
}
FORMS: Mapping[Language, tuple[str, ...]] = {
    "he": ("סכמי את הטיפול", "הכיני אותי לפגישה הבאה"),
    "en": ("Summarise the treatment", "Prepare me for the next session"),
}
FIRST_NAMES: Mapping[Language, tuple[str, ...]] = {
    "he": ("נורית", "אביגיל", "תמרה", "יעל", "שולמית", "רותם", "הדס", "עינת"),
    "en": ("Helen", "Martha", "Judith", "Clara", "Edith", "Nora", "Alice", "Vera"),
}
LAST_NAMES: Mapping[Language, tuple[str, ...]] = {
    "he": ("ברזילי", "שטרן", "אלקיים", "מזרחי", "גולדמן", "חזן"),
    "en": ("Brandt", "Fletcher", "Harding", "Marsh", "Norton", "Whitlock"),
}


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes of one client: a language, a planted word, and dice of its practice."""

    language: Language
    word: str
    chance: random.Random

    def fields(self) -> dict[str, str]:
        """Two to four of the fields of a note, of one to three sentences each."""
        names = self.chance.sample(SOAP_FIELDS, self.chance.randint(2, 4))
        return {name: self.text(self.chance.randint(1, 3)) for name in names}

    def text(self, sentences: int) -> str:
        chosen = self.chance.sample(TOPICS, sentences)
        if self.chance.random() < 1 / 24:
            chosen.append(DANGER)
        return " ".join(self._sentence(topic) for topic in chosen)

    def _sentence(self, topic: Topic) -> str:
        said = topic.said[self.language].format(n=self.chance.randint(1, 199))
        return f"{said} {self.word}."

    def question(self) -> str:
        if self.chance.random() < 0.1:
            return self.chance.choice(COUNTED[self.language])
        return self.chance.choice((*TOPICS, DANGER)).asked[self.language]
