"""Makes signatures.json: `python -m tests.vectors.make`, or `--check` to compare with what is there.

Everything is made by the second implementation, so what the package reads it did not write.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "clients/python/tests"))

import signature_oracle as oracle  # noqa: E402 - it stands beside the client's tests

FILE = Path(__file__).with_name("signatures.json")
CREATED = 1_795_400_000
WORKSPACE, USER = "0190f2c1-7c1e-7a3b-9d2e-3f1f6a7b8c9d", "0190f2c1-0000-7000-8000-000000000001"
NOTE = "0190f2c1-0000-7000-8000-000000000002"
AI, ML, RETIRED = "ai-2026-11-a", "ml-2026-11-a", "ml-2026-10-a"
SEEDS = {AI: bytes(range(32)), ML: bytes(range(32, 64)), RETIRED: bytes(range(64, 96))}
SERVICE, MONOLITH = "pazpaz-ai", "pazpaz-monolith"
JSON, PROBLEM = "application/json", "application/problem+json"
PREFIX = "/internal/ai/v1"

EVENT = {
    "delivery_id": "0190f2c1-0000-7000-8000-000000000003",
    "events": [
        {
            "id": "0190f2c1-0000-7000-8000-000000000004",
            "workspace_id": WORKSPACE,
            "entity": "sessions",
            "entity_id": NOTE,
            "kind": "upserted",
            "occurred_at": "2026-11-23T05:33:20Z",
        }
    ],
}
CALLS: dict[str, tuple[str, str, Any, Any]] = {
    # tag: path, query, body, body of the answer
    "pp-event/1": ("/internal/v1/events", "", EVENT, None),
    "pp-pull/1": (
        f"{PREFIX}/records/batch-get",
        "",
        {"workspace_id": WORKSPACE, "session_ids": [NOTE], "purpose": "index"},
        {"sessions": [{"id": NOTE, "plan": "תרגול נשימה פעמיים ביום"}], "clients": []},
    ),
    "pp-changes/1": (f"{PREFIX}/changes", "a=1&b=~x", {"after": None, "limit": 10}, {"events": []}),
    "pp-manifest/1": (
        f"{PREFIX}/manifest",
        "",
        {"workspace_id": WORKSPACE, "after_id": None, "limit": 500},
        {"items": [], "next": None},
    ),
    "pp-workspaces/1": (
        f"{PREFIX}/workspaces",
        "",
        {},
        {"workspaces": [{"id": WORKSPACE, "status": "active"}]},
    ),
    "pp-introspect/1": (
        f"{PREFIX}/introspect",
        "",
        {"sid": "jti-1", "user_id": USER},
        {
            "user_id": USER,
            "workspace_id": WORKSPACE,
            "role": "owner",
            "active": True,
            "workspace_status": "active",
            "revoked": False,
            "idle_deadline": None,
        },
    ),
    "pp-audit/1": (f"{PREFIX}/audit-events", "", {"idempotency_key": "k"}, {}),
}

Message = dict[str, Any]


def build() -> Message:
    """The whole file."""
    requests = [_request(tag, number) for number, tag in enumerate(CALLS)]
    answers = [
        _answer(one, number) for number, one in enumerate(requests) if one["answer"] is not None
    ]
    refusal = _answer(requests[1] | {"answer": {"status": 403}}, 90, status=403, kind=PROBLEM)
    for one in requests:
        del one["answer"]
    return {
        "keys": [_key(keyid) for keyid in SEEDS],
        "now": CREATED + 1,
        "requests": requests,
        "responses": [*answers, refusal],
        "refused": [*_refused_requests(requests), *_refused_answers([*answers, refusal], requests)],
    }


def _key(keyid: str) -> Message:
    private = Ed25519PrivateKey.from_private_bytes(SEEDS[keyid])
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "keyid": keyid,
        "seed": SEEDS[keyid].hex(),
        "public_key": oracle.base64.b64encode(raw).decode(),
        "retired_at": "2026-11-01T00:00:00+00:00" if keyid == RETIRED else None,
    }


def _compact(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _nonce(number: int) -> str:
    raw = bytes([number, *range(15)])
    return oracle.base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _request(tag: str, number: int, **changes: Any) -> Message:
    path, query, body, answer = CALLS[tag]
    event = tag == "pp-event/1"
    message: Message = {
        "name": tag,
        "tag": tag,
        "keyid": ML if event else AI,
        "audience": SERVICE if event else MONOLITH,
        "created": CREATED,
        "expires": CREATED + 60,
        "nonce": _nonce(number),
        "method": "POST",
        "path": path,
        "query": query,
        "content_type": JSON,
        "request_id": f"0190f2c1-0000-7000-8000-0000000001{number:02}",
        "body": _compact(body),
        "answer": answer,
    }
    return _signed_request(message | changes)


def _signed_request(message: Message, *, alg: str = "ed25519", tail: str = "") -> Message:
    fields = {
        "content-digest": oracle.digest(message["body"].encode()),
        "content-type": message["content_type"],
        "pp-audience": message["audience"],
        "pp-request-id": message["request_id"],
    }
    text = _parameters(message, message["tag"], alg) + tail
    base = oracle.request_base(message["method"], message["path"], message["query"], fields, text)
    return message | _signature(message, fields, oracle.REQUEST + text, base)


def _answer(request: Message, number: int, *, status: int = 200, kind: str = JSON) -> Message:
    message: Message = {
        "name": f"{request['name']} {status}",
        "request": request["name"],
        "tag": request["tag"].replace("/", "-response/"),
        "keyid": ML,
        "created": CREATED,
        "expires": CREATED + 60,
        "nonce": _nonce(100 + number),
        "status": status,
        "content_type": kind,
        "body": _compact(request["answer"]),
    }
    return _signed_answer(message, request)


def _signed_answer(message: Message, request: Message) -> Message:
    fields = {
        "content-digest": oracle.digest(message["body"].encode()),
        "content-type": message["content_type"],
    }
    text = _parameters(message, message["tag"])
    base = oracle.response_base(
        message["status"],
        fields,
        *(request[name] for name in ("method", "path", "query")),
        dict(request["headers"])["signature"],
        text,
    )
    return message | _signature(message, fields, oracle.RESPONSE + text, base)


def _parameters(message: Message, tag: str, alg: str = "ed25519") -> str:
    return oracle.parameters(
        created=message["created"],
        expires=message["expires"],
        nonce=message["nonce"],
        keyid=message["keyid"],
        tag=tag,
        alg=alg,
    )


def _signature(message: Message, fields: dict[str, str], signed: str, base: bytes) -> Message:
    seed = SEEDS.get(message["keyid"], SEEDS[AI])
    signature = oracle.sign(Ed25519PrivateKey.from_private_bytes(seed), base)
    headers = fields | {"signature-input": f"pp={signed}", "signature": signature}
    return {"signature_base": base.decode(), "headers": [list(pair) for pair in headers.items()]}


# What is refused


def _refused_requests(requests: list[Message]) -> list[Message]:
    event, pull = requests[0], requests[1]
    zeros = f"pp=:{oracle.base64.b64encode(bytes(64)).decode()}:"
    return [
        _refused("a replay", pull, "replay", seen=True),
        _refused("a minute and a half later", pull, "window", now=CREATED + 91),
        _refused("half a minute before it was made", pull, "window", now=CREATED - 31),
        _refused("another body", pull, "digest", body=pull["body"] + " "),
        _refused("another method", pull, "method", method="PUT"),
        _refused("another path", pull, "signature", path=f"{PREFIX}/changes"),
        _refused("another query", pull, "signature", query="a=1"),
        _refused("a percent sign", pull, "target", path=f"{PREFIX}/records/batch%2Dget"),
        _refused("two slashes", pull, "target", path=f"/{PREFIX}/records/batch-get"),
        _refused("a dot segment", pull, "target", path=f"{PREFIX}/../v1/records/batch-get"),
        _refused("another audience", event, "audience", pp_audience=MONOLITH),
        _refused("another request id", pull, "signature", pp_request_id="r-2"),
        _refused("another type", pull, "signature", content_type="text/plain"),
        _refused("a signature of zeros", pull, "signature", signature=zeros),
        _refused("an encoded body", pull, "content_encoding", content_encoding="identity"),
        _refused("no digest", pull, "header_missing", content_digest=None),
        _refused("no signature", pull, "header_missing", signature=None),
        _refused("the tag of another route", pull, "tag", expected_tag="pp-changes/1"),
        _refused("a life of 61 s", _again(pull, expires=CREATED + 61), "window"),
        _refused("a short nonce", _again(pull, nonce="AAAA"), "parameters"),
        _refused("one more parameter", _signed_request(pull, tail=";x=1"), "parameters"),
        _refused("another algorithm", _signed_request(pull, alg="hmac-sha256"), "algorithm"),
        _refused("a key nobody knows", _again(pull, keyid="ai-2027-01-a"), "unknown_key"),
        _refused("a retired key", _again(event, keyid=RETIRED), "retired_key"),
        _refused("the key of the other side", _again(event, keyid=AI), "unknown_key"),
    ]


def _refused_answers(answers: list[Message], requests: list[Message]) -> list[Message]:
    pulled, forbidden = answers[0], answers[-1]
    own = _signed_answer(pulled | {"keyid": AI}, requests[1])
    return [
        _refused("another answer", pulled, "digest", body=pulled["body"] + " "),
        _refused("another status", forbidden, "signature", status=200),
        _refused("an answer to another request", pulled, "signature", request="pp-manifest/1"),
        _refused("an unsigned answer", pulled, "header_missing", signature=None),
        _refused("an answer signed by the asking side", own, "unknown_key"),
        _refused("an answer for another route", answers[1], "tag", expected_tag="pp-pull/1"),
        _refused("an old answer", pulled, "window", now=CREATED + 91),
    ]


def _again(message: Message, **changes: Any) -> Message:
    return _signed_request(message | changes)


def _refused(name: str, message: Message, rule: str, **changes: Any) -> Message:
    """The message with some of its parts replaced as they arrive; None leaves a header out."""
    headers = dict(message["headers"])
    for part in list(changes):
        header = part.replace("_", "-")
        if header in headers or header == "content-encoding":
            headers[header] = changes.pop(part)
    parts = ("method", "path", "query", "status", "request", "body")
    sent = {part: message[part] for part in parts if part in message}
    tag = changes.pop("expected_tag", message["tag"].replace("-response/", "/"))
    arrived = {k: v for k, v in headers.items() if v is not None}
    return {
        "name": name,
        "rule": rule,
        "expected_tag": tag,
        "expected_audience": SERVICE if tag == "pp-event/1" else MONOLITH,
        "now": CREATED + 1,
        "seen": False,
        **sent,
        **changes,
        "headers": [list(pair) for pair in arrived.items()],
    }


def text() -> str:
    return json.dumps(build(), ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        FILE.write_text(text(), encoding="utf-8")
        return 0
    same = FILE.read_text(encoding="utf-8") == text()
    sys.stdout.write("as made\n" if same else f"{FILE.name} is not what this script makes\n")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
