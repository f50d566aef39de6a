"""The routes PazPaz serves to the AI service: verified before anything is parsed, signed in return."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError

from pazpaz_ai_client import signing
from pazpaz_ai_client._edges import PROBLEM, BodyTooLarge, problem, problem_body, read_body
from pazpaz_ai_client.models import (
    AuditEvent,
    ChangesAnswer,
    ChangesRequest,
    ClientRecord,
    IntrospectAnswer,
    IntrospectRequest,
    ManifestAnswer,
    ManifestRequest,
    RecordError,
    RecordsAnswer,
    RecordsRequest,
    SessionRecord,
    WorkspacesAnswer,
    WorkspacesRequest,
)
from pazpaz_ai_client.signing import (
    MAX_PULL_BODY,
    AcceptedKeys,
    MalformedBody,
    NonceStore,
    NonceStoreUnavailable,
    RequestVerifier,
    SignatureRefused,
    Signer,
    VerifiedRequest,
    usable_request_id,
)

MAX_ANSWER = 16 * 1024 * 1024
PREFIX = "/internal/ai/v1"

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]


class Forbidden(Exception):
    """The actor is not an active member of that workspace."""


class Loader(Protocol):
    """What PazPaz implements, over its own tables.

    Each method opens and closes its own database session and commits its own audit rows. An error
    it does not expect is left to PazPaz's handlers: the answer is then unsigned, and the service
    takes PazPaz for away.
    """

    async def records(self, request: RecordsRequest) -> RecordsAnswer:
        """The current rows. Raises Forbidden unless the actor is active in that workspace."""
        ...

    async def changes(self, request: ChangesRequest) -> ChangesAnswer:
        """The outbox as a feed; `read_changes` does it."""
        ...

    async def manifest(self, request: ManifestRequest) -> ManifestAnswer:
        """What exists, a page of it."""
        ...

    async def workspaces(self) -> WorkspacesAnswer:
        """Every workspace and its status."""
        ...

    async def introspect(self, request: IntrospectRequest) -> IntrospectAnswer | None:
        """The live word on a sign-in, None for an unknown user; judge idleness, then count it."""
        ...

    async def audit(self, event: AuditEvent) -> None:
        """Append and commit a line; a repeated idempotency key changes nothing."""
        ...


class _Done(BaseModel):
    """The answer of a call that has nothing to tell."""


@dataclass(frozen=True)
class _Route:
    """One call: its path, its tag, the shape of its body, and who answers."""

    path: str
    tag: str
    shape: type[BaseModel]
    call: Callable[[Any], Awaitable[BaseModel | None]]


@dataclass(frozen=True)
class _Reply:
    """An answer before it is signed."""

    status: int
    body: bytes
    content_type: str


def pull_verifier(keys: AcceptedKeys, nonces: NonceStore) -> RequestVerifier:
    """Verifies the service's calls. Without the nonces it refuses, because an answer is health data."""
    return RequestVerifier(
        keys=keys,
        audience="pazpaz-monolith",
        direction="pull",
        nonces=nonces,
        accept_without_nonce_store=False,
    )


def create_internal_router(
    loader: Loader, *, verifier: RequestVerifier, signer: Signer
) -> APIRouter:
    """The router to include outside `/api`, exempt from CSRF and per-IP limits.

    Every answer to a verified request is signed, refusals too.
    """
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    for route in _routes(loader):
        router.add_api_route(route.path, _endpoint(route, verifier, signer), methods=["POST"])
    return router


def _routes(loader: Loader) -> Sequence[_Route]:
    async def workspaces(_: WorkspacesRequest) -> WorkspacesAnswer:
        return await loader.workspaces()

    async def audit(event: AuditEvent) -> _Done:
        await loader.audit(event)
        return _Done()

    return (
        _Route("/records/batch-get", signing.PULL_TAG, RecordsRequest, loader.records),
        _Route("/changes", signing.CHANGES_TAG, ChangesRequest, loader.changes),
        _Route("/manifest", signing.MANIFEST_TAG, ManifestRequest, loader.manifest),
        _Route("/workspaces", signing.WORKSPACES_TAG, WorkspacesRequest, workspaces),
        _Route("/introspect", signing.INTROSPECT_TAG, IntrospectRequest, loader.introspect),
        _Route("/audit-events", signing.AUDIT_TAG, AuditEvent, audit),
    )


def _endpoint(route: _Route, verifier: RequestVerifier, signer: Signer) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        verified = await _verify(request, verifier, route)
        if isinstance(verified, Response):
            return verified
        return _signed(await _reply(verified, route), verified, signer, route)

    return endpoint


async def _verify(
    request: Request, verifier: RequestVerifier, route: _Route
) -> VerifiedRequest | Response:
    """The verified request, or the unsigned refusal: nobody is there to sign for yet."""
    request_id = usable_request_id(request.headers.get("Pp-Request-Id", ""))
    if _media_type(request) != "application/json":
        return problem(415, "Send application/json.", request_id)
    try:
        return await _verify_bytes(request, verifier, route)
    except BodyTooLarge:
        return problem(413, "The body is too large.", request_id)
    except SignatureRefused as exc:
        log.warning(
            "signature refused: route=%s rule=%s request_id=%s", route.path, exc.rule, request_id
        )
        return problem(401, "The request is not signed as agreed.", request_id)
    except NonceStoreUnavailable:
        log.warning("nonce store away: route=%s request_id=%s", route.path, request_id)
        return problem(503, "Try again in a moment.", request_id, {"Retry-After": "5"})


def _media_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def _verify_bytes(
    request: Request, verifier: RequestVerifier, route: _Route
) -> VerifiedRequest:
    # The raw path and query string: what was signed is what was received, not what it decodes to.
    return await verifier.verify(
        method=request.method,
        raw_path=request.scope["raw_path"],
        query_string=request.scope["query_string"],
        headers=request.headers.raw,
        body=await read_body(request, MAX_PULL_BODY),
        tag=route.tag,
    )


async def _reply(verified: VerifiedRequest, route: _Route) -> _Reply:
    try:
        asked = route.shape.model_validate(verified.json())
    except (MalformedBody, ValidationError):
        return _refusal(422, "The body is not what this route reads.", verified)
    try:
        answer = await route.call(asked)
    except Forbidden:
        log.warning("forbidden: route=%s request_id=%s", route.path, verified.request_id)
        return _refusal(403, "This user may not read this workspace.", verified)
    if answer is None:
        return _refusal(404, "Unknown.", verified)
    return _Reply(200, _body(answer), "application/json")


def _refusal(status: int, detail: str, verified: VerifiedRequest) -> _Reply:
    return _Reply(status, problem_body(status, detail, verified.request_id), PROBLEM)


def _signed(reply: _Reply, verified: VerifiedRequest, signer: Signer, route: _Route) -> Response:
    headers = signer.response_headers(
        status=reply.status,
        body=reply.body,
        content_type=reply.content_type,
        request=verified,
        tag=route.tag,
    )
    # A proxy that compresses or keeps what it passes on would break the digest, or the confidence.
    headers |= {"Cache-Control": "no-store, no-transform", "X-Request-ID": verified.request_id}
    return Response(reply.body, status_code=reply.status, headers=headers)


def _body(answer: BaseModel) -> bytes:
    body = _json(answer)
    if isinstance(answer, RecordsAnswer) and len(body) > MAX_ANSWER:
        return _json(without_largest(answer, excess=len(body) - MAX_ANSWER))
    return body


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json().encode()


def without_largest(answer: RecordsAnswer, *, excess: int) -> RecordsAnswer:
    """The same answer with its largest rows given up, as few as make it `excess` bytes shorter."""
    rows = [row for row in (*answer.sessions, *answer.clients) if not isinstance(row, RecordError)]
    given_up: set[int] = set()
    for size, row in sorted(((len(_json(row)), row) for row in rows), key=_size, reverse=True):
        if excess <= 0:
            break
        given_up.add(id(row))
        excess -= size - len(_json(_too_large(row)))
    return RecordsAnswer(
        sessions=[_too_large(row) if id(row) in given_up else row for row in answer.sessions],
        clients=[_too_large(row) if id(row) in given_up else row for row in answer.clients],
        missing=answer.missing,
    )


def _size(sized: tuple[int, BaseModel]) -> int:
    return sized[0]


def _too_large(row: SessionRecord | ClientRecord | RecordError) -> RecordError:
    return RecordError(id=row.id, error="too_large")
