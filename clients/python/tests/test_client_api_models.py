"""The models of the service's API, held against its committed OpenAPI document."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from pazpaz_ai_client import api_models as api
from pazpaz_ai_client.models import Delivery

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
ANSWERS = {
    "ChatResponse": api.ChatAnswer,
    "CitationOut": api.Citation,
    "ConversationOut": api.ConversationHead,
    "ConversationTurns": api.Conversation,
    "Count": api.Count,
    "DeadLetterOut": api.DeadLetter,
    "DeadLettersOut": api.DeadLetters,
    "ErasureOut": api.ErasureReceipt,
    "ErasuresOut": api.ErasureReceipts,
    "FeedbackOut": api.Feedback,
    "HistoryPage": api.HistoryPage,
    "PastCitation": api.PastCitation,
    "PastRisk": api.PastRisk,
    "Problem": api.Problem,
    "RiskOut": api.Risk,
    "SearchOut": api.Search,
    "StepOut": api.Step,
    "StreamProblem": api.StreamProblem,
    "TokenOut": api.Sentence,
    "TurnOut": api.Turn,
}
BODIES = {
    "chat": api.Question,
    "give_feedback": api.FeedbackRequest,
    "end_dead_letters": api.Chosen,
    "erase": api.Erasure,
    "reconcile": api.Scope,
}
OF_EVENTS = {"Accepted", "EventRow"}  # the sender's, in `models`
NAMES = {model.__name__: name for name, model in ANSWERS.items()}
TOLD_OTHERWISE = {"title", "description", "pattern", "additionalProperties"}


def plain(schema: dict) -> dict:
    """What a schema asks for, in one form for both sides.

    The document has times as strings, since it is the service's own serializer that writes them, and most
    defaults of null are not in it: that such a field may be missing is.
    """
    kept = {key: value for key, value in schema.items() if key not in TOLD_OTHERWISE}
    if "properties" in kept:
        kept.pop("anyOf", None)  # how fields of FeedbackRequest depend on each other
        kept["properties"] = {name: plain(one) for name, one in kept["properties"].items()}
        kept["required"] = sorted(kept.get("required", ()))
    if "anyOf" in kept:
        kept["anyOf"] = [plain(one) for one in kept["anyOf"]]
    if "items" in kept:
        kept["items"] = plain(kept["items"])
    if "$ref" in kept:
        name = kept["$ref"].rpartition("/")[2]
        kept["$ref"] = NAMES.get(name, name)
    if kept.get("format") in {"date", "date-time"}:
        del kept["format"]
    if kept.get("default", ...) is None:
        del kept["default"]
    return kept


def of_model(model: type[BaseModel]) -> dict:
    schema = model.model_json_schema()
    schema.pop("$defs", None)
    return plain(schema)


def operations():
    return [operation for ways in DOCUMENT["paths"].values() for operation in ways.values()]


def body_of(operation: str) -> dict:
    [found] = [one for one in operations() if one["operationId"] == operation]
    return found["requestBody"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_has_the_documents_fields(name):
    """Every field, its type, its default, and whether it must be there."""
    assert of_model(ANSWERS[name]) == plain(SCHEMAS[name])


@pytest.mark.parametrize("operation", BODIES)
def test_a_request_has_the_documents_fields(operation):
    """The limits too, so that what can be made here is of a shape the service takes."""
    assert of_model(BODIES[operation]) == plain(body_of(operation))


def test_every_shape_of_the_document_has_a_model():
    """A schema, a body or an event that the service adds is missed here."""
    assert set(ANSWERS) | OF_EVENTS == set(SCHEMAS)
    sent = {one["operationId"] for one in operations() if "requestBody" in one}
    assert sent == {*BODIES, "accept_events"}
    assert plain(body_of("accept_events"))["required"] == of_model(Delivery)["required"]


def test_every_event_has_the_documents_data():
    """Kinds of events, and the model of each."""
    chat = DOCUMENT["paths"]["/api/v1/ai/agent/chat"]["post"]["responses"]["200"]["content"]
    told = [one["properties"] for one in chat["text/event-stream"]["itemSchema"]["oneOf"]]
    kinds = {
        one["event"]["const"]: one["data"]["contentSchema"]["$ref"].rpartition("/")[2]
        for one in told
    }
    assert {kind: NAMES[model.__name__] for kind, model in api.EVENTS.items()} == kinds


def test_a_difference_would_be_seen():
    """A field more, less, of another type, or with another duty is a different shape."""
    told = plain(SCHEMAS["RiskOut"])
    for change in (
        {"properties": {**told["properties"], "new": {"type": "string"}}},
        {"properties": {**told["properties"], "start": {"type": "string"}}},
        {"required": [name for name in told["required"] if name != "quote"]},
    ):
        assert of_model(api.Risk) != {**told, **change}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (api.Question, {"query": ""}),
        (api.Question, {"query": "x" * 2001}),
        (api.Question, {"query": "x", "max_result": 3}),
        (api.FeedbackRequest, {"message_id": UUID(int=1), "rating": "up", "reason": "missing"}),
        (
            api.Erasure,
            {"workspace_id": UUID(int=1), "entity": "workspaces", "id": UUID(int=2)},
        ),
    ],
)
def test_what_the_service_would_refuse_is_refused_at_once(model, fields):
    """Too long, misspelt, or a combination that means nothing."""
    with pytest.raises(ValidationError):
        model(**fields)


def test_no_words_of_a_note_are_in_a_repr():
    """What a log or a traceback shows of an answer has its places and numbers only."""
    risk = {
        "kind": "suicide",
        "polarity": "denied",
        "client_id": UUID(int=1),
        "client_name": "secret",
        "field_name": "plan",
        "quote": "secret",
        "start": 0,
        "end": 6,
        "note_version": None,
        "is_draft": False,
    }
    shown = [
        api.Risk(**risk),
        api.PastRisk(**risk, source_changed=True),
        api.Question(query="secret"),
        api.Sentence(text="secret", answer_start=0, answer_end=6),
    ]
    assert "secret" not in repr(shown)
