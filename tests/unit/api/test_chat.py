"""POST /ai/agent/chat: who is refused, in which order, at what cost; what is answered and kept."""

import json
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from service.domain.answers import Citation, Heading, SearchStatement
from service.domain.identity import ClientId, Principal
from service.domain.notes import NoteRef
from service.domain.risk import Risk
from service.domain.turns import Source
from service.errors import ModelUnavailable, SourceUnavailable
from service.security.keys import text_digest
from tests.fakes import CLIENT, NOW, OTHER_WORKSPACE, WORKSPACE, a_client, a_note
from tests.unit.api.practice import (
    CHAT,
    HISTORY,
    KnownClients,
    a_token,
    an_answer,
    ask,
    bearer,
    is_problem,
)
from tests.unit.doubles import USER, CountedLimiter, SwitchedStandings, a_turn, an_introspection

OTHER_CLIENT = ClientId(UUID(int=12))
NOTE = NoteRef(WORKSPACE, "sessions", UUID(int=41))


def a_citation(start: int, end: int, marker: int = 1, **changes: object) -> Citation:
    said: dict[str, object] = {
        "marker": marker,
        "note": NOTE,
        "client": CLIENT,
        "client_name": "דנה לוי",
        "session_date": NOW,
        "similarity": 0.87654321,
        "field": "plan",
        "quote": "Rest.",
        "start": 4,
        "end": 9,
        "answer_start": start,
        "answer_end": end,
        "note_version": 2,
        "is_draft": False,
    }
    return Citation(**(said | changes))  # type: ignore[arg-type]


def a_risk(quote: str) -> Risk:
    return Risk(
        kind="suicide",
        polarity="denied",
        note=NOTE,
        client=CLIENT,
        client_name="דנה לוי",
        session_date=NOW,
        field="assessment",
        quote=quote,
        start=0,
        end=len(quote),
        note_version=2,
        is_draft=False,
    )


def as_past(citations):
    """As the history shows them while their notes are unchanged."""
    return [{**one, "source_changed": False} for one in citations]


async def test_refusals_come_in_order_and_cost_nothing(http, parts):
    """Token, shape, principal, switch, scope, allowance: each is looked at only when all before it held."""
    parts.login.said = an_introspection(workspace_status="suspended")
    parts.standings = SwitchedStandings(enabled=False)
    parts.store.known.clear()
    parts.limiter = CountedLimiter(left=0)
    good = json.dumps({"query": "How is the knee?", "client_id": str(CLIENT)})
    headers: dict[str, str] = {"Content-Type": "text/plain"}

    async def post(body: str):
        response = await http.post(CHAT, content=body, headers=headers)
        assert not parts.asked
        return response

    assert is_problem(await post("no JSON"), 401, "not_authenticated")
    headers |= bearer()
    assert is_problem(await post("no JSON"), 415, "wrong_media_type")
    headers["Content-Type"] = "application/json"
    assert is_problem(await post("no JSON"), 422, "malformed")
    assert parts.login.asked == 0

    assert is_problem(await post(good), 403, "workspace_suspended")
    parts.login.said = an_introspection()
    assert is_problem(await post(good), 503, "switched_off")
    parts.standings = SwitchedStandings()
    assert parts.notes.pulls == []
    assert is_problem(await post(good), 404, "client_not_found")
    parts.store.known.add(CLIENT)
    assert is_problem(await post(good), 429, "allowance_used")
    assert parts.limiter.taken == 0

    parts.limiter.left = 1
    response = await http.post(CHAT, content=good, headers=headers)
    assert response.status_code == 200
    assert parts.limiter.taken == 1
    assert len(parts.asked) == 1


async def test_no_refusal_costs_allowance(http, parts):
    """After any number of refused requests the whole allowance is left."""
    parts.limiter = CountedLimiter(left=1)
    for query, headers in [("", bearer()), ("x" * 2001, bearer()), ("x", bearer("a.b.c"))]:
        refused = await ask(http, query, headers=headers)
        assert refused.status_code in {401, 422}
    assert (await ask(http, "x", client_id=str(OTHER_CLIENT))).status_code == 404
    assert (await ask(http, "x", conversation_id=str(uuid4()))).status_code == 404

    assert (await ask(http)).status_code == 200
    refused = await ask(http)
    assert is_problem(refused, 429, "allowance_used")
    assert refused.headers["Retry-After"] == "60"
    assert parts.limiter.taken == 1


async def test_an_answer_has_every_field_of_the_contract(http, parts):
    """Names and types are those PazPaz's page reads; times end in Z."""
    parts.answer = an_answer("Rest. [1]", a_citation(0, 5))
    response = await ask(http)
    body = response.json()

    assert response.status_code == 200
    assert body.pop("processing_time_ms") >= 0
    assert UUID(body.pop("conversation_id"))
    assert UUID(body.pop("message_id"))
    assert body.pop("request_id") == response.headers["X-Request-ID"]
    assert body == {
        "answer": "Rest. [1]",
        "citations": [
            {
                "type": "session",
                "session_id": str(NOTE.id),
                "client_id": str(CLIENT),
                "client_name": "דנה לוי",
                "session_date": "2026-11-01T09:00:00Z",
                "similarity": 0.8765,
                "field_name": "plan",
                "marker": 1,
                "quote": "Rest.",
                "start": 4,
                "end": 9,
                "answer_start": 0,
                "answer_end": 5,
                "note_version": 2,
                "is_draft": False,
                "repaired": False,
                "instruction_like": False,
            }
        ],
        "language": "en",
        "retrieved_count": 1,
        "answer_status": "answered",
        "model": "scripted-1",
        "risk": [],
        "risk_unread": 0,
        "degraded": [],
        "search": {
            "notes_read": 3,
            "from": "2026-11-01",
            "to": "2026-11-01",
            "drafts": 0,
            "complete": True,
            "notes_total": None,
            "other_language": 0,
            "unsearched_drafts": 0,
        },
        "withheld": 0,
        "suggestions": [],
    }


async def test_all_drafts_are_told_and_which_were_not_searched(http, parts):
    """`drafts` are those of the scope, whether an answer could lean on them or not."""
    parts.answer = an_answer(
        search=SearchStatement(3, None, None, drafts=1, complete=True, unsearched_drafts=2)
    )
    search = (await ask(http)).json()["search"]
    assert (search["notes_read"], search["drafts"], search["unsearched_drafts"]) == (3, 3, 2)


async def test_a_profile_is_cited_as_a_client(http, parts):
    """A citation of a client's profile names no session."""
    profile = NoteRef(WORKSPACE, "clients", CLIENT)
    parts.answer = an_answer(
        "Rest. [1]", a_citation(0, 5, note=profile, session_date=None, note_version=None)
    )
    [citation] = (await ask(http)).json()["citations"]
    assert (citation["type"], citation["session_id"]) == ("client", None)
    assert citation["client_id"] == str(CLIENT)


async def test_the_question_reaches_the_graph_as_the_caller_asked_it(http, parts):
    """Text, language, limits, mode and scope arrive; the workspace is the principal's, whatever the body says."""
    await ask(
        http,
        "איך הברך?",
        client_id=str(CLIENT),
        max_results=7,
        min_similarity=0.5,
        mode="summary",
        workspace_id=str(OTHER_WORKSPACE),
    )
    [(question, caller, earlier)] = parts.asked
    assert caller == Principal(USER, WORKSPACE, "owner")
    assert (question.text, question.language, question.mode) == ("איך הברך?", "he", "summary")
    assert (question.client, question.max_results, question.min_similarity) == (CLIENT, 7, 0.5)
    assert earlier == []


async def test_a_turn_is_kept_sentence_by_sentence(http, parts):
    """Each sentence is kept with the notes it leans on, so that forgetting one can take it out."""
    other = replace(NOTE, id=UUID(int=42))
    text = "Rest. [1] [2]\nThen walk. [3]"
    parts.answer = an_answer(
        text, a_citation(0, 5), a_citation(0, 5, 2, note=other), a_citation(14, 24, 3, note=other)
    )
    body = (await ask(http)).json()

    [kept] = parts.conversations.kept.values()
    [turn] = kept.turns
    assert (kept.user, kept.workspace, kept.client) == (USER, WORKSPACE, None)
    assert str(turn.id) == body["message_id"]
    assert turn.question == "How is the knee?"
    assert [sentence.text for sentence in turn.sentences] == ["Rest.", "Then walk."]
    assert turn.sentences[0].sources == {NOTE: Source(CLIENT, 2), other: Source(CLIENT, 2)}
    assert turn.sentences[1].sources == {other: Source(CLIENT, 2)}


async def test_a_turn_keeps_what_the_answer_said_about_itself(http, parts):
    """States, counts and days lie beside the seals: nothing of what was asked or answered."""
    parts.answer = an_answer(
        "Rest. [1]", a_citation(0, 5), status="degraded", withheld=2, degraded=("model",)
    )
    await ask(http, mode="summary", client_id=str(CLIENT))
    [kept] = parts.conversations.kept.values()
    searched = {"notes_read": 3, "first": "2026-11-01", "last": "2026-11-01", "drafts": 0}
    searched |= {"complete": True, "notes_total": None, "other_language": 0}
    searched |= {"unsearched_drafts": 0}
    assert kept.turns[0].outcome == {
        "status": "degraded",
        "language": "en",
        "model": "scripted-1",
        "mode": "summary",
        "citations": 1,
        "risk": 0,
        "withheld": 2,
        "degraded": ["model"],
        "search": searched,
    }


async def test_a_sentence_is_bound_to_the_text_that_it_quotes(http, parts):
    """Its sources say how the notes were: version, moment, and a keyed digest of each quoted field and no other."""
    note = replace(a_note("It hurts.", plan="Now Rest.", assessment="Strain."), ref=NOTE, version=2)
    parts.touches = [(note, "read"), (note, "cited")]
    counted = Heading("Mentioned once.", {NOTE: CLIENT})
    text = "Mentioned once.\nRest. [1]\nIt hurts. [2]"
    parts.answer = an_answer(
        text, a_citation(16, 21), a_citation(26, 35, 2, field="subjective"), heading=counted
    )
    await ask(http)

    [kept] = parts.conversations.kept.values()
    key = (await parts.keys.keys(workspace=WORKSPACE)).index
    digests = {name: text_digest(key, name, said) for name, said in note.fields.items()}
    head, first, second = (said.sources[NOTE] for said in kept.turns[0].sentences)
    assert first == Source(CLIENT, 2, note.updated_at, {"plan": digests["plan"]})
    assert second.texts == {"subjective": digests["subjective"]}
    assert head.texts == digests


async def test_what_was_pinned_is_kept_with_the_note_it_is_from(http, parts):
    """Risk is sealed sentence by sentence too, each with its source, and comes back as it was told."""
    parts.answer = an_answer(
        risk=[a_risk("Denies suicidal thoughts."), a_risk("He threatened her.")]
    )
    told = (await ask(http)).json()

    [kept] = parts.conversations.kept.values()
    said, *risks = kept.turns[0].sentences
    assert (said.text, said.sources, said.is_risk) == ("Not found.", {}, False)
    assert [one.text for one in risks] == ["Denies suicidal thoughts.", "He threatened her."]
    assert all(one.is_risk and one.sources == {NOTE: Source(CLIENT, 2)} for one in risks)
    path = f"{HISTORY}/{told['conversation_id']}"
    [shown] = (await http.get(path, headers=bearer())).json()["turns"]
    assert shown["answer"] == "Not found."
    assert shown["risk"] == [{**one, "source_changed": False} for one in told["risk"]]


async def test_a_title_within_an_answer_is_shown_again(http, parts):
    """Lines of ours between cited ones are kept with the sentence behind them; nothing of the answer is lost."""
    text = "Course\n3.3.2026: Rest. [1]\n\nPlan\nThen walk. [2] [3]"
    places = [(17, 22), (33, 43), (33, 43)]
    parts.answer = an_answer(text, *(a_citation(*at, n) for n, at in enumerate(places, 1)))
    body = (await ask(http)).json()
    path = f"{HISTORY}/{body['conversation_id']}"
    [shown] = (await http.get(path, headers=bearer())).json()["turns"]
    assert shown["answer"] == text
    assert shown["citations"] == as_past(body["citations"])


async def test_where_nothing_is_kept_there_is_nothing_to_go_on_with(http, parts):
    """Switched off, a question is answered and audited; no turn is kept, no id is given, and none is known."""
    before = (await ask(http)).json()["conversation_id"]
    parts.conversations.kept.clear()
    parts.standings = SwitchedStandings(conversations=False)
    body = (await ask(http)).json()

    assert body["answer"] == "Not found."
    assert (body["conversation_id"], body["message_id"]) == (None, None)
    assert parts.conversations.kept == {}
    assert parts.audit.actions[-2:] == ["chat.opened", "chat.closed"]
    assert parts.audit.entries[-2].details["conversation"] is None
    taken = parts.limiter.taken
    refused = await ask(http, conversation_id=before)
    assert is_problem(refused, 404, "conversation_not_found")
    assert parts.limiter.taken == taken


async def test_what_is_switched_off_meanwhile_is_not_kept(http, parts):
    """An answer that comes after the switch is not kept either."""

    async def switch_off() -> None:
        parts.standings.standing = replace(parts.standings.standing, conversations=False)

    parts.meanwhile = switch_off
    body = (await ask(http)).json()
    assert (body["conversation_id"], body["message_id"]) == (None, None)
    assert parts.conversations.kept == {}


async def test_a_counted_answer_is_kept_with_its_heading_and_its_days(http, parts):
    """The heading leans on every note it counted, each line on its own; the history shows the same text again."""
    other = replace(NOTE, id=UUID(int=42))
    text = "Mentioned in 1 of 2 sessions read.\n3.3.2026: Rest. [1]"
    counted = Heading("Mentioned in 1 of 2 sessions read.", {NOTE: CLIENT, other: CLIENT})
    parts.answer = an_answer(text, a_citation(45, 50), heading=counted)
    body = (await ask(http)).json()

    [kept] = parts.conversations.kept.values()
    head, line = kept.turns[0].sentences
    assert (head.text, head.sources.keys()) == (counted.text, counted.sources.keys())
    assert (line.lead, line.text) == ("3.3.2026: ", "Rest.")
    assert line.sources == {NOTE: Source(CLIENT, 2)}
    path = f"{HISTORY}/{body['conversation_id']}"
    [shown] = (await http.get(path, headers=bearer())).json()["turns"]
    assert (shown["answer"], shown["citations"]) == (text, as_past(body["citations"]))


async def test_an_abstention_is_kept_as_one_sentence_without_sources(http, parts):
    """An honest 'not found' leans on no note."""
    await ask(http)
    [kept] = parts.conversations.kept.values()
    [sentence] = kept.turns[0].sentences
    assert (sentence.text, sentence.sources) == ("Not found.", {})


async def test_a_conversation_goes_on_with_its_client_and_last_questions(http, parts):
    """A follow-up has the scope of the first turn and sees the three questions before it."""
    first = (await ask(http, "one?", client_id=str(CLIENT))).json()["conversation_id"]
    for query in ("two?", "three?", "four?"):
        await ask(http, query, conversation_id=first)
    body = (await ask(http, "five?", conversation_id=first)).json()

    question, _, earlier = parts.asked[-1]
    assert body["conversation_id"] == first
    assert question.client == CLIENT
    assert earlier == ["two?", "three?", "four?"]
    assert len(parts.conversations.kept[UUID(first)].turns) == 5


async def test_a_question_that_is_gone_is_not_among_the_earlier_ones(http, parts):
    """A question shredded with its note does not come back as context."""
    conversation = uuid4()
    for question in ("one?", None):
        await parts.conversations.add_turn(
            conversation=conversation,
            client=None,
            user=USER,
            workspace=WORKSPACE,
            turn=a_turn(question=question),
        )
    await ask(http, conversation_id=str(conversation))
    assert parts.asked[0][2] == ["one?"]


@pytest.mark.parametrize("first", [None, CLIENT], ids=["whole practice", "one client"])
async def test_the_scope_of_a_conversation_is_fixed(http, parts, first):
    """Another client in a conversation of one, or of the whole practice, is a conflict."""
    parts.store = KnownClients(CLIENT, OTHER_CLIENT)
    scope = {"client_id": str(first)} if first else {}
    conversation = (await ask(http, **scope)).json()["conversation_id"]

    refused = await ask(http, conversation_id=conversation, client_id=str(OTHER_CLIENT))

    assert is_problem(refused, 409, "scope_fixed")
    assert parts.limiter.taken == 1


@pytest.mark.parametrize(
    "stranger",
    [
        {"user": UUID(int=22)},
        {"workspace": OTHER_WORKSPACE},
    ],
    ids=["colleague", "other practice"],
)
async def test_a_conversation_of_somebody_else_does_not_exist(http, parts, stranger):
    """Neither a colleague nor another practice learns that a conversation is there."""
    conversation = (await ask(http)).json()["conversation_id"]
    parts.login.said = an_introspection(**stranger)

    refused = await ask(http, headers=bearer(a_token(**stranger)), conversation_id=conversation)

    assert is_problem(refused, 404, "conversation_not_found")
    assert len(parts.asked) == 1


@pytest.mark.parametrize(
    "there",
    [None, a_client(is_active=False), a_client(workspace=OTHER_WORKSPACE)],
    ids=["unknown", "archived", "foreign"],
)
async def test_a_client_that_is_not_the_practices_is_not_found(http, parts, there):
    """Unknown, archived and foreign clients look the same."""
    parts.store = KnownClients()
    if there:
        parts.notes.take(there)
    assert is_problem(await ask(http, client_id=str(CLIENT)), 404, "client_not_found")
    assert parts.limiter.taken == 0


async def test_a_failure_of_the_model_is_no_answer(http, parts):
    """A failed question is a 503 with a wait, and no turn is kept of it."""
    parts.answer = ModelUnavailable()
    refused = await ask(http)
    assert is_problem(refused, 503, "unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert parts.conversations.kept == {}


async def test_pazpaz_away_is_503_and_not_401(http, parts):
    """Nobody is logged out because PazPaz cannot be asked."""
    parts.login.said = SourceUnavailable(retry_after=7.2)
    refused = await ask(http)
    assert is_problem(refused, 503, "unavailable")
    assert refused.headers["Retry-After"] == "8"
    assert "WWW-Authenticate" not in refused.headers


async def test_a_summary_without_a_client_is_refused_before_it_costs_anything(http, parts):
    """Neither the allowance nor a row of the audit trail is spent, and no stream begins."""
    for accept in ("application/json", "text/event-stream"):
        response = await ask(
            http,
            "summary",
            mode="summary",
            headers=bearer(Accept=accept, **{"Accept-Language": "en"}),
        )
        assert is_problem(response, 422, "client_needed")
    assert (parts.asked, parts.limiter.taken, parts.audit.actions) == ([], 0, [])


@pytest.mark.parametrize("text", ["Dana Levi's summary", "סיכום"])
async def test_a_summary_is_of_the_client_named_or_of_the_conversations(http, parts, text):
    """Named in the question, or in one before it; the conversation stays one of the whole practice."""
    first = (await ask(http, "How is Dana Levi sleeping?")).json()
    conversation = first["conversation_id"]
    await ask(http, text, mode="summary", conversation_id=conversation)
    question, _, _ = parts.asked[-1]
    assert (question.client, question.mode) == (CLIENT, "summary")
    assert parts.conversations.kept[UUID(conversation)].client is None


async def test_the_titles_of_an_answer_are_kept_as_lines_of_their_own(http, parts):
    """They lean on no note: with a note gone, what stood under another title does not move under the one before."""
    text = "2 sessions read.\nCourse\n3.3: Rest. [1]\nPlan\n3.3: Walk. [2]\n3.3: Swim. [3]"
    places = [(text.index(said), text.index(said) + 5) for said in ("Rest.", "Walk.", "Swim.")]
    parts.answer = an_answer(
        text,
        *(a_citation(start, end, marker) for marker, (start, end) in enumerate(places, 1)),
        heading=Heading("2 sessions read.", {NOTE: CLIENT}),
    )
    await ask(http)
    [kept] = parts.conversations.kept.values()
    assert [(one.lead, one.text, bool(one.sources)) for one in kept.turns[0].sentences] == [
        ("", "2 sessions read.", True),
        ("", "Course", False),
        ("3.3: ", "Rest.", True),
        ("", "Plan", False),
        ("3.3: ", "Walk.", True),
        ("3.3: ", "Swim.", True),
    ]
