"""The examples of the contract, held against this package: its models, its client, its proxy and its fake."""

import json
import re
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import httpx
import pytest
from fake_callers import Rows, a_sender
from fastapi import FastAPI
from openapi_document import DOCUMENT, check, shapes_of_events
from pydantic import ValidationError

import contract_examples as contract
from pazpaz_ai_client import api_models as api
from pazpaz_ai_client import models, signing
from pazpaz_ai_client.internal_api import Forbidden, create_internal_router
from pazpaz_ai_client.proxy import create_proxy_router
from pazpaz_ai_client.service import AiService, ServiceRefused
from pazpaz_ai_client.testing import Citation

CHAT, STREAM, HISTORY, EVENTS, INTERNAL = map(contract.exchanges, contract.FILES)
EVERY = {
    f"{file}: {name}": one
    for file in contract.FILES
    for name, one in contract.exchanges(file).items()
}
VALUES = contract.VALUES


# The examples themselves


@pytest.mark.parametrize("name", EVERY)
def test_an_example_keeps_its_own_promise(name):
    """What readers are fed is what senders are held against."""
    exchange = EVERY[name]
    for half in (exchange["request"], exchange["response"]):
        if "shape" in half:
            contract.check(half["shape"], half["body"])
    if "events" in exchange["response"]:
        contract.check_events(exchange, contract.examples(exchange))


@pytest.mark.parametrize(
    "name", [name for name, one in EVERY.items() if one["answered_by"] == "service"]
)
def test_an_example_is_documented(name):
    """Path, status, media type and every member are in the document that other clients are made from."""
    request, promised = EVERY[name]["request"], EVERY[name]["response"]
    path = request["path"].partition("?")[0].replace(VALUES["conversation"], "{conversation_id}")
    responses = DOCUMENT["paths"][path][request["method"].lower()]["responses"]
    content = responses[str(promised["status"])].get("content", {})
    assert bool(content) == ("body" in promised or "events" in promised)
    if "body" in promised:
        check(content[promised["headers"]["Content-Type"]]["schema"], promised["body"], whole=False)
    for one in promised.get("events", ()):
        check(shapes_of_events(responses)[one["event"]], one["data"], whole=False)


def test_every_name_in_a_shape_is_known():
    """A shape that nobody wrote, and a kind that nobody reads, would be found only by an answer that reaches it."""

    def walk(shape):
        for one in shape.values() if isinstance(shape, dict) else shape:
            if isinstance(one, dict | list):
                walk(one)
            elif isinstance(one, str) and one[:1] in "#$" and one:
                words = [one] if one[0] == "#" else one[1:].split("|")
                known = contract.SHAPES if one[0] == "#" else contract.KINDS
                assert all(word.removeprefix("#") in known for word in words), one

    shapes = [half["shape"] for one in EVERY.values() for half in one.values() if "shape" in half]
    walk([*shapes, *contract.SHAPES.values(), *(one["response"] for one in STREAM.values())])


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        ({"a": "$int", "b?": "$bool"}, [{"a": 1}, {"a": 1, "b": True, "c": 0}], [{}, {"a": True}]),
        ({"a?": "$string"}, [{}], [{"a": ""}, {"a": None}, []]),
        (["$int"], [[1], [1, 2]], [[], [1, "2"], None, {"0": 1}]),
        ([], [[]], [[1], ""]),
        (["$int", "$text"], [[1, ""]], [[1], [1, "", 2], ["", 1]]),
        ({"$one_of": ["he", "en"]}, ["he", "en"], ["fr", None]),
        ({"$all_of": [{"a": 1}, {"b": 2}]}, [{"a": 1, "b": 2}], [{"a": 1}, {"b": 2}]),
        ("$uuid|null", [VALUES["user"], None], ["x", VALUES["user"].upper(), VALUES["user"] + "\n"]),
        ("$instant", ["2026-11-19T13:48:52.635698Z", "2026-11-19T13:48:52Z"], ["2026-11-19T13:48:52", "2026-11-19"]),
        ("$instant", [], ["2026-11-19T13:48:52+00:00", "2026-11-19 13:48:52Z", "2026-13-19T13:48:52Z", 1]),
        ("$date", ["2026-11-19"], ["2026-11-32", "2026-11-19T13:48:52Z"]),
        ("$seconds", ["1", "3600"], ["0", "-1", "1.5", 1, "Wed, 21 Oct 2026 07:28:00 GMT"]),
        ("$share", [0, 0.5, 1], [1.1, -0.1, True, "0.5"]),
        ("#pazpaz_error", [{"detail": "No.", "request_id": VALUES["user"]}], [{"detail": ["No."]}]),
        (404, [404], ["404", 403]),
        (None, [None], [0, "", False]),
    ],
)  # fmt: skip
def test_a_difference_is_seen(shape, good, bad):
    """Each rule of the README takes what it should, and nothing else."""
    assert [one for one in good if list(contract.faults(shape, one))] == []
    assert [one for one in bad if not list(contract.faults(shape, one))] == []


def test_the_readme_s_lines_run():
    """An example is fed to a reader, and an answer of another shape is told by its place."""
    readme = (Path(contract.__file__).parent / "README.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    promised = CHAT["an answer that cites a session and the client's profile"]["response"]
    headers = {"X-Request-ID": "r-1", "Cache-Control": "no-store"}
    shown = []
    page = SimpleNamespace(show=shown.append)
    good = httpx.Response(200, json=promised["body"], headers=headers)
    bad = httpx.Response(200, json=promised["body"] | {"citations": [{}]}, headers=headers)

    exec(lines, {"page": page, "answered": good})  # noqa: S102 - our own README

    assert shown == [promised["body"]]
    with pytest.raises(AssertionError, match=r"citations\[0\]\.quote"):
        exec(lines, {"page": page, "answered": bad})  # noqa: S102


def test_a_stream_out_of_order_is_seen():
    """Nothing comes after the end, a citation comes before its line, and the lines are the answer."""
    exchange = STREAM["an answer as it comes"]
    told = contract.examples(exchange)
    shorter = deepcopy(told)
    shorter[-1][1]["answer"] += " And more."

    for wrong in (
        told[:-1],
        [told[-1], *told[:-1]],
        [*told[:4], told[5], told[4], *told[6:]],
        shorter,
    ):
        with pytest.raises(AssertionError):
            contract.check_events(exchange, wrong)


# The typed client


def answering(exchange):
    """The client of a service that gives this exchange's answer."""
    promised = exchange["response"]
    headers = {**promised["headers"], "X-Request-ID": "r-1"}
    if headers.get("Retry-After"):
        headers["Retry-After"] = "5"
    content = json.dumps(promised["body"]) if "body" in promised else ""
    if "events" in promised:
        told = contract.examples(exchange)
        content = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in told)
    response = httpx.Response(promised["status"], headers=headers, content=content)
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: response))
    return AiService(http, service_url="http://ai", token="t")


def of_service(file, *statuses):
    """Names of exchanges that the service answers so."""
    return [
        name
        for name, one in file.items()
        if one["answered_by"] == "service" and one["response"]["status"] in statuses
    ]


@pytest.mark.parametrize("name", of_service(CHAT, 200))
async def test_the_client_reads_an_answer(name):
    """Every member of the example is there, as its own type."""
    exchange = CHAT[name]

    answer = await answering(exchange).chat(api.Question(**exchange["request"]["body"]))

    told = answer.model_dump(mode="json", by_alias=True)
    contract.check(exchange["response"]["shape"], told)
    assert [one.quote for one in answer.citations] == [
        one["quote"] for one in exchange["response"]["body"]["citations"]
    ]


@pytest.mark.parametrize("name", of_service(CHAT, 404, 422, 429))
async def test_the_client_reads_a_refusal(name):
    """Its status, its words for the page, and when to try again."""
    promised = CHAT[name]["response"]

    with pytest.raises(ServiceRefused) as raised:
        await answering(CHAT[name]).chat(api.Question(query="What helped?"))

    refused = raised.value
    assert (refused.status, refused.detail) == (promised["status"], promised["body"]["detail"])
    assert refused.code == promised["body"]["type"].rpartition(":")[2]
    assert refused.retry_after == (5 if "Retry-After" in promised["headers"] else None)


@pytest.mark.parametrize("name", STREAM)
async def test_the_client_reads_a_stream(name):
    """Each event as its own kind."""
    exchange = STREAM[name]
    question = api.Question(**exchange["request"]["body"])

    events = [event async for event in answering(exchange).stream(question)]

    assert [type(event) for event in events] == [
        api.EVENTS[name] for name, _ in contract.examples(exchange)
    ]


async def test_the_client_reads_the_history():
    """The list, and a conversation, also one of which nothing is left."""
    page = await answering(HISTORY["the list of one client's conversations"]).list_conversations()
    assert [str(one.conversation_id) for one in page.conversations] == [VALUES["conversation"]]
    for name in ("a conversation with its turns", "a conversation as a file"):
        exchange = HISTORY[name]
        conversation = await answering(exchange).read_conversation(UUID(VALUES["conversation"]))
        told = conversation.model_dump(mode="json", by_alias=True)
        contract.check(exchange["response"]["shape"], told)


def test_the_client_sends_what_the_service_reads():
    """Bodies that are taken can be made here, those that are refused cannot."""
    for exchange in (*CHAT.values(), *HISTORY.values()):
        request, status = exchange["request"], exchange["response"]["status"]
        if "body" not in request:
            continue
        model = api.Question if request["path"].endswith("/chat") else api.FeedbackRequest
        if status == 422:
            with pytest.raises(ValidationError):
                model.model_validate(request["body"])
        else:
            model.model_validate(request["body"])


# The proxy in front of the fake


async def a_token(request):
    return "dana-s-therapist"


def a_browser(fake):
    app = FastAPI()
    app.include_router(
        create_proxy_router(service_url=fake.url, client=fake.client, bearer=a_token)
    )
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(
        transport=transport, base_url="http://pazpaz", headers={"Accept-Language": "en"}
    )


async def sent(http, exchange):
    """The exchange's request, sent."""
    asked = exchange["request"]
    return await http.request(
        asked["method"], asked["path"], json=asked.get("body"), headers=asked.get("headers")
    )


def program(fake, exchange):
    """Brings about in the fake what the exchange has as given."""
    query = exchange["request"]["body"]["query"]
    client = UUID(VALUES["client"])
    match exchange["given"]:
        case "a note and a profile about back pain":
            cited = [
                Citation("חימום ותרגול", client_id=client),
                Citation(
                    "פיזיותרפיה", line=1, client_id=client, session_id=None, field_name="notes"
                ),
            ]
            fake.answers(query, "חימום.\nפיזיותרפיה.", with_citations=cited)
        case "a model that is away":
            fake.degrades(query, "Heat helped.")
        case "a note about something else":
            fake.abstains(query)
        case "a sign-in":
            fake.refuses(query, exchange["response"]["status"])
        case "a used-up allowance":
            fake.refuses(query, 429, retry_after=90)
        case "no service":
            fake.goes_away()
        case "a stream that breaks":
            fake.breaks_off(query, "Heat.")
        case given:
            raise AssertionError(given)


WITH_FAKE = [
    one for one in (*CHAT.values(), *STREAM.values()) if one["response"]["status"] not in (401, 403)
]


@pytest.mark.parametrize("exchange", WITH_FAKE, ids=[one["name"] for one in WITH_FAKE])
async def test_the_page_gets_what_is_promised_from_the_fake(fake_ai_service, exchange):
    """Through the proxy, as from the service: who tests against the fake tests against the contract."""
    program(fake_ai_service, exchange)

    contract.check_response(exchange, await sent(a_browser(fake_ai_service), exchange))


async def test_the_fakes_history_is_what_is_promised(fake_ai_service):
    """In the order of the file, which ends with all of it deleted."""
    question = CHAT["an answer that cites a session and the client's profile"]
    program(fake_ai_service, question)
    browser = a_browser(fake_ai_service)
    asked = (await sent(browser, question)).json()
    ids = {"conversation": asked["conversation_id"], "message": asked["message_id"]}

    for exchange in contract.exchanges("history", **ids).values():
        contract.check_response(exchange, await sent(browser, exchange))


# Events


async def test_the_sender_tells_what_is_promised(fake_ai_service):
    """Headers and body of a delivery, and the fake's answer."""
    exchange = EVENTS["changes told, one of each kind"]
    rows = [models.Event.model_validate(one) for one in exchange["request"]["body"]["events"]]
    answers = []

    async def keep(response):
        await response.aread()
        answers.append(response)

    fake_ai_service.client.event_hooks["response"] = [keep]
    assert await a_sender(fake_ai_service, Rows(rows)).send_once() == 3

    [answer] = answers
    contract.check_response(exchange, answer)
    contract.check_headers(exchange["request"]["headers"], answer.request.headers)
    contract.check(exchange["request"]["shape"], json.loads(answer.request.content))
    assert [one.id for one in fake_ai_service.events] == [one.id for one in rows]


@pytest.mark.parametrize("name", of_service(EVENTS, 401, 422))
async def test_the_fake_refuses_what_the_service_refuses(fake_ai_service, name):
    """Text beside the ids, and what nobody signed."""
    exchange = EVENTS[name]
    signed = exchange["given"] != "no signature"
    auth = fake_ai_service.signer.auth(signing.EVENT_TAG) if signed else None
    asked = exchange["request"]

    response = await fake_ai_service.client.post(
        fake_ai_service.url + asked["path"],
        json=asked["body"],
        headers={"Accept-Language": "en"},
        auth=auth,
    )

    contract.check_response(exchange, response)
    assert fake_ai_service.events == []


# The internal API


class Examples:
    """A loader that gives the file's answers, and keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def _answer(self, name, request, shape):
        self.asked.append(request)
        return shape.model_validate(INTERNAL[name]["response"]["body"])

    async def records(self, request):
        if request.purpose == "answer":
            raise Forbidden
        name = next(name for name in INTERNAL if name.startswith("text to index"))
        return self._answer(name, request, models.RecordsAnswer)

    async def changes(self, request):
        name = "what changed after a place in the feed"
        return self._answer(name, request, models.ChangesAnswer)

    async def manifest(self, request):
        return self._answer("what exists of a client", request, models.ManifestAnswer)

    async def workspaces(self):
        return self._answer("every workspace", None, models.WorkspacesAnswer)

    async def introspect(self, request):
        if str(request.user_id) == VALUES["unknown"]:
            return None
        return self._answer("whether a sign-in still counts", request, models.IntrospectAnswer)

    async def audit(self, event):
        self.asked.append(event)


OURS, THEIRS = (signing.PrivateKey.generate(name) for name in ("ml-1", "ai-1"))


def a_pazpaz(loader):
    """PazPaz's internal routes over this loader, and a caller."""
    verifier = signing.RequestVerifier(
        keys=signing.KeyRing([THEIRS.public]),
        audience="pazpaz-monolith",
        direction="pull",
        nonces=signing.MemoryNonceStore(),
        accept_without_nonce_store=False,
    )
    app = FastAPI()
    signer = signing.Signer(OURS, audience="pazpaz-ai")
    app.include_router(create_internal_router(loader, verifier=verifier, signer=signer))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pazpaz")


@pytest.mark.parametrize("name", INTERNAL)
async def test_the_internal_routes_give_what_is_promised(name):
    """Signed, in status, headers and body; and the loader gets the example's own words."""
    exchange, loader = INTERNAL[name], Examples()
    asked = exchange["request"]
    signer = signing.Signer(THEIRS, audience="pazpaz-monolith")

    response = await a_pazpaz(loader).post(
        asked["path"], json=asked["body"], auth=signer.auth(asked["tag"])
    )

    contract.check_response(exchange, response)
    signing.ResponseVerifier(signing.KeyRing([OURS.public])).verify(
        request=response.request,
        status=response.status_code,
        headers=response.headers,
        body=response.content,
        tag=asked["tag"],
    )
    if response.status_code == 200 and asked["body"]:
        assert loader.asked[0].model_dump(mode="json") == asked["body"]
        assert response.json() == exchange["response"]["body"]
