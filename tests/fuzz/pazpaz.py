"""PazPaz in this process: its real signed routes, over practices that are plain objects."""

from collections.abc import Sequence
from uuid import UUID

import httpx
from fastapi import FastAPI

from pazpaz_ai_client.internal_api import Forbidden, create_internal_router
from pazpaz_ai_client.models import (
    AuditEvent,
    ChangesAnswer,
    ChangesRequest,
    ClientRecord,
    IntrospectAnswer,
    IntrospectRequest,
    ManifestAnswer,
    ManifestItem,
    ManifestRequest,
    RecordsAnswer,
    RecordsRequest,
    SessionRecord,
    WorkspaceItem,
    WorkspacesAnswer,
)
from pazpaz_ai_client.signing import RING, MemoryNonceStore, RequestVerifier, Signer, read_folder
from pazpaz_ai_client.signing.folder import read_ring
from service.container import OUR_AUDIENCE, THEIR_AUDIENCE, now
from service.demo.keys import StageKeys
from service.domain.notes import Client, Note
from tests.fuzz.world import Practice, World


class WorldLoader:
    """Keeps Loader: hands out rows of the workspace that was asked for, to its own users only."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def records(self, request: RecordsRequest) -> RecordsAnswer:
        at = self._practice(request.workspace_id)
        if request.actor_user_id is not None and request.actor_user_id not in at.everybody:
            raise Forbidden
        sessions, clients = at.source.sessions, at.source.clients
        asked = (*request.session_ids, *request.client_ids)
        return RecordsAnswer(
            sessions=[_session(sessions[i]) for i in request.session_ids if i in sessions],
            clients=[_client(clients[i]) for i in request.client_ids if i in clients],
            missing=[i for i in asked if i not in sessions and i not in clients],
        )

    async def manifest(self, request: ManifestRequest) -> ManifestAnswer:
        at, after = self._practice(request.workspace_id), request.after_id or UUID(int=0)
        items = [
            ManifestItem(
                entity=note.ref.entity,
                id=note.ref.id,
                client_id=note.client,
                updated_at=note.updated_at,
                version=note.version,
                state=note.state,
            )
            for note in _all_of(at)
            if note.ref.id > after and request.client_id in {None, note.client}
        ]
        items.sort(key=lambda item: item.id)
        page = items[: request.limit]
        return ManifestAnswer(items=page, next=page[-1].id if len(items) > len(page) else None)

    async def workspaces(self) -> WorkspacesAnswer:
        return WorkspacesAnswer(
            workspaces=[WorkspaceItem(id=at.id, status="active") for at in self.world.practices]
        )

    async def introspect(self, request: IntrospectRequest) -> IntrospectAnswer | None:
        found = self.world.logins.get(request.sid)
        if found is None or found[1] != request.user_id:
            return None
        return IntrospectAnswer(
            user_id=found[1],
            workspace_id=found[0].id,
            role="owner",
            active=True,
            workspace_status="active",
            revoked=False,
        )

    async def changes(self, request: ChangesRequest) -> ChangesAnswer:
        return ChangesAnswer(events=[], next=request.after)

    async def audit(self, event: AuditEvent) -> None:
        self.world.told.append((event.workspace_id, event.model_dump_json()))

    def _practice(self, workspace: UUID) -> Practice:
        if workspace not in self.world.by_id:
            raise Forbidden
        return self.world.by_id[workspace]


def _all_of(at: Practice) -> Sequence[Note]:
    return [*at.source.sessions.values(), *(one.profile for one in at.source.clients.values())]


def _session(note: Note) -> SessionRecord:
    return SessionRecord(
        id=note.ref.id,
        client_id=note.client,
        session_date=note.session_date or note.updated_at,
        is_draft=note.is_draft,
        updated_at=note.updated_at,
        version=note.version or 1,
        **note.fields,
    )


def _client(client: Client) -> ClientRecord:
    return ClientRecord(
        id=client.id,
        first_name=client.first_name,
        last_name=client.last_name,
        is_active=client.is_active,
        consent_status=client.has_consent,
        updated_at=client.profile.updated_at,
        **client.profile.fields,
    )


def to_pazpaz(world: World, keys: StageKeys) -> httpx.AsyncClient:
    """A client whose every call is answered here; signatures and nonces are checked as in production."""
    app = FastAPI()
    app.include_router(
        create_internal_router(
            WorldLoader(world),
            verifier=RequestVerifier(
                keys=read_ring(keys.our_keys / RING),
                audience=THEIR_AUDIENCE,
                direction="pull",
                nonces=MemoryNonceStore(),
                accept_without_nonce_store=False,
            ),
            signer=Signer(read_folder(keys.their_keys, now()).at(now()), audience=OUR_AUDIENCE),
        )
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), trust_env=False)
