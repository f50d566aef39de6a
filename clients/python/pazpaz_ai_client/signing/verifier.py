"""Verifies requests and answers; the rules are applied in the order of the profile."""

import base64
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver, algorithms

from pazpaz_ai_client.signing.keys import AcceptedKeys, PublicKey
from pazpaz_ai_client.signing.messages import (
    SentRequest,
    SentResponse,
    absolute_url,
    answered_request,
    content_digest,
    is_plain_target,
)
from pazpaz_ai_client.signing.nonces import NonceStore
from pazpaz_ai_client.signing.profile import (
    LABEL,
    LIFETIME,
    MAX_FIELD,
    MAX_REQUEST_ID,
    NONCE,
    NONCE_TTL,
    ONE_PARAMETER,
    PARAMETERS,
    PRINTABLE,
    REQUEST_COMPONENTS,
    REQUEST_FIELDS,
    RESPONSE_COMPONENTS,
    RESPONSE_FIELDS,
    SIGNATURE,
    SIGNATURE_INPUT,
    SKEW,
    Clock,
    Headers,
    MalformedBody,
    NonceStoreUnavailable,
    Parameters,
    SignatureRefused,
    known_tag,
    response_tag,
)


@dataclass(frozen=True)
class VerifiedRequest:
    """A request whose signature held; handlers take this type and no other."""

    keyid: str
    request_id: str
    method: str
    path: str
    query: str
    body: bytes = field(repr=False)
    signature_header: str = field(repr=False)

    def json(self) -> Any:
        """Parse the body. Nothing else parses it, so nothing is parsed before it is verified."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise MalformedBody from None  # the cause would quote the body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


@dataclass(frozen=True)
class _Envelope:
    """The signature of a message and the fields it covers, each known to occur once."""

    parameters: Parameters
    fields: dict[str, str]


class RequestVerifier:
    """Turns a received request into a VerifiedRequest, or refuses it."""

    def __init__(
        self,
        *,
        keys: AcceptedKeys,
        audience: str,
        direction: str,
        nonces: NonceStore,
        accept_without_nonce_store: bool,
        clock: Clock = time.time,
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._direction = direction
        self._nonces = nonces
        self._accept_without_nonce_store = accept_without_nonce_store
        self._clock = clock

    async def verify(
        self,
        *,
        method: str,
        raw_path: bytes,
        query_string: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        tag: str,
    ) -> VerifiedRequest:
        """Check a request as it was received; the caller has checked its type and size.

        The cheap rules come first, and the nonce is kept only after the signature held: otherwise
        anybody could fill the store. Raises SignatureRefused, and NonceStoreUnavailable where the
        nonce decides.
        """
        now = self._clock()
        envelope = _open_envelope(headers, REQUEST_COMPONENTS, REQUEST_FIELDS)
        key = self._speaker(envelope, known_tag(tag), now)
        _check_times(envelope.parameters, now)
        _check_body(envelope, headers, body)
        path, query = _check_target(method, raw_path, query_string, body)
        request = SentRequest(method, absolute_url(path, query), envelope.fields)
        _check_signature(request, key, tag)
        await self._check_nonce(key.keyid, str(envelope.parameters["nonce"]))
        return VerifiedRequest(
            keyid=key.keyid,
            request_id=envelope.fields["pp-request-id"],
            method=method,
            path=path,
            query=query,
            body=body,
            signature_header=envelope.fields["signature"],
        )

    def _speaker(self, envelope: _Envelope, tag: str, now: float) -> PublicKey:
        _check_tag(envelope.parameters, tag)
        if envelope.fields["pp-audience"] != self._audience:
            raise SignatureRefused("audience")
        return _find_key(self._keys, envelope.parameters, now)

    async def _check_nonce(self, keyid: str, nonce: str) -> None:
        try:
            fresh = await self._nonces.remember(self._direction, keyid, nonce, NONCE_TTL)
        except NonceStoreUnavailable:
            if self._accept_without_nonce_store:
                return
            raise
        if not fresh:
            raise SignatureRefused("replay")


class ResponseVerifier:
    """Accepts an answer only when it was signed for the very request we sent."""

    def __init__(self, keys: AcceptedKeys, clock: Clock = time.time) -> None:
        self._keys = keys
        self._clock = clock

    def verify(
        self,
        *,
        request: httpx.Request,
        status: int,
        headers: httpx.Headers | Headers,
        body: bytes,
        tag: str,
    ) -> None:
        """Check an answer of any status; `tag` is the tag of the request.

        Its nonce needs no memory: the answer covers the signature of a request that was sent once.
        """
        now = self._clock()
        raw = headers.raw if isinstance(headers, httpx.Headers) else headers
        envelope = _open_envelope(raw, RESPONSE_COMPONENTS, RESPONSE_FIELDS)
        _check_tag(envelope.parameters, response_tag(tag))
        key = _find_key(self._keys, envelope.parameters, now)
        _check_times(envelope.parameters, now)
        _check_body(envelope, raw, body)
        response = SentResponse(status, envelope.fields, _sent(request))
        _check_signature(response, key, response_tag(tag))


def _sent(request: httpx.Request) -> SentRequest:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return answered_request(request.method, path, query, _field(request.headers.raw, "signature"))


# The rules, in the order in which they are applied


def _open_envelope(
    headers: Headers, components: Sequence[str], covered: Sequence[str]
) -> _Envelope:
    """Rule 1: one signature, over exactly the components of the profile, each field once."""
    names = ("signature-input", "signature", *covered)
    fields = {name: _field(headers, name) for name in names}
    match = SIGNATURE_INPUT.fullmatch(fields["signature-input"])
    if match is None or not _is_canonical_signature(fields["signature"]):
        raise SignatureRefused("header_malformed")
    if match[1] != " ".join(components):
        raise SignatureRefused("components")
    return _Envelope(_parse_parameters(match[2]), fields)


def _field(headers: Headers, name: str) -> str:
    values = [value for key, value in headers if key.lower() == name.encode()]
    if not values:
        raise SignatureRefused("header_missing")
    if len(values) > 1:
        raise SignatureRefused("header_repeated")
    value = values[0].decode("latin-1")
    limit = MAX_REQUEST_ID if name == "pp-request-id" else MAX_FIELD
    if len(value) > limit or not PRINTABLE.fullmatch(value):
        raise SignatureRefused("header_malformed")
    return value


def _is_canonical_signature(value: str) -> bool:
    # Base64 with other padding bits would be a second spelling of the same signature.
    match = SIGNATURE.fullmatch(value)
    return match is not None and base64.b64encode(base64.b64decode(match[1])).decode() == match[1]


def _parse_parameters(text: str) -> Parameters:
    parsed: dict[str, str | int] = {}
    for match in ONE_PARAMETER.finditer(text):
        name, string, integer = match.groups()
        if name in parsed:
            raise SignatureRefused("parameters")
        parsed[name] = int(integer) if string is None else string
    return parsed


def _check_tag(parameters: Parameters, tag: str) -> None:
    """Rule 2: the signature was made for this route."""
    if parameters.get("tag") != tag:
        raise SignatureRefused("tag")


def _find_key(keys: AcceptedKeys, parameters: Parameters, now: float) -> PublicKey:
    """Rule 2: the key is known here and active, and the algorithm is the key's own."""
    key = keys.find(str(parameters.get("keyid")), datetime.fromtimestamp(now, UTC))
    if parameters.get("alg") != key.algorithm:
        raise SignatureRefused("algorithm")
    return key


def _check_times(parameters: Parameters, now: float) -> None:
    """Rule 3: exactly the parameters of the profile, young enough to count."""
    if parameters.keys() != PARAMETERS:
        raise SignatureRefused("parameters")
    created, expires, nonce = (parameters[name] for name in ("created", "expires", "nonce"))
    if not (isinstance(nonce, str) and NONCE.fullmatch(nonce)):
        raise SignatureRefused("parameters")
    if not (isinstance(created, int) and isinstance(expires, int)):
        raise SignatureRefused("parameters")
    if not (created < expires <= created + LIFETIME):
        raise SignatureRefused("window")
    if created > now + SKEW or expires < now - SKEW:
        raise SignatureRefused("window")


def _check_body(envelope: _Envelope, headers: Headers, body: bytes) -> None:
    """Rule 4: the body is the bytes that were digested, in no other encoding."""
    if not hmac.compare_digest(envelope.fields["content-digest"], content_digest(body)):
        raise SignatureRefused("digest")
    if any(key.lower() == b"content-encoding" for key, _ in headers):
        raise SignatureRefused("content_encoding")


def _check_target(
    method: str, raw_path: bytes, query_string: bytes, body: bytes
) -> tuple[str, str]:
    """Rule 4: a POST with a body, on a path and query that no proxy reads in two ways."""
    if method != "POST" or not body:
        raise SignatureRefused("method")
    path, query = raw_path.decode("latin-1"), query_string.decode("latin-1")
    if not is_plain_target(path, query):
        raise SignatureRefused("target")
    return path, query


class _Library(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Rule 3 has judged the times already, by the clock it was given."""


def _check_signature(message: SentRequest | SentResponse, key: PublicKey, tag: str) -> None:
    """Rule 5: the signature holds."""
    library = _Library(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys={key.keyid: key.key}, private_keys={}),
    )
    try:
        library.verify(message, expect_tag=tag, expect_label=LABEL)
    except Exception as exc:  # whatever a young library raises on odd input is a refusal, no fault
        raise SignatureRefused("signature") from exc
