"""The contract of KeyStore, and what the stored keys promise."""

import asyncio
from datetime import timedelta

import pytest

from pazpaz_ai_client.signing import PrivateKey
from service.adapters.erasure.eraser import PgEraser
from service.adapters.key_rotation import PgKeyRotation
from service.adapters.key_store import REMEMBER, PgKeyStore
from service.adapters.postgres.database import Database
from service.domain.erasure import Subject
from service.errors import KeyUnavailable, SealBroken
from service.ports.clock import now
from service.ports.keys import KeyStore, WorkspaceKeys
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


class Rotating:
    """A key store, and what the other side of a rotation does to it; no remembered key is asked."""

    def __init__(self, store: InMemoryKeyStore | PgKeyStore) -> None:
        self.store = store

    async def renew(self) -> None:
        if isinstance(self.store, InMemoryKeyStore):
            return self.store.renew(WORKSPACE)
        elsewhere = PgKeyRotation(
            self.store.database, PgKeyStore(self.store.database, self.store.kek, now)
        )
        assert await elsewhere.renew(workspace=WORKSPACE, older_than=now() + timedelta(days=1))
        return None

    async def destroy_older(self) -> None:
        if isinstance(self.store, InMemoryKeyStore):
            return self.store.destroy_older(WORKSPACE)
        elsewhere = PgKeyRotation(
            self.store.database, PgKeyStore(self.store.database, self.store.kek, now)
        )
        await elsewhere.reseal(workspace=WORKSPACE)
        return None

    async def read(self) -> WorkspaceKeys:
        self.store.drop(WORKSPACE)
        return await self.store.keys(workspace=WORKSPACE)


@pytest.fixture(params=["fake", "real"])
def rotating(request: pytest.FixtureRequest, pg_keys: PgKeyStore) -> Rotating:
    return Rotating(InMemoryKeyStore() if request.param == "fake" else pg_keys)


async def test_a_new_epoch_seals_and_the_old_one_still_opens(rotating: Rotating) -> None:
    """New keys have another seal key and the same index key, and rows of every living epoch have theirs."""
    first = await rotating.read()
    await rotating.renew()
    second = await rotating.read()
    await rotating.renew()
    third = await rotating.read()

    assert first.epoch < second.epoch < third.epoch
    assert first.index == second.index == third.index
    assert third.older == {first.epoch: first.seal, second.epoch: second.seal}
    assert [third.seal_of(one.epoch) for one in (first, second, third)] == [
        first.seal,
        second.seal,
        third.seal,
    ]
    assert len({first.seal, second.seal, third.seal}) == 3


async def test_a_destroyed_epoch_opens_nothing(rotating: Rotating) -> None:
    """Where no row needs it any more an older key is gone, and asking for it is an error and no other key."""
    first = await rotating.read()
    await rotating.renew()
    await rotating.destroy_older()
    last = await rotating.read()

    assert last.older == {}
    with pytest.raises(KeyUnavailable):
        last.seal_of(first.epoch)


async def test_processes_whose_clocks_differ_agree(pg_keys: PgKeyStore, owner: Owner) -> None:
    """Two that meet a new workspace in different seconds do not each make an index key."""
    stores = [
        PgKeyStore(pg_keys.database, pg_keys.kek, lambda late=late: now() + timedelta(seconds=late))
        for late in range(8)
    ]
    made = await asyncio.gather(*(store.keys(workspace=WORKSPACE) for store in stores))

    assert len({one.index for one in made}) == 1
    assert await owner.fetchval("SELECT count(*) FROM workspace_keys") == 1
    assert await owner.fetchval("SELECT count(*) FROM audit") == 1


async def test_a_key_that_only_unwraps_opens_what_it_wrapped(pg_keys: PgKeyStore) -> None:
    """With a new key-encryption key and the old one beside it, old keys open and new ones are wrapped by the new."""
    made = await pg_keys.keys(workspace=WORKSPACE)
    fresh = KeyEncryptionKey(new_key())
    changed = PgKeyStore(pg_keys.database, fresh, now, [pg_keys.kek])

    assert await changed.keys(workspace=WORKSPACE) == made
    await changed.keys(workspace=OTHER_WORKSPACE)
    assert {row.kek_id for row in await changed.living(workspace=OTHER_WORKSPACE)} == {fresh.id}
    assert {row.kek_id for row in await changed.living(workspace=WORKSPACE)} == {pg_keys.kek.id}


async def test_no_wrapper_is_called_inside_a_transaction(pg_keys: PgKeyStore) -> None:
    """A key-encryption key may be a call to another machine: while it is awaited, no connection is held."""
    held: list[int] = []

    class Far:
        """As a KMS: it looks at the pool each time."""

        id = "far"

        async def wrap(self, key: bytes, *, place: tuple[str, ...]) -> bytes:
            held.append(pg_keys.database.engine.pool.checkedout())  # type: ignore[attr-defined]
            return key[::-1]

        async def unwrap(self, wrapped: bytes, *, place: tuple[str, ...]) -> bytes:
            return await self.wrap(wrapped, place=place)

    far = PgKeyStore(pg_keys.database, pg_keys.kek, now)
    await far.keys(workspace=WORKSPACE)
    far = PgKeyStore(pg_keys.database, Far(), now, [pg_keys.kek])
    rotation = PgKeyRotation(pg_keys.database, far)
    await far.keys(workspace=OTHER_WORKSPACE)
    await rotation.renew(workspace=WORKSPACE, older_than=now() + timedelta(days=1))
    await rotation.reseal(workspace=WORKSPACE)
    await rotation.rewrap(workspace=WORKSPACE)

    assert len(held) > 5
    assert set(held) == {0}
