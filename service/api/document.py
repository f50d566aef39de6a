"""The OpenAPI document: what FastAPI cannot tell by itself is added here, so that clients can be made from it."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from service.api.schemas import Problem
from service.ingestion.events import EventRow

REFERENCE = "#/components/schemas/{model}"
BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
OPERATOR = {"type": "http", "scheme": "bearer"}


def documents(kind: type[BaseModel]) -> dict[str, Any]:
    """Puts a body that the route reads itself into the OpenAPI document."""
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _of(kind)}}}
    }


def install_document(app: FastAPI) -> None:
    """Adds the shapes that are only referred to, and who may call what."""
    made: Callable[[], dict[str, Any]] = app.openapi

    def complete() -> dict[str, Any]:
        document = made()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(
            {kind.__name__: _of(kind) for kind in (Problem, EventRow)}
        )
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
