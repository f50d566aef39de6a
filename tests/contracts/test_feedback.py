"""The contract of FeedbackStore."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.feedback import Feedback, RatedTurn
from service.domain.identity import UserId, WorkspaceId
from tests.contracts.bench import Bench
from tests.contracts.test_conversations import COLLEAGUE, USER, a_turn, add, said
from tests.fakes import NOW, OTHER_WORKSPACE, WORKSPACE, a_note

BAD = Feedback("down", "bad_citation")


async def rate(
    bench: Bench,
    turn: UUID,
    given: Feedback = BAD,
    *,
    user: UserId = USER,
    workspace: WorkspaceId = WORKSPACE,
) -> bool:
    told = await bench.feedback.give(turn, given, user=user, workspace=workspace, at=NOW)
    assert told == await bench.feedback.may_rate(turn, user=user, workspace=workspace)
    return told


async def shown(bench: Bench, conversation: UUID) -> list[Feedback | None]:
    turns = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    return [turn.feedback for turn in turns]


async def test_the_last_word_on_a_turn_counts(bench: Bench) -> None:
    """A turn has one rating, replaced by the next; it is read back with its turn and with no other."""
    first, second = a_turn(), a_turn(after=1)
    conversation = await add(bench, first, second)
    assert await shown(bench, conversation) == [None, None]
    assert await rate(bench, first.id)
    assert await rate(bench, second.id, Feedback("up"))
    assert await shown(bench, conversation) == [BAD, Feedback("up")]

    assert await rate(bench, first.id, Feedback("up"))
    assert await shown(bench, conversation) == [Feedback("up"), Feedback("up")]


@pytest.mark.parametrize(
    ("user", "workspace"),
    [(COLLEAGUE, WORKSPACE), (USER, OTHER_WORKSPACE)],
    ids=["user", "workspace"],
)
async def test_nobody_else_rates_a_turn(bench: Bench, user: UserId, workspace: WorkspaceId) -> None:
    """To a colleague, and to the same user in another workspace, a turn is as unknown as one that never was."""
    turn = a_turn()
    conversation = await add(bench, turn)
    assert not await rate(bench, turn.id, user=user, workspace=workspace)
    assert not await rate(bench, uuid4())
    assert await shown(bench, conversation) == [None]


async def test_what_was_given_is_listed_without_a_word(bench: Bench) -> None:
    """A workspace's rated turns, oldest first, with the day and what their outcome says; since a moment, if given."""
    first, unrated, second = (
        a_turn(after=2),
        a_turn(),
        replace(a_turn(), asked_at=NOW - timedelta(1)),
    )
    await add(bench, first, unrated)
    await add(bench, second, user=COLLEAGUE)
    theirs = a_turn()
    await add(bench, theirs, workspace=OTHER_WORKSPACE)
    await rate(bench, first.id)
    await rate(bench, second.id, Feedback("up"), user=COLLEAGUE)
    await rate(bench, theirs.id, workspace=OTHER_WORKSPACE)

    today, outcome = NOW.date(), {"status": "answered"}
    later = RatedTurn(WORKSPACE, first.id, BAD, today, outcome)
    earlier = RatedTurn(WORKSPACE, second.id, Feedback("up"), today - timedelta(1), outcome)
    assert await bench.feedback.given(workspace=WORKSPACE) == [earlier, later]
    assert await bench.feedback.given(workspace=WORKSPACE, since=NOW) == [later]
    assert await bench.feedback.given(workspace=WorkspaceId(UUID(int=3))) == []


async def test_feedback_goes_with_its_turn_and_stays_with_a_shredded_one(bench: Bench) -> None:
    """There is no word of a note in it; a deleted conversation leaves nothing."""
    note = a_note("one")
    await bench.index(note)
    turn = a_turn(said("from one", note))
    conversation = await add(bench, turn)
    await rate(bench, turn.id)
    await bench.erase(note.ref)
    assert await shown(bench, conversation) == [BAD]
    await bench.conversations.delete(conversation, user=USER, workspace=WORKSPACE)
    assert await bench.feedback.given(workspace=WORKSPACE) == []
