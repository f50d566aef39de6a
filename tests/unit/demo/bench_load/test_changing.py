"""The ledger is told of each change as PazPaz has it, also where nobody knows whether it has."""

import math
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from service.demo.bench_load import changing
from service.demo.bench_load.asker import Asker
from service.demo.bench_load.asking import Heard, Query
from service.demo.bench_load.changing import Changes
from service.demo.bench_load.ledger import Ledger, Text
from service.demo.bench_load.plan import Plan
from service.demo.bench_load.practices import People, Practice
from service.demo.bench_load.watch import Lags
from service.demo.therapist import Therapist

ROW = {"id": "new", "updated_at": datetime(2026, 11, 30, tzinfo=UTC).isoformat()}


class PazPaz:
    """Does as it is told, says no, or is not heard."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.says: int | Exception = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if isinstance(self.says, Exception):
            raise self.says
        return httpx.Response(self.says, json=ROW)


@pytest.fixture
def pazpaz() -> PazPaz:
    return PazPaz()


@pytest.fixture
def people() -> People:
    made = People(Plan(practices=1, therapists=2, clients=4, notes=1), Ledger())
    made.settle_in()
    return made


@pytest.fixture
def practice(people: People) -> Practice:
    return people.practices[0]


@pytest.fixture
def changes(people: People, practice: Practice, pazpaz: PazPaz) -> Changes:
    http = httpx.AsyncClient(transport=httpx.MockTransport(pazpaz), base_url="http://pazpaz")
    return Changes(people, practice, Therapist(http), http, Lags())


@pytest.fixture
def do(changes: Changes, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One thing by its name; whether it was done."""

    async def one(name: str) -> bool:
        monkeypatch.setattr(changing, "WEIGHTS", {name: 1})
        return await changes.act()

    return one


def texts(practice: Practice) -> list[Text]:
    everything = [text for client in practice.clients.values() for text in client.texts.values()]
    return [text for text in everything if text.place[0] == "sessions"]


def changed(practice: Practice) -> Text:
    [one] = [text for text in texts(practice) if len(text.versions) > 1]
    return one


async def test_an_edit_ends_the_version_before_it(practice: Practice, do: Any) -> None:
    """The new one says something else in one field, and has the next number."""
    assert await do("edit")
    old, new = changed(practice).versions
    assert old.span.until < math.inf
    assert new.span.since <= old.span.until
    assert new.number == 2
    differ = [name for name in new.fields if new.fields[name] != old.fields.get(name)]
    assert len(differ) == 1


@pytest.mark.parametrize("says", [500, httpx.ReadTimeout("?")])
async def test_of_a_change_that_was_not_answered_either_version_may_be_read(
    says: Any, practice: Practice, changes: Changes, pazpaz: PazPaz, do: Any
) -> None:
    """For ever; nobody changes that note again, and nobody waits for it in the index."""
    pazpaz.says = says
    assert not await do("edit")
    assert [one.span.until for one in changed(practice).versions] == [math.inf] * 2
    assert not changed(practice).may_change
    assert not changes.lags.wants
    assert changes.errors.total() == 1
    assert changes.done.total() == 0


async def test_a_new_note_is_a_draft_until_it_is_final(practice: Practice, do: Any) -> None:
    """Only then may it be quoted."""
    assert not await do("finalize")  # all there are, are final
    assert await do("create")
    [draft] = [text for text in texts(practice) if text.place[1] == "new"]
    assert not draft.now.is_final
    assert await do("finalize")
    assert draft.now.is_final
    assert draft.now.number == 2
    assert draft.now.fields == draft.versions[0].fields


async def test_a_deleted_note_is_over_and_is_purged_later(
    practice: Practice, changes: Changes, pazpaz: PazPaz, do: Any
) -> None:
    """What is purged is what was deleted."""
    assert not await do("purge")
    assert await do("delete")
    [gone] = [text for text in texts(practice) if not text.may_change]
    assert gone.now.span.until < math.inf
    assert [want.moment for want in changes.lags.wants[gone.place]] == [None]
    assert await do("purge")
    assert str(pazpaz.asked[-1].url).endswith(f"/{gone.place[1]}/permanent")


@pytest.mark.parametrize("name", ["archive", "erase"])
async def test_a_client_who_goes_is_asked_about_no_more(
    name: str, people: People, practice: Practice, do: Any
) -> None:
    """One who was archived may return; a small practice lets nobody go."""
    before = set(practice.clients)
    assert await do(name)
    [gone] = before - practice.clients.keys()
    assert people.ledger.clients[gone].spans[-1].until < math.inf
    assert not await do(name)
    assert await do("return") == (name == "archive")
    assert (gone in practice.clients) == (name == "archive")


async def test_a_new_client_has_a_word_that_nobody_has(people: People, do: Any) -> None:
    """And the id that PazPaz gave."""
    words = {client.word for client in people.ledger.clients.values()}
    assert await do("arrive")
    assert people.ledger.clients["new"].word not in words


def test_nobody_shares_a_word_and_every_sentence_has_its_own(people: People) -> None:
    """So that whoever's it is, is known wherever it turns up."""
    clients = people.ledger.clients.values()
    assert len({client.word for client in clients}) == len(clients) == 4
    for client in clients:
        for text in client.texts.values():
            for said in text.now.fields.values():
                sentences = said.split(".")[:-1]
                assert all(one.endswith(f" {client.word}") for one in sentences)


def test_the_same_seed_gives_the_same_load() -> None:
    """Another gives another."""
    one, same, other = (People(Plan(seed=seed), Ledger()).settle_in() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_conversation_goes_on_only_where_it_can(practice: Practice, changes: Changes) -> None:
    """With an answer to the end, and a client who is still there; then it is asked without naming her again."""
    asker = Asker(practice, changes.therapist, practice.chance)
    client = next(iter(practice.clients))
    query = Query({}, "whole", "first", practice.workspace, client)

    def kinds() -> set[str]:
        return {asker.next().kind for _ in range(200)}

    assert "follow-up" not in kinds()
    asker.heard(Heard(query, 0, outcome="answered", raw=b'{"conversation_id": "c1"}'))
    follow_up = next(one for one in iter(asker.next, None) if one.kind == "follow-up")
    assert follow_up.client == client
    assert follow_up.body.keys() == {"query", "conversation_id"}
    del practice.clients[client]
    assert "follow-up" not in kinds()
    asker.heard(Heard(query, 0, outcome="503 busy"))
    assert asker.conversation is None
