"""The most that one question asks of each model, from the limits that it is asked and searched within."""

from collections.abc import Mapping

from service.domain.answers import LONGEST_QUESTION, MOST_RESULTS
from service.domain.usage import Part, Usage
from service.language.chunking import LIMIT
from service.retrieval.passages import PASSAGES_PER_NOTE
from service.retrieval.search import PULL_LIMIT

CHARACTERS_PER_TOKEN = 2  # Of Hebrew; English has about four.
STRETCHES_PER_NOTE = 8  # The fifty longest of 1,156 notes in the practice data have 345.
TEXTS_PER_SEARCH = 100
INSTRUCTIONS = 2_000  # Characters: what a chat model is told, and the frame of its documents.
ANSWER_TOKENS = 800  # What every adapter asks a chat model for at most.
LOOKS = 5 * LONGEST_QUESTION
"""Characters: a follow-up as it was asked; joined to the question before it; and that among clients it may name."""


def most_of_a_question() -> Mapping[Part, Usage]:
    """One embedding of each look, one judgement of all that is pulled, one answer from all that may be shown."""
    stretches = PULL_LIMIT * STRETCHES_PER_NOTE
    shown = MOST_RESULTS * PASSAGES_PER_NOTE * LIMIT
    return {
        "embedder": Usage(_tokens(LOOKS)),
        "reranker": Usage(_tokens(stretches * LIMIT), searches=-(-stretches // TEXTS_PER_SEARCH)),
        "model": Usage(_tokens(shown + 2 * LONGEST_QUESTION + INSTRUCTIONS), ANSWER_TOKENS),
    }


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
