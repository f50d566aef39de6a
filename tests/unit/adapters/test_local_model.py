"""The models that run in the process."""

import math
from datetime import date

import pytest

from service.adapters.models.local_model import (
    ExtractiveModel,
    LocalEmbedder,
    LocalReranker,
    SecondLocalEmbedder,
)
from service.domain.answers import CitationDelta, Finished, Passage, Question, Stretch, TextDelta
from service.vectors import DIMENSION
from tests.fakes import a_context, a_passage

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


async def embedded(*texts: str, key: bytes = KEY):
    return await LocalEmbedder().embed(texts, purpose="document", context=a_context(key=key))


async def judged(question: str, *texts: str, name: str = ""):
    stretches = [Stretch(text, name, date(2026, 3, 12), "plan") for text in texts]
    return await LocalReranker().rerank(
        question, stretches, rarity=lambda feature: 1.0, context=a_context()
    )


async def answered(question: str, *passages: Passage):
    asked = Question(question, "he")
    return [delta async for delta in ExtractiveModel().stream(asked, passages, context=a_context())]


async def test_every_vector_is_of_unit_length():
    """A text without words has one too, because a zero vector has no cosine."""
    for vector in await embedded("חרדה בלילה", "", "?!\x00\ud800"):
        assert len(vector) == DIMENSION
        assert math.isclose(math.hypot(*vector), 1.0)


async def test_like_texts_lie_near():
    """A question lies nearer to the note that says it."""
    asked, near, far = await embedded("panic at night", "panics every night", "work and money")

    assert _cosine(asked, near) > 0.3 > _cosine(asked, far)


async def test_a_vector_depends_on_the_workspace_key_alone():
    """Same text and key, same vector; under another key nothing compares."""
    [one], [same], [other] = (
        await embedded("חרדה"),
        await embedded("חרדה"),
        await embedded("חרדה", key=OTHER_KEY),
    )

    assert one == same
    assert abs(_cosine(one, other)) < 0.5


async def test_the_second_model_is_another_space():
    """It has the same shape and finds what is alike, and its vectors are strangers to the first one's."""
    second = SecondLocalEmbedder()
    texts = ["panic at night", "panics every night", "work and money", "", "?!\x00\ud800"]
    asked, near, far, *empty = await second.embed(
        texts, purpose="document", context=a_context(key=KEY)
    )
    for vector in (asked, near, far, *empty):
        assert len(vector) == DIMENSION
        assert math.isclose(math.hypot(*vector), 1.0)
    assert _cosine(asked, near) > 0.3 > _cosine(asked, far)
    [first] = await embedded("panic at night")
    assert abs(_cosine(first, asked)) < 0.2
    assert second.model != LocalEmbedder.model


async def test_scores_stay_between_0_and_1_and_order_by_what_is_covered():
    """The text that answers passes the line, the one that says nothing of it has nothing."""
    texts = ["ישנה שלוש שעות בלילה מאז הפיטורים", "שמחה מהטיול", ""]
    scores = await judged("כמה שעות היא ישנה בלילה?", *texts)

    assert scores[0] > 0.3 > scores[1] >= scores[2] == 0.0
    assert all(0 <= score <= 1 for score in scores)


async def test_the_clients_name_counts_as_said():
    """Questions name people whom notes call "she"; day and field are a provider's to read."""
    [named] = await judged("Dana sleeps badly", "She sleeps badly.", name="Dana Levi")
    [unnamed] = await judged("Dana sleeps badly", "She sleeps badly.")
    [dated] = await judged("what happened on 2026-03-12 plan", "She sleeps badly.")

    assert named > unnamed
    assert dated == 0


async def test_it_quotes_sentences_word_for_word_with_their_places():
    """What is cited is exactly what stands in the passage, and the spans add up to the answer."""
    one = a_passage("היה שבוע קשה. היא ישנה שלוש שעות בלילה. הלכה לים.", id="p1")
    two = a_passage("- כמה שעות שינה: ישנה שעות רבות בלילה", id="p2")
    deltas = await answered("כמה שעות היא ישנה בלילה?", one, two)
    text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    cited = [delta for delta in deltas if isinstance(delta, CitationDelta)]

    assert deltas[-1] == Finished("complete")
    assert {(text[c.start : c.end], c.passage_ids) for c in cited} == {
        ("היא ישנה שלוש שעות בלילה.", ("p1",)),
        ("כמה שעות שינה: ישנה שעות רבות בלילה", ("p2",)),
    }
    assert text == "\n".join(text[c.start : c.end] for c in cited)


async def test_a_citation_comes_after_its_text():
    """A reader of the stream never waits for text that a citation already names."""
    deltas = await answered("שינה בלילה", a_passage("שינה רעה בלילה."))

    assert [type(delta) for delta in deltas] == [TextDelta, CitationDelta, Finished]


async def test_no_sentence_is_said_twice():
    """Overlapping chunks hold the same sentence."""
    text = "Sleep is poor."
    deltas = await answered("sleep", a_passage(text, id="p1"), a_passage(text, id="p2"))

    assert sum(isinstance(delta, TextDelta) for delta in deltas) == 1


async def test_one_passage_gives_at_most_two_sentences():
    """A note that repeats itself does not crowd out the others."""
    crowd = a_passage("Poor sleep. Sleep better. Sleep worse. Sleep again.", id="p1")
    other = a_passage("Sleep today.", id="p2")
    deltas = await answered("sleep", crowd, other)
    sources = [d.passage_ids for d in deltas if isinstance(d, CitationDelta)]

    assert sorted(sources) == [("p1",), ("p1",), ("p2",)]


@pytest.mark.parametrize("passages", [(), (a_passage("שמחה מהטיול לים."),)])
async def test_it_abstains_without_a_word_when_nothing_fits(passages):
    """No text at all comes with an abstention."""
    assert await answered("כמה שעות היא ישנה?", *passages) == [Finished("abstained")]


def _cosine(one, other) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))
