"""The profile a second time, on the standard library and `cryptography` alone.

It shares no line with the package, so a fault in either one shows as a difference.
"""

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

REQUEST = (
    '("@method" "@path" "@query" "content-digest" "content-type" "pp-audience" "pp-request-id")'
)
RESPONSE = (
    '("@status" "content-digest" "content-type" "@method";req "@path";req "@query";req '
    '"signature";req;key="pp")'
)


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def parameters(*, created, expires, nonce, keyid, tag, alg="ed25519") -> str:
    return (
        f';created={created};expires={expires};nonce="{nonce}";keyid="{keyid}"'
        f';alg="{alg}";tag="{tag}"'
    )


def request_base(method, path, query, fields, parameter_text) -> bytes:
    values = [method, path, f"?{query}"]
    values += [fields[n] for n in ("content-digest", "content-type", "pp-audience")]
    return _base(REQUEST, [*values, fields["pp-request-id"]], parameter_text)


def response_base(status, fields, method, path, query, request_signature, parameter_text) -> bytes:
    values = [str(status), fields["content-digest"], fields["content-type"]]
    values += [method, path, f"?{query}", request_signature.removeprefix("pp=")]
    return _base(RESPONSE, values, parameter_text)


def _base(components, values, parameter_text) -> bytes:
    lines = [f"{n}: {v}" for n, v in zip(components[1:-1].split(), values, strict=True)]
    return "\n".join([*lines, f'"@signature-params": {components}{parameter_text}']).encode("ascii")


def sign(key: Ed25519PrivateKey, base: bytes) -> str:
    return f"pp=:{base64.b64encode(key.sign(base)).decode()}:"


def holds(key: Ed25519PublicKey, signature: str, base: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature.removeprefix("pp=:").removesuffix(":")), base)
    except InvalidSignature:
        return False
    return True
