"""The audit rows around requests: one before text is read, one before it is shown, one for a refusal."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from service.domain.turns import Sentence
from service.domain.usage import Usage
from service.errors import ModelUnavailable, StoreUnavailable
from service.security.keys import digest
from tests.fakes import CLIENT, WORKSPACE, a_client, a_note
from tests.unit.api.practice import HISTORY, an_answer, ask, bearer, is_problem
from tests.unit.doubles import USER, CountedLimiter, SwitchedStandings, a_turn, an_introspection

NOTE = replace(a_note("It hurts."), version=7)
UNKNOWN = UUID(int=99)


async def kept(parts, *turns, client=None) -> str:
    conversation = uuid4()
    for turn in turns or [a_turn()]:
        await parts.conversations.add_turn(
            conversation=conversation, client=client, user=USER, workspace=WORKSPACE, turn=turn
        )
    return str(conversation)


async def test_a_question_has_one_row_before_and_one_after(http, parts):
    """The opening row stands before anything is asked, the closing one tells notes, model and outcome."""
    parts.touches = [(NOTE, "read"), (NOTE, "cited")]
    answered = (await ask(http, "How is the knee?", client_id=str(CLIENT))).json()

    assert parts.audit.on_ask == ["chat.opened"]
    assert parts.audit.actions == ["chat.opened", "chat.closed"]
    opening, closing = parts.audit.entries
    key = (await parts.keys.keys(workspace=WORKSPACE)).index
    assert opening.details == {
        "query": digest(key, "audit.query", "How is the knee?"),
        "language": "en",
        "client": str(CLIENT),
        "conversation": answered["conversation_id"],
        "mode": "ask",
        "role": "owner",
        "request_id": answered["request_id"],
    }
    used = {"entity": "sessions", "id": str(NOTE.ref.id), "client": str(CLIENT), "version": 7}
    assert closing.details == {
        "outcome": "abstained",
        "model": "scripted-1",
        "notes": [{**used, "use": "cited"}],
        "usage": [],
        "cost_micros": 0,
        "degraded": [],
        "instruction_score": 0,
        "request_id": answered["request_id"],
    }
    assert opening.chat == closing.chat is not None
    assert {(workspace, entry.user) for workspace, entry in parts.audit.rows} == {(WORKSPACE, USER)}


async def test_without_an_opening_row_nothing_is_asked(http, parts):
    """Audit away is 503 with Retry-After, before any note is read."""
    parts.audit.away = StoreUnavailable()
    response = await ask(http)
    assert is_problem(response, 503, "unavailable")
    assert "Retry-After" in response.headers
    assert not parts.asked


async def test_without_a_closing_row_nothing_is_shown(http, parts):
    """An answer whose closing row cannot be written does not leave the house."""
    parts.answer = an_answer("Secret.")
    parts.audit.away, parts.audit.away_from = StoreUnavailable(), 1
    response = await ask(http)
    assert is_problem(response, 503, "unavailable")
    assert "Secret." not in response.text
    assert parts.audit.actions == ["chat.opened"]


@pytest.mark.parametrize(
    ("error", "outcome"), [(ModelUnavailable(), "model_away"), (LookupError(), "internal")]
)
async def test_a_question_that_fails_is_closed_with_what_it_read(http, parts, error, outcome):
    """The notes read before the failure are told, under the error's code; and no refusal row beside it."""
    parts.touches, parts.answer = [(NOTE, "read")], error
    assert (await ask(http)).status_code in {500, 503}
    assert parts.audit.actions == ["chat.opened", "chat.closed"]
    closing = parts.audit.entries[1].details
    assert (closing["outcome"], closing["notes"][0]["use"]) == (outcome, "read")


@pytest.mark.parametrize("end", [an_answer(), ModelUnavailable(), asyncio.CancelledError()])
async def test_the_closing_row_tells_what_models_did_for_a_question(http, parts, end):
    """Its usage by model, its cost and what was away, in whole numbers, however it ended."""
    parts.answer, parts.spent = end, {"b-1": Usage(20, 3), "a-1": Usage(searches=1)}
    with suppress(asyncio.CancelledError):
        await ask(http)
    closing = parts.audit.entries[-1].details
    assert closing["usage"] == [
        {"model": "a-1", "input_tokens": 0, "output_tokens": 0, "searches": 1},
        {"model": "b-1", "input_tokens": 20, "output_tokens": 3, "searches": 0},
    ]
    assert (closing["cost_micros"], closing["degraded"]) == (77, ["reranker"])


async def test_a_question_cut_off_is_closed_as_cancelled(http, parts):
    """Whoever cancels a question does not cancel its record."""
    parts.answer = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await ask(http)
    assert parts.audit.entries[-1].details["outcome"] == "cancelled"


async def test_a_failure_keeps_its_own_name_when_it_cannot_be_recorded(http, parts):
    """The sweeper will close it; the caller learns what really went wrong."""
    parts.answer = ModelUnavailable()
    parts.audit.away, parts.audit.away_from = StoreUnavailable(), 1
    assert is_problem(await ask(http), 503, "unavailable")
    assert parts.audit.actions == ["chat.opened"]


def scope_of_nobody(parts):
    return {"client_id": str(UNKNOWN)}, 404, "client_not_found"


def conversation_of_nobody(parts):
    return {"conversation_id": str(UNKNOWN)}, 404, "conversation_not_found"


def nothing_left(parts):
    parts.limiter = CountedLimiter(left=0)
    return {}, 429, "allowance_used"


def switched_off(parts):
    parts.standings = SwitchedStandings(enabled=False)
    return {}, 503, "switched_off"


def of_a_role_that_may_not(parts):
    parts.standings = SwitchedStandings(allowed_roles=frozenset({"assistant"}))
    return {}, 403, "not_allowed"


def of_a_suspended_practice(parts):
    parts.login.said = an_introspection(workspace_status="suspended")
    return {}, 403, "workspace_suspended"


@pytest.mark.parametrize(
    "given",
    [
        scope_of_nobody,
        conversation_of_nobody,
        nothing_left,
        switched_off,
        of_a_role_that_may_not,
        of_a_suspended_practice,
    ],
)
async def test_a_refusal_is_one_row(http, parts, given):
    """A caller we know, refused before any text was read: who, where and why, in one row."""
    more, status, code = given(parts)
    response = await ask(http, **more)
    assert is_problem(response, status, code)
    [(workspace, entry)] = parts.audit.rows
    assert (workspace, entry.user, entry.action) == (WORKSPACE, USER, "refused")
    assert entry.details == {
        "code": code,
        "route": "/api/v1/ai/agent/chat",
        "request_id": response.headers["X-Request-ID"],
    }


async def test_a_refusal_that_cannot_be_recorded_is_an_outage(http, parts):
    """Nobody is told no without a row that says so."""
    parts.audit.away = StoreUnavailable()
    assert is_problem(await ask(http, client_id=str(UNKNOWN)), 503, "unavailable")


async def test_strangers_and_bad_bodies_leave_no_row(http, parts):
    """Who is not known, or what cannot be read, is no decision about a person."""
    parts.login.said = None
    assert (await ask(http)).status_code == 401
    parts.login.said = an_introspection()
    assert (await ask(http, "")).status_code == 422
    assert parts.audit.rows == []


async def test_a_client_unknown_here_is_looked_up_without_text(http, parts):
    """A client a second old is found in PazPaz's list; no note is pulled before the opening row."""
    parts.notes.take(a_client(id=UNKNOWN))
    assert (await ask(http, client_id=str(UNKNOWN))).status_code == 200
    assert parts.notes.pulls == []


async def test_reading_the_history_is_told(http, parts):
    """The list is one row; a conversation is one row with the notes whose words it shows."""
    cited = {"type": "session", "session_id": str(NOTE.ref.id), "client_id": str(CLIENT)}
    said = Sentence("It hurts.", [{**cited, "note_version": 7, "marker": 1}], {})
    conversation = await kept(parts, a_turn(said, said), client=CLIENT)
    await http.get(HISTORY, headers=bearer())
    await http.get(f"{HISTORY}/{conversation}", headers=bearer())

    listed, read = parts.audit.entries
    assert (listed.action, listed.details["conversation"]) == ("history.read", None)
    used = {"entity": "sessions", "id": str(NOTE.ref.id), "client": str(CLIENT), "version": 7}
    assert read.details["notes"] == [{**used, "use": "shown"}]
    assert (read.action, read.details["conversation"]) == ("history.read", conversation)
    assert read.details["client"] == str(CLIENT)


async def test_an_export_is_a_file_and_a_row(http, parts):
    """The conversation as an attachment, told as an export."""
    conversation = await kept(parts, client=CLIENT)
    exported = await http.get(f"{HISTORY}/{conversation}/export", headers=bearer())
    read = await http.get(f"{HISTORY}/{conversation}", headers=bearer())

    assert exported.json() == read.json()
    named = f'attachment; filename="conversation-{conversation}.json"'
    assert exported.headers["Content-Disposition"] == named
    assert parts.audit.actions == ["conversation.exported", "history.read"]


async def test_a_deletion_is_told_before_it_is_done(http, parts):
    """Audit away: the conversation stays. Else one row, and it is gone."""
    conversation = await kept(parts)
    parts.audit.away = StoreUnavailable()
    refused = await http.delete(f"{HISTORY}/{conversation}", headers=bearer())
    assert is_problem(refused, 503, "unavailable")
    assert len(parts.conversations.kept) == 1

    parts.audit.away = None
    assert (await http.delete(f"{HISTORY}/{conversation}", headers=bearer())).status_code == 204
    assert parts.audit.actions == ["conversation.deleted"]
    assert parts.audit.entries[0].details["conversation"] == conversation


async def test_history_unread_is_history_unshown(http, parts):
    """What cannot be recorded is not shown."""
    conversation = await kept(parts, a_turn(question="secret"))
    parts.audit.away = StoreUnavailable()
    for path in ("", f"/{conversation}", f"/{conversation}/export"):
        response = await http.get(HISTORY + path, headers=bearer())
        assert is_problem(response, 503, "unavailable")
        assert "secret" not in response.text


async def test_a_switch_that_cannot_be_read_is_not_on(http, parts):
    """Postgres away: nobody knows whether the assistant is switched off, so it does not answer."""
    parts.standings.away = StoreUnavailable()
    assert is_problem(await ask(http), 503, "unavailable")
    assert not parts.asked


async def test_whether_consent_is_asked_for_goes_with_the_question(http, parts):
    """The rule of this moment reaches retrieval, whatever the index was made under."""
    for required in (False, True):
        parts.standings = SwitchedStandings(require_consent=required)
        await ask(http)
        question, _, _ = parts.asked[-1]
        assert question.require_consent is required
