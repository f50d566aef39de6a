"""Conversations are kept for the therapist, and forget what its notes forget."""

from tests.journeys.practice import Practice, eventually

NOTE = "קיבלה קידום בעבודה והיא גאה בכך מאוד."
QUESTION = "האם קיבלה קידום בעבודה?"
HISTORY = "/api/v1/ai/agent/history"


async def test_a_turn_is_read_back_and_deleted(practice: Practice) -> None:
    """The history lists a conversation, opens its turns with their citations, and deletes it for good."""
    client = await practice.client()
    await practice.note(client, subjective=NOTE)
    await practice.settled()
    asked = await practice.ask(QUESTION, client_id=client)

    page = (await practice.do("GET", HISTORY)).json()
    (head,) = page["conversations"]
    assert head["conversation_id"] == asked["conversation_id"]
    assert head["client_id"] == client

    path = f"{HISTORY}/{asked['conversation_id']}"
    (turn,) = (await practice.do("GET", path)).json()["turns"]
    assert turn["query"] == QUESTION
    assert turn["answer"] == asked["answer"]
    assert turn["citations"] == asked["citations"]
    assert turn["source_changed"] is False

    await practice.do("DELETE", path)
    assert (await practice.therapist.call("GET", path)).status_code == 404


async def test_a_deleted_note_is_not_quoted_from_history(practice: Practice) -> None:
    """What was said from a note is hidden while the note is deleted, and shown again once it is restored."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()
    path = f"{HISTORY}/{(await practice.ask(QUESTION, client_id=client))['conversation_id']}"

    await practice.do("DELETE", f"/api/v1/sessions/{session}")
    await practice.settled()
    (turn,) = (await practice.do("GET", path)).json()["turns"]
    assert turn["answer"] == ""
    assert turn["citations"] == []
    assert turn["source_changed"] is True

    await practice.do("POST", f"/api/v1/sessions/{session}/restore")
    await practice.settled()
    (turn,) = (await practice.do("GET", path)).json()["turns"]
    assert NOTE.rstrip(".") in turn["answer"]


async def test_a_purged_note_is_shredded_in_history(practice: Practice) -> None:
    """After a permanent deletion neither the answer nor the question can be read again."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()
    path = f"{HISTORY}/{(await practice.ask(QUESTION, client_id=client))['conversation_id']}"

    await practice.do("DELETE", f"/api/v1/sessions/{session}")
    await practice.do("DELETE", f"/api/v1/sessions/{session}/permanent")
    await practice.settled()

    async def shredded() -> bool:
        (turn,) = (await practice.do("GET", path)).json()["turns"]
        return turn["query"] is None and turn["answer"] == ""

    await eventually(shredded)


async def test_a_short_follow_up_is_understood_from_the_question_before(
    practice: Practice,
) -> None:
    """'And in the left?' is searched for together with the question it follows."""
    client = await practice.client()
    await practice.note(client, objective="כיפוף בברך ימין 110 מעלות. כיפוף בברך שמאל 135 מעלות.")
    await practice.settled()
    first = await practice.ask("כמה מעלות כיפוף בברך ימין?", client_id=client)

    second = await practice.ask("ובשמאל?", conversation_id=first["conversation_id"])

    assert "135" in second["answer"]
    assert second["conversation_id"] == first["conversation_id"]
