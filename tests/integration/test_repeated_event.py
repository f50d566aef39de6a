"""A repeated event, also with the nonce store away at the real route: it changes nothing while its id is kept."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from pazpaz_ai_client.signing import KeyRing, NonceStoreUnavailable, RequestVerifier
from service.container import OUR_AUDIENCE, Container, open_container
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from service.ports.monolith import Event
from tests.integration.conftest import Owner, rows, settings_for
from tests.unit.api.practice import EVENTS, KEY, Parts, served
from tests.unit.api.test_ingest import JSON, a_delivery, a_row


class AwayNonceStore:
    """A store that nobody reaches."""

    def __init__(self) -> None:
        self.asked = 0

    async def remember(self, *_: object) -> bool:
        self.asked += 1
        raise NonceStoreUnavailable


@pytest.fixture(scope="module")
async def storing(stage: Stage, databases_apart: Databases) -> AsyncIterator[Container]:
    """The service's parts on a database that no worker looks at."""
    async with open_container(settings_for(stage, databases_apart.worker)) as container:
        yield container


async def queued(owner: Owner, workspace: WorkspaceId) -> list[list[str]]:
    return [await rows(owner, table, workspace) for table in ("work", "tombstones")]


@pytest.mark.parametrize("kind", ["upserted", "purged"])
async def test_a_repeated_event_changes_nothing_in_work(
    storing: Container, owner: Owner, kind: str
) -> None:
    """The very same message, and the same events signed anew: 202 each time, and one wish to look."""
    workspace, nonces = WorkspaceId(uuid4()), AwayNonceStore()
    parts = Parts()
    parts.queue = storing.queue  # type: ignore[assignment]
    parts.events_verifier = RequestVerifier(
        keys=KeyRing([KEY.public]),
        audience=OUR_AUDIENCE,
        direction="event",
        nonces=nonces,
        accept_without_nonce_store=True,
        clock=parts.seconds,
    )
    body = a_delivery(a_row(kind=kind, workspace_id=str(workspace)))
    async with served(parts) as http:
        first = await http.post(
            EVENTS, content=body, headers=JSON, auth=parts.signer().auth("pp-event/1")
        )
        once = await queued(owner, workspace)
        again = await http.post(EVENTS, content=body, headers=first.request.headers)
        anew: httpx.Response = await http.post(
            EVENTS, content=body, headers=JSON, auth=parts.signer().auth("pp-event/1")
        )

    assert [answer.status_code for answer in (first, again, anew)] == [202, 202, 202]
    assert nonces.asked == 3
    assert len(once[0]) == 1
    assert await queued(owner, workspace) == once


async def test_an_event_id_is_forgotten_after_its_days(storing: Container, owner: Owner) -> None:
    """A repetition that comes later still asks for another look, and what is younger is repeated in vain."""
    await owner.execute("TRUNCATE event_ids")
    workspace = WorkspaceId(uuid4())
    old, young = (Event(uuid4(), workspace, "sessions", uuid4(), "upserted") for _ in range(2))
    await storing.queue.accept([old, young])
    aged = "UPDATE event_ids SET received_at = now() - $2 * interval '1 hour' WHERE id = $1"
    await owner.execute(aged, old.id, 49)
    await owner.execute(aged, young.id, 47)

    assert await storing.queue.forget_old_events(days=2) == 1
    assert [await storing.queue.accept([event]) for event in (old, young)] == [1, 0]


async def test_an_event_is_kept_without_its_note(storing: Container, owner: Owner) -> None:
    """Whose login or workspace it was is known, for processes that ask; which client or session is not."""
    workspace, user = WorkspaceId(uuid4()), uuid4()
    told = {"sessions": uuid4(), "clients": uuid4(), "users": user, "workspaces": workspace}
    await storing.queue.accept(
        [Event(uuid4(), workspace, entity, key, "status") for entity, key in told.items()]  # type: ignore[arg-type]
    )

    query = "SELECT entity, entity_id FROM event_ids WHERE workspace_id = $1"
    kept = {row["entity"]: row["entity_id"] for row in await owner.fetch(query, workspace)}
    assert kept == {"sessions": None, "clients": None, "users": user, "workspaces": workspace}
