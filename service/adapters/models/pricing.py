"""What models cost: micro-dollars of what they were used for, by the price lists of providers and MODEL_PRICES."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from service.adapters.models.provider import Provider
from service.domain.usage import MICROS, Part, Usage
from service.settings import ModelPrice
from service.vectors import DIMENSION

MILLION, THOUSAND = 1_000_000, 1_000
MICROS_A_TOKEN, MICROS_A_SEARCH = MICROS // MILLION, MICROS // THOUSAND
"""For each dollar of a price."""
NOTHING = ModelPrice()


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars by the name that usage is counted under; a model that is not there costs 0."""

    by_model: Mapping[str, ModelPrice]

    def cost(self, used: Mapping[str, Usage]) -> int:
        """Whole micro-dollars, rounded up: a budget is kept by it."""
        exact = sum((self.of(model, usage) for model, usage in used.items()), Decimal())
        return int(exact.to_integral_value(ROUND_CEILING))

    def of(self, model: str, usage: Usage) -> Decimal:
        """One model's, in micro-dollars."""
        price = self.by_model.get(model, NOTHING)
        return (
            _exact(price.input) * MICROS_A_TOKEN * usage.input_tokens
            + _exact(price.output) * MICROS_A_TOKEN * usage.output_tokens
            + _exact(price.searches) * MICROS_A_SEARCH * usage.searches
        )

    def missing(self, models: Iterable[str]) -> list[str]:
        """Those without a price, by name."""
        return sorted({model for model in models if model not in self.by_model})


def prices_of(providers: Iterable[Provider], told: Mapping[str, ModelPrice]) -> Prices:
    """The providers' own lists, and over them what the setting MODEL_PRICES says."""
    known = {model: price for one in providers for model, price in one.prices.items()}
    return Prices({**known, **told})


@dataclass(frozen=True, slots=True)
class Billed:
    """The models that providers bill for in this process, by the names that usage is counted under."""

    by_part: Mapping[Part, frozenset[str]]

    @property
    def models(self) -> frozenset[str]:
        return frozenset().union(*self.by_part.values())

    def estimates(self, prices: Prices, most: Mapping[Part, Usage]) -> Mapping[Part, int]:
        """Micro-dollars that a question which uses `most` of each part costs at most, by the dearest model of each."""
        return {
            part: max((prices.cost({model: most[part]}) for model in models), default=0)
            for part, models in self.by_part.items()
        }


def billed(providers: Mapping[str, Provider], *, chosen: str) -> Billed:
    """The embedders of every provider, because a workspace keeps its own; what judges and writes, of the chosen one."""
    one = providers.get(chosen, Provider(None, None, None))
    embedders = [other.embedder for other in providers.values() if other.embedder]
    return Billed(
        {
            "embedder": frozenset(counted_as(embedder.model) for embedder in embedders),
            "reranker": frozenset({one.reranker.model} if one.reranker else ()),
            "model": frozenset({one.chat.model} if one.chat else ()),
            "entailment": frozenset({one.entailment.model} if one.entailment else ()),
        }
    )


def counted_as(stored: str) -> str:
    """The name that an embedder's usage is counted under, of the one its vectors are stored under:
    NAME of provider/NAME/1024, and of that with ?anything behind it.
    """
    return stored.partition("/")[2].partition("?")[0].removesuffix(f"/{DIMENSION}") or stored


def _exact(dollars: float) -> Decimal:
    """As it is written: 0.1 is a tenth."""
    return Decimal(str(dollars))
