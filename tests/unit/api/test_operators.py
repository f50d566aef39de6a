"""What operators may ask over HTTP: with their token only, and never by accident for all."""

from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from service.ports.monolith import Event
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryWorkQueue
from tests.unit.api.practice import OPERATOR, a_token, is_problem

LETTERS = "/internal/v1/dead-letters"
HEADERS = {"Authorization": f"Bearer {OPERATOR}"}


@pytest.fixture
async def dead(parts) -> list[UUID]:
    """Two notes that were given up on, in two practices."""
    parts.queue = InMemoryWorkQueue()
    keys = [uuid4(), uuid4()]
    for key, workspace in zip(keys, (WORKSPACE, OTHER_WORKSPACE), strict=True):
        await parts.queue.accept([Event(uuid4(), workspace, "sessions", key, "upserted")])
        parts.queue.rows[workspace, "sessions", key].parked = True
    return keys


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {OPERATOR}x"},
        {"Authorization": f"Basic {OPERATOR}"},
        {"Authorization": f"Bearer {a_token()}"},
        {"Cookie": f"access_token={OPERATOR}"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", LETTERS),
        ("POST", f"{LETTERS}/retry"),
        ("POST", f"{LETTERS}/drop"),
        ("POST", "/internal/v1/reconcile"),
    ],
)
async def test_only_the_operators_token_opens(http, dead, headers, method, path):
    """No token, another's, or a therapist's: 401, and nothing is told or done."""
    response = await http.request(method, path, headers=headers, json={"all": True})
    assert is_problem(response, 401, "not_authenticated")


async def test_without_the_setting_nobody_is_let_in(http, parts, dead):
    """An empty token does not match an unset one."""
    parts.settings.operator_token = None
    for given in ("", OPERATOR):
        headers = {"Authorization": f"Bearer {given}"}
        assert is_problem(await http.get(LETTERS, headers=headers), 401, "not_authenticated")
    parts.settings.operator_token = SecretStr(OPERATOR)
    assert (await http.get(LETTERS, headers=HEADERS)).status_code == 200


async def test_dead_letters_are_listed_by_workspace(http, dead):
    """Ids, times and a code, of one practice or of all; nothing else."""
    everything = (await http.get(LETTERS, headers=HEADERS)).json()["dead_letters"]
    assert {one["key"] for one in everything} == {str(key) for key in dead}
    assert set(everything[0]) == {"workspace_id", "kind", "key", "code", "wanted_at", "parked_at"}

    mine = await http.get(LETTERS, params={"workspace_id": str(WORKSPACE)}, headers=HEADERS)
    assert [one["key"] for one in mine.json()["dead_letters"]] == [str(dead[0])]


async def test_all_must_be_said(http, parts, dead):
    """An empty body ends nothing; one key, one practice or `all` end just these."""

    async def end(what: str, body: dict[str, object]) -> int:
        response = await http.post(f"{LETTERS}/{what}", json=body, headers=HEADERS)
        return response.json()["count"]

    assert await end("retry", {}) == 0
    assert await end("drop", {"all": False}) == 0
    assert await end("retry", {"key": str(uuid4())}) == 0
    assert await end("retry", {"key": str(dead[0])}) == 1
    assert await end("drop", {"workspace_id": str(WORKSPACE)}) == 0
    assert await end("drop", {"all": True}) == 1
    assert await parts.queue.dead_letters() == []


@pytest.mark.parametrize("body", [{"keys": []}, {"all": "yes"}, [], {"workspace_id": "mine"}])
async def test_a_body_of_another_shape_is_refused(http, parts, dead, body):
    """A misspelt scope must not be taken for a wide one."""
    for path in (f"{LETTERS}/drop", "/internal/v1/reconcile"):
        response = await http.post(path, json=body, headers=HEADERS)
        assert is_problem(response, 422, "malformed")
    assert len(await parts.queue.dead_letters()) == 2


async def test_a_reconciliation_of_one_practice_is_asked_for(http, parts, dead):
    """The answer comes at once; workers do it."""
    body = {"workspace_id": str(WORKSPACE)}
    response = await http.post("/internal/v1/reconcile", json=body, headers=HEADERS)
    assert (response.status_code, response.json()) == (202, {"count": 1})
    (lease,) = await parts.queue.claim(limit=1)
    assert (lease.kind, lease.workspace) == ("reconcile", WORKSPACE)
