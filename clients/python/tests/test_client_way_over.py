"""The way over: who answers, and what is compared in the shadow."""

import asyncio
import logging
import uuid

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse

from pazpaz_ai_client.proxy import create_proxy_router
from pazpaz_ai_client.testing import Citation
from pazpaz_ai_client.way_over import Shadow, WayOver, log_comparison

CHAT = "/api/v1/ai/agent/chat"
OVER, NOT_YET = uuid.uuid4(), uuid.uuid4()
CLIENT, NOTE = uuid.uuid4(), uuid.uuid4()
QUESTION = "What helped Dana?"
OLD = {
    "answer": "Heat, says the old one.",
    "citations": [{"type": "session", "session_id": str(NOTE), "client_id": str(CLIENT)}],
    "language": "en",
    "retrieved_count": 1,
    "processing_time_ms": 9,
}


class Host:
    """PazPaz on its way: one workspace is over, the other is not."""

    def __init__(self, fake, **shadow_options):
        self.reports, self.asked = [], []
        self.flags = {OVER}
        self.told = asyncio.Event()
        self.answer, self.status = OLD, 200
        self.shadow = Shadow(
            fake.client,
            service_url=fake.url,
            bearer=self.bearer,
            **{"report": self.report, **shadow_options},
        )
        way = WayOver(
            workspace_of=self.workspace_of,
            use_ai_service=self.use_ai_service,
            old_agent=self.old_agent,
            shadow=self.shadow,
        )
        app = FastAPI()
        app.include_router(
            create_proxy_router(
                service_url=fake.url, client=fake.client, bearer=self.bearer, instead=way
            )
        )
        transport = httpx.ASGITransport(app)
        self.browser = httpx.AsyncClient(transport=transport, base_url="http://pazpaz")

    def report(self, comparison):
        self.reports.append(comparison)
        self.told.set()

    async def bearer(self, request):
        return "therapist"

    async def workspace_of(self, request):
        if "workspace" not in request.cookies:
            raise HTTPException(401, "Authentication required")
        return uuid.UUID(request.cookies["workspace"])

    async def use_ai_service(self, workspace_id):
        return workspace_id in self.flags

    async def old_agent(self, request):
        self.asked.append(await request.json())
        return JSONResponse(self.answer, self.status)

    async def ask(self, workspace=NOT_YET, **body):
        cookie = {"Cookie": f"workspace={workspace}"}
        return await self.browser.post(CHAT, json={"query": QUESTION, **body}, headers=cookie)

    async def comparison(self):
        await asyncio.wait_for(self.told.wait(), 5)
        return self.reports[-1]


def programmed(fake, **options):
    cited = [
        Citation("heat", client_id=CLIENT, session_id=NOTE),
        Citation("rest", client_id=CLIENT, session_id=uuid.uuid4()),
    ]
    fake.answers(QUESTION, "Heat helped.\nRest too.", with_citations=cited, **options)


async def test_each_workspace_is_answered_by_whom_its_flag_says(fake_ai_service):
    """The one that is over by the service, the other by the old agent."""
    programmed(fake_ai_service)
    host = Host(fake_ai_service)

    new, old = await host.ask(OVER), await host.ask(NOT_YET)
    await host.comparison()

    assert new.json()["answer"].startswith("Heat helped.")
    assert old.json() == OLD
    assert host.asked == [{"query": QUESTION}]


async def test_the_way_back_is_the_flag(fake_ai_service):
    """The next question is the old agent's again."""
    programmed(fake_ai_service)
    host = Host(fake_ai_service)
    await host.ask(OVER)

    host.flags.clear()

    assert (await host.ask(OVER)).json() == OLD


async def test_a_flag_that_cannot_be_read_means_the_old_agent(fake_ai_service):
    """Nobody is sent over by accident."""
    host = Host(fake_ai_service)

    async def away(workspace_id):
        raise ConnectionError

    fake_ai_service.refuses(QUESTION, 503)
    host.use_ai_service = away
    way = WayOver(workspace_of=host.workspace_of, use_ai_service=away, old_agent=host.old_agent)
    app = FastAPI()
    app.include_router(
        create_proxy_router(
            service_url=fake_ai_service.url,
            client=fake_ai_service.client,
            bearer=host.bearer,
            instead=way,
        )
    )
    host.browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pazpaz")

    assert (await host.ask(OVER)).json() == OLD
    assert fake_ai_service.questions == []


async def test_who_is_not_signed_in_is_answered_by_nobody(fake_ai_service):
    """PazPaz's own check comes before the flag."""
    host = Host(fake_ai_service)

    answer = await host.browser.post(CHAT, json={"query": QUESTION})

    assert answer.status_code == 401
    assert host.asked == fake_ai_service.questions == []


async def test_two_answers_are_compared_in_numbers(fake_ai_service):
    """What both cite, how long both took, and in which language."""
    programmed(fake_ai_service)
    host = Host(fake_ai_service)

    await host.ask(client_id=str(CLIENT), unknown=1)
    comparison = await host.comparison()

    assert comparison.outcome == "compared"
    assert (comparison.new_sources, comparison.shared_sources) == (2, 1)
    assert len(comparison.old.sources) == 1
    assert comparison.same_language
    assert comparison.answer_status == "answered"
    (question,) = fake_ai_service.questions
    assert (question.query, question.client_id) == (QUESTION, CLIENT)


async def test_no_word_is_in_the_report_or_the_log(fake_ai_service, caplog):
    """Neither of the question nor of the answers."""
    caplog.set_level(logging.DEBUG, "pazpaz_ai_client")
    programmed(fake_ai_service)
    host = Host(fake_ai_service)

    await host.ask()
    comparison = await host.comparison()
    log_comparison(comparison)

    told = repr(comparison) + caplog.text
    assert "shadow: outcome=compared" in caplog.text
    assert not [word for word in ("Dana", "Heat", "heat", "Rest", "helped") if word in told]


async def test_the_shadow_leaves_nothing_in_the_history(fake_ai_service):
    """The therapist finds no conversation that they never had."""
    programmed(fake_ai_service)
    host = Host(fake_ai_service)

    await host.ask()
    await host.comparison()
    history = await host.browser.get("/api/v1/ai/agent/history")

    assert history.json()["conversations"] == []


async def test_the_real_answer_does_not_wait(fake_ai_service):
    """It is there while the shadow still waits for its own."""
    go_on = asyncio.Event()
    programmed(fake_ai_service, wait=go_on.wait)
    host = Host(fake_ai_service)

    answer = await asyncio.wait_for(host.ask(), 5)

    assert answer.json() == OLD
    assert host.reports == []
    go_on.set()
    assert (await host.comparison()).outcome == "compared"


async def test_a_shadow_that_takes_too_long_is_given_up(fake_ai_service):
    """After its seconds."""
    programmed(fake_ai_service, wait=asyncio.Event().wait)
    host = Host(fake_ai_service, seconds=0.05)

    await host.ask()

    assert (await host.comparison()).outcome == "late"


async def test_no_more_shadows_than_agreed_run_at_once(fake_ai_service):
    """A rush of questions asks the service a few, and tells which it did not."""
    go_on = asyncio.Event()
    programmed(fake_ai_service, wait=go_on.wait)
    host = Host(fake_ai_service, at_once=2)

    answers = await asyncio.gather(*(host.ask() for _ in range(5)))

    assert [answer.json() for answer in answers] == [OLD] * 5
    assert [report.outcome for report in host.reports] == ["busy"] * 3
    await host.shadow.close()
    assert len(host.reports) == 3


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (lambda fake: fake.refuses(QUESTION, 429), "refused"),
        (lambda fake: fake.refuses_all(503), "refused"),
        (lambda fake: fake.goes_away(), "lost"),
        (lambda fake: fake.goes_away(httpx.ReadTimeout), "lost"),
    ],
)
async def test_trouble_of_the_shadow_is_nobody_s_trouble(fake_ai_service, trouble, outcome):
    """The real answer is as it would be, and the report says what happened."""
    trouble(fake_ai_service)
    host = Host(fake_ai_service)

    answer = await host.ask()

    assert (answer.status_code, answer.json()) == (200, OLD)
    assert (await host.comparison()).outcome == outcome


@pytest.mark.parametrize("query", ["", "x" * 2001, 7])
async def test_what_is_no_question_is_not_asked(fake_ai_service, query):
    """The old agent says what it says to it."""
    host = Host(fake_ai_service)

    assert (await host.ask(query=query)).json() == OLD
    assert (await host.comparison()).outcome == "unreadable"
    assert fake_ai_service.questions == []


async def test_an_old_agent_that_refuses_is_compared_by_its_status(fake_ai_service):
    """Its answer has no citations; that it refused is told."""
    programmed(fake_ai_service)
    host = Host(fake_ai_service)
    host.answer, host.status = {"detail": "no"}, 429

    assert (await host.ask()).status_code == 429
    comparison = await host.comparison()
    assert (comparison.old.status, comparison.shared_sources) == (429, 0)
    assert comparison.same_language is None


async def test_a_report_that_fails_and_a_token_that_is_refused_stay_inside(fake_ai_service, caplog):
    """Neither reaches the therapist; both are logged by their kind."""
    host = Host(fake_ai_service)

    async def nobody(request):
        raise HTTPException(401)

    def broken(comparison):
        host.told.set()
        raise KeyError("secret")

    host.shadow._bearer, host.shadow._report = nobody, broken
    assert (await host.ask()).json() == OLD
    await asyncio.wait_for(host.told.wait(), 5)

    assert "shadow failed: error=HTTPException" in caplog.text
    assert "shadow not reported: error=KeyError" in caplog.text
    assert "secret" not in caplog.text
