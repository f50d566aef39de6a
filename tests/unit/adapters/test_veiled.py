"""What a reranker is given of many stretches of a few clients."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from service.adapters.models.veiled import VeiledReranker, outward
from service.domain.answers import Stretch
from service.domain.identity import ClientId
from service.domain.notes import Person
from service.language.pseudonyms import Pseudonyms, PseudonymVeil
from tests.fakes import a_context

NAMES = ("Dana Cohen", "רועי לוי", "Noam  Barak")
PEOPLE = [Person(ClientId(UUID(int=n)), *name.split(maxsplit=1)) for n, name in enumerate(NAMES)]
KNOWN = Pseudonyms(PEOPLE, key=b"k" * 32)
TEXTS = st.sampled_from(
    ["Dana slept.", "דנה ורועי", "Mr Barak called 054-1234567.", "Slept well.", ""]
)
STRETCHES = st.lists(st.builds(Stretch, TEXTS, st.sampled_from(NAMES), st.none(), st.just("plan")))


class Reading:
    """A reranker that keeps what it was given."""

    model, crosses_languages = "reading", True

    async def rerank(self, query, stretches, *, rarity, context):
        self.given = (query, [(one.text, one.client_name) for one in stretches])
        return [0.0] * len(stretches)


@given(STRETCHES)
async def test_a_name_is_hidden_in_every_stretch_as_in_its_first(stretches):
    """As if each stretch were hidden for itself, one after the other."""
    inner, alone = Reading(), PseudonymVeil(KNOWN)
    context = a_context(veil=PseudonymVeil(KNOWN))
    await VeiledReranker(inner).rerank("Dana?", stretches, rarity=float, context=context)
    each = [
        (outward(one.text, alone), outward(" ".join(one.client_name.split()), alone))
        for one in stretches
    ]
    assert inner.given == (outward("Dana?", alone), each)
    assert not any(name.split()[0] in text for text, _ in each for name in NAMES)
