"""Names and quotations: what a claim must have from the notes as it stands there."""

from collections.abc import Sequence

from service.chat.grounding.evidence import Source
from service.language.proper_names import has_names, names
from service.language.quotations import quoted, says


def misquotes(text: str, texts: Sequence[str]) -> bool:
    """Whether it quotes what none of these texts says word for word."""
    return any(not any(says(source, quote) for source in texts) for quote in quoted(text))


def misnames(text: str, evidence: Sequence[Source]) -> bool:
    """Whether it names somebody or something that the passages do not; each passage's client may be named.

    Who is the client of one passage is not what another client's passage is about.
    """
    wanted = names(text)
    passages = {source.passage.id: source.passage for source in evidence}.values()
    if not wanted or not passages:
        return False
    if not has_names(wanted, [f"{one.client_name}\n{one.chunk.text}" for one in passages]):
        return True
    clients = [
        name for name in wanted if any(has_names([name], [one.client_name]) for one in passages)
    ]
    return any(not has_names(clients, [one.client_name, one.chunk.text]) for one in passages)
