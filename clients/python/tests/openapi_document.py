"""The service's committed OpenAPI document, and what it says of a piece of JSON."""

import json
from pathlib import Path

import jsonschema_rs

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())


def _components(*, whole):
    """The schemas, closed: no member that has no name there, and with `whole` every one that has."""
    schemas = {
        name: {**schema, "additionalProperties": False}
        | ({"required": list(schema["properties"])} if whole else {})
        for name, schema in DOCUMENT["components"]["schemas"].items()
    }
    return {"schemas": schemas}


COMPONENTS = {whole: _components(whole=whole) for whole in (True, False)}


def check(schema, data, *, whole=True):
    """Raises ValidationError for what is not as documented; `whole`: nothing may be left out."""
    asked = {**schema, "components": COMPONENTS[whole]}
    jsonschema_rs.Draft202012Validator(asked, validate_formats=True).validate(data)


def shapes_of_events(responses):
    """The schema of each event's data, by its name."""
    stream = responses["200"]["content"].get("text/event-stream", {})
    return {
        one["properties"]["event"]["const"]: one["properties"]["data"]["contentSchema"]
        for one in stream.get("itemSchema", {}).get("oneOf", ())
    }
