"""Questions in one language on notes in the other."""

from collections.abc import Sequence

import pytest

from service.adapters.models.local_model import LocalEmbedder, LocalReranker
from service.domain.answers import Question, Stretch
from service.domain.audit import Trail
from service.domain.notes import Note
from service.language.text import tokens
from service.ports.calls import CallContext
from service.retrieval.crossing import topic_crosses
from service.retrieval.dense import DenseIndex
from service.retrieval.enough import judge
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder, Found
from service.vectors import DIMENSION
from tests.fakes import (
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    a_client,
    a_note,
    embedders_of,
    index,
)
from tests.unit.doubles import contexts_of

CONCEPTS = [
    set(tokens(line))
    for line in ("drawer key המפתח מגירה", "wallet ארנק", "neighbour שכנה", "sea ים")
]


def concepts(text: str) -> list[float]:
    said = set(tokens(text))
    return [float(bool(said & concept)) for concept in CONCEPTS]


class ConceptModels:
    """Embeds and reranks by a handful of things, whatever the language they are said in."""

    model = "concepts-1"
    crosses_languages = True

    async def embed(
        self, texts: Sequence[str], *, purpose: str, context: CallContext
    ) -> list[list[float]]:
        return [[*concepts(text), *[0.0] * (DIMENSION - len(CONCEPTS))] for text in texts]

    async def rerank(
        self, query: str, stretches: Sequence[Stretch], *, rarity, context
    ) -> list[float]:
        asked = concepts(query)
        met = (sum(map(min, asked, concepts(one.text))) for one in stretches)
        return [one / (sum(asked) or 1.0) for one in met]


async def find(question: Question, *notes: Note, embedder=None, reranker=None) -> Found:
    embedder, reranker = embedder or LocalEmbedder(), reranker or LocalReranker()
    store, source, keys = InMemoryChunkStore(), InMemoryNoteSource(), InMemoryKeyStore()
    source.take(a_client(), *notes)
    await index(*notes, store=store, embedder=embedder, keys=keys)
    finder = Finder(
        store,
        source,
        embedders_of(embedder),
        reranker,
        LocalReranker(),
        LexicalIndex(store),
        People(store),
        DenseIndex(store),
    )
    context = await contexts_of(keys).of(workspace=WORKSPACE)
    return await finder.find(question, context=context, actor=None, trail=Trail())


HEBREW = Question("איפה היה המפתח", "he")
ENGLISH = Question("Who had the wallet?", "en")
KEY, WALLET = a_note("The key was in the drawer."), a_note("ארנק אצל שכנה.")
SEAS = a_note("Walked by the sea."), a_note("הלכה לאורך החוף.")
NOTES = (KEY, WALLET, *SEAS)


@pytest.mark.parametrize("question", [HEBREW, ENGLISH], ids=["he", "en"])
async def test_what_local_models_cannot_cross_is_counted(question):
    """The note is not found, and two of four were hardly searched."""
    found = await find(question, *NOTES)

    assert (found.passages, found.other_language) == ((), 2)
    assert judge(question, found).kind == "abstain"


@pytest.mark.parametrize(("question", "note"), [(HEBREW, KEY), (ENGLISH, WALLET)], ids=["he", "en"])
async def test_models_that_cross_find_the_note_and_nothing_is_unsearched(question, note):
    """In both directions."""
    models = ConceptModels()
    found = await find(question, *NOTES, embedder=models, reranker=models)

    assert found.ranked[0] == found.passages[0].note.ref == note.ref
    assert found.other_language == 0
    assert judge(question, found).kind == "answer"


async def test_one_model_alone_does_not_cross():
    """What the embedder brings, a reranker that does not cross turns down; what is not brought cannot be judged."""
    for part in ({"embedder": ConceptModels()}, {"reranker": ConceptModels()}):
        assert (await find(ENGLISH, *NOTES, **part)).other_language == 2


async def test_in_one_language_nothing_is_unsearched():
    """Names and numbers in other letters do not make a note foreign."""
    found = await find(HEBREW, a_note("התחילה Cipralex 10 mg."), a_note("הולכת לים. VAS 6/10."))
    assert found.other_language == 0


@pytest.mark.parametrize(
    ("topic", "crosses"),
    [
        ("sleep", True),
        ("כאב ברך", True),
        ("PHQ-9", True),
        ("EMDR", True),
        ("emdr", False),
        ("EMDR במגירה", False),
        ("sleep and drawer", False),
        ("מגירה", False),
        ("שינה ב-7.5", True),
        ("ברך ימין", True),
        ("left knee", True),
        ("ללא שינה", True),
    ],
)
def test_a_topic_crosses_when_every_word_is_known_in_the_other_language(topic, crosses):
    """Stop words aside; a term needs an equivalent in the other language, not only in its own."""
    language = "he" if any("א" <= letter <= "ת" for letter in topic) else "en"
    assert topic_crosses(Question(f"How often {topic}?", language, topic=topic)) is crosses


def test_letters_of_the_other_language_cross_as_they_are():
    """A Hebrew question names the method as an English note does."""
    assert topic_crosses(Question("באילו פגישות היה EMDR", "he", topic="EMDR"))
    assert not topic_crosses(Question("WHEN DID HE SURF", "en", topic="SURF"))
    assert topic_crosses(Question("ציון הכאב", "he", intent="change", topic="ציון הכאב"))
