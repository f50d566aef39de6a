"""PazPaz: signed pulls of notes, its manifest, and its live word on a login."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import httpx
import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pazpaz_ai_client.signing import ResponseVerifier, SignatureRefused, Signer
from service.adapters.http_client import retry_after
from service.domain.audit import AuditRow
from service.domain.identity import (
    ClientId,
    Introspection,
    Role,
    UserId,
    WorkspaceId,
    WorkspaceStatus,
)
from service.domain.notes import (
    PROFILE_FIELDS,
    SOAP_FIELDS,
    Client,
    Entity,
    ManifestItem,
    Note,
    NoteRef,
    NoteState,
    Pulled,
    UnreadableReason,
)
from service.errors import NotAllowed, SourceUnavailable
from service.ports.monolith import MAX_IDS, Changes, ChangesCursor
from service.ports.told_events import ToldEvent
from service.telemetry.traces import span

log = structlog.get_logger()

PREFIX = "/internal/ai/v1"
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MANIFEST_PAGE = 500
MAX_METADATA_BYTES = (
    12 * 1024
)  # a call to PazPaz may have 16 KiB; beyond this a row's notes are counted, not listed
PASSING = frozenset({401, 408, 425, 429, *range(500, 600)})
"""Answers of PazPaz after which the same call may still succeed: ours may be the clock or the key that is wrong."""

T = TypeVar("T")


class _Answer(BaseModel):
    """PazPaz may add fields; those we read must be of the agreed type."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Unreadable(_Answer):
    id: UUID
    error: UnreadableReason


class _Named(_Answer):
    id: UUID


class _SessionRow(_Answer):
    id: UUID
    client_id: UUID
    session_date: AwareDatetime
    subjective: str | None = None
    objective: str | None = None
    assessment: str | None = None
    plan: str | None = None
    is_draft: bool
    deleted_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    version: int


class _ClientRow(_Answer):
    id: UUID
    first_name: str = ""
    last_name: str = ""
    medical_history: str | None = None
    notes: str | None = None
    is_active: bool
    consent_status: bool = False
    updated_at: AwareDatetime


class _Records(_Answer):
    sessions: list[Any]
    clients: list[Any]
    """Rows are checked one by one, so that a bad one does not take its batch along."""


class _ManifestRow(_Answer):
    entity: Entity
    id: UUID
    client_id: UUID
    state: NoteState
    updated_at: AwareDatetime
    version: int | None = None


class _Manifest(_Answer):
    items: list[_ManifestRow]
    next: Any = None


class _WorkspaceRow(_Answer):
    id: UUID
    status: WorkspaceStatus


class _Workspaces(_Answer):
    workspaces: list[_WorkspaceRow]


class _Cursor(_Answer):
    txid: int
    id: UUID


class _Changes(_Answer):
    events: list[ToldEvent]
    next: _Cursor | None = None


class _Introspection(_Answer):
    user_id: UUID
    workspace_id: UUID
    role: Role
    active: bool
    workspace_status: WorkspaceStatus
    revoked: bool
    idle_deadline: AwareDatetime | None = None


A = TypeVar("A", bound=_Answer)


@dataclass(frozen=True, slots=True)
class Monolith:
    """Keeps NoteSource, ChangesFeed and PrincipalSource. Every call is signed, and so must be every answer."""

    http: httpx.AsyncClient
    base_url: str
    signer: Signer
    verifier: ResponseVerifier
    clock: Callable[[], datetime]
    deadline: float
    """Seconds a whole call may take."""

    async def fetch(
        self,
        *,
        workspace: WorkspaceId,
        sessions: Sequence[UUID] = (),
        clients: Sequence[UUID] = (),
        actor: UserId | None = None,
    ) -> Pulled:
        pulled = Pulled({}, {}, {})
        for some_sessions, some_clients in _batches(sessions, clients):
            body = {
                "workspace_id": str(workspace),
                "session_ids": [str(key) for key in some_sessions],
                "client_ids": [str(key) for key in some_clients],
                "purpose": "answer" if actor else "index",
                "actor_user_id": str(actor) if actor else None,
            }
            answer = await self._call("records/batch-get", "pp-pull/1", body, _Records)
            try:
                pulled = _merge(pulled, answer, workspace)
            except ValidationError:
                raise SourceUnavailable from None  # the cause would quote the row
        return pulled

    async def manifest(
        self,
        *,
        workspace: WorkspaceId,
        client: ClientId | None = None,
        after: UUID | None = None,
    ) -> AsyncIterator[ManifestItem]:
        place: Any = str(after) if after else None
        while True:
            body = {"workspace_id": str(workspace), "after_id": place, "limit": MANIFEST_PAGE}
            if client:
                body["client_id"] = str(client)
            page = await self._call("manifest", "pp-manifest/1", body, _Manifest)
            for row in page.items:
                yield _item(row)
            if page.next is None:
                return
            place = page.next

    async def workspaces(self) -> Mapping[WorkspaceId, WorkspaceStatus]:
        answer = await self._call("workspaces", "pp-workspaces/1", {}, _Workspaces)
        return {WorkspaceId(row.id): row.status for row in answer.workspaces}

    async def workspace_status(self, *, workspace: WorkspaceId) -> WorkspaceStatus | None:
        return (await self.workspaces()).get(workspace)

    async def changes(self, *, after: ChangesCursor | None, limit: int) -> Changes:
        """Keeps ChangesFeed."""
        place = {"txid": after.txid, "id": str(after.id)} if after else None
        body = {"after": place, "limit": limit}
        page = await self._call("changes", "pp-changes/1", body, _Changes)
        at = ChangesCursor(page.next.txid, page.next.id) if page.next else after
        return Changes([row.event() for row in page.events], at)

    async def introspect(self, *, session: str, user: UserId) -> Introspection | None:
        body = {"sid": session, "user_id": str(user)}
        try:
            answer = await self._call("introspect", "pp-introspect/1", body, _Introspection)
        except _NotThere:
            return None
        idle = answer.idle_deadline is not None and answer.idle_deadline <= self.clock()
        return Introspection(
            user=UserId(answer.user_id),
            workspace=WorkspaceId(answer.workspace_id),
            role=answer.role,
            active=answer.active and not idle,
            workspace_status=answer.workspace_status,
            revoked=answer.revoked,
        )

    async def record(self, row: AuditRow) -> bool:
        """Keeps AuditSink: one row for PazPaz's own audit log, under a key that makes a repeat harmless.

        By the hash too: after a restore other rows have the numbers of those that were lost, and are no repeats.
        """
        body = {
            "idempotency_key": f"{row.workspace}:{row.seq}:{row.hash.hex()}",
            "workspace_id": str(row.workspace),
            "user_id": str(row.entry.user) if row.entry.user else None,
            "metadata": _metadata(row),
        }
        status, _, wait = await self._exchange("audit-events", "pp-audit/1", body)
        if status in PASSING:
            raise SourceUnavailable(retry_after=wait)
        return status == 200

    async def _call(self, route: str, tag: str, body: Mapping[str, Any], kind: type[A]) -> A:
        """One signed POST and its verified answer; raises SourceUnavailable for whatever cannot be trusted."""
        status, content, wait = await self._exchange(route, tag, body)
        if status == 403:
            raise NotAllowed
        if status == 404:
            raise _NotThere
        if status != 200:
            log.warning("monolith.refused", route=route, status=status)
            raise SourceUnavailable(retry_after=wait)
        try:
            return kind.model_validate(json.loads(content))
        except (ValidationError, ValueError, RecursionError):
            log.warning("monolith.malformed", route=route)
            raise SourceUnavailable from None  # the cause would quote the body

    async def _exchange(
        self, route: str, tag: str, body: Mapping[str, Any]
    ) -> tuple[int, bytes, float | None]:
        with span("pazpaz.call", route=route):
            return await self._exchanged(route, tag, body)

    async def _exchanged(
        self, route: str, tag: str, body: Mapping[str, Any]
    ) -> tuple[int, bytes, float | None]:
        request = self.http.build_request(
            "POST", f"{self.base_url.rstrip('/')}{PREFIX}/{route}", json=body
        )
        try:
            # httpx limits each read, not the whole: one byte now and then would hold a question for ever.
            async with asyncio.timeout(self.deadline):
                response, content = await self._send(request, tag)
            self.verifier.verify(
                request=response.request,
                status=response.status_code,
                headers=response.headers,
                body=content,
                tag=tag,
            )
        except SignatureRefused as exc:
            # The status is nobody's word, and a hint: to a caller whose signature it refuses, PazPaz signs nothing.
            log.warning(
                "monolith.unsigned", route=route, rule=exc.rule, status=response.status_code
            )
            raise SourceUnavailable from exc
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as exc:
            log.warning("monolith.away", route=route, error=type(exc).__name__)
            raise SourceUnavailable from exc
        return response.status_code, content, retry_after(response.headers)

    async def _send(self, request: httpx.Request, tag: str) -> tuple[httpx.Response, bytes]:
        response = await self.http.send(request, auth=self.signer.auth(tag), stream=True)
        try:
            return response, await _read(response)
        finally:
            await response.aclose()


def _metadata(row: AuditRow) -> dict[str, Any]:
    """What PazPaz keeps of a row: the hash, which anchors our chain outside our database, and what happened."""
    told: dict[str, Any] = {
        "seq": row.seq,
        "hash": row.hash.hex(),
        "action": row.entry.action,
        "at": row.at.isoformat(),
        "chat": str(row.entry.chat) if row.entry.chat else None,
        "details": dict(row.entry.details),
    }
    if len(json.dumps(told)) > MAX_METADATA_BYTES:
        notes = told["details"].get("notes", ())
        told["details"] = {**told["details"], "notes": [], "notes_left_out": len(notes)}
    return told


class _NotThere(SourceUnavailable):
    """A signed 404."""


async def _read(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise httpx.DecodingError("answer too large")
        parts.append(part)
    return b"".join(parts)


def _batches(
    sessions: Sequence[UUID], clients: Sequence[UUID]
) -> Iterator[tuple[Sequence[UUID], Sequence[UUID]]]:
    for start in range(0, max(len(sessions), len(clients)), MAX_IDS):
        yield sessions[start : start + MAX_IDS], clients[start : start + MAX_IDS]


def _merge(pulled: Pulled, answer: _Records, workspace: WorkspaceId) -> Pulled:
    rows = [_row(raw, _SessionRow) for raw in answer.sessions]
    rows += [_row(raw, _ClientRow) for raw in answer.clients]
    sessions = [_note(row, workspace) for row in rows if isinstance(row, _SessionRow)]
    clients = [_client(row, workspace) for row in rows if isinstance(row, _ClientRow)]
    return Pulled(
        sessions={**pulled.sessions, **{note.ref.id: note for note in sessions}},
        clients={**pulled.clients, **{client.id: client for client in clients}},
        unreadable={
            **pulled.unreadable,
            **{row.id: row.error for row in rows if isinstance(row, _Unreadable)},
        },
    )


def _row(raw: Any, kind: type[_Answer]) -> _Answer:
    """The row, or what is wrong with it; raises ValidationError for a row that does not even have an id."""
    for shape in (_Unreadable, kind):
        try:
            return shape.model_validate(raw)
        except ValidationError:
            continue
    return _Unreadable(id=_Named.model_validate(raw).id, error="malformed")


def _item(row: _ManifestRow) -> ManifestItem:
    return ManifestItem(
        entity=row.entity,
        id=row.id,
        client=ClientId(row.client_id),
        state=row.state,
        updated_at=row.updated_at,
        version=row.version,
    )


def _note(row: _SessionRow, workspace: WorkspaceId) -> Note:
    state: NoteState = "deleted" if row.deleted_at else "draft" if row.is_draft else "active"
    return Note(
        ref=NoteRef(workspace, "sessions", row.id),
        client=ClientId(row.client_id),
        state=state,
        fields=_texts(row, SOAP_FIELDS) if state != "deleted" else {},
        updated_at=row.updated_at,
        session_date=row.session_date,
        version=row.version,
    )


def _client(row: _ClientRow, workspace: WorkspaceId) -> Client:
    profile = Note(
        ref=NoteRef(workspace, "clients", row.id),
        client=ClientId(row.id),
        state="active" if row.is_active else "archived",
        fields=_texts(row, PROFILE_FIELDS) if row.is_active else {},
        updated_at=row.updated_at,
    )
    return Client(
        id=ClientId(row.id),
        first_name=_clean(row.first_name),
        last_name=_clean(row.last_name),
        is_active=row.is_active,
        has_consent=row.consent_status,
        profile=profile,
    )


def _texts(row: BaseModel, names: Sequence[str]) -> dict[str, str]:
    texts = ((name, _clean(getattr(row, name) or "")) for name in names)
    return {name: text for name, text in texts if text.strip()}


def _clean(text: str) -> str:
    """Lone surrogates, which JSON allows and UTF-8 does not, become U+FFFD: one for one, so offsets stay."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
