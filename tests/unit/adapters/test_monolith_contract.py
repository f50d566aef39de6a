"""The examples of the contract between the service and PazPaz's internal API, from the service's side."""

import json
from unittest.mock import AsyncMock
from uuid import UUID

import pytest

import contract_examples as contract
from service.adapters.pazpaz.monolith import PREFIX, Monolith
from service.domain.audit import AuditEntry, AuditRow
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.errors import NotAllowed
from service.ports.monolith import ChangesCursor
from service.security.chain import linked
from tests.fakes import NOW

VALUES = {name: UUID(value) for name, value in contract.VALUES.items()}
WORKSPACE, USER = WorkspaceId(VALUES["workspace"]), UserId(VALUES["user"])
NOTES = [VALUES["session"], VALUES["event"], VALUES["delivery"]]


class Example(Monolith):
    """PazPaz behind its signatures: gives an exchange's answer to that exchange's request."""

    name: str = ""

    async def _exchange(self, route, tag, body):
        exchange = contract.exchanges("internal")[self.name]
        asked, promised = exchange["request"], exchange["response"]
        assert (f"{PREFIX}/{route}", tag) == (asked["path"], asked["tag"])
        if "shape" in asked:
            contract.check(asked["shape"], json.loads(json.dumps(body)))
        return promised["status"], json.dumps(promised["body"]).encode(), None


@pytest.fixture
def pazpaz(monkeypatch):
    def answers(name):
        monkeypatch.setattr(Example, "name", name)
        return Example(None, "http://pazpaz.test", None, None, lambda: NOW, 1)

    return answers


async def test_rows_are_asked_for_and_read(pazpaz):
    """A note, a tombstone without text, one that cannot be read, and a client with their profile."""
    pulled = await pazpaz(
        "text to index: a note, a note deleted, one that cannot be read, a client, and nobody"
    ).fetch(workspace=WORKSPACE, sessions=NOTES, clients=[VALUES["client"], VALUES["unknown"]])

    note, deleted = (pulled.sessions[key] for key in NOTES[:2])
    assert (note.state, note.version, note.fields["plan"]) == ("active", 2, "Heat twice a day.")
    assert (deleted.state, deleted.fields) == ("deleted", {})
    assert pulled.unreadable == {NOTES[2]: "decrypt_failed"}
    client = pulled.clients[ClientId(VALUES["client"])]
    assert (client.first_name, client.has_consent) == ("Dana", False)
    assert "2019" in client.profile.fields["medical_history"]


async def test_a_stranger_reads_nothing(pazpaz):
    """PazPaz's 403 is a refusal, not an outage."""
    with pytest.raises(NotAllowed):
        await pazpaz("text for an answer, for who is not of the workspace").fetch(
            workspace=WORKSPACE, sessions=NOTES[:1], actor=UserId(VALUES["unknown"])
        )


async def test_the_feed_is_asked_for_and_read(pazpaz):
    """From a place, to a place."""
    changes = await pazpaz("what changed after a place in the feed").changes(
        after=ChangesCursor(7041, VALUES["delivery"]), limit=500
    )

    [event] = changes.events
    assert (event.id, event.entity, event.entity_id) == (VALUES["event"], "sessions", NOTES[0])
    assert changes.next == ChangesCursor(7043, VALUES["event"])


async def test_the_feed_may_tell_more_than_is_read(monkeypatch):
    """A field that PazPaz adds to its own answer stops nothing; in a delivery it is refused."""
    name = "what changed after a place in the feed"
    body = contract.exchanges("internal")[name]["response"]["body"]
    body["events"][0]["since"] = "tomorrow"
    told = 200, json.dumps(body).encode(), None
    monkeypatch.setattr(Monolith, "_exchange", AsyncMock(return_value=told))
    pazpaz = Monolith(None, "http://pazpaz.test", None, None, lambda: NOW, 1)
    [event] = (await pazpaz.changes(after=None, limit=500)).events
    assert event.id == VALUES["event"]


async def test_what_exists_is_asked_for_and_read(pazpaz):
    """Of one client, and of every workspace."""
    exists = pazpaz("what exists of a client").manifest(
        workspace=WORKSPACE, client=ClientId(VALUES["client"])
    )
    assert [(one.entity, one.state, one.version) async for one in exists] == [
        ("clients", "active", None),
        ("sessions", "active", 2),
    ]
    assert await pazpaz("every workspace").workspaces() == {
        WORKSPACE: "active",
        WorkspaceId(VALUES["unknown"]): "suspended",
    }


async def test_a_sign_in_is_asked_about_and_read(pazpaz):
    """Somebody's, and nobody's."""
    sid = contract.VALUES["sid"]
    found = await pazpaz("whether a sign-in still counts").introspect(session=sid, user=USER)
    assert found is not None
    assert (found.user, found.workspace, found.role) == (USER, WORKSPACE, "assistant")
    nobody = UserId(VALUES["unknown"])
    assert await pazpaz("a sign-in of nobody's").introspect(session=sid, user=nobody) is None


async def test_an_audit_line_is_handed_over(pazpaz):
    """With its key, and nothing of a note's text."""
    entry = AuditEntry("chat.closed", user=USER, details={"outcome": "answered", "notes": []})
    row: AuditRow = linked(entry, workspace=WORKSPACE, seq=17, at=NOW, previous=bytes(32))
    assert await pazpaz("a line for PazPaz's audit log").record(row)
