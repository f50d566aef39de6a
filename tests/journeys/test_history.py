"""Conversations are kept for the therapist, and forget what its notes forget."""

import json
import re
from uuid import UUID

from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from tests.journeys.command_line import run
from tests.journeys.practice import Practice, a_colleague, eventually

NOTE = "קיבלה קידום בעבודה והיא גאה בכך מאוד."
QUESTION = "האם קיבלה קידום בעבודה?"
HISTORY = "/api/v1/ai/agent/history"
FEEDBACK = "/api/v1/ai/agent/feedback"


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
    assert head["title"] == QUESTION

    path = f"{HISTORY}/{asked['conversation_id']}"
    (turn,) = (await practice.do("GET", path)).json()["turns"]
    assert turn["query"] == QUESTION
    assert turn["answer"] == asked["answer"]
    assert turn["citations"] == [{**one, "source_changed": False} for one in asked["citations"]]
    assert turn["source_changed"] is False
    for told in ("message_id", "answer_status", "language", "model", "search", "withheld"):
        assert turn[told] == asked[told]
    assert (turn["degraded"], turn["risk"]) == (asked["degraded"], asked["risk"])

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


async def test_an_edited_source_says_so(practice: Practice) -> None:
    """An edit of the field that is quoted is told, and the answer shown as it was; of another field it is not."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()
    asked = await practice.ask(QUESTION, client_id=client)
    path = f"{HISTORY}/{asked['conversation_id']}"

    await practice.therapist.edit(session, plan="להמשיך בתרגול.")
    await practice.settled()
    (turn,) = (await practice.do("GET", path)).json()["turns"]
    assert {one["field_name"] for one in turn["citations"]} == {"subjective"}
    assert turn["source_changed"] is False

    await practice.therapist.edit(session, subjective="היא מחפשת עבודה חדשה.")
    await practice.settled()
    (turn,) = (await practice.do("GET", path)).json()["turns"]
    assert turn["answer"] == asked["answer"]
    assert {one["source_changed"] for one in turn["citations"]} == {True}
    assert turn["source_changed"] is True


async def test_a_colleague_has_a_history_of_their_own(practice: Practice, running: Stage) -> None:
    """In the same practice, about the same client: nothing of one's conversation is there for the other."""
    client = await practice.client()
    await practice.note(client, subjective=NOTE)
    await practice.settled()
    asked = await practice.ask(QUESTION, client_id=client)
    path = f"{HISTORY}/{asked['conversation_id']}"
    word = {"message_id": asked["message_id"], "rating": "up"}

    async with a_colleague(running, practice) as colleague:
        assert (await colleague.call("GET", HISTORY)).json()["conversations"] == []
        for method, where in (("GET", path), ("GET", f"{path}/export"), ("DELETE", path)):
            assert (await colleague.call(method, where)).status_code == 404
        went_on = await colleague.ask("ומתי?", conversation_id=asked["conversation_id"])
        assert went_on.status_code == 404
        assert (await colleague.call("POST", FEEDBACK, word)).status_code == 404
        theirs = (await colleague.ask(QUESTION, client_id=client)).json()
        assert (await colleague.call("DELETE", HISTORY)).status_code == 204
        gone = await colleague.call("GET", f"{HISTORY}/{theirs['conversation_id']}")
        assert gone.status_code == 404
    (turn,) = (await practice.do("GET", path)).json()["turns"]
    assert (turn["answer"], turn["feedback"]) == (asked["answer"], None)


async def test_conversations_are_kept_apart_by_client(practice: Practice) -> None:
    """A list can be of one client, or of the practice; a conversation goes on with its own client and with no other."""
    first, second = await practice.client(), await practice.client("נעם", "שדה")
    for client in (first, second):
        await practice.note(client, subjective=NOTE)
    await practice.settled()
    talks = {one: await practice.ask(QUESTION, client_id=one) for one in (first, second)}

    for client, asked in talks.items():
        page = (await practice.do("GET", f"{HISTORY}?client_id={client}")).json()
        listed = [one["conversation_id"] for one in page["conversations"]]
        assert listed == [asked["conversation_id"]]
        more = await practice.ask("ומה עוד בעבודה?", conversation_id=asked["conversation_id"])
        assert {one["client_id"] for one in more["citations"]} <= {client}
    alone = await practice.ask(QUESTION)
    page = (await practice.do("GET", f"{HISTORY}?whole_practice=true")).json()
    listed = [one["conversation_id"] for one in page["conversations"]]
    assert listed == [alone["conversation_id"]]
    crossed = await practice.therapist.ask(
        QUESTION, conversation_id=talks[first]["conversation_id"], client_id=second
    )
    assert crossed.status_code == 409


async def test_a_follow_up_goes_on_after_what_is_gone(practice: Practice) -> None:
    """With the note before deleted, and then with its question shredded, a conversation still goes on."""
    client = await practice.client()
    gone = await practice.note(client, objective="כיפוף בברך ימין 110 מעלות.")
    await practice.note(client, objective="כיפוף בברך שמאל 135 מעלות.")
    await practice.settled()
    first = await practice.ask("כמה מעלות כיפוף בברך ימין?", client_id=client)
    here = {"conversation_id": first["conversation_id"]}

    await practice.do("DELETE", f"/api/v1/sessions/{gone}")
    await practice.settled()
    assert "135" in (await practice.ask("ובשמאל?", **here))["answer"]

    await practice.do("DELETE", f"/api/v1/sessions/{gone}/permanent")
    await practice.settled()
    path = f"{HISTORY}/{first['conversation_id']}"

    async def shredded() -> bool:
        return (await practice.do("GET", path)).json()["turns"][0]["query"] is None

    await eventually(shredded)
    assert "135" in (await practice.ask("כמה מעלות כיפוף בברך שמאל?", **here))["answer"]
    (line,) = (await practice.do("GET", HISTORY)).json()["conversations"]
    assert (line["title"], line["turns"]) == ("ובשמאל?", 3)


async def test_an_answer_is_rated_exported_and_erased(practice: Practice, running: Stage) -> None:
    """Its rating is in the history, in the file and, without a word of text, in the operators' export; it goes too."""
    client = await practice.client()
    await practice.note(client, subjective=NOTE)
    await practice.settled()
    asked = await practice.ask(QUESTION, client_id=client)
    word = {"message_id": asked["message_id"], "rating": "down", "reason": "missing"}
    await practice.do("POST", FEEDBACK, word)

    path = f"{HISTORY}/{asked['conversation_id']}"
    read = (await practice.do("GET", path)).json()
    assert read["turns"][0]["feedback"] == {"rating": "down", "reason": "missing"}
    file = await practice.do("GET", f"{path}/export")
    assert file.json() == read
    assert file.headers["Content-Disposition"].startswith("attachment")

    here = ("--workspace", practice.workspace)
    told = await run(running, "feedback", "export", *here)
    line = json.loads(told.out)
    assert (line["message_id"], line["reason"]) == (asked["message_id"], "missing")
    assert line["citations"] == len(asked["citations"])
    assert not set(re.findall(r"[א-ת]+", told.out))
    assert client not in told.out
    await practice.do("DELETE", HISTORY)
    assert (await run(running, "feedback", "export", *here)).out == ""
    rows = await practice.container.audit.rows(workspace=WorkspaceId(UUID(practice.workspace)))
    done = [row.entry.action for row in rows]
    assert {"feedback.given", "conversation.exported", "conversation.deleted"} <= set(done)


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
