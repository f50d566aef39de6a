"""The profile in words and numbers: what both sides agreed on, and what a refusal is called.

The profile leaves nothing to choose: one label, one algorithm, one list of covered components, one
set of parameters. The library builds the signature base and checks the signature; everything that
decides whether we want such a signature is compared by exact equality with what stands here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

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

REQUEST_FIELDS = ("content-digest", "content-type", "pp-audience", "pp-request-id")
REQUEST_COMPONENTS = tuple(f'"{name}"' for name in ("@method", "@path", "@query", *REQUEST_FIELDS))
RESPONSE_FIELDS = ("content-digest", "content-type")
RESPONSE_COMPONENTS = (
    '"@status"',
    '"content-digest"',
    '"content-type"',
    '"@method";req',
    '"@path";req',
    '"@query";req',
    f'"signature";req;key="{LABEL}"',
)
PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "alg", "tag"})

MAX_FIELD = 1024  # bytes; a Signature-Input of this profile has about 300
MAX_REQUEST_ID = 128
PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
KEYID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
NONCE = re.compile(r"[A-Za-z0-9_-]{22}")
TARGET = re.compile(r"[A-Za-z0-9/_.~=&-]*")
_PARAMETER = r';[a-z]+=(?:"[ !#-\[\]-~]*"|[1-9][0-9]*)'
SIGNATURE_INPUT = re.compile(rf"{LABEL}=\(([^()]*)\)((?:{_PARAMETER})*)")
ONE_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"]*)"|([0-9]+))')
SIGNATURE = re.compile(rf"{LABEL}=:([A-Za-z0-9+/]{{86}}==):")


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
    return known_tag(tag).replace("/", "-response/")


def known_tag(tag: str) -> str:
    """The tag itself; raises ValueError for one nobody agreed on."""
    if tag not in TAGS:
        raise ValueError(f"not a tag of this profile: {tag!r}")
    return tag
