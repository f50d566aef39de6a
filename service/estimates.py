"""The most that one question asks of each model, from the limits that it is asked and searched within."""

from collections.abc import Mapping

from service.adapters.models.calling import MAX_TOKENS
from service.adapters.models.entailment import VERDICT_TOKENS
from service.domain.answers import (
    LONGEST_QUESTION,
    MOST_CONFIRMED,
    MOST_OVERVIEWED,
    MOST_RESULTS,
    MOST_SOURCES,
)
from service.domain.usage import Part, Usage
from service.language.chunking import LIMIT
from service.ports.monolith import MAX_IDS
from service.retrieval.passages import PASSAGES_PER_NOTE

CHARACTERS_PER_TOKEN = 2  # Of Hebrew; English has about four.
STRETCHES_PER_NOTE = 8  # The fifty longest of 1,156 notes in the practice data have 345.
TEXTS_PER_SEARCH = 100
INSTRUCTIONS = 2_000  # Characters: what a chat model is told, and the frame of its documents.
CHECKING = 1_200  # Characters: what a model is told that confirms a sentence.
HEADING = 200  # Characters over a source: a name, a day, a field and the mark of it.
LOOKS = 5 * LONGEST_QUESTION
"""Characters: a follow-up as it was asked; joined to the question before it; and that among clients it may name."""


def most_of_a_question() -> Mapping[Part, Usage]:
    """One embedding of each look, one judgement of all that is pulled, one answer from all that may be shown, and a
    second look at as many of its sentences as are confirmed: these share the answer's length.
    """
    stretches = MAX_IDS * STRETCHES_PER_NOTE
    shown = max(MOST_RESULTS * PASSAGES_PER_NOTE, MOST_OVERVIEWED) * LIMIT
    return {
        "embedder": Usage(_tokens(LOOKS)),
        "reranker": Usage(_tokens(stretches * LIMIT), searches=-(-stretches // TEXTS_PER_SEARCH)),
        "model": Usage(_tokens(shown + 2 * LONGEST_QUESTION + INSTRUCTIONS), MAX_TOKENS),
        "entailment": Usage(
            MOST_CONFIRMED * _tokens(MOST_SOURCES * (LIMIT + HEADING) + CHECKING) + MAX_TOKENS,
            MOST_CONFIRMED * VERDICT_TOKENS,
        ),
    }


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
