"""How much of a question a text covers: the measure of the local reranker and of extractive answers."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from service.language.features import STEM, features_of_word
from service.language.stopwords import content
from service.language.text import tokens

# As if this many more texts without any of the question's features stood beside the ones compared: keeps the
# weights even where few texts are compared and "in all of them" means little. It costs nothing where many are.
UNSEEN = 50
# A stem counts as three grams of like rarity: nDCG@10 en 0.773, against 0.771 for one; Hebrew does not mind.
STEM_WEIGHT = 3.0
# A word whose stem is there counts for this much at least: "החרדות" and "חרדה" share their stem and not one gram.
STEM_CREDIT = 0.8


def coverage(question: str, texts: Sequence[str]) -> list[float]:
    """For each text, the share (0..1) of the question's words it has, rare ones weighing more, in part or whole.

    Stop words do not count. A question without any word is covered by nothing.
    """
    asked = [features_of_word(word) for word in content(tokens(question))]
    found = _found({f for word in asked for f in word}, [set(tokens(text)) for text in texts])
    weights = _weights({f for word in asked for f in word}, found)
    total = math.fsum(weights[f] for word in asked for f in word)
    credits = (math.fsum(_credit(word, held, weights) for word in asked) for held in found)
    return [min(1.0, credit / total) if total else 0.0 for credit in credits]


def _credit(word: Sequence[str], held: set[str], weights: Mapping[str, float]) -> float:
    """What a text is due for one word of the question; `word` are its features, the stem first."""
    due = math.fsum(weights[f] for f in word if f in held)
    if word[0] not in held:
        return due
    return max(due, STEM_CREDIT * math.fsum(weights[f] for f in word))


def _found(asked: set[str], texts: Sequence[set[str]]) -> list[set[str]]:
    """Which features each text has of those asked; each distinct word is looked at once."""
    held = {word: asked.intersection(features_of_word(word)) for word in set().union(*texts)}
    telling = {word for word, features in held.items() if features}
    return [set().union(*(held[word] for word in words & telling)) for words in texts]


def _weights(asked: set[str], found: Sequence[set[str]]) -> dict[str, float]:
    frequency = Counter(feature for held in found for feature in held)
    size = len(found) + UNSEEN
    return {
        f: (STEM_WEIGHT if f[0] == STEM else 1.0)
        * math.log1p((size - frequency[f] + 0.5) / (frequency[f] + 0.5))
        for f in asked
    }
