"""Lexical search over sealed bags."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from service.adapters.models.local_model import LocalEmbedder
from service.domain.identity import ClientId
from service.domain.scope import ANYWHERE, Period, Within
from service.language.features import digest64, written_in
from service.language.topic import Topic
from service.retrieval.lexical import LexicalIndex
from service.retrieval.postings import Turning
from tests.fakes import (
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    a_client,
    a_note,
    index,
)


async def a_store(*notes):
    store = InMemoryChunkStore()
    await add(store, *notes)
    return store


async def add(store, *notes):
    await index(*notes, store=store, embedder=LocalEmbedder(), keys=InMemoryKeyStore())


async def found(lexical, query, *, workspace=WORKSPACE, client=None, within=None, limit=10):
    within = within or Within.client(client)
    key = (await InMemoryKeyStore().keys(workspace=workspace)).index
    candidates = await lexical.search(
        query, key=key, workspace=workspace, within=within, limit=limit
    )
    return [candidate.ref for candidate in candidates]


async def test_the_note_that_says_it_comes_first():
    """Rare words decide, and a note that shares nothing is not found."""
    night, day, other = a_note("חרדה בלילה"), a_note("חרדה ביום"), a_note("טיול לים")
    lexical = LexicalIndex(await a_store(day, other, night))

    assert await found(lexical, "חרדות בלילות") == [night.ref, day.ref]
    assert await found(lexical, "חרדות בלילות", limit=1) == [night.ref]


async def test_a_client_is_searched_alone():
    """The mask leaves other clients' notes out."""
    other_client = ClientId(UUID(int=12))
    mine, other = a_note("panic"), a_note("panic", client=other_client)
    lexical = LexicalIndex(await a_store(mine, other))

    assert await found(lexical, "panic", client=other_client) == [other.ref]


async def test_a_period_is_searched_alone():
    """The mask leaves other days out, and what has no day."""
    early, late = (
        replace(a_note("panic"), session_date=datetime(2026, month, 1, tzinfo=UTC))
        for month in (1, 3)
    )
    lexical = LexicalIndex(await a_store(early, late, a_client(notes="panic").profile))

    since = Within(period=Period(first=date(2026, 2, 1)))
    assert await found(lexical, "panic", within=since) == [late.ref]
    assert len(await found(lexical, "panic")) == 3


async def test_a_workspace_never_sees_another():
    """Neither its notes nor, under its own key, its features."""
    mine, foreign = a_note("panic"), a_note("panic", workspace=OTHER_WORKSPACE)
    lexical = LexicalIndex(await a_store(mine, foreign))

    assert await found(lexical, "panic") == [mine.ref]
    assert await found(lexical, "panic", workspace=OTHER_WORKSPACE) == [foreign.ref]


async def test_a_change_is_seen_by_the_next_query():
    """The epoch says that what is held in memory is old."""
    first, second = a_note("panic"), a_note("panic panic")
    store = await a_store(first)
    lexical = LexicalIndex(store)

    assert await found(lexical, "panic") == [first.ref]
    await add(store, second)
    await store.forget(first.ref)
    assert await found(lexical, "panic") == [second.ref]


async def test_bags_are_read_once_an_epoch():
    """Also when many ask at the same moment."""
    store = await a_store(a_note("panic"))
    lexical = LexicalIndex(store)
    await asyncio.gather(*(found(lexical, "panic") for _ in range(5)))

    assert store.bag_reads == 1


async def test_a_change_is_followed():
    """Of all the bags only the changed note's are read again; where the store cannot tell which, all are."""
    first, second = a_note("panic"), a_note("panic panic")
    store = await a_store(first)
    lexical = LexicalIndex(store)
    await found(lexical, "panic")
    await add(store, second)

    assert set(await found(lexical, "panic")) == {first.ref, second.ref}
    assert store.bag_reads == 1
    store.epochs[WORKSPACE] += 1
    assert set(await found(lexical, "panic")) == {first.ref, second.ref}
    assert store.bag_reads == 2


async def test_the_least_recently_used_workspace_makes_room():
    """Memory stays within bounds, by number and by bytes."""
    store = await a_store(a_note("panic"), a_note("panic", workspace=OTHER_WORKSPACE))
    narrow, tiny = LexicalIndex(store, max_workspaces=1), LexicalIndex(store, max_bytes=1)
    for lexical in (narrow, tiny):
        assert await found(lexical, "panic")
        assert await found(lexical, "panic", workspace=OTHER_WORKSPACE)
    reads = store.bag_reads
    await found(narrow, "panic", workspace=OTHER_WORKSPACE)
    assert store.bag_reads == reads
    await found(tiny, "panic", workspace=OTHER_WORKSPACE)
    assert store.bag_reads == reads + 1


async def test_a_forgotten_workspace_is_read_anew():
    """Erasure leaves nothing in memory."""
    store = await a_store(a_note("panic"))
    lexical = LexicalIndex(store)
    await found(lexical, "panic")
    lexical.drop(WORKSPACE)
    await found(lexical, "panic")

    assert store.bag_reads == 2


async def test_an_empty_workspace_finds_nothing():
    """A practice that just began may ask too."""
    assert await found(LexicalIndex(InMemoryChunkStore()), "panic") == []
    assert Turning().done(0).scores({1: 1.0, 2: 1.0}).tolist() == []


async def matching(lexical, topic, *, within=ANYWHERE, workspace=WORKSPACE, measured=False):
    key = (await InMemoryKeyStore().keys(workspace=workspace)).index
    topic = Topic.of(topic, measured=measured)
    return await lexical.matching(topic, key=key, workspace=workspace, within=within)


async def test_notes_that_may_mention_a_topic_are_told_from_their_bags():
    """All its words by their stems, one of many may be missing; no text is needed, and no grams count."""
    headache, head, night = a_note("שוב כאב ראש"), a_note("ראש השנה"), a_note("sleepless nights")
    lexical = LexicalIndex(await a_store(headache, head, night))

    assert await matching(lexical, "כאבי ראש") == [headache.ref]
    assert await matching(lexical, "night") == [night.ref]
    assert await matching(lexical, "sleep") == []
    assert await matching(lexical, "ראש השנה בבית הישן") == []


async def test_a_note_may_mention_a_topic_in_other_words():
    """All words of an equivalent, its side left open; pain of something may be told by a number."""
    bp, half, knee = a_note("BP 120/80"), a_note("under pressure"), a_note("R knee 3/10")
    lexical = LexicalIndex(await a_store(bp, half, knee))

    assert await matching(lexical, "blood pressure") == [bp.ref]
    assert await matching(lexical, "left knee") == [knee.ref]
    assert await matching(lexical, "knee pain") == []
    assert await matching(lexical, "knee pain", measured=True) == [knee.ref]


async def test_matching_stays_in_its_scope():
    """A client's, a period's, a practice's: never a note of another."""
    other_client = ClientId(UUID(int=12))
    mine, other = a_note("panic"), a_note("panic", client=other_client)
    elsewhere = a_note("panic", workspace=OTHER_WORKSPACE)
    lexical = LexicalIndex(await a_store(mine, other, elsewhere))

    assert set(await matching(lexical, "panic")) == {mine.ref, other.ref}
    assert await matching(lexical, "panic", within=Within.client(other_client)) == [other.ref]
    assert await matching(lexical, "panic", workspace=OTHER_WORKSPACE) == [elsewhere.ref]
    assert await matching(LexicalIndex(await a_store()), "panic") == []


async def languages(lexical, within=ANYWHERE, *, workspace=WORKSPACE):
    key = (await InMemoryKeyStore().keys(workspace=workspace)).index
    asked = {"key": key, "workspace": workspace, "within": within}
    return {one: await lexical.only_in(one, **asked) for one in ("he", "en")}


async def test_sessions_are_counted_by_the_language_they_are_in_alone():
    """What is in both, or in no letters, is searched either way; a profile is no session."""
    lexical = LexicalIndex(
        await a_store(
            a_note("ישנה טוב."),
            a_note("התחילה Cipralex השבוע.", plan="VAS 6/10."),
            a_note("Slept well."),
            a_note("Slept well this week.", plan="המשך תרגול נשימה."),
            a_note("6/10"),
            a_client(notes="Teaches music.").profile,
            a_note("ים.", workspace=OTHER_WORKSPACE),
        )
    )

    assert await languages(lexical) == {"he": 2, "en": 1}
    assert await languages(lexical, workspace=OTHER_WORKSPACE) == {"he": 1, "en": 0}


async def test_languages_are_counted_in_scope():
    """Of one client, of a period, of sessions by their place."""
    mine, other = a_note("ישנה טוב."), a_note("ים.", client=ClientId(UUID(int=12)))
    lexical = LexicalIndex(await a_store(mine, other))

    for scope in (Within.client(mine.client), Within(sessions=frozenset({mine.ref.id}))):
        assert await languages(lexical, scope) == {"he": 1, "en": 0}
    future = Within(period=Period(first=date(2027, 1, 1)))
    assert await languages(lexical, future) == {"he": 0, "en": 0}


async def test_a_bag_from_before_counts_in_no_language():
    """Until its note is indexed again."""
    note = a_note("ישנה טוב.")
    store = await a_store(note)
    key = (await InMemoryKeyStore().keys(workspace=WORKSPACE)).index
    held = store.indexed[note.ref]
    kept = [
        (feature, count)
        for feature, count in zip(held.bag.features, held.bag.counts, strict=True)
        if feature != digest64(written_in("he"), key)
    ]
    old = replace(held.bag, features=[f for f, _ in kept], counts=[c for _, c in kept])
    store.indexed[note.ref] = replace(held, bag=old)
    lexical = LexicalIndex(store)

    assert await languages(lexical) == {"he": 0, "en": 0}
    assert await found(lexical, "ישנה") == [note.ref]
    await add(store, note)
    assert await languages(lexical) == {"he": 1, "en": 0}
