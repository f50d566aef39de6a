"""A summary, a preparation and a session, asked for as the therapist's page does: through PazPaz's proxy."""

import pytest

from tests.journeys.practice import Practice

HEBREW = (
    {
        "subjective": "כאב 7/10 בכתף ימין 🙂. לא ישנה.",
        "assessment": "כתף קפואה.",
        "plan": "לברר MRI מול הרופא.",
    },
    {"subjective": "כאב 5/10.", "objective": "כפיפה 95.", "plan": "תרגול יומי."},
    {
        "subjective": "כאב 3/10, ישנה היטב.",
        "objective": "כפיפה 140.",
        "assessment": "שיפור.",
        "plan": "שחייה.",
    },
)
ENGLISH = (
    {"subjective": "Low mood since May. PHQ-9 18.", "plan": "Ask the GP about bloods."},
    {"subjective": "PHQ-9 11. Walks daily.", "assessment": "Better."},
    {"subjective": "PHQ-9 6. Back at work.", "assessment": "Near remission.", "plan": "Monthly."},
)


async def written(practice: Practice, client: str, notes) -> list[str]:
    sessions = [
        await practice.note(client, **fields, session_date=f"2026-0{month}-02T09:00:00Z")
        for month, fields in enumerate(notes, 3)
    ]
    await practice.settled()
    return sessions


async def is_exact(practice: Practice, answer: dict) -> bool:
    """Every citation is its quote, in the answer and in the note."""
    for one in answer["citations"]:
        text = (await practice.therapist.note(one["session_id"]))[one["field_name"]]
        quoted = text[one["start"] : one["end"]]
        said = answer["answer"][one["answer_start"] : one["answer_end"]]
        if not quoted == said == one["quote"]:
            return False
    return bool(answer["citations"])


@pytest.mark.parametrize(
    ("notes", "query", "first", "titles", "measures"),
    [
        (
            HEBREW,
            "סיכום",
            "3 פגישות שנקראו, מ-2.3.2026 עד 2.5.2026.",
            {"הפנייה", "מדדים לאורך הזמן", "הפגישה האחרונה", "תוכנית"},
            ("2.3.2026: כאב 7/10 בכתף ימין 🙂. [1]", "2.5.2026: כאב 3/10, ישנה היטב."),
        ),
        (
            ENGLISH,
            "summary",
            "3 sessions read, 2.3.2026 to 2.5.2026.",
            {"Presenting problem", "Measures over time", "Last session", "Plan"},
            ("2.3.2026: PHQ-9 18.", "2.5.2026: PHQ-9 6."),
        ),
    ],
    ids=["Hebrew", "English"],
)
async def test_a_course_is_summed_up_in_cited_lines(
    practice: Practice, notes, query, first, titles, measures
) -> None:
    """Exact counts, sections, the first and the last value; kept in the history as it was shown."""
    client = await practice.client()
    await written(practice, client, notes)

    answer = await practice.ask(query, client_id=client, mode="summary")

    lines = answer["answer"].split("\n")
    assert (lines[0], answer["answer_status"]) == (first, "answered")
    assert titles <= set(lines)
    for measure in measures:
        assert any(line.startswith(measure) for line in lines)
    assert await is_exact(practice, answer)
    assert (answer["search"]["notes_read"], answer["search"]["notes_total"]) == (3, 3)
    shown = await practice.do("GET", f"/api/v1/ai/agent/history/{answer['conversation_id']}")
    assert shown.json()["turns"][0]["answer"] == answer["answer"]


@pytest.mark.parametrize(
    ("notes", "query", "opened", "asked"),
    [
        (
            HEBREW,
            "הכיני אותי לפגישה מחר עם אורה",
            "2.5.2026: שחייה.",
            "2.3.2026: לברר MRI מול הרופא.",
        ),
        (
            ENGLISH,
            "Prepare me for tomorrow's session with אורה",
            "2.5.2026: Monthly.",
            "2.3.2026: Ask the GP about bloods.",
        ),
    ],
    ids=["Hebrew", "English"],
)
async def test_the_next_appointment_is_prepared_for(
    practice: Practice, notes, query, opened, asked
) -> None:
    """By its words alone, of the client named; what was asked and never answered is there."""
    client = await practice.client()
    await written(practice, client, notes)
    await written(practice, await practice.client("נועם", "פז"), [{"subjective": "כאב 9/10."}])

    answer = await practice.ask(query)

    assert opened in answer["answer"]
    assert asked in answer["answer"]
    assert {one["client_id"] for one in answer["citations"]} == {client}
    assert await is_exact(practice, answer)


async def test_what_is_suggested_is_answered(practice: Practice) -> None:
    """In the same conversation, as a therapist would click it."""
    client = await practice.client()
    await written(practice, client, HEBREW)
    answer = await practice.ask("מה היה בפגישה האחרונה?", client_id=client)
    assert answer["answer"].startswith("סובייקטיבי\n2.5.2026: כאב 3/10, ישנה היטב. [1]")
    answer = await practice.ask("הכנה", client_id=client, mode="prepare")
    assert answer["suggestions"]
    for suggestion in answer["suggestions"]:
        found = await practice.ask(suggestion, conversation_id=answer["conversation_id"])
        assert found["answer_status"] in {"answered", "partial"}
        assert await is_exact(practice, found)


async def test_a_summary_of_nobody_is_refused_in_the_callers_language(practice: Practice) -> None:
    """A problem that says what to do; the page shows it."""
    response = await practice.therapist.ask("סיכום", mode="summary")
    assert response.status_code == 422
    assert response.json()["type"] == "urn:pazpaz-ai:client_needed"
    assert "בחרו מטופל" in response.json()["detail"]
