"""What the fake says and reads, against the service's own OpenAPI document, so that it cannot drift."""

import pytest
from fake_callers import QUESTION, Rows, Therapist, a_sender, an_event
from openapi_document import DOCUMENT, check, shapes_of_events

from pazpaz_ai_client.testing import Feedback, Question
from pazpaz_ai_client.testing.refusals import USUAL_CODE
from pazpaz_ai_client.testing.requests import PageRequest

AGENT = "/api/v1/ai/agent"
RISK = {
    "kind": "suicide",
    "polarity": "denied",
    "session_id": None,
    "client_id": "0190f2c1-7c1e-7a3b-9d2e-3f1f6a7b8c9d",
    "client_name": "Dana",
    "session_date": None,
    "field_name": "notes",
    "quote": "no plans",
    "start": 0,
    "end": 8,
    "note_version": None,
    "is_draft": False,
}


def check_answer(response, method, path):
    """Status, type, headers and body are documented for this route."""
    documented = DOCUMENT["paths"][path][method]["responses"][str(response.status_code)]
    for name in documented.get("headers", {}):
        assert name in response.headers
    if "content" not in documented:
        assert response.content == b""
        return
    media_type = response.headers["Content-Type"].partition(";")[0]
    check(documented["content"][media_type]["schema"], response.json())


def program(fake):
    fake.answers(QUESTION, "Heat helped.\nSo did rest.", risk=[RISK])
    fake.answers("client", "Dana swims.")
    fake.abstains("nothing")
    fake.degrades("degraded", "Heat.")
    fake.breaks_off("broken", "Heat.")
    for status in sorted(USUAL_CODE):
        fake.refuses(str(status), status)


QUESTIONS = [QUESTION, "nothing", "degraded", "broken", "", *map(str, sorted(USUAL_CODE))]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_answer_is_a_documented_one(fake_ai_service, question):
    """Of every kind, refusals included."""
    program(fake_ai_service)

    check_answer(await Therapist(fake_ai_service).ask(question), "post", f"{AGENT}/chat")


def test_the_fake_can_refuse_with_all_that_is_documented():
    """No status less, and none more."""
    documented = DOCUMENT["paths"][f"{AGENT}/chat"]["post"]["responses"].keys() - {"200"}

    assert {str(status) for status in USUAL_CODE} == documented


@pytest.mark.parametrize("question", [QUESTION, "nothing", "degraded", "broken"])
async def test_every_event_is_a_documented_one(fake_ai_service, question):
    """By its name and its data."""
    program(fake_ai_service)
    shapes = shapes_of_events(DOCUMENT["paths"][f"{AGENT}/chat"]["post"]["responses"])

    for name, data in await Therapist(fake_ai_service).events(question):
        check(shapes[name], data)


async def test_the_history_is_a_documented_one(fake_ai_service):
    """Shown, exported, rated, deleted, and not found."""
    program(fake_ai_service)
    therapist = Therapist(fake_ai_service)
    asked = (await therapist.ask()).json()
    rating = {"message_id": asked["message_id"], "rating": "down", "reason": "unclear"}
    one = f"/history/{asked['conversation_id']}"

    async def checked(method, path, template, **options):
        response = await therapist.call(method, path, **options)
        check_answer(response, method.lower(), AGENT + template)
        return response.status_code

    single = "/history/{conversation_id}"
    assert await checked("GET", "/history?limit=1", "/history") == 200
    assert await checked("GET", one, single) == 200
    assert await checked("POST", "/feedback", "/feedback", json=rating) == 204
    assert await checked("GET", f"{one}/export", f"{single}/export") == 200
    assert await checked("DELETE", one, single) == 204
    assert await checked("GET", one, single) == 404
    assert await checked("DELETE", "/history", "/history") == 204
    assert await checked("POST", "/feedback", "/feedback", json=rating) == 404


async def test_a_delivery_is_answered_as_documented(fake_ai_service):
    """Taken or refused."""
    answers = []

    async def kept(response):
        await response.aread()
        answers.append(response)

    fake_ai_service.client.event_hooks["response"] = [kept]
    await a_sender(fake_ai_service, Rows([an_event()])).send_once()
    await fake_ai_service.client.post(f"{fake_ai_service.url}/internal/v1/events", json={})

    assert [response.status_code for response in answers] == [202, 401]
    for response in answers:
        check_answer(response, "post", "/internal/v1/events")


LIMITS = ("minimum", "maximum", "minLength", "maxLength", "enum", "const", "default", "anyOf")


def limits(properties):
    """Of each member; a default of null is left out in an OpenAPI document."""
    return {
        name: {limit: schema[limit] for limit in LIMITS if schema.get(limit) is not None}
        for name, schema in properties.items()
    }


@pytest.mark.parametrize(("model", "path"), [(Question, "/chat"), (Feedback, "/feedback")])
def test_a_body_is_read_within_the_documented_limits(model, path):
    """The same members, bounds and closed lists."""
    content = DOCUMENT["paths"][AGENT + path]["post"]["requestBody"]["content"]
    documented = content["application/json"]["schema"]

    read = model.model_json_schema()

    assert limits(read["properties"]) == limits(documented["properties"])
    assert read["required"] == documented["required"]


def test_a_page_is_asked_for_within_the_documented_limits():
    """The same parameters and bounds."""
    parameters = DOCUMENT["paths"][f"{AGENT}/history"]["get"]["parameters"]
    documented = {one["name"]: one["schema"] for one in parameters}

    read = PageRequest.model_json_schema()["properties"]

    assert limits(read) == limits(documented)
