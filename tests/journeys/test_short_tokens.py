"""PazPaz's short tokens alone: the service has no SECRET_KEY, and keys change while all of it runs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import jwt
import pytest

from pazpaz_ai_client.signing import read_folder
from pazpaz_ai_client.signing.rotation import MIN_OVERLAP, retire, rotate
from pazpaz_ai_client.tokens import JWKS_PATH, TokenMinter
from service.container import Container
from service.demo.stage import ISSUER, Stage
from service.demo.therapist import HISTORY
from tests.journeys.practice import A_QUESTION, Practice, eventually, open_practice

NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"


@pytest.fixture(scope="module")
async def apart(running: Stage) -> AsyncIterator[Stage]:
    """Beside the running stage, on its databases, an API and a monolith of the other mode."""
    stage = running.with_short_tokens()
    stage.start("monolith", "api")
    try:
        await stage.until_up(stage.monolith_url, stage.service_url)
        yield stage
    finally:
        stage.stop(*stage.children.copy())


@pytest.fixture
async def here(apart: Stage, container: Container) -> AsyncIterator[Practice]:
    async with open_practice(apart, container) as opened:
        yield opened


async def status(stage: Stage, token: str) -> int:
    """What the service itself answers to a bearer, without a proxy between."""
    async with httpx.AsyncClient(base_url=stage.service_url, trust_env=False) as http:
        answer = await http.get(HISTORY, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code


async def published(stage: Stage) -> list[str]:
    async with httpx.AsyncClient(base_url=stage.monolith_url, trust_env=False) as http:
        keys = (await http.get(JWKS_PATH)).raise_for_status().json()["keys"]
        assert all("d" not in key for key in keys)
        return [key["kid"] for key in keys]


async def answered(practice: Practice) -> bool:
    return (await practice.therapist.call("GET", HISTORY)).status_code == 200


def stolen(thief: TokenMinter, practice: Practice) -> str:
    """A fresh token for the login of another, by one who has PazPaz's key."""
    said = jwt.decode(
        practice.therapist.http.cookies["access_token"], options={"verify_signature": False}
    )
    user, workspace, sid = (UUID(said[name]) for name in ("user_id", "workspace_id", "jti"))
    return thief.mint(user_id=user, workspace_id=workspace, role="owner", sid=sid)


async def test_the_cookie_is_exchanged_and_counts_for_nothing_itself(
    here: Practice, apart: Stage, running: Stage
) -> None:
    """A question through the real proxy is answered; the session token sent directly is 401 here, and good there."""
    client = await here.client()
    session = await here.note(client, subjective=NOTE)
    await here.settled()

    answer = await here.ask(QUESTION, client_id=client)
    assert [citation["session_id"] for citation in answer["citations"]] == [session]

    cookie = here.therapist.http.cookies["access_token"]
    assert await status(apart, cookie) == 401
    assert await status(running, cookie) == 200


async def test_a_leaked_key_is_replaced_without_a_restart(here: Practice, apart: Stage) -> None:
    """The old key leaves the set, therapists go on under the new one, and what the old one signs is 401."""
    folder = apart.keys.their_token_keys
    leaked = read_folder(folder, datetime.now(UTC)).at(datetime.now(UTC))
    thief = TokenMinter(leaked, issuer=ISSUER)
    assert await published(apart) == [leaked.keyid]
    assert await answered(here)
    assert await status(apart, stolen(thief, here)) == 200

    new = rotate(
        folder, now=datetime.now(UTC), switch_after=timedelta(), overlap=MIN_OVERLAP
    ).new.keyid
    assert await published(apart) == [leaked.keyid, new]
    retire(folder, leaked.keyid, now=datetime.now(UTC))
    assert await published(apart) == [new]

    await eventually(lambda: answered(here), every=A_QUESTION)
    assert await status(apart, stolen(thief, here)) == 401
