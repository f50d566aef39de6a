"""What notes say of danger stands above every answer about their client, and follows the notes."""

import json

import httpx

from service.demo.therapist import CHAT
from tests.journeys.practice import Practice

DANGER = "ישנה מעט 🙂. שוללת אובדנות, אך חותכת את עצמה בלילות! הברך טובה יותר."
SENTENCE = "שוללת אובדנות, אך חותכת את עצמה בלילות!"


async def _streamed(practice: Practice, query: str, client: str) -> list[tuple[str, dict]]:
    """The events of an answer, through PazPaz's proxy."""
    http = practice.therapist.http
    headers = {"Accept": "text/event-stream", "X-CSRF-Token": http.cookies.get("csrf_token") or ""}
    response: httpx.Response = await http.post(
        CHAT, json={"query": query, "client_id": client}, headers=headers
    )
    blocks = [one for one in response.text.split("\n\n") if one.startswith("event: ")]
    events = (block.split("\n")[:2] for block in blocks)
    return [(name[len("event: ") :], json.loads(data[len("data: ") :])) for name, data in events]


async def test_danger_is_above_every_answer_about_the_client(practice: Practice) -> None:
    """Whatever is asked and whether it is found: as JSON, as events before the first word, and of nobody else."""
    client, another = await practice.client(), await practice.client("נועם", "פז")
    profile = await practice.client("דורית", "לב", medical_history="One suicide attempt in 2015.")
    older = await practice.note(
        client, plan="Assess for SI next time.", session_date="2026-03-02T09:00:00Z"
    )
    newer = await practice.note(client, subjective=DANGER)
    await practice.note(another, subjective="הברך טובה יותר. SI joint tender.")
    await practice.settled()

    for query in ("מה מצב הברך?", "מה התוצאה של בדיקת הדם?", "בכמה פגישות הוזכרה הברך?"):
        answer = await practice.ask(query, client_id=client)
        said = [(one["session_id"], one["kind"], one["polarity"]) for one in answer["risk"]]
        assert said == [
            (newer, "self_harm", "present"),
            (older, "suicide", "possible"),
            (newer, "suicide", "denied"),
        ], query
        for one in answer["risk"]:
            text = (await practice.therapist.note(one["session_id"]))[one["field_name"]]
            assert text[one["start"] : one["end"]] == one["quote"]
        assert answer["risk"][0]["quote"] == SENTENCE
        assert answer["risk_unread"] == 0

    events = await _streamed(practice, "מה מצב הברך?", client)
    names = [name for name, _ in events]
    assert names.count("risk") == 3
    assert names.index("risk") < names.index("token")
    assert [data for name, data in events if name == "risk"] == events[-1][1]["risk"]

    assert (await practice.ask("מה מצב הברך?", client_id=another))["risk"] == []
    [own] = (await practice.ask("מה מצב הברך?", client_id=profile))["risk"]
    assert (own["session_id"], own["polarity"], own["field_name"]) == (
        None,
        "past",
        "medical_history",
    )


async def test_danger_follows_the_note(practice: Practice) -> None:
    """Edited away it is gone, written anew it is there, and a deleted note tells nothing."""
    client = await practice.client()
    session = await practice.note(client, subjective=DANGER)
    await practice.settled()
    assert len((await practice.ask("מה שלומה?", client_id=client))["risk"]) == 2

    await practice.therapist.edit(session, subjective="ישנה היטב.")
    await practice.settled()
    assert (await practice.ask("מה שלומה?", client_id=client))["risk"] == []

    await practice.therapist.edit(session, subjective="מחשבות אובדניות פעילות.")
    await practice.settled()
    [one] = (await practice.ask("מה שלומה?", client_id=client))["risk"]
    assert (one["kind"], one["polarity"]) == ("suicide", "present")

    await practice.do("DELETE", f"/api/v1/sessions/{session}")
    await practice.settled()
    assert (await practice.ask("מה שלומה?", client_id=client))["risk"] == []
