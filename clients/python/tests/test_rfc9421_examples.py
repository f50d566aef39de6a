"""RFC 9421 appendix B: both implementations read its examples as printed, and the profile takes none.

Values are those of RFC 9421, sections B.1 (keys) to B.4, with its line breaks taken out.
"""

import asyncio
import base64
from dataclasses import dataclass, field

import pytest
import signature_oracle as oracle
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver, algorithms

from pazpaz_ai_client.signing import (
    PULL_TAG,
    KeyRing,
    MemoryNonceStore,
    PublicKey,
    RequestVerifier,
    ResponseVerifier,
    SignatureRefused,
)

CREATED = 1618884473
BODY = b'{"hello": "world"}'
RSA = load_der_public_key(
    base64.b64decode(
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rj"
        "xa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIF"
        "PNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5WUtzdpiy6"
        "LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdD"
        "Op9LCNCN48V2pnDOkFV6+U9nV5oyc6XI2wIDAQAB"
    )
)
P256 = load_der_public_key(
    base64.b64decode(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM"
        "4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ=="
    )
)
ED25519 = Ed25519PublicKey.from_public_bytes(
    base64.urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")
)
SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)

REQUEST = {
    "method": "POST",
    "path": "/foo",
    "query": "param=Value&Pet=dog",
    "authority": "example.com",
    "fields": {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BN"
        "NyealdVLvRwEmTHWXvJwew==:",
        "content-length": "18",
    },
}
RESPONSE = {
    "status": 200,
    "fields": {
        "date": "Tue, 20 Apr 2021 02:07:56 GMT",
        "content-type": "application/json",
        "content-digest": "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWd"
        "XymyU0rjJuahq4l5aGgfLQ==:",
        "content-length": "23",
    },
    "request": REQUEST,
}
CERTIFICATE = (
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMM"
    "EkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkw"
    "EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M"
    "6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAO"
    "BgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoG"
    "CCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk"
    "0wmuydBVoU4hBVZ1yhk=:"
)
PROXIED = {
    **REQUEST,
    "authority": "service.internal.example",
    "fields": {"client-cert": CERTIFICATE},
}
TRANSFORMED = {
    "method": "GET",
    "path": "/demo",
    "query": "name1=Value1&Name2=value2",
    "authority": "example.org",
    "fields": {"accept": "application/json, */*"},
}


@dataclass(frozen=True)
class Example:
    """One signature of the appendix."""

    algorithm: type
    key: object = field(repr=False)
    label: str
    components: str
    parameters: str
    signature: str
    lines: list
    message: dict = field(default_factory=lambda: REQUEST, repr=False)

    @property
    def printed_base(self):
        return "\n".join(
            [*self.lines, f'"@signature-params": {self.components}{self.parameters}']
        ).encode()

    @property
    def fields(self):
        """The message's fields with the two of the signature."""
        return self.message["fields"] | {
            "signature-input": f"{self.label}={self.components}{self.parameters}",
            "signature": f"{self.label}=:{self.signature}:",
        }


def params(keyid, more=""):
    return f';created={CREATED};keyid="{keyid}"{more}'


def line(name, message=REQUEST):
    return f'"{name}": {message["fields"][name]}'


EXAMPLES = {
    "B.2.1": Example(
        algorithms.RSA_PSS_SHA512,
        RSA,
        "sig-b21",
        "()",
        params("test-key-rsa-pss", ';nonce="b3k2pp5k7z-50gnwp.yemd"'),
        "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8U"
        "dx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJz"
        "sPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s"
        "++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
        [],
    ),
    "B.2.2": Example(
        algorithms.RSA_PSS_SHA512,
        RSA,
        "sig-b22",
        '("@authority" "content-digest" "@query-param";name="Pet")',
        params("test-key-rsa-pss", ';tag="header-example"'),
        "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7"
        "KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTla"
        "qwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVk"
        "SFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
        ['"@authority": example.com', line("content-digest"), '"@query-param";name="Pet": dog'],
    ),
    "B.2.3": Example(
        algorithms.RSA_PSS_SHA512,
        RSA,
        "sig-b23",
        '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" '
        '"content-length")',
        params("test-key-rsa-pss"),
        "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5"
        "p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aY"
        "A2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+Q"
        "IF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
        [
            line("date"),
            '"@method": POST',
            '"@path": /foo',
            '"@query": ?param=Value&Pet=dog',
            '"@authority": example.com',
            line("content-type"),
            line("content-digest"),
            line("content-length"),
        ],
    ),
    "B.2.4": Example(
        algorithms.ECDSA_P256_SHA256,
        P256,
        "sig-b24",
        '("@status" "content-type" "content-digest" "content-length")',
        params("test-key-ecc-p256"),
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
        [
            '"@status": 200',
            line("content-type", RESPONSE),
            line("content-digest", RESPONSE),
            line("content-length", RESPONSE),
        ],
        RESPONSE,
    ),
    "B.2.5": Example(
        algorithms.HMAC_SHA256,
        SECRET,
        "sig-b25",
        '("date" "@authority" "content-type")',
        params("test-shared-secret"),
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
        [line("date"), '"@authority": example.com', line("content-type")],
    ),
    "B.2.6": Example(
        algorithms.ED25519,
        ED25519,
        "sig-b26",
        '("date" "@method" "@path" "@authority" "content-type" "content-length")',
        params("test-key-ed25519"),
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
        [
            line("date"),
            '"@method": POST',
            '"@path": /foo',
            '"@authority": example.com',
            line("content-type"),
            line("content-length"),
        ],
    ),
    "B.3": Example(
        algorithms.ECDSA_P256_SHA256,
        P256,
        "ttrp",
        '("@path" "@query" "@method" "@authority" "client-cert")',
        params("test-key-ecc-p256"),
        "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
        [
            '"@path": /foo',
            '"@query": ?param=Value&Pet=dog',
            '"@method": POST',
            '"@authority": service.internal.example',
            line("client-cert", PROXIED),
        ],
        PROXIED,
    ),
    "B.4": Example(
        algorithms.ED25519,
        ED25519,
        "transform",
        '("@method" "@path" "@authority" "accept")',
        params("test-key-ed25519"),
        "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==",
        [
            '"@method": GET',
            '"@path": /demo',
            '"@authority": example.org',
            line("accept", TRANSFORMED),
        ],
        TRANSFORMED,
    ),
}
each = pytest.mark.parametrize("section", EXAMPLES)


class LibraryMessage:
    """A message in the shape the library reads."""

    def __init__(self, message, fields):
        self.headers = dict(fields)
        if "status" in message:
            self.status_code = message["status"]
            self.request = LibraryMessage(message["request"], message["request"]["fields"])
        else:
            self.method = message["method"]
            self.url = f"https://{message['authority']}{message['path']}?{message['query']}"


class Library(HTTPMessageVerifier):
    """The library, with a note of the base it checked."""

    def _build_signature_base(self, *args, **kwargs):
        built = super()._build_signature_base(*args, **kwargs)
        self.base = built[0].encode()
        return built

    def validate_created_and_expires(self, sig_input, max_age=None):
        """The examples are of 2021."""


def holds(key, signature, base):
    """Whether a signature is good, by `cryptography` alone."""
    raw = base64.b64decode(signature)
    try:
        if isinstance(key, bytes):
            code = hmac.HMAC(key, hashes.SHA256())
            code.update(base)
            code.verify(raw)
        elif key is P256:
            halves = (int.from_bytes(half) for half in (raw[:32], raw[32:]))
            key.verify(encode_dss_signature(*halves), base, ec.ECDSA(hashes.SHA256()))
        elif key is RSA:
            pss = padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64)
            key.verify(raw, base, pss, hashes.SHA512())
        else:
            key.verify(raw, base)
    except InvalidSignature:
        return False
    return True


@each
def test_the_second_implementation_builds_the_printed_base(section):
    """Line for line what the RFC prints, and the printed signature holds over it."""
    example = EXAMPLES[section]
    base = oracle.base(example.message, example.components, example.parameters)

    assert base == example.printed_base
    assert holds(example.key, example.signature, base)
    assert not holds(example.key, example.signature, base + b" ")


@each
def test_the_library_builds_the_printed_base(section):
    """The library we wrap reads the examples as printed, and accepts them."""
    example = EXAMPLES[section]
    keyid = example.parameters.split('"')[1]
    library = Library(
        signature_algorithm=example.algorithm,
        key_resolver=MappingKeyResolver(public_keys={keyid: example.key}, private_keys={}),
    )
    library.verify(LibraryMessage(example.message, example.fields), max_age=None)

    assert library.base == example.printed_base


@each
@pytest.mark.parametrize("as_ours", [False, True], ids=["as printed", "under our label"])
def test_the_profile_takes_no_example(section, as_ours):
    """A good signature is not enough: label, components and parameters must be those agreed on."""
    example = EXAMPLES[section]
    fields = dict(example.fields)
    if as_ours:
        for name in ("signature", "signature-input"):
            fields[name] = fields[name].replace(f"{example.label}=", "pp=", 1)
    fields = {"content-type": "application/json", **fields}
    fields |= {"pp-audience": "pazpaz-monolith", "pp-request-id": "r-1"}
    fields.setdefault("content-digest", oracle.digest(BODY))

    with pytest.raises(SignatureRefused) as refusal:
        _verify(example.message, [(k.encode(), v.encode()) for k, v in fields.items()])
    # RSA and HMAC signatures are not of the one length that can be ours.
    ours = as_ours and len(base64.b64decode(example.signature)) == 64
    assert refusal.value.rule == ("components" if ours else "header_malformed")


def _verify(message, headers):
    ring = KeyRing([PublicKey("test-key-ed25519", ED25519)])

    def at_signing():
        return float(CREATED)

    if "status" in message:
        ResponseVerifier(ring, clock=at_signing).verify(
            request=_NoRequest, status=message["status"], headers=headers, body=BODY, tag=PULL_TAG
        )
        return
    verifier = RequestVerifier(
        keys=ring,
        audience="pazpaz-monolith",
        direction="pull",
        nonces=MemoryNonceStore(),
        accept_without_nonce_store=True,
        clock=at_signing,
    )
    asyncio.run(
        verifier.verify(
            method=message["method"],
            raw_path=message["path"].encode(),
            query_string=message["query"].encode(),
            headers=headers,
            body=BODY,
            tag=PULL_TAG,
        )
    )


class _NoRequest:
    """An answer is refused for what it is, before its request is looked at."""
