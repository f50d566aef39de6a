"""Each route opens to one kind of credential, and to no other kind that is about in the house."""

from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from tests.fakes import NOW, WORKSPACE
from tests.unit.api.practice import APP, EVENTS, KEY, OPERATOR, SECRET, a_token
from tests.unit.doubles import SESSION, USER
from tests.unit.test_main import every_route

OPEN = {"/healthz", "/readyz", "/metrics"}


def minted(*, typ: str = "JWT", **changes: object) -> str:
    """A token as PazPaz mints it, under its own secret, but for another purpose."""
    ids = {"sub": str(USER), "user_id": str(USER), "workspace_id": str(WORKSPACE), "jti": SESSION}
    times = {"iat": int(NOW.timestamp()), "exp": int((NOW + timedelta(hours=1)).timestamp())}
    claims = {**ids, **times, "email": "a@example.org", **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, SECRET, algorithm="HS256", headers={"typ": typ})


BEARERS = {
    "nobody": "",
    "therapist": a_token(),
    "operator": OPERATOR,
    "the secret itself": SECRET,
    "a key id": KEY.keyid,
    "a security event": minted(typ="secevent+jwt"),
    "a short token by the secret": minted(typ="at+jwt"),
    "for another service": minted(aud="pazpaz-mail"),
    "from another issuer": minted(iss="https://elsewhere.example"),
    "a magic link": minted(jti=None, purpose="magic-link"),
    "a refresh token": minted(workspace_id=None, purpose="refresh"),
}


def opens(path: str) -> str:
    """The one credential that opens a route; of an event's, a signature, there is none among these."""
    if path.startswith("/api/"):
        return "therapist"
    return "a signature" if path == EVENTS else "operator"


ROUTES = [
    (method.upper(), path)
    for path, methods in APP.openapi()["paths"].items()
    for method in methods
    if path not in OPEN
]


def test_the_table_has_every_route():
    """What the document lists is what is served: a route that is not in it would be tried by none of these."""
    served = {
        (method, route.path)
        for route in every_route(APP)
        if route.path not in {"/openapi.json", *OPEN}
        for method in route.methods - {"HEAD", "OPTIONS"}
    }
    assert served == set(ROUTES)


@pytest.mark.parametrize("who", BEARERS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_route_opens_to_its_own_credential_alone(
    http: httpx.AsyncClient, method: str, path: str, who: str
):
    """Every kind of token, and every secret, at every route: 401 everywhere but at its own."""
    url = path.replace("{conversation_id}", str(UUID(int=1))).replace("{what}", "retry")
    headers = {"Authorization": f"Bearer {BEARERS[who]}"} if BEARERS[who] else {}
    response = await http.request(method, url, headers=headers, json={"id": str(uuid4())})
    assert (response.status_code != 401) is (who == opens(path))
