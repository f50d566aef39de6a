"""Calls PazPaz as the service does: signed, and no answer is believed before its signature held."""

from collections import Counter
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from pazpaz_ai_client import signing
from pazpaz_ai_client.internal_api import MAX_ANSWER, PREFIX, Forbidden
from pazpaz_ai_client.models import (
    AuditEvent,
    ChangesAnswer,
    ChangesRequest,
    IntrospectAnswer,
    IntrospectRequest,
    ManifestAnswer,
    ManifestRequest,
    RecordsAnswer,
    RecordsRequest,
    WorkspacesAnswer,
    WorkspacesRequest,
)
from pazpaz_ai_client.signing import ResponseVerifier, Signer

A = TypeVar("A", bound=BaseModel)


class PullFailed(AssertionError):
    """The service could not use what PazPaz answered."""

    def __init__(self, path: str, fault: str, *, status: int = 200) -> None:
        super().__init__(f"{path}: {fault}")
        self.status = status


class _Nothing(BaseModel):
    """The answer of a call that has nothing to tell."""


class Pulls:
    """The methods of PazPaz's Loader, each of them a signed call that PazPaz's application answers."""

    def __init__(self, app: Any, *, signer: Signer, answers: ResponseVerifier) -> None:
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://pazpaz.fake"
        )
        self._signer = signer
        self._answers = answers

    async def records(self, request: RecordsRequest) -> RecordsAnswer:
        """The rows asked for. Raises Forbidden where PazPaz says so."""
        path = "/records/batch-get"
        answer = await self._call(path, signing.PULL_TAG, request, RecordsAnswer)
        told = Counter([row.id for row in (*answer.sessions, *answer.clients)] + answer.missing)
        if told != Counter({*request.session_ids, *request.client_ids}):
            raise PullFailed(path, "each id asked for must be in exactly one of the lists")
        return answer

    async def changes(self, request: ChangesRequest) -> ChangesAnswer:
        """A stretch of the outbox."""
        return await self._call("/changes", signing.CHANGES_TAG, request, ChangesAnswer)

    async def manifest(self, request: ManifestRequest) -> ManifestAnswer:
        """A page of what exists."""
        return await self._call("/manifest", signing.MANIFEST_TAG, request, ManifestAnswer)

    async def workspaces(self) -> WorkspacesAnswer:
        """Every workspace and its status."""
        asked = WorkspacesRequest()
        return await self._call("/workspaces", signing.WORKSPACES_TAG, asked, WorkspacesAnswer)

    async def introspect(self, request: IntrospectRequest) -> IntrospectAnswer | None:
        """The live word on a sign-in, None for an unknown user."""
        try:
            return await self._call(
                "/introspect", signing.INTROSPECT_TAG, request, IntrospectAnswer
            )
        except PullFailed as failed:
            if failed.status == 404:
                return None
            raise

    async def audit(self, event: AuditEvent) -> None:
        """A line for PazPaz's audit log."""
        await self._call("/audit-events", signing.AUDIT_TAG, event, _Nothing)

    async def _call(self, path: str, tag: str, request: BaseModel, answer: type[A]) -> A:
        response = await self._http.post(
            PREFIX + path,
            content=request.model_dump_json(),
            headers={"Content-Type": "application/json"},
            auth=self._signer.auth(tag),
        )
        self._require_signed(path, response, tag)
        if response.status_code == 403:
            raise Forbidden
        if response.status_code != 200:
            raise PullFailed(path, response.text, status=response.status_code)
        if len(response.content) > MAX_ANSWER:
            raise PullFailed(path, f"an answer has at most {MAX_ANSWER} bytes")
        return answer.model_validate_json(response.content)

    def _require_signed(self, path: str, response: httpx.Response, tag: str) -> None:
        """Raises SignatureRefused for a signature that does not hold."""
        if "Signature" not in response.headers:
            told = f"not signed, so nobody's word: {response.status_code} {response.text}"
            raise PullFailed(path, told, status=0)
        self._answers.verify(
            request=response.request,
            status=response.status_code,
            headers=response.headers,
            body=response.content,
            tag=tag,
        )
