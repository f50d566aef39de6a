"""RFC 9421 a second time, on the standard library and `cryptography` alone.

It shares no line with the package, so a fault in either one shows as a difference. A message is a
dict: `method`, `path`, `query` and `authority` of a request, `status` and `request` of an answer, and
`fields` by small name.
"""

import base64
import hashlib
import re
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

REQUEST = (
    '("@method" "@path" "@query" "content-digest" "content-type" "pp-audience" "pp-request-id")'
)
RESPONSE = (
    '("@status" "content-digest" "content-type" "@method";req "@path";req "@query";req '
    '"signature";req;key="pp")'
)
_COMPONENT = re.compile(r'"([^"]+)"((?:;[a-z]+(?:="[^"]*")?)*)')


def base(message: dict, components: str, parameter_text: str) -> bytes:
    """The signature base of section 2.5: a line for each component, and the parameters."""
    lines = [
        f'"{name}"{options}: {_value(message, name, options)}'
        for name, options in _COMPONENT.findall(components)
    ]
    return "\n".join([*lines, f'"@signature-params": {components}{parameter_text}']).encode("ascii")


def _value(message: dict, name: str, options: str) -> str:
    given = dict(part.partition("=")[::2] for part in options.split(";")[1:])
    source = message["request"] if "req" in given else message
    if name == "@query":
        return f"?{source['query']}"
    if name == "@query-param":
        (value,) = parse_qs(source["query"])[given["name"].strip('"')]
        return value
    if name.startswith("@"):
        return str(source[name[1:]])
    value = source["fields"][name]
    return value if "key" not in given else value.removeprefix(given["key"].strip('"') + "=")


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def parameters(*, created, expires, nonce, keyid, tag, alg="ed25519") -> str:
    return (
        f';created={created};keyid="{keyid}";alg="{alg}";expires={expires};nonce="{nonce}"'
        f';tag="{tag}"'
    )


def request_base(method, path, query, fields, parameter_text) -> bytes:
    message = {"method": method, "path": path, "query": query, "fields": fields}
    return base(message, REQUEST, parameter_text)


def response_base(status, fields, method, path, query, request_signature, parameter_text) -> bytes:
    request = {"method": method, "path": path, "query": query}
    request["fields"] = {"signature": request_signature}
    message = {"status": status, "fields": fields, "request": request}
    return base(message, RESPONSE, parameter_text)


def sign(key: Ed25519PrivateKey, base: bytes) -> str:
    return f"pp=:{base64.b64encode(key.sign(base)).decode()}:"


def holds(key: Ed25519PublicKey, signature: str, base: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature.removeprefix("pp=:").removesuffix(":")), base)
    except InvalidSignature:
        return False
    return True
