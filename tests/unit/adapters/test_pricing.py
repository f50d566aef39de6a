"""What models cost, to the micro-dollar, and what a question can cost at most."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.models.calling import MAX_TOKENS
from service.adapters.models.cohere import PRICES
from service.adapters.models.entailment import (
    IN_A_WORD,
    IN_JSON,
    INSTRUCTIONS,
    VERDICT_TOKENS,
    asked,
)
from service.adapters.models.pricing import Billed, Prices, billed, counted_as, prices_of
from service.adapters.models.provider import Provider
from service.domain.answers import MOST_CONFIRMED, MOST_SOURCES, Stretch
from service.domain.usage import Usage
from service.estimates import CHARACTERS_PER_TOKEN, most_of_a_question
from service.language.chunking import LIMIT
from service.settings import ModelPrice
from tests.unit.doubles import RecordingEmbedder, ScriptedModel

COHERE = Prices(PRICES)


@pytest.mark.parametrize(
    ("model", "usage", "micros"),
    [
        ("command-a-03-2025", Usage(1_000_000, 0), 2_500_000),
        ("command-a-03-2025", Usage(3_000, 200), 9_500),
        ("rerank-v3.5", Usage(searches=3), 6_000),
        ("embed-v4.0", Usage(input_tokens=1), 1),
        ("embed-v4.0", Usage(input_tokens=100), 12),
        ("command-a-03-2025", Usage(), 0),
        ("nobody-knows-1", Usage(10**9, 10**9, 10**9), 0),
    ],
)
def test_usage_has_a_price(model: str, usage: Usage, micros: int) -> None:
    """Dollars a million tokens, dollars a thousand searches, rounded up; what has no price costs nothing."""
    assert COHERE.cost({model: usage}) == micros


def test_models_are_added_up_before_they_are_rounded() -> None:
    """Ten tenths of a micro-dollar are one, by whichever models."""
    cheap = Prices({f"m-{n}": ModelPrice(input=0.1) for n in range(10)})
    assert cheap.cost({f"m-{n}": Usage(input_tokens=1) for n in range(10)}) == 1


COUNTS = st.integers(0, 10**7)
USAGES = st.builds(Usage, COUNTS, COUNTS, st.integers(0, 1000))


@given(st.lists(USAGES, max_size=5), st.floats(0, 100), st.floats(0, 100))
def test_a_whole_never_costs_more_than_its_parts(
    parts: list[Usage], read: float, written: float
) -> None:
    """Usage added up is dearer than none of its parts and no dearer than them together."""
    prices = Prices({"m": ModelPrice(input=read, output=written, searches=2.0)})
    whole = prices.cost({"m": sum(parts, Usage())})
    each = [prices.cost({"m": part}) for part in parts]
    assert max(each, default=0) <= whole <= sum(each)


def test_the_setting_replaces_and_adds() -> None:
    """A model's price is ours where we say one, all of it; the others stay the provider's."""
    theirs = {"a": ModelPrice(input=1, output=2, searches=3), "b": ModelPrice(input=4)}
    provider = Provider(None, None, None, prices=theirs)
    ours = {"a": ModelPrice(output=9), "c": ModelPrice(searches=5)}
    prices = prices_of([provider], ours)
    assert prices.by_model == theirs | ours
    assert prices.missing(["c", "x", "a", "d"]) == ["d", "x"]


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("cohere/embed-v4.0/1024", "embed-v4.0"),
        ("openai/intfloat/e5-large/1024", "intfloat/e5-large"),
        ("openai/e5/1024?query=query%3A+", "e5"),
        ("local-hash-1", "local-hash-1"),
    ],
)
def test_an_embedder_is_billed_under_its_own_name(stored: str, name: str) -> None:
    """Without the provider and the dimension that its stored name carries."""
    assert counted_as(stored) == name


def test_every_provider_embeds_and_the_chosen_one_answers() -> None:
    """Workspaces keep their embedder, whoever writes; what this process does itself is billed by nobody."""
    first = Provider(RecordingEmbedder("one/e-1/1024"), None, ScriptedModel())
    second = Provider(RecordingEmbedder("two/e-2/1024"), None, ScriptedModel())
    bills = billed({"one": first, "two": second}, chosen="one")
    assert bills.models == {"e-1", "e-2", "scripted-1"}
    assert billed({"one": first}, chosen="local").models == {"e-1"}
    assert billed({}, chosen="local").models == frozenset()


def test_the_estimate_is_computed_from_prices() -> None:
    """The dearest embedder, the judge and the writer, each at the most that a question asks of it."""
    most = most_of_a_question()
    embedders = frozenset({"embed-v4.0", "embed-english-v3.0", "free"})
    judge, writer = frozenset({"rerank-v3.5"}), frozenset({"command-a-03-2025"})
    bills = Billed(
        {"embedder": embedders, "reranker": judge, "model": writer, "entailment": writer}
    )
    estimates = bills.estimates(COHERE, most)
    assert estimates == {
        "embedder": COHERE.cost({"embed-v4.0": most["embedder"]}),
        "reranker": COHERE.cost({"rerank-v3.5": most["reranker"]}),
        "model": COHERE.cost({"command-a-03-2025": most["model"]}),
        "entailment": COHERE.cost({"command-a-03-2025": most["entailment"]}),
    }
    assert 120_000 < sum(estimates.values()) < 160_000  # fourteen cents; six without confirmations
    free = Billed({"embedder": frozenset({"free"}), "model": frozenset()})
    assert free.estimates(COHERE, most) == {"embedder": 0, "model": 0}


def test_the_most_of_a_question_covers_what_is_asked_of_models() -> None:
    """Twelve thousand tokens of notes and the longest answer that any adapter asks for."""
    most = most_of_a_question()
    assert most["model"].input_tokens >= 12_000
    assert most["model"].output_tokens == MAX_TOKENS
    assert most["entailment"].output_tokens == MOST_CONFIRMED * VERDICT_TOKENS
    assert most["reranker"].searches == math.ceil(50 * 8 / 100)


def test_no_sentence_is_confirmed_at_more_than_its_estimate() -> None:
    """As many of the longest sources as may be shown, the instructions and marks around them, and the sentence."""
    source = Stretch("x" * LIMIT, "n" * 120, date(2026, 3, 1), "subjective")
    prompt = asked("", [source] * MOST_SOURCES) + INSTRUCTIONS + IN_JSON + IN_A_WORD
    tokens = -(-len(prompt) // CHARACTERS_PER_TOKEN)
    assert MOST_CONFIRMED * tokens + MAX_TOKENS <= most_of_a_question()["entailment"].input_tokens
