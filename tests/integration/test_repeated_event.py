"""The nonce store away: a repeated event is accepted at the real route, and changes nothing."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from pazpaz_ai_client.signing import KeyRing, NonceStoreUnavailable, RequestVerifier
from service.container import OUR_AUDIENCE, Container, open_container
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
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
