"""The history: a therapist's own conversations, page by page."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.api.schemas import CitationOut
from service.domain.feedback import Feedback
from service.domain.notes import NoteRef
from service.domain.turns import Sentence
from tests.fakes import CLIENT, NOW, OTHER_WORKSPACE, WORKSPACE
from tests.unit.api.practice import HISTORY, a_token, bearer, is_problem
from tests.unit.doubles import USER, SwitchedStandings, a_turn, an_introspection

NOTE = NoteRef(WORKSPACE, "sessions", UUID(int=41))


async def keep(parts, *turns, user=USER, workspace=WORKSPACE, client=None) -> str:
    """Keeps a conversation of these turns; its id."""
    conversation = uuid4()
    for turn in turns or [a_turn()]:
        await parts.conversations.add_turn(
            conversation=conversation, client=client, user=user, workspace=workspace, turn=turn
        )
    return str(conversation)


def cited(marker: int, **places: int) -> dict[str, object]:
    """A citation of a note's plan as a turn keeps it."""
    said = CitationOut(
        type="session",
        session_id=NOTE.id,
        client_id=CLIENT,
        client_name="Dana Levi",
        similarity=0.5,
        field_name="plan",
        marker=marker,
        quote="Rest.",
        start=0,
        end=5,
        **({"answer_start": 0, "answer_end": 0} | places),
        note_version=1,
        is_draft=False,
    )
    return said.model_dump(mode="json")


async def get(http, path="", **params):
    return await http.get(HISTORY + path, params=params, headers=bearer())


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


async def test_pages_follow_each_other_without_gap_or_repeat(http, parts):
    """Newest first, each conversation once, and the last page says that it is the last."""
    kept = [await keep(parts, a_turn(asked_at=NOW + timedelta(microseconds=n))) for n in range(5)]
    seen, pages, params = [], 0, {"limit": 2}
    while True:
        page = (await get(http, **params)).json()
        seen += [one["conversation_id"] for one in page["conversations"]]
        pages += 1
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == kept[::-1]
    assert pages == 3


async def test_a_full_last_page_names_no_next_one(http, parts):
    """Exactly as many conversations as fit are one page."""
    for n in range(2):
        await keep(parts, a_turn(asked_at=NOW + timedelta(seconds=n)))
    page = (await get(http, limit=2)).json()
    assert len(page["conversations"]) == 2
    assert page["next"] is None


async def test_a_line_of_the_history_tells_scope_start_and_length(http, parts):
    """Enough to choose by: whom it is about, how it began, from when to when."""
    later = NOW + timedelta(hours=1)
    turns = a_turn(question=None), a_turn(question="How is\nthe knee? And?", asked_at=later)
    conversation = await keep(parts, *turns, client=CLIENT)
    assert (await get(http)).json()["conversations"] == [
        {
            "conversation_id": conversation,
            "client_id": str(CLIENT),
            "title": "How is the knee?",
            "started_at": "2026-11-01T09:00:00Z",
            "updated_at": "2026-11-01T10:00:00Z",
            "turns": 2,
        }
    ]


async def test_a_conversation_without_a_question_has_no_title(http, parts):
    """Where the question was erased nothing of it stays as a title."""
    await keep(parts, a_turn(question=None))
    [line] = (await get(http)).json()["conversations"]
    assert line["title"] is None


async def test_the_conversations_of_one_client_are_listed_alone(http, parts):
    """Neither another client's nor those of the whole practice are among them; an unknown client has none."""
    other = UUID(int=12)
    mine = await keep(parts, client=CLIENT)
    await keep(parts, client=other)
    await keep(parts)
    listed = (await get(http, client_id=str(CLIENT))).json()["conversations"]
    assert [one["conversation_id"] for one in listed] == [mine]
    assert len((await get(http)).json()["conversations"]) == 3
    assert (await get(http, client_id=str(UUID(int=13)))).json()["conversations"] == []
    assert parts.audit.entries[0].details["client"] == str(CLIENT)
    assert is_problem(await get(http, client_id="dana"), 422, "malformed")


GARBAGE = {
    "empty": "",
    "words": "yesterday",
    "letters of no alphabet": "!!!!",
    "Hebrew": "שלום",
    "NUL": "\0",
    "cut base64": cursor("2026-11-01T09:00:00+00:00")[:-3],
    "no time": cursor("x"),
    "bytes": base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    "naive": cursor("2026-11-01T09:00:00"),
    "a day": cursor("2026-11-01"),
    "before the calendar": cursor("0001-01-01T00:00:00+14:00"),
    "after the calendar": cursor("9999-12-31T23:59:59-14:00"),
    "long": "A" * 4000,
}


@pytest.mark.parametrize("given", GARBAGE.values(), ids=GARBAGE)
async def test_a_cursor_we_did_not_write_is_refused(http, given):
    """Garbage is 422, never a page and never a failure."""
    assert is_problem(await get(http, cursor=given), 422, "malformed")


async def test_a_cursor_in_another_zone_is_the_same_moment(http, parts):
    """The moment counts, not how it is written."""
    await keep(parts, a_turn(asked_at=NOW))
    after = cursor((NOW + timedelta(seconds=1)).astimezone(UTC).isoformat())
    same = cursor(datetime.fromisoformat("2026-11-01T11:00:00+02:00").isoformat())
    assert len((await get(http, cursor=after)).json()["conversations"]) == 1
    assert (await get(http, cursor=same)).json()["conversations"] == []


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1e1"])
async def test_a_page_has_between_one_and_a_hundred_lines(http, limit):
    """A limit outside is refused; nobody reads everything at once."""
    assert is_problem(await get(http, limit=limit), 422, "malformed")


async def test_the_token_is_looked_at_before_the_cursor(http):
    """A stranger with a bad cursor learns only that they must sign in."""
    response = await http.get(HISTORY, params={"cursor": "!!!!", "limit": 0})
    assert is_problem(response, 401, "not_authenticated")
    response = await http.get(f"{HISTORY}/not-a-uuid")
    assert is_problem(response, 401, "not_authenticated")


async def test_a_conversation_is_read_as_it_was_answered(http, parts):
    """Question, answer with its markers and citations whose places count in that answer."""
    said = [
        Sentence("Slept 🙂 well.", [cited(1, answer_start=0, answer_end=13)], {}),
        Sentence("הכאב ירד.", [cited(2), cited(3)], {}),
    ]
    conversation = await keep(parts, a_turn(*said, question="How?"), client=CLIENT)
    body = (await get(http, f"/{conversation}")).json()

    [turn] = body["turns"]
    assert (body["conversation_id"], body["client_id"]) == (conversation, str(CLIENT))
    assert turn["query"] == "How?"
    assert turn["answer"] == "Slept 🙂 well. [1]\nהכאב ירד. [2] [3]"
    quoted = [turn["answer"][c["answer_start"] : c["answer_end"]] for c in turn["citations"]]
    assert quoted == ["Slept 🙂 well.", "הכאב ירד.", "הכאב ירד."]
    assert turn["source_changed"] is False


async def test_a_sentence_whose_note_is_gone_is_left_out(http, parts):
    """The rest is shown with places in what is left, and the change is told."""
    left = Sentence("Then walk.", [cited(2, answer_start=14, answer_end=24)], {})
    conversation = await keep(parts, a_turn(None, left, question=None))
    [turn] = (await get(http, f"/{conversation}")).json()["turns"]

    assert turn["answer"] == "Then walk. [2]"
    assert turn["query"] is None
    [citation] = turn["citations"]
    assert (citation["answer_start"], citation["answer_end"]) == (0, 10)
    assert turn["source_changed"] is True


async def test_a_heading_that_is_gone_leaves_its_lines(http, parts):
    """With a note it counted forgotten a count would lie; the days before the other lines stay."""
    left = Sentence("Slept 5 h.", [cited(1, answer_start=50, answer_end=60)], {}, "3.3.2026: ")
    conversation = await keep(parts, a_turn(None, left))
    [turn] = (await get(http, f"/{conversation}")).json()["turns"]

    assert turn["answer"] == "3.3.2026: Slept 5 h. [1]"
    [citation] = turn["citations"]
    assert (citation["answer_start"], citation["answer_end"]) == (10, 20)
    assert turn["source_changed"] is True


async def test_an_answer_of_which_nothing_is_left_is_still_a_turn(http, parts):
    """The therapist sees that something was asked, and that its sources are gone."""
    conversation = await keep(parts, a_turn(None, None))
    [turn] = (await get(http, f"/{conversation}")).json()["turns"]
    assert (turn["answer"], turn["citations"], turn["source_changed"]) == ("", [], True)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "owner",
    [{"user": UUID(int=22)}, {"workspace": OTHER_WORKSPACE}],
    ids=["colleague", "other practice"],
)
async def test_a_conversation_of_somebody_else_does_not_exist(http, parts, method, owner):
    """It is neither shown nor listed nor deleted."""
    conversation = await keep(parts, **owner)
    refused = await http.request(method, f"{HISTORY}/{conversation}", headers=bearer())

    assert is_problem(refused, 404, "conversation_not_found")
    assert (await get(http)).json()["conversations"] == []
    assert UUID(conversation) in parts.conversations.kept


async def test_the_owner_reads_what_a_stranger_could_not(http, parts):
    """The refusal above is about the caller: with the owner's own sign-in the conversation is there."""
    conversation = await keep(parts, user=UUID(int=22))
    parts.login.said = an_introspection(user=UUID(int=22))
    headers = bearer(a_token(user=UUID(int=22)))
    assert (await http.get(f"{HISTORY}/{conversation}", headers=headers)).status_code == 200


async def test_a_deleted_conversation_is_gone(http, parts):
    """Deleting answers 204 without a body, and then nothing is found any more."""
    conversation = await keep(parts)
    deleted = await http.delete(f"{HISTORY}/{conversation}", headers=bearer())
    assert (deleted.status_code, deleted.content) == (204, b"")
    for method in ("GET", "DELETE"):
        again = await http.request(method, f"{HISTORY}/{conversation}", headers=bearer())
        assert is_problem(again, 404, "conversation_not_found")


async def test_an_id_that_is_none_is_refused(http):
    """A path of another shape is 422 without being repeated."""
    refused = await get(http, "/zebra-canary")
    assert is_problem(refused, 422, "malformed")
    assert "zebra" not in refused.text


async def test_a_sentence_whose_note_was_changed_says_so(http, parts):
    """The citation of the field that was changed, and the turn; another field's edit changes neither."""
    touched = Sentence("Rest.", [cited(1)], {}, changed=frozenset({(NOTE, "plan")}))
    untouched = Sentence("Walk.", [cited(2)], {}, changed=frozenset({(NOTE, "objective")}))
    conversation = await keep(parts, a_turn(touched, untouched))
    [turn] = (await get(http, f"/{conversation}")).json()["turns"]

    assert [one["source_changed"] for one in turn["citations"]] == [True, False]
    assert turn["source_changed"] is True
    assert turn["answer"] == "Rest. [1]\nWalk. [2]"


async def test_an_older_turn_tells_what_it_kept(http, parts):
    """A turn of before its counts were kept says that it does not know them."""
    conversation = await keep(parts, a_turn(Sentence("Rest.", [cited(1)], {})))
    [turn] = (await get(http, f"/{conversation}")).json()["turns"]
    told = turn["search"], turn["withheld"], turn["degraded"], turn["risk"], turn["feedback"]
    assert told == (None, None, [], [], None)
    assert turn["source_changed"] is False


async def test_an_export_is_the_whole_conversation(http, parts):
    """The file has all that reading shows, feedback included, under a name of its own."""
    rated = replace(a_turn(Sentence("Rest.", [cited(1)], {})), feedback=Feedback("down", "unclear"))
    conversation = await keep(parts, rated, a_turn(None), client=CLIENT)
    exported = await get(http, f"/{conversation}/export")

    assert exported.json() == (await get(http, f"/{conversation}")).json()
    assert exported.json()["turns"][0]["feedback"] == {"rating": "down", "reason": "unclear"}
    file = f'attachment; filename="conversation-{conversation}.json"'
    assert exported.headers["Content-Disposition"] == file


async def test_all_of_ones_own_conversations_are_deleted_at_once(http, parts):
    """A colleague's and another practice's stay; the trail says that all were deleted."""
    for _ in range(2):
        await keep(parts)
    theirs = [await keep(parts, user=UUID(int=22)), await keep(parts, workspace=OTHER_WORKSPACE)]
    deleted = await http.delete(HISTORY, headers=bearer())

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert {str(one) for one in parts.conversations.kept} == set(theirs)
    [entry] = parts.audit.entries
    assert (entry.action, entry.details["conversation"]) == ("conversation.deleted", None)


async def test_where_nothing_is_kept_there_is_no_history(http, parts):
    """What waits for the clock to delete it is not shown, in no way; all of it can be deleted at once."""
    conversation = await keep(parts)
    parts.standings = SwitchedStandings(conversations=False)

    assert (await get(http)).json() == {"conversations": [], "next": None}
    for method, end in [("GET", ""), ("GET", "/export"), ("DELETE", "")]:
        path = f"{HISTORY}/{conversation}{end}"
        refused = await http.request(method, path, headers=bearer())
        assert is_problem(refused, 404, "conversation_not_found")
    assert (await http.delete(HISTORY, headers=bearer())).status_code == 204
    assert parts.conversations.kept == {}
