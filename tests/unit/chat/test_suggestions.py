"""Further questions: each one is asked, and has its answer."""

from uuid import UUID

import pytest

from service.domain.identity import ClientId
from service.language.risk import risk_spans
from tests.fakes import CLIENT
from tests.unit.chat.modes.practice import Practice, on

OTHER_CLIENT, THIRD_CLIENT = ClientId(UUID(int=12)), ClientId(UUID(int=13))
HEBREW = (
    on("2026-01-05", "כאב 8/10 בגב. לא ישנה. מדברת על העבודה.", plan="הליכה 10 דקות."),
    on("2026-01-19", "כאב 6/10. שינה טובה יותר.", assessment="שיפור.", plan="שחייה."),
    on("2026-02-02", "כאב 3/10. חזרה לעבודה. שוב חשבה להתאבד.", plan="המשך."),
)
ENGLISH = (
    on("2026-01-07", "Low mood, PHQ-9 19. Sleep 5 hours.", plan="Log.", client=OTHER_CLIENT),
    on("2026-02-11", "PHQ-9 12. Sleeps better. Work is hard.", client=OTHER_CLIENT),
    on("2026-03-11", "PHQ-9 7. Anxiety at work.", plan="Monthly.", client=OTHER_CLIENT),
)
SAMPLE = (
    ("סיכום", CLIENT, {"mode": "summary"}),
    ("הכנה", CLIENT, {"mode": "prepare"}),
    ("מה היה בפגישה האחרונה?", CLIENT, {}),
    ("איך השתנה הכאב?", CLIENT, {}),
    ("מה תכננתי?", CLIENT, {}),
    ("האם יש לה חתול?", CLIENT, {}),
    ("How was her sleep?", CLIENT, {}),
    ("summary", OTHER_CLIENT, {"mode": "summary"}),
    ("prepare", OTHER_CLIENT, {"mode": "prepare"}),
    ("What was her PHQ-9?", OTHER_CLIENT, {}),
    ("Does she have a cat?", OTHER_CLIENT, {}),
    ("איך הייתה השינה שלה?", OTHER_CLIENT, {}),
    ("Summarise Noa's treatment", None, {}),
    ("How did Noa Katz's PHQ-9 change?", None, {}),
    ("סכמי את הטיפול של דנה", None, {}),
)


@pytest.fixture
async def practice():
    held = Practice()
    await held.keep(*HEBREW)
    await held.keep(*ENGLISH, client=OTHER_CLIENT, name=("Noa", "Katz"))
    await held.keep(client=THIRD_CLIENT, name=("Hope", "May"))
    return held


async def test_what_is_suggested_is_answered(practice):
    """By the whole graph, asked alone and as the next question; all of the sample, of at least 95 in 100 wanted."""
    asked, answered = 0, 0
    for text, client, more in SAMPLE:
        answer = await practice.ask(text, client, **more)
        for suggestion in answer.suggestions:
            for earlier in ([], [text]):
                found = await practice.ask(suggestion, client, earlier=earlier)
                asked += 1
                answered += found.status in {"answered", "partial"} and bool(found.citations)
    assert asked >= 50
    assert answered >= 0.95 * asked


async def test_suggestions_are_few_new_harmless_and_in_the_askers_language(practice):
    """Three at most, none the question itself, none twice, none that speaks of danger."""
    for text, client, more in SAMPLE:
        answer = await practice.ask(text, client, **more)
        suggestions = list(answer.suggestions)
        assert len(suggestions) <= 3
        assert len({*suggestions, text}) == len(suggestions) + 1
        assert not risk_spans(dict(enumerate(suggestions)))
        for one in suggestions:
            is_hebrew = any("א" <= letter <= "ת" for letter in one.replace("דנה לוי", ""))
            assert is_hebrew == (answer.language == "he")


async def test_a_measure_a_plan_and_a_topic_are_suggested(practice):
    """One of each kind, of what was read."""
    answer = await practice.ask("סיכום", CLIENT, mode="summary")
    assert answer.suggestions == [
        "איך השתנה הכאב?",
        "מה תוכנן ב-19.1.2026?",
        "באילו פגישות דובר על שינה?",
    ]


async def test_where_a_client_was_named_the_suggestion_names_them(practice):
    """Else, asked of the whole practice, it would be about somebody else."""
    answer = await practice.ask("Summarise Noa's treatment", None)
    assert answer.suggestions[0] == "How did Noa Katz's PHQ-9 score change?"
    found = await practice.ask(answer.suggestions[0], None)
    assert {one.client for one in found.citations} == {OTHER_CLIENT}


async def test_where_nothing_is_found_the_sessions_that_there_are_are_suggested(practice):
    """The newest first; whether they have the answer is for the therapist to see."""
    answer = await practice.ask("Does she have a cat?", OTHER_CLIENT)
    assert answer.status == "abstained"
    assert answer.suggestions == [
        "What was discussed on 11.3.2026?",
        "What was discussed on 11.2.2026?",
        "What was discussed on 7.1.2026?",
    ]


@pytest.mark.parametrize("client", [None, THIRD_CLIENT])
async def test_of_nobody_and_of_a_client_without_notes_there_is_none(practice, client):
    """A question of the whole practice may be about anybody."""
    answer = await practice.ask("Does she have a cat?", client)
    assert answer.suggestions == []


async def test_few_days_are_tried(monkeypatch):
    """Also where none of them will do, of a client with a session every other day for years."""
    tried: list[str] = []

    async def no(text: str, *_: object) -> bool:
        tried.append(text)
        return False

    monkeypatch.setattr("service.chat.suggestions._is_answered", no)
    held = Practice()
    await held.keep(*(on(f"2026-{1 + n // 14:02}-{1 + n % 14:02}", "Slept.") for n in range(60)))
    assert (await held.ask("Does she have a cat?", CLIENT)).suggestions == []
    assert len(tried) == 20
