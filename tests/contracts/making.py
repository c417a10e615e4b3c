"""Events, entries and places in a log for tests, in few words."""

from collections.abc import Iterable

from loaders.records import Entry, TweetId, UserId
from realtime.events import (
    Event,
    LikeChanged,
    RelationChanged,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    Verb,
    encode,
)
from realtime.ports import Logged


def logged(events: Iterable[Event | bytes], after: int = 0, at_ms: int = 0) -> list[Logged]:
    """Return consecutive places in a log; bytes stand for poison."""
    return [
        Logged(0, offset, event if isinstance(event, bytes) else encode(event), at_ms)
        for offset, event in enumerate(events, after + 1)
    ]


def tweet(
    tweet_id: int,
    author_id: int,
    text: str = "hello",
    answers: tuple[int, int] | None = None,
    media: str | None = None,
) -> Event:
    """Return a tweet; `answers` is the tweet replied to, and its author."""
    parent_id, parent_author_id = answers or (None, None)
    return TweetPosted(
        TweetId(tweet_id),
        UserId(author_id),
        text,
        1_000 + tweet_id,
        None if parent_id is None else TweetId(parent_id),
        None if parent_author_id is None else UserId(parent_author_id),
        media=media,
    )


def quote(tweet_id: int, author_id: int, quoted_id: int) -> Event:
    """Return a tweet that quotes another."""
    return TweetPosted(TweetId(tweet_id), UserId(author_id), "look", 1_000, quoted_id=TweetId(quoted_id), lang="en")


def retweet(entry_id: int, author_id: int, root_id: int, root_author_id: int) -> Event:
    """Return a retweet."""
    return Retweeted(TweetId(entry_id), UserId(author_id), TweetId(root_id), UserId(root_author_id), 1_000)


def undo(entry_id: int, author_id: int, root_id: int) -> Event:
    """Return the end of a retweet."""
    return RetweetUndone(TweetId(entry_id), UserId(author_id), TweetId(root_id))


def delete(tweet_id: int, author_id: int) -> Event:
    """Return a deletion."""
    return TweetDeleted(TweetId(tweet_id), UserId(author_id))


def like(user_id: int, tweet_id: int, liked: bool = True) -> Event:
    """Return a like, or its end."""
    return LikeChanged(UserId(user_id), TweetId(tweet_id), liked)


def relate(verb: Verb, actor_id: int, target_id: int, edge_id: int = 0) -> Event:
    """Return what one account does to another."""
    return RelationChanged(verb, UserId(actor_id), UserId(target_id), edge_id)


def entry(
    entry_id: int,
    author_id: int = 1,
    root: tuple[int, int] | None = None,
    offset: int | None = None,
    gone_at: int | None = None,
    reply_author_id: int | None = None,
) -> Entry:
    """Return a skeleton; `root` is the tweet that a retweet shows, and its author. The offset is the id by default."""
    root_id, root_author_id = root or (entry_id, author_id)
    return Entry(
        TweetId(entry_id),
        UserId(author_id),
        TweetId(root_id),
        UserId(root_author_id),
        None if reply_author_id is None else UserId(reply_author_id),
        entry_id if offset is None else offset,
        gone_at,
    )
