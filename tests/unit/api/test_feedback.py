"""POST /ai/agent/feedback: one word on one of one's own answers, and nothing else."""

from typing import get_args
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from service.domain.feedback import Feedback, Reason
from tests.fakes import OTHER_WORKSPACE, WORKSPACE
from tests.unit.api.practice import ask, bearer, everything_sent, is_problem
from tests.unit.doubles import USER, SwitchedStandings, a_turn

FEEDBACK = "/api/v1/ai/agent/feedback"


async def give(http, message, rating="up", **more):
    body = {"message_id": str(message), "rating": rating, **more}
    return await http.post(FEEDBACK, json=body, headers=bearer())


async def keep(parts, *, user=USER, workspace=WORKSPACE) -> UUID:
    """A turn that is kept; its id."""
    turn = a_turn()
    await parts.conversations.add_turn(
        conversation=uuid4(), client=None, user=user, workspace=workspace, turn=turn
    )
    return turn.id


def rated(parts) -> list[Feedback | None]:
    return [turn.feedback for kept in parts.conversations.kept.values() for turn in kept.turns]


def counted(rating: str, reason: str) -> float:
    labels = {"rating": rating, "reason": reason}
    return REGISTRY.get_sample_value("ai_agent_feedback_total", labels) or 0.0


async def test_an_answer_is_rated_and_rated_again(http, parts):
    """The last word counts; each has a row in the trail and in the counters, without a word of the answer."""
    message = (await ask(http, "zebra?")).json()["message_id"]
    before = counted("down", "wrong_fact"), counted("up", "none")
    said = await give(http, message, "down", reason="wrong_fact")
    assert (said.status_code, said.content) == (204, b"")
    assert rated(parts) == [Feedback("down", "wrong_fact")]
    assert (await give(http, message)).status_code == 204
    assert rated(parts) == [Feedback("up")]

    assert (counted("down", "wrong_fact"), counted("up", "none")) == (before[0] + 1, before[1] + 1)
    first, second = parts.audit.entries[-2:]
    assert (first.action, second.action) == ("feedback.given", "feedback.given")
    told = {name: first.details[name] for name in ("message", "rating", "reason")}
    assert told == {"message": message, "rating": "down", "reason": "wrong_fact"}
    assert set(first.details) == {*told, "request_id"}


@pytest.mark.parametrize("reason", get_args(Reason))
async def test_every_reason_can_be_given(http, parts, reason):
    """The closed list is what the API takes."""
    assert (await give(http, await keep(parts), "down", reason=reason)).status_code == 204
    assert rated(parts) == [Feedback("down", reason)]


@pytest.mark.parametrize(
    "owner",
    [{"user": UUID(int=22)}, {"workspace": OTHER_WORKSPACE}],
    ids=["colleague", "other practice"],
)
async def test_an_answer_of_somebody_else_does_not_exist(http, parts, owner):
    """It is not rated, and looks like one that never was."""
    theirs = await give(http, await keep(parts, **owner))
    unknown = await give(http, uuid4())
    for refused in (theirs, unknown):
        assert is_problem(refused, 404, "message_not_found")
    assert rated(parts) == [None]
    assert parts.audit.actions == ["refused", "refused"]


@pytest.mark.parametrize(
    "change",
    [
        {"rating": "sideways"},
        {"rating": None},
        {"reason": "wrong_fact"},
        {"rating": "down", "reason": "zebra-canary"},
        {"message_id": "zebra-canary"},
        {"message_id": None},
    ],
    ids=str,
)
async def test_what_is_not_on_the_list_is_refused(http, parts, change):
    """An unknown rating or reason, and a reason for praise, are 422, and nothing is repeated."""
    body = {"message_id": str(await keep(parts)), "rating": "up"} | change
    refused = await http.post(FEEDBACK, json=body, headers=bearer())
    assert is_problem(refused, 422, "malformed")
    assert "zebra" not in everything_sent(refused)
    assert rated(parts) == [None]


async def test_the_token_is_looked_at_before_the_body(http):
    """A stranger learns nothing but that they must sign in."""
    refused = await http.post(FEEDBACK, content="no JSON")
    assert is_problem(refused, 401, "not_authenticated")


async def test_where_nothing_is_kept_there_is_nothing_to_rate(http, parts):
    """What waits for the clock to delete it is not there any more."""
    message = await keep(parts)
    parts.standings = SwitchedStandings(conversations=False)
    assert is_problem(await give(http, message), 404, "message_not_found")
    assert rated(parts) == [None]
