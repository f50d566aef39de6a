"""The app as it is put together."""

import json
from pathlib import Path

from fastapi.routing import APIRoute

from service.main import build_app

OPENAPI = Path(__file__).parents[2] / "clients" / "openapi.json"
OPEN = {"/healthz", "/readyz", "/metrics", "/internal/v1/events"}


def test_the_document_that_clients_are_generated_from_is_the_apps_own():
    """A changed route or shape shows up as a changed file."""
    assert build_app().openapi() == json.loads(OPENAPI.read_text())


def test_every_therapist_route_asks_for_a_live_principal():
    """A new route without a sign-in must be listed here, or this fails."""
    guarded, unguarded = set(), set()
    for route in _routes():
        calls = {call.__name__ for call in _calls(route.dependant)}
        (guarded if "principal" in calls else unguarded).add(route.path)
    assert unguarded == OPEN
    assert len(guarded) >= 3


def _routes() -> list[APIRoute]:
    from service.api import chat, history, ingest, operations

    rooms = (chat, history, ingest, operations)
    return [r for room in rooms for r in room.router.routes if isinstance(r, APIRoute)]


def _calls(dependant):
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def test_no_variable_makes_the_framework_export_errors(monkeypatch):
    """Its telemetry would send exceptions with their messages wherever OTEL variables point."""
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example")
    told = build_app()._telemetry
    assert not any(told[part] for part in ("auto_configure", "tracing", "metrics", "logs"))
