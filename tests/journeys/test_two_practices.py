"""Two workspaces never meet, whatever one of them sends."""

from tests.journeys.practice import Practice

SECRET = "הסיסמה של הכספת המשפחתית היא ציפור כחולה."
QUESTION = "מה הסיסמה של הכספת המשפחתית?"


async def test_a_neighbours_note_is_never_found(practice: Practice, neighbour: Practice) -> None:
    """The same question answers in the practice that has the note and abstains in the other."""
    client = await practice.client()
    session = await practice.note(client, subjective=SECRET)
    await neighbour.note(await neighbour.client("Ann", "Lee"), subjective="דיברנו על העבודה.")
    await practice.settled()
    await neighbour.settled()

    mine, theirs = await practice.ask(QUESTION), await neighbour.ask(QUESTION)

    assert [citation["session_id"] for citation in mine["citations"]] == [session]
    assert theirs["answer_status"] == "abstained"
    assert "ציפור" not in str(theirs)
    assert theirs["search"]["notes_read"] == 1


async def test_a_neighbours_client_does_not_exist(practice: Practice, neighbour: Practice) -> None:
    """Asking about another practice's client is 404, the same as about a client that never was."""
    client = await practice.client()
    await practice.note(client, subjective=SECRET)
    await practice.settled()

    foreign = await neighbour.therapist.ask(QUESTION, client_id=client)
    unknown = await neighbour.therapist.ask(
        QUESTION, client_id="00000000-0000-4000-8000-000000000000"
    )

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["detail"] == unknown.json()["detail"] == "Client not found."
    assert "ציפור" not in foreign.text


async def test_a_neighbours_conversation_does_not_exist(
    practice: Practice, neighbour: Practice
) -> None:
    """Another practice's conversation can be neither read, continued nor deleted."""
    client = await practice.client()
    await practice.note(client, subjective=SECRET)
    await practice.settled()
    conversation = (await practice.ask(QUESTION))["conversation_id"]
    path = f"/api/v1/ai/agent/history/{conversation}"

    assert (await neighbour.therapist.call("GET", path)).status_code == 404
    assert (await neighbour.therapist.call("DELETE", path)).status_code == 404
    continued = await neighbour.therapist.ask("ועוד?", conversation_id=conversation)
    assert continued.status_code == 404
    assert (await practice.therapist.call("GET", path)).status_code == 200


async def test_a_conversation_keeps_its_scope(practice: Practice) -> None:
    """A conversation about one client cannot be continued about another."""
    first, second = await practice.client(), await practice.client("נעם", "שדה")
    await practice.note(first, subjective=SECRET)
    await practice.settled()
    conversation = (await practice.ask(QUESTION, client_id=first))["conversation_id"]

    refused = await practice.therapist.ask(
        "ומה עוד?", client_id=second, conversation_id=conversation
    )

    assert refused.status_code == 409
    assert isinstance(refused.json()["detail"], str)
