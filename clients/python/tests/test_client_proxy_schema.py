"""What PazPaz's own OpenAPI document says of the assistant."""

import json
import re
import warnings
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from pazpaz_ai_client import api_models
from pazpaz_ai_client.proxy import create_proxy_router

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
AGENT = "/api/v1/ai/agent"
OURS = {
    "AgentChatRequest": "Question",
    "AgentChatResponse": "ChatAnswer",
    "AgentCitation": "Citation",
    "AgentRisk": "Risk",
    "AgentSearch": "Search",
    "AgentHistoryPage": "HistoryPage",
    "AgentConversationHead": "ConversationHead",
    "AgentConversation": "Conversation",
    "AgentTurn": "Turn",
    "AgentPastCitation": "PastCitation",
    "AgentPastRisk": "PastRisk",
    "AgentFeedback": "Feedback",
    "AgentFeedbackRequest": "FeedbackRequest",
}


async def a_bearer(request):
    return "token"


def an_app(upstream=None, **options):
    app = FastAPI()
    client = httpx.AsyncClient(transport=httpx.MockTransport(upstream)) if upstream else None
    app.include_router(
        create_proxy_router(service_url="http://ai", client=client, bearer=a_bearer, **options)
    )
    return app


@pytest.fixture(scope="module")
def document():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # FastAPI warns where two routes have one operation id
        return an_app().openapi()


def operations(document):
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(AGENT)
    }


def refs(schema):
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema)))


def test_every_schema_is_there_under_a_name_of_its_own(document):
    """A generated `schema.ts` has them as types, and none of PazPaz's own names is taken."""
    schemas = document["components"]["schemas"]

    assert set(schemas) == {*OURS, "AgentProblem"}
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in schemas)
    assert refs(document) <= set(schemas)


def plain(schema):
    """In one form, whichever version of FastAPI or pydantic wrote it."""
    if isinstance(schema, list):
        return sorted(
            (plain(one) for one in schema), key=lambda one: json.dumps(one, sort_keys=True)
        )
    if not isinstance(schema, dict):
        return schema
    kept = {key: plain(value) for key, value in schema.items() if key != "description"}
    return {key: value for key, value in kept.items() if (key, value) != ("default", None)}


@pytest.mark.parametrize(("name", "model"), OURS.items())
def test_a_schema_is_what_the_client_reads(document, name, model):
    """Renamed, and nothing else: every field, type and limit is the model's."""
    mode = "validation" if name.endswith("Request") else "serialization"
    expected = getattr(api_models, model).model_json_schema(
        mode=mode, ref_template="#/components/schemas/{model}"
    )
    expected.pop("$defs", None)
    renamed = json.dumps(expected)
    for new, old in OURS.items():
        renamed = renamed.replace(f'schemas/{old}"', f'schemas/{new}"')

    described = document["components"]["schemas"][name]
    assert plain(described) == plain({**json.loads(renamed), "title": name})
    assert described["description"] == getattr(api_models, model).__doc__


def test_the_routes_are_the_service_s_own(document):
    """Each route of the service's document is here, with its body, its parameters and its answers."""
    ours, theirs = operations(document), operations(DOCUMENT)

    assert set(ours) == set(theirs)
    for route, operation in theirs.items():
        described = ours[route]
        assert set(operation["responses"]) <= set(described["responses"]), route
        assert ("requestBody" in operation) == ("requestBody" in described), route
        names = [[p["name"] for p in one.get("parameters", ())] for one in (operation, described)]
        assert names[0] == names[1], route


def test_operation_ids_are_readable_and_unique(document):
    """They become names of functions in generated clients."""
    ids = [operation["operationId"] for operation in operations(document).values()]

    assert len(set(ids)) == len(ids) == 7
    assert all(re.fullmatch(r"ai_agent_[a-z_]+", one) for one in ids)


def test_a_question_and_its_answer_are_described(document):
    """Body by name, answer as JSON and as events, refusals as problems with `Retry-After`."""
    chat = document["paths"][f"{AGENT}/chat"]["post"]

    assert refs(chat["requestBody"]) == {"AgentChatRequest"}
    answer = chat["responses"]["200"]["content"]
    assert set(answer) == {"application/json", "text/event-stream"}
    assert refs(answer["application/json"]) == {"AgentChatResponse"}
    for status in ("401", "403", "404", "409", "422", "429", "503"):
        refused = chat["responses"][status]["content"]
        assert refs(refused["application/problem+json"]) == {"AgentProblem"}
    assert "Retry-After" in chat["responses"]["429"]["headers"]
    assert "callbacks" not in chat  # by which FastAPI is told of the body


def test_models_of_pazpaz_keep_their_names():
    """Models called as ours are in the package stay as they are in PazPaz's document."""

    class Citation(BaseModel):
        page: int

    class Problem(BaseModel):
        why: str

    app = an_app()

    @app.get("/mine", responses={400: {"model": Problem}})
    def mine() -> Citation:
        return Citation(page=1)

    assert {"Citation", "Problem", "AgentCitation"} <= set(app.openapi()["components"]["schemas"])


def test_the_routes_can_be_left_out():
    """A host that describes them itself says so."""
    assert an_app(include_in_schema=False).openapi()["paths"] == {}


@pytest.mark.parametrize(
    "body", [b'{"query": 7, "unknown": 1}', b"no json", b'{ "query" :"x"}', b""]
)
async def test_what_is_described_is_not_enforced(body):
    """Bytes go on as they came, also those the schema would refuse: that is the service's to say."""
    sent = []

    def upstream(request):
        sent.append(request.content)
        return httpx.Response(200, content=b'{ "spaces" : "kept" }')

    browser = httpx.AsyncClient(
        transport=httpx.ASGITransport(an_app(upstream)), base_url="http://pazpaz"
    )
    answer = await browser.post(
        f"{AGENT}/chat", content=body, headers={"Content-Type": "application/json"}
    )

    assert (sent, answer.content) == ([body], b'{ "spaces" : "kept" }')
