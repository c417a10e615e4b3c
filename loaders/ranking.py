"""How well a tweet answers a search: BM25 (Robertson and others, TREC-3, 1994) weighed with the tweet's age. Pure.

The statistics are those of the tweets that are ranked together, and travel in the cursor: so a tweet's score stays what
it was while a reader pages on, whatever is posted meanwhile.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loaders.words import Phrase

K1, B = 1.2, 0.75
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Statistics:
    """How many tweets were ranked together, how many words they have, and in how many of them each phrase stands."""

    tweets: int
    words: int
    holding: tuple[int, ...]


def statistics(phrases: Sequence[Phrase], texts: Sequence[str]) -> Statistics:
    """Count over tweets, each given as its words with single spaces between them."""
    padded = [_padded(text) for text in texts]
    holding = tuple(sum(_needle(phrase) in text for text in padded) for phrase in phrases)
    return Statistics(len(texts), sum(_length(text) for text in texts), holding)


def relevance(phrases: Sequence[Phrase], text: str, counted: Statistics, age_ms: int, half_life_ms: int) -> float:
    """The score of one tweet, 0 or more; twice the age in half-lives and one takes as much of it.

    A tweet that owes its place to marks alone, such as its author, is judged by its age.
    """
    padded, mean = _padded(text), max(1.0, counted.words / max(1, counted.tweets))
    norm = K1 * (1 - B + B * _length(text) / mean)
    score = 1.0
    for phrase, holding in zip(phrases, counted.holding, strict=True):
        count = padded.count(_needle(phrase))
        if count:
            rarity = math.log(1 + (counted.tweets - holding + 0.5) / (holding + 0.5))
            score += rarity * count * (K1 + 1) / (count + norm)
    return score / (1 + max(0, age_ms) / half_life_ms)


def _length(text: str) -> int:
    return text.count(" ") + 1


def _padded(text: str) -> str:
    # Every word has two spaces of its own, so that neighbours that are found share none.
    return f" {text.replace(' ', '  ')} "


def _needle(phrase: Phrase) -> str:
    return f" {'  '.join(phrase.words)}" + ("" if phrase.is_open else " ")
