"""The titles of sections: ours, short, and no statement about anybody."""

from typing import Literal

from service.domain.answers import Language

Part = Literal[
    "presenting",
    "course",
    "measures",
    "medication",
    "last",
    "plan",
    "earlier_plans",
    "last_measures",
    "changes",
    "before",
    "questions",
    "subjective",
    "objective",
    "assessment",
]
TITLES: dict[Language, dict[Part, str]] = {
    "he": {
        "presenting": "הפנייה",
        "course": "מהלך הטיפול",
        "measures": "מדדים לאורך הזמן",
        "medication": "תרופות ומינונים",
        "last": "הפגישה האחרונה",
        "plan": "תוכנית",
        "earlier_plans": "מתוכניות קודמות",
        "last_measures": "מדדים אחרונים",
        "changes": "שינויים וחדשות",
        "before": "מהפגישה שלפניה",
        "questions": "שאלות ובירורים",
        "subjective": "סובייקטיבי",
        "objective": "אובייקטיבי",
        "assessment": "הערכה",
    },
    "en": {
        "presenting": "Presenting problem",
        "course": "Course",
        "measures": "Measures over time",
        "medication": "Medication and doses",
        "last": "Last session",
        "plan": "Plan",
        "earlier_plans": "From earlier plans",
        "last_measures": "Last measures",
        "changes": "Changes and news",
        "before": "From the session before",
        "questions": "Questions and checks",
        "subjective": "Subjective",
        "objective": "Objective",
        "assessment": "Assessment",
    },
}
