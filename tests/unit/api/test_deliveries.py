"""The shape of a delivery: ids and kinds, never text, never too many."""

import json
from uuid import uuid4

import pytest
from pydantic import ValidationError

from service.api.deliveries import MAX_EVENTS, Delivery
from tests.fakes import NOW, WORKSPACE


def a_row(**changes: object) -> dict:
    row = {
        "id": str(uuid4()),
        "workspace_id": str(WORKSPACE),
        "entity": "sessions",
        "entity_id": str(uuid4()),
        "kind": "upserted",
        "occurred_at": NOW.isoformat(),
    } | changes
    return {name: value for name, value in row.items() if value is not ...}


def accepted(*rows: dict, **changes: object) -> bool:
    said = {"delivery_id": str(uuid4()), "events": list(rows)} | changes
    try:
        Delivery.model_validate(json.loads(json.dumps(said)))
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("entity", ["sessions", "clients", "workspaces", "users"])
@pytest.mark.parametrize("kind", ["upserted", "purged", "status"])
def test_every_event_of_the_contract_is_understood(entity, kind):
    """Four entities, three kinds, and the ids arrive as they were sent."""
    row = a_row(entity=entity, kind=kind)
    said = Delivery.model_validate({"delivery_id": str(uuid4()), "events": [row]})
    event = said.events[0].event()
    assert (event.entity, event.kind) == (entity, kind)
    assert (str(event.id), str(event.entity_id)) == (row["id"], row["entity_id"])
    assert event.workspace == WORKSPACE


@pytest.mark.parametrize("name", ["text", "subjective", "client_name", "workspace"])
def test_a_field_of_no_contract_is_refused(name):
    """Text has no place in an event, so nothing unknown is let in, on neither level."""
    assert accepted(a_row())
    assert not accepted(a_row(**{name: "x"}))
    assert not accepted(a_row(), **{name: "x"})


@pytest.mark.parametrize(
    "name", ["id", "workspace_id", "entity", "entity_id", "kind", "occurred_at"]
)
@pytest.mark.parametrize("value", [..., None, "", "x", ["x"], {"x": 1}], ids=str)
def test_every_field_is_needed_and_of_its_type(name, value):
    """Missing, null, and whatever is no id, entity, kind or moment, is refused."""
    assert not accepted(a_row(**{name: value}))


@pytest.mark.parametrize("value", ["2026-11-01T09:00:00", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_moment_has_a_time_zone(value):
    """A naive time means another moment on another machine."""
    assert not accepted(a_row(occurred_at=value))


def test_a_delivery_has_between_one_event_and_the_limit():
    """An empty delivery says nothing, one too long is not read half."""
    assert not accepted()
    assert accepted(*[a_row()] * MAX_EVENTS)
    assert not accepted(*[a_row()] * (MAX_EVENTS + 1))


def test_a_delivery_is_named():
    """Its id is a UUID, because it is logged."""
    assert not accepted(a_row(), delivery_id="Dana called")
    assert not accepted(a_row(), delivery_id=None)


def test_an_event_cannot_be_changed_after_it_was_checked():
    """What was verified is what is stored."""
    said = Delivery.model_validate({"delivery_id": str(uuid4()), "events": [a_row()]})
    with pytest.raises(ValidationError):
        said.events[0].entity_id = uuid4()
