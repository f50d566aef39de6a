"""The fake service itself: what it lets through, in which order, and what it refuses."""

import asyncio
import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from uuid import uuid4

import httpx
import pytest
from fake_callers import AGENT, QUESTION, Rows, Therapist, a_sender, an_event, events_in

from pazpaz_ai_client.signing import PrivateKey, Signer
from pazpaz_ai_client.testing import Citation, FakeAiService, NotProgrammed

# Answers


async def test_markers_and_places_are_those_of_the_answer(fake_ai_service):
    """Each citation points at its sentence, and its marker stands behind that."""
    fake_ai_service.answers(
        QUESTION,
        "Heat helped.\nSo did rest.",
        with_citations=[Citation("heat"), Citation("rest", line=1), Citation("sleep", line=1)],
    )

    answer = (await Therapist(fake_ai_service).ask()).json()

    assert answer["answer"] == "Heat helped. [1]\nSo did rest. [2] [3]"
    places = [answer["answer"][c["answer_start"] : c["answer_end"]] for c in answer["citations"]]
    assert places == ["Heat helped.", "So did rest.", "So did rest."]
    assert [citation["marker"] for citation in answer["citations"]] == [1, 2, 3]


async def test_a_degraded_answer_says_what_was_away(fake_ai_service):
    """Status and parts, as the page shows them."""
    fake_ai_service.degrades(QUESTION, "Heat helped.", lacks=["budget"])

    answer = (await Therapist(fake_ai_service).ask()).json()

    assert (answer["answer_status"], answer["degraded"]) == ("degraded", ["budget"])


def test_a_misspelt_member_is_refused(fake_ai_service):
    """A test cannot program what no answer has."""
    with pytest.raises(TypeError, match="an answer has no suggestion"):
        fake_ai_service.answers(QUESTION, "Heat.", suggestion=["?"])


def test_a_citation_of_no_line_is_refused(fake_ai_service):
    """A test cannot cite a line that is not there."""
    with pytest.raises(ValueError, match="1 lines, and none of number 1"):
        fake_ai_service.answers(QUESTION, "Heat.", with_citations=[Citation("heat", line=1)])


async def test_the_language_is_the_questions(fake_ai_service):
    """A Hebrew question has a Hebrew answer."""
    fake_ai_service.answers("מה עזר?", "חימום.")

    assert (await Therapist(fake_ai_service).ask("מה עזר?")).json()["language"] == "he"


# Streams


async def test_events_come_in_the_order_of_the_contract(fake_ai_service):
    """Steps, dangers, then each line behind its citations, then `done`."""
    fake_ai_service.answers(QUESTION, "Heat helped.\nSo did rest.", risk=[{"kind": "suicide"}])

    events = await Therapist(fake_ai_service).events()

    names = [name for name, _ in events]
    assert names == (
        ["status"] * 3 + ["risk"] + ["citation", "token"] * 2 + ["status"] * 2 + ["done"]
    )
    written = "".join(data["text"] for name, data in events if name == "token")
    assert written == events[-1][1]["answer"]


async def test_an_abstention_comes_after_all_steps(fake_ai_service):
    """That nothing was found is known at the end."""
    fake_ai_service.abstains(QUESTION)

    names = [name for name, _ in await Therapist(fake_ai_service).events()]

    assert names == ["status"] * 5 + ["token", "done"]


async def test_a_stream_that_breaks_off_ends_with_an_error(fake_ai_service):
    """A page has seen a line, which is no answer; nothing of it is kept."""
    fake_ai_service.breaks_off(QUESTION, "Heat helped.\nSo did rest.")
    therapist = Therapist(fake_ai_service)

    events = await therapist.events()

    assert [name for name, _ in events] == ["status"] * 3 + ["citation", "token", "error"]
    assert events[-1][1]["code"] == "unavailable"
    assert (await therapist.ask()).status_code == 503
    assert (await therapist.call("GET", "/history")).json()["conversations"] == []


async def test_a_stream_is_not_held_back(fake_ai_service):
    """The first events are there while the answer is still waited for, and a heartbeat among them."""
    go_on = asyncio.Event()
    fake_ai_service.answers(QUESTION, "Heat helped.", wait=go_on.wait)

    async with Therapist(fake_ai_service).listen() as response:
        parts = response.aiter_raw()
        early = [await anext(parts) for _ in range(4)]
        go_on.set()
        late = b"".join([part async for part in parts])

    assert early[0] == b'event: status\ndata: {"step": "understand"}\n\n'
    assert early[3] == b": ping\n\n"
    assert events_in(late)[-1][0] == "done"


async def test_a_refused_question_begins_no_stream(fake_ai_service):
    """A refusal is a problem document, whatever was accepted."""
    fake_ai_service.refuses(QUESTION, 403)

    async with Therapist(fake_ai_service).listen() as response:
        assert response.status_code == 403
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_who_hangs_up_is_answered_no_more(fake_ai_service):
    """A turn that nobody waited for is not kept."""
    fake_ai_service.answers(QUESTION, "Heat helped.")
    therapist = Therapist(fake_ai_service)

    async with therapist.listen() as response:
        await anext(response.aiter_raw())

    assert (await therapist.call("GET", "/history")).json()["conversations"] == []


# Refusals


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 503])
async def test_a_question_is_refused_as_programmed(fake_ai_service, status):
    """With the headers that belong to the status."""
    fake_ai_service.refuses(QUESTION, status, retry_after=7)

    response = await Therapist(fake_ai_service).ask()

    assert response.status_code == response.json()["status"] == status
    assert response.headers.get("Retry-After") == ("7" if status in {429, 503} else None)
    assert response.headers["X-Request-ID"] == response.json()["request_id"]


def test_a_status_that_the_service_never_gives_is_refused(fake_ai_service):
    """A test cannot program what PazPaz never meets."""
    with pytest.raises(ValueError, match="not with 418"):
        fake_ai_service.refuses(QUESTION, 418)


async def test_all_can_be_refused_until_it_comes_back(fake_ai_service):
    """As when the service is switched off."""
    fake_ai_service.refuses_all(503, retry_after=300)
    therapist = Therapist(fake_ai_service)

    during = await therapist.call("GET", "/history")
    fake_ai_service.comes_back()
    after = await therapist.call("GET", "/history")

    assert (during.status_code, during.headers["Retry-After"]) == (503, "300")
    assert after.status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"query": " "}, {"query": "x" * 2001}, {"query": "a\0"}, {"query": "x", "mode": "y"}, []],
)
async def test_a_malformed_question_is_refused(fake_ai_service, body):
    """What the service would not read, the fake does not answer."""
    response = await Therapist(fake_ai_service).call("POST", "/chat", json=body)

    assert response.status_code == 422
    assert fake_ai_service.questions == []


async def test_type_and_size_are_refused(fake_ai_service):
    """Another type is 415, too many bytes are 413."""
    therapist = Therapist(fake_ai_service)

    assert (await therapist.call("POST", "/chat", content=b"{}")).status_code == 415
    assert (await therapist.ask("x" * 70_000)).status_code == 413


async def test_without_a_token_nobody_is_served(fake_ai_service):
    """A forgotten Authorization header shows."""
    response = await fake_ai_service.client.get(f"{AGENT}/history")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_the_detail_is_in_the_readers_language(fake_ai_service):
    """Hebrew where no language is asked for."""
    response = await fake_ai_service.client.get(f"{AGENT}/history")

    assert response.json()["detail"] == "יש להתחבר מחדש."


async def test_an_unknown_path_is_not_found(fake_ai_service):
    """A misspelt path is no success."""
    assert (await Therapist(fake_ai_service).call("GET", "/hystory")).status_code == 404


# Questions nobody programmed


async def test_an_unprogrammed_question_is_a_failure():
    """The error names the question, and those that are programmed."""
    fake = FakeAiService()
    fake.answers(QUESTION, "Heat.")

    with pytest.raises(NotProgrammed, match=r"'What hurt\?', only for \['What helped\?'\]"):
        await Therapist(fake).ask("What hurt?")
    assert fake.unprogrammed == ["What hurt?"]


SWALLOWING = """
import asyncio, contextlib

def test_it(fake_ai_service):
    async def ask():
        with contextlib.suppress(AssertionError):
            await fake_ai_service.client.post(
                fake_ai_service.url + "/api/v1/ai/agent/chat",
                headers={"Authorization": "Bearer x"}, json={"query": "What hurt?"})
    asyncio.run(ask())
"""


def test_pytest_finds_the_fixture_and_fails_where_the_error_was_swallowed(tmp_path):
    """In a project that only installed the package, also when a handler made a 500 of the error."""
    (tmp_path / "test_it.py").write_text(SWALLOWING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:langsmith_plugin", "test_it.py"]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)  # noqa: S603

    assert run.returncode == 1
    assert "not programmed: ['What hurt?']" in run.stdout


# History


def a_token(user):
    claims = urlsafe_b64encode(json.dumps({"user_id": user, "jti": str(uuid4())}).encode())
    return f"e30.{claims.decode().rstrip('=')}.x"


async def test_a_caller_is_who_the_token_names(fake_ai_service):
    """Short tokens change at each request; others see nothing."""
    fake_ai_service.answers(QUESTION, "Heat.")
    first = (await Therapist(fake_ai_service, a_token("a")).ask()).json()
    path = f"/history/{first['conversation_id']}"

    assert (await Therapist(fake_ai_service, a_token("a")).call("GET", path)).status_code == 200
    assert (await Therapist(fake_ai_service, a_token("b")).call("GET", path)).status_code == 404


async def test_a_conversation_keeps_its_scope(fake_ai_service):
    """Another client is 409; a conversation nobody has is 404."""
    fake_ai_service.answers(QUESTION, "Heat.")
    therapist, client = Therapist(fake_ai_service), str(uuid4())
    mine = (await therapist.ask(client_id=client)).json()["conversation_id"]

    assert (await therapist.ask(conversation_id=mine)).status_code == 200
    assert (await therapist.ask(conversation_id=mine, client_id=str(uuid4()))).status_code == 409
    assert (await therapist.ask(conversation_id=str(uuid4()))).status_code == 404


async def test_the_history_has_pages(fake_ai_service):
    """Newest first, by a cursor, of one client or of all."""
    fake_ai_service.answers(QUESTION, "Heat.")
    therapist, client = Therapist(fake_ai_service), str(uuid4())
    asked = [(await therapist.ask(client_id=client)).json() for _ in range(3)]
    await therapist.ask()

    first = (await therapist.call("GET", f"/history?client_id={client}&limit=2")).json()
    rest = (
        await therapist.call("GET", f"/history?client_id={client}&cursor={first['next']}")
    ).json()

    shown = [one["conversation_id"] for one in first["conversations"] + rest["conversations"]]
    assert shown == [one["conversation_id"] for one in reversed(asked)]
    assert rest["next"] is None
    assert (await therapist.call("GET", "/history?cursor=x")).status_code == 422
    assert (await therapist.call("GET", "/history?limit=0")).status_code == 422


async def test_all_of_ones_own_can_be_deleted(fake_ai_service):
    """And nothing of another's."""
    fake_ai_service.answers(QUESTION, "Heat.")
    mine, theirs = Therapist(fake_ai_service), Therapist(fake_ai_service, "theirs")
    await mine.ask()
    await theirs.ask()

    assert (await mine.call("DELETE", "/history")).status_code == 204
    assert (await mine.call("GET", "/history")).json()["conversations"] == []
    assert len((await theirs.call("GET", "/history")).json()["conversations"]) == 1


async def test_a_rating_of_no_answer_is_refused(fake_ai_service):
    """Unknown answers are 404, a reason without a fault is 422."""
    therapist = Therapist(fake_ai_service)
    rating = {"message_id": str(uuid4()), "rating": "up"}

    unknown = await therapist.call("POST", "/feedback", json=rating)
    odd = await therapist.call("POST", "/feedback", json={**rating, "reason": "other"})

    assert (unknown.status_code, odd.status_code) == (404, 422)
    assert fake_ai_service.feedback == []


# Events


async def test_signed_events_arrive_once(fake_ai_service):
    """A second delivery of the same events changes nothing."""
    rows = Rows([an_event(), an_event()])
    sender = a_sender(fake_ai_service, rows)

    assert await sender.send_once() == 2
    assert await sender.send_once() == 2
    assert [event.id for event in fake_ai_service.events] == [one.id for one in rows.waiting]


async def test_events_of_another_key_are_refused(fake_ai_service):
    """The sender learns a status, the test also the rule."""
    rows = Rows([an_event()])
    stranger = Signer(PrivateKey.generate("ml-other"), audience="pazpaz-ai")

    assert await a_sender(fake_ai_service, rows, signer=stranger).send_once() == 0
    assert rows.codes == [("status_401", 0)]
    assert fake_ai_service.refused_rules == ["unknown_key"]
    assert fake_ai_service.events == []


async def test_events_wait_while_the_service_is_away(fake_ai_service):
    """An outage and a refusal are both told to the outbox."""
    rows = Rows([an_event()])
    sender = a_sender(fake_ai_service, rows)

    fake_ai_service.goes_away(httpx.ConnectTimeout)
    await sender.send_once()
    fake_ai_service.refuses_all(503, retry_after=300)
    await sender.send_once()
    fake_ai_service.comes_back()

    assert rows.codes == [("ConnectTimeout", 0), ("status_503", 300)]
    assert await sender.send_once() == 1
