"""What no sentence of an answer may carry, whatever the notes say: links, our instructions, other clients, orders."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

from service.chat.grounding import support
from service.chat.grounding.evidence import Read
from service.domain.answers import Claim, Passage, Span, WithheldReason
from service.domain.identity import ClientId
from service.language.injection import orders_in, reads_like_instruction, score
from service.language.markup import has_markup
from service.language.prompt_text import repeats_instructions
from service.retrieval.people import NOBODY, Named

Naming = Callable[[str], Named]
"""Whom of the practice's clients a text names."""
Orders = Callable[[str], Sequence[tuple[int, int]]]
"""Where a text speaks to a model: `orders_in`, or what remembers it for one answer."""
AROUND = 1_000  # Code points on either side of a quote: the sentence before it and the one behind.


def nobody(text: str) -> Named:
    return NOBODY


def remembered() -> Orders:
    """`orders_in` for one answer: of its notes, and of their sentences in any stretch, each is looked at once.

    It is asked of them before a sentence is judged, as it is shown, and for the whole answer.
    """
    return cache(partial(orders_in, scored=cache(score)))


def guarded(
    claim: Claim,
    passages: Sequence[Passage],
    *,
    others: Naming,
    quoted: bool,
    orders: Orders,
    read: Read,
) -> tuple[WithheldReason | None, Sequence[Passage]]:
    """The first reason to withhold a sentence that no support can outweigh, None where there is none; and what may
    support, confirm or repair it: the passages it cites, with blanks for orders, so that every offset stays.

    `passages` are all that were sent. A `quoted` sentence was written by no model but taken from a note word for word:
    that may be an order, and is labelled as one.
    """
    cited = [passage for passage in passages if passage.id in claim.passage_ids]
    data = cited if quoted else [_data(passage, orders) for passage in cited]
    if has_markup(claim.text):
        return "markup", data
    if repeats_instructions(claim.text):
        return "prompt_text", data
    if _names_another(claim, cited, others):
        return "other_client", data
    return ("instruction" if _obeys(claim, cited, data, read) else None), data


def look_through(passages: Sequence[Passage], orders: Orders) -> None:
    """Every note of the passages for what it says to a model, so that `orders` remembers it."""
    for passage in passages:
        orders(_whole(passage)[0])


def reads_like_order(passage: Passage, span: Span, orders: Orders) -> bool:
    """Whether a quote is, or holds, what its field says to a model, or has it repeat."""
    text, at = _whole(passage)
    start, end = at + span.start, at + span.end
    first = max(0, start - AROUND)
    found = orders(text[first : end + AROUND])
    return any(first + one < end and start < first + other for one, other in found)


def _names_another(claim: Claim, cited: Sequence[Passage], others: Naming) -> bool:
    """Whether it names a client of whom no cited passage is and no cited text speaks."""
    named = others(claim.text).sure - {passage.note.client for passage in cited}
    return bool(named) and bool(named - _spoken_of(cited, others))


def _spoken_of(cited: Sequence[Passage], others: Naming) -> frozenset[ClientId]:
    said = (others(passage.chunk.text) for passage in cited)
    return frozenset().union(*(one.sure | one.maybe for one in said))


def _obeys(claim: Claim, cited: Sequence[Passage], data: Sequence[Passage], read: Read) -> bool:
    """Whether nothing but orders bears it out."""
    if data == cited or support(claim.text, data, read=read).how != "none":
        return False
    return support(claim.text, cited, read=read).how != "none"


def _data(passage: Passage, orders: Orders) -> Passage:
    """The passage without orders, and without a name that is one: words of a name count as known to the reader."""
    text, chunk = list(passage.chunk.text), passage.chunk
    for start, end in _orders_in(passage, orders):
        text[start:end] = " " * (end - start)
    name = passage.client_name
    if reads_like_instruction(name) or has_markup(name):
        name = ""
    return replace(passage, chunk=replace(chunk, text="".join(text)), client_name=name)


def _orders_in(passage: Passage, orders: Orders) -> Iterator[tuple[int, int]]:
    """Within the passage's text."""
    (text, at), chunk = _whole(passage), passage.chunk
    start, end = at + chunk.start, at + chunk.end
    for first, last in orders(text):
        if first < end and start < last:
            yield max(first, start) - start, min(last, end) - start


def _whole(passage: Passage) -> tuple[str, int]:
    """The whole note and where the passage's field begins: an order may begin in one field and end in the next."""
    fields, before = passage.note.fields, 0
    for name, text in fields.items():
        if name == passage.chunk.field:
            break
        before += len(text) + 1
    return "\n".join(fields.values()), before
