"""PazPaz's key set: which sets count, when they are read, and what holds when they cannot be."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from service.adapters.pazpaz.jwks import (
    KEEP,
    MAX_BYTES,
    REFRESH,
    FileSource,
    Jwks,
    UrlSource,
)
from service.errors import SourceUnavailable
from service.security.jwks import parse_jwks
from service.telemetry.metrics import JWKS_READS
from tests.unit.doubles import ManualClock
from tests.unit.security.token_bench import KIDS, OTHERS, PRIVATE, SET, b64, jwk, jwks

GOOD = jwk("EdDSA", PRIVATE["EdDSA"], "ed-1")
RETRY = timedelta(seconds=30)


def test_a_good_set_is_read():
    """Each key with its id and its one algorithm."""
    keys = parse_jwks(SET)
    assert {key.id: key.algorithm for key in keys.values()} == {
        kid: name for name, kid in KIDS.items()
    }
    assert parse_jwks(jwks({**GOOD, "key_ops": ["verify"], "extra": 1})).keys() == {"ed-1"}


def weak_rsa(bits: int = 1024, e: int = 65537) -> dict[str, object]:
    return jwk("RS256", rsa.generate_private_key(e, bits), "rsa-9")


def rsa_of(bits: int) -> dict[str, object]:
    """A key of that size; nobody looks whether its number is a product of primes."""
    number = (1 << bits - 1) | 1
    return {
        **jwk("RS256", PRIVATE["RS256"], "rsa-9"),
        "n": b64(number.to_bytes(-(-bits // 8), "big")),
    }


def test_a_set_at_the_edge_of_the_rules_is_read():
    """Twenty keys, ids of 1 to 64 letters, RSA from 2,048 to 8,192 bits; one step further is refused."""
    for kid in ("a", "Key_2026-11.b", "x" * 64):
        assert parse_jwks(jwks({**GOOD, "kid": kid})).keys() == {kid}
    many = [{**GOOD, "kid": f"ed-{n}"} for n in range(21)]
    assert len(parse_jwks(jwks(*many[:20]))) == 20
    for bits in (2048, 8192):
        assert parse_jwks(jwks(rsa_of(bits))).keys() == {"rsa-9"}
    for bad in (jwks(*many), jwks(rsa_of(2047)), jwks(rsa_of(8193))):
        with pytest.raises(ValueError, match=r".*"):
            parse_jwks(bad)


LIKE_IT = {**GOOD, "kid": "odd-1"}
"""Under an id of its own: two keys of one id spoil a set whatever else is odd about them."""
ODD = {
    "no kid": {**LIKE_IT, "kid": None},
    "a kid that is no string": {**LIKE_IT, "kid": 1},
    "no use": {k: v for k, v in LIKE_IT.items() if k != "use"},
    "for encryption": {**LIKE_IT, "use": "enc"},
    "no algorithm": {k: v for k, v in LIKE_IT.items() if k != "alg"},
    "none": {**LIKE_IT, "alg": "none"},
    "another algorithm": {**LIKE_IT, "alg": "ES256"},
    "for signing": {**LIKE_IT, "key_ops": ["sign"]},
    "for verifying and more": {**LIKE_IT, "key_ops": ["verify", "encrypt"]},
    "private": {**LIKE_IT, "d": b64(PRIVATE["EdDSA"].private_bytes_raw())},
    "symmetric": {"kty": "oct", "k": "AAAA", "kid": "o", "alg": "HS256", "use": "sig"},
    "symmetric, called EdDSA": {**LIKE_IT, "kty": "oct", "k": "AAAA"},
    "another curve": {**LIKE_IT, "crv": "Ed448"},
    "a point that is none": {**jwk("ES256", PRIVATE["ES256"], "ec-1"), "x": GOOD["x"]},
    "a curve of another size": {
        **jwk("ES256", ec.generate_private_key(ec.SECP384R1()), "ec-1"),
        "crv": "P-256",
    },
    "short": {**LIKE_IT, "x": "AAAA"},
    "weak RSA": weak_rsa(),
    "RSA with exponent 3": weak_rsa(2048, 3),
    "RSA with a long exponent": {**jwk("RS256", PRIVATE["RS256"], "r"), "e": "AQABAAEAAQAB"},
    "RSA with a blank in its exponent": {**jwk("RS256", PRIVATE["RS256"], "r"), "e": "AQ\nAB"},
    "a padded number": {**LIKE_IT, "x": str(GOOD["x"]) + "="},
    "a number that is one": {**LIKE_IT, "x": 5},
    "a kid no token can name": {**LIKE_IT, "kid": "a b"},
    "a kid that is a path": {**LIKE_IT, "kid": "../../dev/null"},
    "an endless kid": {**LIKE_IT, "kid": "x" * 65},
    "no object": "ed-1",
    "the same id again": GOOD,
    **{
        f"the private member {name}": {**LIKE_IT, name: "AAAA"}
        for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
    },
    **{
        f"{name} of {algorithm} padded": {**entry, name: f"{entry[name]}="}
        for algorithm, private in PRIVATE.items()
        for entry in [jwk(algorithm, private, "odd-1")]
        for name in sorted(entry.keys() & {"x", "y", "n", "e"})
    },
}


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_key_spoils_the_set(odd):
    """A set in which one key is not what it should be is no set to trust the others of."""
    with pytest.raises(ValueError, match=r".*"):
        parse_jwks(jwks(GOOD, ODD[odd]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{}", b"[]", b"null", b"\xff", SET[:-1], b"[" * 5000, jwks(*[GOOD] * 21)),
        *(b'{"keys": []}', b'{"keys": {}}', b'{"keys": 1}', b'{"keys": [], "keys": []}'),
    ],
)
def test_what_is_no_set_is_refused(raw):
    """Empty, cut, doubled, deep or too long."""
    with pytest.raises(ValueError, match=r".*"):
        parse_jwks(raw)


class Served:
    """An address whose document a test changes; counts how often it was read."""

    def __init__(self) -> None:
        self.body, self.status, self.reads = SET, 200, 0
        self.error: Exception | None = None
        self.encoding: dict[str, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.reads += 1
        if self.error:
            raise self.error
        headers = {"Location": "https://evil.example/jwks.json"} | self.encoding
        return httpx.Response(self.status, content=self.body, headers=headers)


class Bench:
    def __init__(self) -> None:
        self.served, self.clock = Served(), ManualClock()
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.served))
        self.keys = Jwks(
            UrlSource(self.http, "https://pazpaz.example/jwks.json"), self.clock, RETRY
        )

    async def knows(self, kid: str = "ed-1") -> bool:
        return await self.keys.find(kid) is not None

    def compress(self) -> None:
        self.served.body = gzip.compress(SET)
        self.served.encoding = {"Content-Encoding": "gzip"}

    def later(self, time: timedelta) -> None:
        self.clock.forward(time.total_seconds())


@pytest.fixture
async def bench():
    made = Bench()
    yield made
    await made.http.aclose()


async def test_the_set_is_read_at_first_need_and_remembered(bench):
    """One read for many tokens that come at once, and for all after them."""
    assert all(await asyncio.gather(*(bench.knows() for _ in range(20))))
    assert await bench.knows()
    assert bench.served.reads == 1


async def test_a_rotated_key_is_known_without_a_restart(bench):
    """A new key id makes us look; the old one holds as long as it is published."""
    await bench.knows()
    bench.served.body = jwks(GOOD, jwk("EdDSA", OTHERS["EdDSA"], "ed-2"))
    bench.later(RETRY)
    assert await bench.knows("ed-2")
    assert await bench.knows("ed-1")
    bench.served.body = jwks(jwk("EdDSA", OTHERS["EdDSA"], "ed-2"))
    bench.later(REFRESH)
    assert not await bench.knows("ed-1")


async def test_invented_key_ids_cost_one_look_in_thirty_seconds(bench):
    """Whoever sends a thousand made-up ids moves PazPaz once."""
    await bench.knows()
    bench.later(RETRY)
    for n in range(1000):
        assert not await bench.knows(f"evil-{n}")
    assert bench.served.reads == 2


@pytest.mark.parametrize(
    "trouble", ["status", "redirect", "garbage", "too large", "away", "odd key", "compressed"]
)
async def test_the_last_good_set_holds_for_a_day(bench, trouble):
    """Whatever comes instead of a good set changes nothing, until a day is over: then nobody can be judged."""
    await bench.knows()
    said = {
        "status": lambda: setattr(bench.served, "status", 500),
        "redirect": lambda: setattr(bench.served, "status", 302),
        "garbage": lambda: setattr(bench.served, "body", b"<html>"),
        "too large": lambda: setattr(bench.served, "body", SET[:-1] + b" " * MAX_BYTES + b"}"),
        "away": lambda: setattr(bench.served, "error", httpx.ConnectError("")),
        "compressed": lambda: bench.compress(),
        "odd key": lambda: setattr(bench.served, "body", jwks(GOOD, weak_rsa())),
    }
    said[trouble]()
    bench.later(REFRESH)
    assert await bench.knows()
    assert bench.served.reads == 2
    bench.later(KEEP - REFRESH)
    assert await bench.knows()
    bench.later(timedelta(seconds=1))
    with pytest.raises(SourceUnavailable):
        await bench.knows()


async def test_each_look_is_counted(bench):
    """So that a set that cannot be read is noticed before a day is over."""

    def looks() -> dict[str, float]:
        return {one: JWKS_READS.labels(outcome=one)._value.get() for one in ("read", "failed")}

    before = looks()
    await bench.knows()
    bench.served.status = 500
    bench.later(REFRESH)
    await bench.knows()
    assert {one: after - before[one] for one, after in looks().items()} == {"read": 1, "failed": 1}


async def test_without_any_set_nobody_is_signed_out(bench):
    """503, not 401: a therapist must not lose their session because a key set is late."""
    bench.served.status = 503
    for _ in range(3):
        with pytest.raises(SourceUnavailable):
            await bench.knows()
    assert bench.served.reads == 1
    bench.served.status = 200
    bench.later(RETRY)
    assert await bench.knows()


async def test_an_id_that_a_lost_set_may_have_is_not_judged(bench):
    """PazPaz rotates while its set cannot be had: a new id is 503 then, and 401 once a fresh set lacks it."""
    await bench.knows()
    bench.served.status = 500
    bench.later(RETRY)
    with pytest.raises(SourceUnavailable):
        await bench.knows("ed-2")
    assert await bench.knows("ed-1")
    bench.served.status = 200
    bench.later(RETRY)
    assert not await bench.knows("ed-2")


async def trickling() -> AsyncIterator[bytes]:
    """A byte, and then nothing for as long as one waits."""
    yield b"{"
    await asyncio.Event().wait()


async def test_a_body_that_never_ends_is_not_waited_for(monkeypatch):
    """The whole read has a deadline; a byte now and then does not lengthen it."""
    monkeypatch.setattr("service.adapters.pazpaz.jwks.DEADLINE_SECONDS", 0.01)
    slow = httpx.MockTransport(lambda _: httpx.Response(200, content=trickling()))
    async with httpx.AsyncClient(transport=slow) as http:
        keys = Jwks(UrlSource(http, "https://pazpaz.example/jwks.json"), ManualClock(), RETRY)
        with pytest.raises(SourceUnavailable):
            await asyncio.wait_for(keys.find("ed-1"), 1)


async def test_a_file_is_followed(tmp_path):
    """Replaced, it is read at once; gone or broken, the last good set holds."""
    path = tmp_path / "jwks.json"
    path.write_bytes(SET)
    keys = Jwks(FileSource(path), ManualClock(), RETRY)
    assert await keys.find("ed-1") is not None
    path.write_bytes(jwks(jwk("EdDSA", OTHERS["EdDSA"], "ed-2")))
    assert await keys.find("ed-2") is not None
    assert await keys.find("ed-1") is None
    path.write_text(json.dumps({"keys": []}))
    assert await keys.find("ed-2") is not None
    path.write_bytes(SET + b" " * MAX_BYTES)
    assert await keys.find("ed-2") is not None
    path.unlink()
    assert await keys.find("ed-2") is not None
