"""The app as it is put together."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from service.main import build_app

OPENAPI = Path(__file__).parents[2] / "clients" / "openapi.json"
OPEN = {"/healthz", "/readyz", "/metrics", "/internal/v1/events", "/openapi.json"}


def test_the_document_that_clients_are_generated_from_is_the_apps_own():
    """A changed route or shape shows up as a changed file."""
    assert build_app().openapi() == json.loads(OPENAPI.read_text())


def test_every_therapist_route_asks_for_a_live_principal():
    """A new route without a sign-in, or an operator's token, must be listed here, or this fails."""
    guarded, unguarded = set(), set()
    for route in every_route(build_app()):
        calls = {call.__name__ for call in _calls(getattr(route, "dependant", None))}
        asks = "principal" if route.path.startswith("/api/") else "operator"
        (guarded if asks in calls else unguarded).add(route.path)
    assert unguarded == OPEN
    assert len(guarded) >= 9


def every_route(app: FastAPI) -> Iterator[Any]:
    """What the app serves, whichever room it stands in."""
    for one in app.routes:
        room = getattr(one, "original_router", None)
        yield from [one] if room is None else room.routes


def _calls(dependant):
    for inner in dependant.dependencies if dependant else ():
        yield inner.call
        yield from _calls(inner)


def test_no_variable_makes_the_framework_export_errors(monkeypatch):
    """Its telemetry would send exceptions with their messages wherever OTEL variables point."""
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example")
    told = build_app()._telemetry
    assert not any(told[part] for part in ("auto_configure", "tracing", "metrics", "logs"))
