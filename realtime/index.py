"""What events change in the search index. Pure: the words of new tweets, what is gone, whose followers changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from loaders.records import TweetId, UserId
from loaders.words import signs_of, words_of
from realtime.events import (
    Event,
    FollowsImported,
    MalformedEvent,
    RelationChanged,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
    Verb,
    decode,
)
from realtime.ports import Logged

OF_MANY_FOLLOWS = b'{"type":"FollowsImported"'
OF_LIKES = (b'{"type":"LikeChanged"', b'{"type":"LikesImported"')


class IndexedTweet(NamedTuple):
    """A tweet as the index holds it: its words, and what else it can be found by."""

    id: TweetId
    author_id: UserId
    words: Sequence[str]
    hashtags: Sequence[str] = ()
    mentions: Sequence[str] = ()
    lang: str | None = None
    has_media: bool = False


@dataclass(slots=True)
class IndexChanges:
    """What a batch changes. `has_many_follows` says that anybody's followers may have changed."""

    tweets: dict[TweetId, IndexedTweet] = field(default_factory=dict)
    gone: set[TweetId] = field(default_factory=set)
    followed: set[UserId] = field(default_factory=set)
    has_many_follows: bool = False


def indexed(tweet_id: TweetId, author_id: UserId, text: str, lang: str | None, media: str | None) -> IndexedTweet:
    """Return a tweet as the index holds it."""
    hashtags, mentions = signs_of(text)
    return IndexedTweet(tweet_id, author_id, words_of(text), hashtags, mentions, lang and lang.lower(), bool(media))


def index_changes(batch: Sequence[Logged]) -> IndexChanges:
    """Return what consecutive events come to; what is no event changes nothing, since the store has buried it."""
    changes = IndexChanges()
    for logged in batch:
        if logged.payload.startswith(OF_LIKES):
            continue
        if logged.payload.startswith(OF_MANY_FOLLOWS):
            changes.has_many_follows = True
            continue
        try:
            _take(changes, decode(logged.payload))
        except MalformedEvent:
            continue
    return changes


def names_of(handle: str, display_name: str) -> list[str]:
    """Return what an account is found by the beginnings of: its handle, that one's parts, the words of its name."""
    return list(dict.fromkeys([handle.lower(), *words_of(handle), *words_of(display_name)]))


def followees_of(batch: Sequence[Logged]) -> set[UserId]:
    """Return whose followers the events of an import change, each by name."""
    followees: set[UserId] = set()
    for logged in batch:
        if logged.payload.startswith(OF_MANY_FOLLOWS):
            try:
                event = decode(logged.payload)
            except MalformedEvent:
                continue
            if isinstance(event, FollowsImported):
                followees.update(followee_id for _, followee_id, _ in event.follows)
    return followees


def _take(changes: IndexChanges, event: Event) -> None:
    match event:
        case TweetPosted():
            changes.gone.discard(event.id)
            changes.tweets[event.id] = indexed(event.id, event.author_id, event.text, event.lang, event.media)
        case TweetDeleted():
            changes.tweets.pop(event.id, None)
            changes.gone.add(event.id)
        case TweetsImported():
            for row in event.tweets:
                _take(changes, row.tweet)
        case RelationChanged(verb=verb) if verb not in {Verb.MUTE, Verb.UNMUTE}:
            # A block ends follows both ways.
            changes.followed |= {event.actor_id, event.target_id}
        case _:
            pass
