"""Proves who speaks: HTTP Message Signatures (RFC 9421) in one narrow profile, for both sides.

The profile leaves nothing to choose: one label, one algorithm, one list of covered components, one
set of parameters. The library builds the signature base and checks the signature; everything that
decides whether we want such a signature is compared here by exact equality.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, NoReturn, Protocol

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    MappingKeyResolver,
    algorithms,
)

MAX_EVENT_BODY = 64 * 1024
MAX_PULL_BODY = 16 * 1024

LABEL = "pp"
LIFETIME = 60  # seconds from `created` to `expires`
SKEW = 30  # seconds two clocks may differ
NONCE_TTL = 180  # the longest a signature can hold is LIFETIME + 2 * SKEW = 120 s

EVENT_TAG = "pp-event/1"
PULL_TAG = "pp-pull/1"
CHANGES_TAG = "pp-changes/1"
MANIFEST_TAG = "pp-manifest/1"
WORKSPACES_TAG = "pp-workspaces/1"
INTROSPECT_TAG = "pp-introspect/1"
AUDIT_TAG = "pp-audit/1"
TAGS = frozenset(
    {
        EVENT_TAG,
        PULL_TAG,
        CHANGES_TAG,
        MANIFEST_TAG,
        WORKSPACES_TAG,
        INTROSPECT_TAG,
        AUDIT_TAG,
    }
)

Clock = Callable[[], float]
Headers = Sequence[tuple[bytes, bytes]]
Parameters = Mapping[str, str | int]

Rule = Literal[
    "header_missing",
    "header_repeated",
    "header_malformed",
    "components",
    "tag",
    "audience",
    "algorithm",
    "unknown_key",
    "retired_key",
    "parameters",
    "window",
    "digest",
    "method",
    "content_encoding",
    "target",
    "signature",
    "replay",
]

_REQUEST_FIELDS = ("content-digest", "content-type", "pp-audience", "pp-request-id")
_REQUEST_COMPONENTS = tuple(
    f'"{name}"' for name in ("@method", "@path", "@query", *_REQUEST_FIELDS)
)
_RESPONSE_FIELDS = ("content-digest", "content-type")
_RESPONSE_COMPONENTS = (
    '"@status"',
    '"content-digest"',
    '"content-type"',
    '"@method";req',
    '"@path";req',
    '"@query";req',
    f'"signature";req;key="{LABEL}"',
)
_PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "alg", "tag"})

_MAX_FIELD = 1024  # bytes; a Signature-Input of this profile has about 300
_MAX_REQUEST_ID = 128
_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_KEYID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{22}")
_TARGET = re.compile(r"[A-Za-z0-9/_.~=&-]*")
_PARAMETER = r';[a-z]{1,16}=(?:"[ !#-\[\]-~]{0,200}"|[1-9][0-9]{0,11})'
_SIGNATURE_INPUT = re.compile(rf"{LABEL}=\(([^()]*)\)((?:{_PARAMETER})*)")
_ONE_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"]*)"|([0-9]+))')
_SIGNATURE = re.compile(rf"{LABEL}=:([A-Za-z0-9+/]{{86}}==):")


class SignatureRefused(Exception):
    """A message does not follow the profile, or its signature does not hold.

    `rule` is for the log and never for the caller, who could learn from it.
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.rule: Rule = rule


class NonceStoreUnavailable(Exception):
    """Nobody can say whether this nonce was seen before."""


class MalformedBody(Exception):
    """The body of a verified request is not the JSON we agreed on."""


def response_tag(tag: str) -> str:
    """The tag of an answer, made from the tag of its request: `pp-pull-response/1`."""
    return _known(tag).replace("/", "-response/")


def _known(tag: str) -> str:
    if tag not in TAGS:
        raise ValueError(f"not a tag of this profile: {tag!r}")
    return tag


# Keys


@dataclass(frozen=True)
class PublicKey:
    """A key of the other side; from `retired_at` on nothing it signed is accepted."""

    keyid: str
    key: Ed25519PublicKey = field(repr=False)
    retired_at: datetime | None = None

    algorithm: ClassVar[str] = "ed25519"

    def __post_init__(self) -> None:
        _require_keyid(self.keyid)
        if self.retired_at is not None and self.retired_at.tzinfo is None:
            raise ValueError(f"retired_at of key {self.keyid} has no time zone")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PublicKey":
        """One entry of a key ring file."""
        raw = base64.b64decode(data["public_key"], validate=True)
        retired = data.get("retired_at")
        return cls(
            keyid=data["keyid"],
            key=Ed25519PublicKey.from_public_bytes(raw),
            retired_at=datetime.fromisoformat(retired) if retired else None,
        )

    def to_dict(self) -> dict[str, str | None]:
        """The entry that `from_dict` reads."""
        raw = self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {
            "keyid": self.keyid,
            "public_key": base64.b64encode(raw).decode(),
            "retired_at": self.retired_at.isoformat() if self.retired_at else None,
        }


@dataclass(frozen=True)
class PrivateKey:
    """Our own key, read from a file or the environment, never from a database."""

    keyid: str
    key: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        _require_keyid(self.keyid)

    @classmethod
    def from_pem(cls, keyid: str, pem: bytes) -> "PrivateKey":
        """Read an unencrypted PKCS#8 PEM."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"key {keyid} is not an Ed25519 private key")
        return cls(keyid, key)

    @classmethod
    def generate(cls, keyid: str) -> "PrivateKey":
        """Make a new key."""
        return cls(keyid, Ed25519PrivateKey.generate())

    def to_pem(self) -> bytes:
        """The PEM that `from_pem` reads; it is a secret."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public(self) -> PublicKey:
        """The half to give to the other side."""
        return PublicKey(self.keyid, self.key.public_key())


class KeyRing:
    """The public keys accepted from one direction."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys: dict[str, PublicKey] = {}
        for key in keys:
            if key.keyid in self._keys:
                raise ValueError(f"two keys are called {key.keyid}")
            self._keys[key.keyid] = key

    def find(self, keyid: str, now: datetime) -> PublicKey:
        """The key of that name, or a refusal when nobody has it or it is retired."""
        key = self._keys.get(keyid)
        if key is None:
            raise SignatureRefused("unknown_key")
        if key.retired_at is not None and now >= key.retired_at:
            raise SignatureRefused("retired_key")
        return key

    @classmethod
    def from_json(cls, text: str) -> "KeyRing":
        """Read `{"keys": [{"keyid", "public_key", "retired_at"}]}`."""
        try:
            return cls(PublicKey.from_dict(entry) for entry in json.loads(text)["keys"])
        except (KeyError, TypeError) as exc:
            raise ValueError("not a key ring") from exc

    def to_json(self) -> str:
        """The text that `from_json` reads; it holds nothing secret."""
        return json.dumps({"keys": [key.to_dict() for key in self._keys.values()]})


def _require_keyid(keyid: str) -> None:
    if not _KEYID.fullmatch(keyid):
        raise ValueError(f"a keyid has small letters, digits and dashes, not {keyid!r}")


# Nonces


class NonceStore(Protocol):
    """Remembers nonces for a while. It may forget everything in a crash, so it is no ledger."""

    async def remember(self, direction: str, keyid: str, nonce: str, ttl_seconds: int) -> bool:
        """Keep this nonce; False when it was there already.

        Raises NonceStoreUnavailable when nobody can tell.
        """
        ...


class SetIfAbsent(Protocol):
    """The one command needed from a Redis client."""

    def set(self, name: str, value: str, *, nx: bool, ex: int) -> Any:
        """`SET name value NX EX ex`, awaitable; falsy when the name existed."""
        ...


class RedisNonceStore:
    """Nonces in Redis, shared by all processes of one side."""

    def __init__(self, redis: SetIfAbsent, *, timeout_seconds: float = 0.25) -> None:
        self._redis = redis
        self._timeout = timeout_seconds

    async def remember(self, direction: str, keyid: str, nonce: str, ttl_seconds: int) -> bool:
        """Set the nonce if it is absent, in one command."""
        name = f"pp:nonce:{direction}:{keyid}:{nonce}"
        try:
            async with asyncio.timeout(self._timeout):
                return bool(await self._redis.set(name, "1", nx=True, ex=ttl_seconds))
        except Exception as exc:  # any client library, any fault: the answer is 'nobody knows'
            raise NonceStoreUnavailable from exc


class MemoryNonceStore:
    """Nonces of one process: for tests, demos and deployments with a single process."""

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._forget_at: dict[tuple[str, str, str], float] = {}

    async def remember(self, direction: str, keyid: str, nonce: str, ttl_seconds: int) -> bool:
        """Keep the nonce and forget what is over."""
        now = self._clock()
        self._forget(now)
        name = (direction, keyid, nonce)
        if name in self._forget_at:
            return False
        self._forget_at[name] = now + ttl_seconds
        return True

    def _forget(self, now: float) -> None:
        # All nonces live equally long, so the oldest entry is always the first.
        while self._forget_at:
            oldest = next(iter(self._forget_at))
            if self._forget_at[oldest] > now:
                return
            del self._forget_at[oldest]


# Signing


class SignedRequest(Protocol):
    """What an answer is bound to: the very request that it answers."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def signature_header(self) -> str: ...


@dataclass
class _Request:
    """A request in the shape the library reads."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass
class _Response:
    """An answer in the shape the library reads."""

    status_code: int
    headers: dict[str, str]
    request: _Request


class Signer:
    """Signs what we send; `audience` names the side that shall read it."""

    def __init__(self, private_key: PrivateKey, *, audience: str, clock: Clock = time.time) -> None:
        self._key = private_key
        self._audience = audience
        self._clock = clock
        self._library = HTTPMessageSigner(
            signature_algorithm=algorithms.ED25519,
            key_resolver=MappingKeyResolver(
                public_keys={}, private_keys={private_key.keyid: private_key.key}
            ),
        )

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
        _require_sendable(method, path, query, body)
        request = _Request(method, _url(path, query), _content_fields(body, content_type))
        request.headers |= {"Pp-Audience": self._audience, "Pp-Request-Id": request_id}
        _require_printable(request.headers)
        self._sign(request, _known(tag), _REQUEST_COMPONENTS)
        return request.headers

    def response_headers(
        self, *, status: int, body: bytes, content_type: str, request: SignedRequest, tag: str
    ) -> dict[str, str]:
        """The header fields that sign an answer and bind it to its request.

        `tag` is the tag of the request.
        """
        answered = _answered(request.method, request.path, request.query, request.signature_header)
        response = _Response(status, _content_fields(body, content_type), answered)
        _require_printable(response.headers)
        self._sign(response, response_tag(tag), _RESPONSE_COMPONENTS)
        return response.headers

    def auth(self, tag: str) -> httpx.Auth:
        """Signs each request that httpx sends with it."""
        return _SigningAuth(self, _known(tag))

    def _sign(self, message: _Request | _Response, tag: str, components: Sequence[str]) -> None:
        created = datetime.fromtimestamp(int(self._clock()), UTC)
        self._library.sign(
            message,
            key_id=self._key.keyid,
            created=created,
            expires=created + timedelta(seconds=LIFETIME),
            nonce=secrets.token_urlsafe(16),
            label=LABEL,
            tag=tag,
            covered_component_ids=components,
            use_existing_digest=True,
        )


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


def usable_request_id(given: str) -> str:
    """The given id, or a fresh one: a browser may choose it, and an odd one must break no call."""
    if len(given) <= _MAX_REQUEST_ID and _PRINTABLE.fullmatch(given):
        return given
    return str(uuid.uuid4())


def _content_fields(body: bytes, content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "Content-Digest": _digest(body)}


def _digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _url(path: str, query: str) -> str:
    # The library wants an absolute URL; no covered component shows the host.
    return f"https://pazpaz.invalid{path}" + (f"?{query}" if query else "")


def _answered(method: str, path: str, query: str, signature: str) -> _Request:
    return _Request(method, _url(path, query), {"Signature": signature})


def _require_sendable(method: str, path: str, query: str, body: bytes) -> None:
    if method != "POST" or not body:
        raise ValueError("every signed call is a POST with a body")
    if not _is_plain_target(path, query):
        raise ValueError("path or query has characters outside [A-Za-z0-9/_.~=&-], '//' or '/.'")


def _require_printable(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if len(value) > _MAX_FIELD or not _PRINTABLE.fullmatch(value):
            raise ValueError(f"{name} is empty, too long or not plain ASCII")


def _is_plain_target(path: str, query: str) -> bool:
    if not (path.startswith("/") and _TARGET.fullmatch(path) and _TARGET.fullmatch(query)):
        return False
    return "//" not in path and "/." not in path


# Verifying


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
        keys: KeyRing,
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
        envelope = _open_envelope(headers, _REQUEST_COMPONENTS, _REQUEST_FIELDS)
        key = self._speaker(envelope, _known(tag), now)
        _check_times(envelope.parameters, now)
        _check_body(envelope, headers, body)
        path, query = _check_target(method, raw_path, query_string, body)
        request = _Request(method, _url(path, query), envelope.fields)
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

    def __init__(self, keys: KeyRing, clock: Clock = time.time) -> None:
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
        envelope = _open_envelope(raw, _RESPONSE_COMPONENTS, _RESPONSE_FIELDS)
        _check_tag(envelope.parameters, response_tag(tag))
        key = _find_key(self._keys, envelope.parameters, now)
        _check_times(envelope.parameters, now)
        _check_body(envelope, raw, body)
        response = _Response(status, envelope.fields, _sent(request))
        _check_signature(response, key, response_tag(tag))


def _sent(request: httpx.Request) -> _Request:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return _answered(request.method, path, query, _field(request.headers.raw, "signature"))


# The rules, in the order in which they are applied


def _open_envelope(
    headers: Headers, components: Sequence[str], covered: Sequence[str]
) -> _Envelope:
    """Rule 1: one signature, over exactly the components of the profile, each field once."""
    names = ("signature-input", "signature", *covered)
    fields = {name: _field(headers, name) for name in names}
    match = _SIGNATURE_INPUT.fullmatch(fields["signature-input"])
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
    limit = _MAX_REQUEST_ID if name == "pp-request-id" else _MAX_FIELD
    if len(value) > limit or not _PRINTABLE.fullmatch(value):
        raise SignatureRefused("header_malformed")
    return value


def _is_canonical_signature(value: str) -> bool:
    # Base64 with other padding bits would be a second spelling of the same signature.
    match = _SIGNATURE.fullmatch(value)
    return match is not None and base64.b64encode(base64.b64decode(match[1])).decode() == match[1]


def _parse_parameters(text: str) -> Parameters:
    parsed: dict[str, str | int] = {}
    for match in _ONE_PARAMETER.finditer(text):
        name, string, integer = match.groups()
        if name in parsed:
            raise SignatureRefused("parameters")
        parsed[name] = int(integer) if string is None else string
    return parsed


def _check_tag(parameters: Parameters, tag: str) -> None:
    """Rule 2: the signature was made for this route."""
    if parameters.get("tag") != tag:
        raise SignatureRefused("tag")


def _find_key(keys: KeyRing, parameters: Parameters, now: float) -> PublicKey:
    """Rule 2: the key is known here and active, and the algorithm is the key's own."""
    key = keys.find(str(parameters.get("keyid")), datetime.fromtimestamp(now, UTC))
    if parameters.get("alg") != key.algorithm:
        raise SignatureRefused("algorithm")
    return key


def _check_times(parameters: Parameters, now: float) -> None:
    """Rule 3: exactly the parameters of the profile, young enough to count."""
    if parameters.keys() != _PARAMETERS or not _NONCE.fullmatch(str(parameters["nonce"])):
        raise SignatureRefused("parameters")
    created, expires = parameters["created"], parameters["expires"]
    if not (isinstance(created, int) and isinstance(expires, int)):
        raise SignatureRefused("parameters")
    if not (created < expires <= created + LIFETIME):
        raise SignatureRefused("window")
    if created > now + SKEW or expires < now - SKEW:
        raise SignatureRefused("window")


def _check_body(envelope: _Envelope, headers: Headers, body: bytes) -> None:
    """Rule 4: the body is the bytes that were digested, in no other encoding."""
    if not hmac.compare_digest(envelope.fields["content-digest"], _digest(body)):
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
    if not _is_plain_target(path, query):
        raise SignatureRefused("target")
    return path, query


class _Library(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Rule 3 has judged the times already, by the clock it was given."""


def _check_signature(message: _Request | _Response, key: PublicKey, tag: str) -> None:
    """Rule 5: the signature holds."""
    library = _Library(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys={key.keyid: key.key}, private_keys={}),
    )
    try:
        library.verify(message, max_age=None, expect_tag=tag, expect_label=LABEL)
    except Exception as exc:  # whatever a young library raises on odd input is a refusal, no fault
        raise SignatureRefused("signature") from exc
