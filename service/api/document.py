"""The OpenAPI document: what FastAPI cannot tell by itself is added here, so that clients can be made from it."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel

from service.api.deliveries import EventRow
from service.api.schemas import EVENTS, Problem, StepOut, StreamProblem, TokenOut

REFERENCE = "#/components/schemas/{model}"
BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
OPERATOR = {"type": "http", "scheme": "bearer"}

_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_ON_401 = {"WWW-Authenticate": {"schema": {"type": "string", "enum": ["Bearer"]}}}
_MEANING = {
    401: "Nobody we know: sign in again.",
    403: "Known, and not allowed: role, workspace or consent.",
    404: "Not there, or not theirs.",
    409: "The conversation has another scope.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Not of the expected shape.",
    429: "An allowance is used up.",
    503: "Switched off, busy, or a part is away.",
}


def documents(kind: type[BaseModel]) -> dict[str, Any]:
    """Puts a body that the route reads itself into the OpenAPI document."""
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _of(kind)}}}
    }


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Exactly the refusals a route can give, each a problem document."""
    return {status: _documented(status) for status in statuses}


def _documented(status: int) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model=Problem.__name__)}
    headers = _RETRY_AFTER if status in {429, 503} else _ON_401 if status == 401 else {}
    return {
        "description": _MEANING[status],
        "content": {"application/problem+json": {"schema": schema}},
        **({"headers": headers} if headers else {}),
    }


def documents_events() -> dict[int | str, dict[str, Any]]:
    """The event stream beside the JSON of a 200, each event with the shape of its data."""
    return {
        200: {
            "description": "The answer; with `Accept: text/event-stream`, as events while it comes.",
            "content": {
                EventSourceResponse.media_type: {
                    "itemSchema": {"oneOf": [_event(*one) for one in EVENTS.items()]}
                }
            },
        }
    }


def _event(name: str, kind: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model=kind.__name__)}
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}
    return {
        "type": "object",
        "properties": {"event": {"const": name}, "data": data},
        "required": ["event", "data"],
    }


SHAPES: tuple[type[BaseModel], ...] = (Problem, EventRow, StepOut, TokenOut, StreamProblem)
"""What no route is declared to take or give, though it does."""


def install_document(app: FastAPI) -> None:
    """Adds the shapes that are only referred to, and who may call what."""
    made: Callable[[], dict[str, Any]] = app.openapi

    def complete() -> dict[str, Any]:
        document = made()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update({kind.__name__: _of(kind) for kind in SHAPES})
        components["securitySchemes"] = {"bearer": BEARER, "operator": OPERATOR}
        for path, ways in document["paths"].items():
            for operation in ways.values():
                if scheme := _scheme(path, operation):
                    operation["security"] = [{scheme: []}]
        return document

    app.openapi = complete  # type: ignore[method-assign]


def _scheme(path: str, operation: dict[str, Any]) -> str | None:
    if "operators" in operation.get("tags", ()):
        return "operator"
    return "bearer" if path.startswith("/api/") else None


def _of(kind: type[BaseModel]) -> dict[str, Any]:
    schema = kind.model_json_schema(ref_template=REFERENCE)
    schema.pop("$defs", None)  # they stand among the components
    return schema
