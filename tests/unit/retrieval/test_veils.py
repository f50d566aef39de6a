"""Veils that know who a workspace's clients are."""

from uuid import UUID

import pytest

from service.domain.identity import ClientId
from service.domain.notes import Person
from service.errors import KeyUnavailable
from service.ports.calls import Veils
from service.retrieval.veils import NameVeils
from tests.fakes import OTHER_WORKSPACE, WORKSPACE, InMemoryChunkStore, InMemoryKeyStore, a_client
from tests.unit.retrieval.test_people import put

TEXT = "Dana met Noa"


async def a_practice():
    store = InMemoryChunkStore()
    await put(store, a_client(name=("Dana", "Levi")))
    return store, NameVeils(store, InMemoryKeyStore())


async def hidden(veils: Veils, workspace=WORKSPACE):
    return (await veils.of(workspace=workspace)).hide(TEXT)


async def test_each_practice_hides_its_own_clients():
    """Under its own key: the same name is another word next door."""
    store, veils = await a_practice()
    await put(store, a_client(name=("Dana", "Noa"), workspace=OTHER_WORKSPACE))
    ours, theirs = await hidden(veils), await hidden(veils, OTHER_WORKSPACE)
    assert ours.split()[1:] == ["met", "Noa"]
    assert theirs.split()[1] == "met"
    assert {"Dana", "Noa"}.isdisjoint(theirs.split())
    assert ours.split()[0] != theirs.split()[0]


async def test_each_veil_remembers_for_itself():
    """One question's names come back in its answer only; the pseudonym is the same in both."""
    _, veils = await a_practice()
    one, other = [await veils.of(workspace=WORKSPACE) for _ in range(2)]
    name = one.hide("Dana")
    assert other.restore(name) == name
    assert other.hide("Dana") == name
    assert one.restore(name) == other.restore(name) == "Dana"


async def test_names_are_read_once_an_epoch():
    """A new name is hidden from the next question on, and what was dropped is read anew."""
    store, veils = await a_practice()
    first = await hidden(veils)
    assert await hidden(veils) == first
    assert store.people_reads == 1

    await put(store, a_client(ClientId(UUID(int=77)), name=("Noa", "Katz")))
    name, _, noa = (await hidden(veils)).split()
    assert name == first.split()[0]
    assert noa != "Noa"
    assert store.people_reads == 2
    veils.drop(WORKSPACE)
    await hidden(veils)
    assert store.people_reads == 3


async def test_a_note_written_makes_no_names_anew():
    """The epoch is another and the names are not: what was made of them stands."""
    store, veils = await a_practice()
    await hidden(veils)
    before = veils._held.stale(WORKSPACE)
    store.epochs[WORKSPACE] += 1
    await hidden(veils)
    after = veils._held.stale(WORKSPACE)
    assert after.epoch == before.epoch + 1
    assert after._own is before._own


async def test_who_is_archived_is_no_longer_hidden():
    """The index forgets their name with their notes."""
    store, veils = await a_practice()
    await hidden(veils)
    await store.put_client(a_client(is_active=False), None)
    assert await hidden(veils) == TEXT


async def test_who_is_taken_in_is_hidden_before_the_index_knows_them():
    """And keeps the pseudonym that they have afterwards; nothing of it is remembered for others."""
    store, veils = await a_practice()
    noa = Person(ClientId(UUID(int=77)), "Noa", "Katz")
    veil = await veils.of(workspace=WORKSPACE)
    veil.know([noa])
    early = veil.hide(TEXT)
    assert "Noa" in await hidden(veils)
    await put(store, a_client(noa.client, name=("Noa", "Katz")))
    assert await hidden(veils) == early


async def test_without_its_key_a_practice_has_no_veil():
    """Nothing leaves then."""
    store, _ = await a_practice()

    class Away(InMemoryKeyStore):
        async def keys(self, *, workspace):
            raise KeyUnavailable

    with pytest.raises(KeyUnavailable):
        await NameVeils(store, Away()).of(workspace=WORKSPACE)
