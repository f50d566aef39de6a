"""Signs requests and answers."""

import base64
import secrets
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta

import httpx
from http_message_signatures import HTTPMessageSigner, algorithms

from pazpaz_ai_client.signing.keys import SigningKeys
from pazpaz_ai_client.signing.messages import (
    SentRequest,
    SentResponse,
    SignedRequest,
    absolute_url,
    answered_request,
    content_fields,
    require_printable,
    require_sendable,
    usable_request_id,
)
from pazpaz_ai_client.signing.profile import (
    LABEL,
    LIFETIME,
    REQUEST_COMPONENTS,
    RESPONSE_COMPONENTS,
    Clock,
    known_tag,
    response_tag,
)

LIBRARY = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=None)
"""Builds what is signed; it holds no key."""


class Signer:
    """Signs what we send; `audience` names the side that shall read it."""

    def __init__(self, keys: SigningKeys, *, audience: str, clock: Clock = time.time) -> None:
        self._keys = keys
        self._audience = audience
        self._clock = clock

    def require_key(self) -> None:
        """Raises KeysUnusable where no key can be read to sign with."""
        self._keys.at(datetime.fromtimestamp(self._clock(), UTC))

    def headers(
        self,
        *,
        method: str,
        path: str,
        query: str,
        body: bytes,
        content_type: str,
        tag: str,
        request_id: str,
    ) -> dict[str, str]:
        """The header fields that make a request of ours a signed one.

        Raises ValueError for a request that every verifier of this profile would refuse.
        """
        require_sendable(method, path, query, body)
        request = SentRequest(method, absolute_url(path, query), content_fields(body, content_type))
        request.headers |= {"Pp-Audience": self._audience, "Pp-Request-Id": request_id}
        require_printable(request.headers)
        self._sign(request, known_tag(tag), REQUEST_COMPONENTS)
        return request.headers

    def response_headers(
        self, *, status: int, body: bytes, content_type: str, request: SignedRequest, tag: str
    ) -> dict[str, str]:
        """The header fields that sign an answer and bind it to its request.

        `tag` is the tag of the request.
        """
        answered = answered_request(
            request.method, request.path, request.query, request.signature_header
        )
        response = SentResponse(status, content_fields(body, content_type), answered)
        require_printable(response.headers)
        self._sign(response, response_tag(tag), RESPONSE_COMPONENTS)
        return response.headers

    def auth(self, tag: str) -> httpx.Auth:
        """Signs each request that httpx sends with it."""
        return _SigningAuth(self, known_tag(tag))

    def _sign(
        self, message: SentRequest | SentResponse, tag: str, components: Sequence[str]
    ) -> None:
        now = datetime.fromtimestamp(self._clock(), UTC)
        key = self._keys.at(now)
        prepared = LIBRARY.prepare(
            message,
            key_id=key.keyid,
            created=now,
            expires=now + timedelta(seconds=LIFETIME),
            nonce=secrets.token_urlsafe(16),
            tag=tag,
            covered_component_ids=components,
            use_existing_digest=True,
        )
        # Its `sign` would build all of it again, in case the message changed meanwhile: half of the time.
        signature = base64.b64encode(key.key.sign(prepared.signature_base)).decode()
        message.headers["Signature-Input"] = f"{LABEL}={prepared.signature_params}"
        message.headers["Signature"] = f"{LABEL}=:{signature}:"


class _SigningAuth(httpx.Auth):
    requires_request_body = True

    def __init__(self, signer: Signer, tag: str) -> None:
        self._signer = signer
        self._tag = tag

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        signed = self._signer.headers(
            method=request.method,
            path=path,
            query=query,
            body=request.content,
            content_type=request.headers.get("Content-Type", ""),
            tag=self._tag,
            request_id=usable_request_id(request.headers.get("Pp-Request-Id", "")),
        )
        request.headers.update(signed)
        # A digest covers bytes as sent, so an answer must not be compressed on its way.
        request.headers["Accept-Encoding"] = "identity"
        yield request
