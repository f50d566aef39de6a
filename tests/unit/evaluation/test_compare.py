"""Two models side by side: agreement, what each finds, how long each takes."""

import json
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from service.adapters.models.local_model import LocalEmbedder, SecondLocalEmbedder
from service.domain.identity import ClientId
from service.evaluation.compare import Compared, Comparer, Seen, lines, parse_judged, table
from service.language.chunking import chunk_note
from service.ports.index import IndexedNote, IndexModels, Space
from tests.fakes import (
    CLIENT,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    a_bag,
    a_client,
    a_context,
    a_note,
    embedders_of,
)
from tests.unit.doubles import contexts_of

A, B, C = (UUID(int=number) for number in (1, 2, 3))
MODELS = (LocalEmbedder(), SecondLocalEmbedder())


def question(text="panic at night", **more):
    row = {"qid": "q", "workspace_id": str(WORKSPACE), "query": text, **more}
    return parse_judged(json.dumps(row))


class Practice:
    """Notes in both spaces."""

    def __init__(self) -> None:
        self.store, self.keys = InMemoryChunkStore(), InMemoryKeyStore()
        self.comparer = Comparer(self.store, contexts_of(self.keys), embedders_of(*MODELS))

    async def keep(self, *notes) -> None:
        self.store.held[WORKSPACE] = IndexModels(*(one.model for one in MODELS))
        for note in notes:
            key = (await self.keys.keys(workspace=WORKSPACE)).index
            spaces = [await self.space(note, one, key) for one in MODELS]
            assert await self.store.replace(IndexedNote(note, a_bag(note, key=key), spaces))

    async def space(self, note, embedder, key) -> Space:
        chunks = chunk_note(note)
        vectors = await embedder.embed(
            [c.text for c in chunks], purpose="document", context=a_context(key=key)
        )
        return Space(embedder.model, {}, frozenset(), chunks, vectors)


async def test_both_models_are_asked_for_sessions():
    """Best first and in each model's own space; a profile is no session, another client's note is out of scope."""
    practice = Practice()
    near, far = a_note("Panic attacks at night."), a_note("Work and money.")
    elsewhere = a_note("Panic at night.", client=ClientId(uuid4()))
    profile = a_client(medical_history="Panic at night.").profile
    await practice.keep(far, near, elsewhere, profile)

    compared = await practice.comparer.compare(question(scope="client", client_id=str(CLIENT)))
    assert compared is not None
    assert [seen.model for seen in compared.seen] == ["local-hash-1", "local-hash-2"]
    assert {seen.sessions for seen in compared.seen} == {(near.ref.id, far.ref.id)}
    assert all(seen.seconds > 0 for seen in compared.seen)
    turned = await practice.comparer.compare(question(), turned=True)
    assert [seen.model for seen in turned.seen] == ["local-hash-2", "local-hash-1"]


async def test_without_a_second_model_there_is_nothing_to_compare():
    """Neither in a workspace with one model nor in one without an index."""
    practice = Practice()
    assert await practice.comparer.compare(question()) is None
    practice.store.held[WORKSPACE] = IndexModels("local-hash-1")
    assert await practice.comparer.compare(question()) is None


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [((A, B), (B, A), 1.0), ((A, B), (B, C), 0.5), ((A,), (), 0.0), ((), (), 1.0)],
)
def test_overlap_is_the_share_that_both_bring(one, other, overlap):
    """In whatever order."""
    compared = Compared("he", frozenset(), [Seen("m1", one, 0.1), Seen("m2", other, 0.1)])
    assert compared.overlap == overlap


def test_recall_is_of_the_judged_questions_and_overlap_of_all():
    """A question nobody judged counts for overlap and time; where nobody judged any, recall is not told."""
    seen = [Seen("m1", (A, B), 0.010), Seen("m2", (C,), 0.030)]
    judged = Compared("he", frozenset({A, C}), seen)
    unjudged = Compared("he", frozenset(), [replace(seen[0], seconds=0.020), seen[1]])
    english = Compared("en", frozenset(), seen)

    rows = {(row.language, row.model): row for row in table([judged, unjudged, english])}
    first, second = rows["he", "m1"], rows["he", "m2"]
    assert (first.questions, first.judged, first.recall, first.overlap) == (2, 1, 0.5, 0.0)
    assert (first.median_ms, first.p95_ms) == pytest.approx((15.0, 20.0))
    assert (second.recall, second.median_ms) == (0.5, pytest.approx(30.0))
    assert rows["en", "m1"].recall is None

    heading, *lines_of = lines(rows.values())
    assert len({len(line) for line in [heading, *lines_of]}) == 1
    assert lines_of[0].split()[:6] == ["en", "m1", "1", "0", "0.000", "-"]
