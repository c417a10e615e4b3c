"""How contracts open a search index, what they tell it, and what a query means by its definition."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from loaders.ports import SearchIndex, UserStore
from loaders.search_query import Both, Either, Mark, MarkKind, Node
from loaders.words import Phrase
from realtime.events import Event
from realtime.index import IndexedTweet

OpenIndex = Callable[[Path], AbstractAsyncContextManager["Searched"]]


@dataclass(frozen=True, slots=True)
class Searched:
    """An index, and the stores that it follows. `tell` lets events happen, `again` applies all of them once more.

    `look` lets the index take in accounts, of which no event tells.
    """

    index: SearchIndex
    users: UserStore
    tell: Callable[[Sequence[Event]], Awaitable[None]]
    again: Callable[[], Awaitable[None]]
    look: Callable[[], Awaitable[None]]


def matches(node: Node, tweet: IndexedTweet) -> bool:
    """Tell by the definition whether a tweet matches."""
    match node:
        case Phrase(words, is_open):
            ends = range(len(words), len(tweet.words) + 1)
            parts = [tuple(tweet.words[end - len(words) : end]) for end in ends]
            *heads, last = words
            return any(
                part == words or (is_open and part[:-1] == tuple(heads) and part[-1].startswith(last)) for part in parts
            )
        case Mark(MarkKind.HASHTAG, value):
            return value in tweet.hashtags
        case Mark(MarkKind.AUTHOR, value):
            return value == str(tweet.author_id)
        case Mark(MarkKind.MEDIA, _):
            return tweet.has_media
        case Mark(_, value):
            return value == tweet.lang
        case Both(wanted, unwanted):
            return all(matches(part, tweet) for part in wanted) and not any(matches(part, tweet) for part in unwanted)
        case Either(parts):
            return any(matches(part, tweet) for part in parts)
