"""What the proxy's routes look like in PazPaz's own OpenAPI document; the proxy itself reads and checks none of it.

Every schema is called `Agent...`: a name that PazPaz has already would make FastAPI rename PazPaz's own.
"""

from collections.abc import Callable
from functools import cache, reduce
from inspect import isclass
from operator import or_
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from fastapi.routing import APIRoute
from pydantic import BaseModel, create_model

from pazpaz_ai_client._edges import PROBLEM


class AgentProblem(BaseModel):
    """A refusal; `detail` may be shown as it is. PazPaz's own have no more than that and a `request_id`."""

    detail: str
    status: int | None = None
    title: str | None = None
    type: str | None = None
    request_id: str | None = None


EVENT_STREAM = "text/event-stream"
OTHERWISE = {"Question": "AgentChatRequest", "ChatAnswer": "AgentChatResponse"}


@cache
def named(model: type[BaseModel]) -> type[BaseModel]:
    """The same shape under its name in PazPaz's document, down to the models inside it."""
    fields: Any = {
        name: (_named_within(field.annotation), field) for name, field in model.model_fields.items()
    }
    name = OTHERWISE.get(model.__name__, f"Agent{model.__name__}")
    return create_model(name, __base__=model, __doc__=model.__doc__, **fields)


def _named_within(annotation: Any) -> Any:
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return named(annotation)
    origin = get_origin(annotation)
    if origin is None or origin is Literal:
        return annotation
    inner = tuple(_named_within(part) for part in get_args(annotation))
    return reduce(or_, inner) if origin in (Union, UnionType) else origin[inner]


REFUSALS = {
    401: "Not signed in, or not any more",
    403: "The workspace is suspended, or the role or the CSRF token is not right",
    404: "No such client or conversation",
    409: "The conversation is about another client",
    413: "Too large",
    415: "Not JSON",
    422: "Not a request of this kind",
    429: "The workspace has asked enough for this hour; `Retry-After` says when to go on",
    503: "The assistant is away or switched off; `Retry-After` says when to try again",
}
WITH_BODY = (401, 403, 404, 409, 413, 415, 422, 429, 503)
WITHOUT_BODY = (401, 403, 404, 422, 503)


def described(
    *,
    operation_id: str,
    body: type[BaseModel] | None = None,
    answer: type[BaseModel] | None = None,
    streams: bool = False,
    query: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The arguments of `add_api_route` that only describe."""
    refusals = WITHOUT_BODY if body is None else WITH_BODY
    responses: dict[int | str, dict[str, Any]] = {status: _refusal(status) for status in refusals}
    if answer is not None:
        responses[200] = {"model": named(answer), "description": answer.__doc__ or ""}
    if streams:
        told = "Server-sent events, where `Accept` asks for them"
        responses[200]["content"] = {
            EVENT_STREAM: {"schema": {"type": "string", "description": told}}
        }
    return {
        "operation_id": operation_id,
        "status_code": 204 if answer is None else 200,
        "response_model": None,
        "responses": responses,
        **_request(body, query or {}),
    }


def _request(body: type[BaseModel] | None, query: dict[str, dict[str, Any]]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if query:
        extra["parameters"] = [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in query.items()
        ]
    if body is None:
        return {"openapi_extra": extra}
    model = named(body)
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    # FastAPI would read and check a body that it is told of. It lists the models of callbacks too, and those it
    # leaves alone; the callback itself is then taken out of the document again.
    extra["callbacks"] = None
    name = model.__name__
    lister = APIRoute("/", _taking(model), methods=["POST"], operation_id=f"never_{name}")
    return {"openapi_extra": extra, "callbacks": [lister]}


def _taking(model: type[BaseModel]) -> Callable[..., None]:
    def endpoint(body: Any) -> None:
        """Never called."""

    endpoint.__annotations__["body"] = model
    return endpoint


def _refusal(status: int) -> dict[str, Any]:
    # PazPaz's own refusals are plain JSON, the service's are problems; both have `detail`.
    schema = {"$ref": "#/components/schemas/AgentProblem"}
    told: dict[str, Any] = {"model": AgentProblem, "description": REFUSALS[status]}
    told["content"] = {PROBLEM: {"schema": schema}}
    if status in (429, 503):
        seconds = {"description": "Seconds", "schema": {"type": "integer"}}
        told["headers"] = {"Retry-After": seconds}
    return told


PAGE: dict[str, dict[str, Any]] = {
    "client_id": {"type": "string", "format": "uuid"},
    "whole_practice": {"type": "boolean", "default": False},
    "cursor": {"type": "string"},
    "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
}
