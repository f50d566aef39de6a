"""The contract of KeyStore, and what the stored keys promise."""

import asyncio
from datetime import timedelta

import pytest

from pazpaz_ai_client.signing import PrivateKey
from service.adapters.database import Database
from service.adapters.eraser import PgEraser
from service.adapters.key_store import REMEMBER, PgKeyStore
from service.container import now
from service.domain.erasure import Subject
from service.errors import KeyUnavailable, SealBroken
from service.ports import KeyStore
from service.security.keys import KeyEncryptionKey, new_key
from tests.fakes import NOW, OTHER_WORKSPACE, WORKSPACE, InMemoryKeyStore

Owner = "asyncpg.Connection[asyncpg.Record]"
STEAL = "UPDATE workspace_keys SET workspace_id = $1 WHERE workspace_id = $2"


@pytest.fixture(params=["fake", "real"])
def keys(request: pytest.FixtureRequest, pg_keys: PgKeyStore) -> KeyStore:
    return InMemoryKeyStore() if request.param == "fake" else pg_keys


async def test_keys_are_made_once(keys: KeyStore) -> None:
    """A workspace keeps its keys: two of 32 bytes, one to seal and another to index."""
    made = await keys.keys(workspace=WORKSPACE)

    assert made.workspace == WORKSPACE
    assert await keys.keys(workspace=WORKSPACE) == made
    assert len(made.seal) == len(made.index) == 32
    assert made.seal != made.index


async def test_workspaces_share_no_key(keys: KeyStore) -> None:
    """Each workspace has keys of its own."""
    mine = await keys.keys(workspace=WORKSPACE)
    theirs = await keys.keys(workspace=OTHER_WORKSPACE)

    assert len({mine.seal, mine.index, theirs.seal, theirs.index}) == 4


async def test_keys_do_not_print(keys: KeyStore) -> None:
    """Neither key appears where the object is printed."""
    made = await keys.keys(workspace=WORKSPACE)

    assert str(WORKSPACE) in repr(made)
    assert repr(made.seal) not in repr(made)
    assert repr(made.index) not in repr(made)


async def test_processes_agree(pg_keys: PgKeyStore) -> None:
    """Eight processes that meet a new workspace at once end with the same keys, and so does a later one."""
    stores = [PgKeyStore(pg_keys.database, pg_keys.kek, now) for _ in range(8)]
    made = await asyncio.gather(*(store.keys(workspace=WORKSPACE) for store in stores))

    assert {(one.seal, one.index) for one in made} == {(made[0].seal, made[0].index)}
    assert await pg_keys.keys(workspace=WORKSPACE) == made[0]


async def test_another_key_encryption_key_opens_nothing(pg_keys: PgKeyStore) -> None:
    """Keys wrapped under another key-encryption key are unavailable, and are not replaced."""
    made = await pg_keys.keys(workspace=WORKSPACE)
    stranger = PgKeyStore(pg_keys.database, KeyEncryptionKey(new_key()), now)

    with pytest.raises(KeyUnavailable):
        await stranger.keys(workspace=WORKSPACE)
    again = PgKeyStore(pg_keys.database, pg_keys.kek, now)
    assert await again.keys(workspace=WORKSPACE) == made


async def test_keys_are_wrapped_at_rest(pg_keys: PgKeyStore, owner: Owner) -> None:
    """The table holds neither key."""
    made = await pg_keys.keys(workspace=WORKSPACE)
    row = await owner.fetchrow("SELECT * FROM workspace_keys WHERE workspace_id = $1", WORKSPACE)
    stored = b"".join(value for value in row.values() if isinstance(value, bytes))

    assert len(stored) > 64
    assert made.seal not in stored
    assert made.index not in stored
    assert pg_keys.kek.secret not in stored


async def test_keys_open_in_their_own_workspace_only(pg_keys: PgKeyStore, owner: Owner) -> None:
    """Wrapped keys that were moved to another workspace do not open there."""
    await pg_keys.keys(workspace=WORKSPACE)
    await owner.execute(STEAL, OTHER_WORKSPACE, WORKSPACE)

    with pytest.raises(SealBroken):
        await pg_keys.keys(workspace=OTHER_WORKSPACE)


async def test_keys_are_remembered_for_minutes_only(pg_keys: PgKeyStore, owner: Owner) -> None:
    """Opened keys are used without the database for a while, then read again."""
    moment = NOW
    store = PgKeyStore(pg_keys.database, pg_keys.kek, lambda: moment)
    made = await store.keys(workspace=WORKSPACE)
    await owner.execute("DELETE FROM workspace_keys")

    moment = NOW + REMEMBER - timedelta(seconds=1)
    assert await store.keys(workspace=WORKSPACE) == made
    moment = NOW + REMEMBER
    assert await store.keys(workspace=WORKSPACE) != made


async def test_erased_keys_are_gone_for_good(pg_keys: PgKeyStore, database: Database) -> None:
    """After its erasure a workspace gets new keys, and what the old ones sealed stays shut."""
    made = await pg_keys.keys(workspace=WORKSPACE)
    kept = await pg_keys.keys(workspace=OTHER_WORKSPACE)
    signing = PrivateKey.generate("ai-tests-1")
    subject = Subject(WORKSPACE, "workspaces", WORKSPACE)
    assert await PgEraser(database, pg_keys, lambda: signing).erase(subject, asked_by="operator")

    fresh = await pg_keys.keys(workspace=WORKSPACE)
    assert {fresh.seal, fresh.index}.isdisjoint({made.seal, made.index})
    assert await pg_keys.keys(workspace=OTHER_WORKSPACE) == kept
