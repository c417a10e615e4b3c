"""What happened: events in the past tense, and the bytes they have in the log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import lru_cache
from types import UnionType
from typing import Any, ClassVar, Union, get_args, get_origin

import orjson

from loaders.records import TweetId, UserId

REMEMBERED_MAX, REMEMBERED_BYTES_MAX = 1_000, 2_000


class Verb(Enum):
    """What one account did to another."""

    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    MUTE = "mute"
    UNMUTE = "unmute"
    BLOCK = "block"
    UNBLOCK = "unblock"


@dataclass(frozen=True, slots=True)
class TweetPosted:
    """A tweet, reply or quote was posted; `reply_author_id` is who wrote the tweet replied to.

    `media` is as `loaders.media.packed` writes it. An event without media does not name them in its bytes.
    """

    id: TweetId
    author_id: UserId
    text: str
    created_at_ms: int
    in_reply_to_id: TweetId | None = None
    reply_author_id: UserId | None = None
    quoted_id: TweetId | None = None
    lang: str | None = None
    media: str | None = None


@dataclass(frozen=True, slots=True)
class Retweeted:
    """An account retweeted a tweet; `id` is the retweet's own."""

    id: TweetId
    author_id: UserId
    root_id: TweetId
    root_author_id: UserId
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class TweetDeleted:
    """An author deleted a tweet, which answered or quoted these."""

    id: TweetId
    author_id: UserId
    in_reply_to_id: TweetId | None = None
    quoted_id: TweetId | None = None


@dataclass(frozen=True, slots=True)
class RetweetUndone:
    """An account took its retweet back."""

    id: TweetId
    author_id: UserId
    root_id: TweetId


@dataclass(frozen=True, slots=True)
class LikeChanged:
    """An account liked a tweet, or no longer does."""

    user_id: UserId
    tweet_id: TweetId
    liked: bool


@dataclass(frozen=True, slots=True)
class RelationChanged:
    """An account followed, muted or blocked another, or ended that; `edge_id` orders follows by time."""

    verb: Verb
    actor_id: UserId
    target_id: UserId
    edge_id: int


@dataclass(frozen=True, slots=True)
class FollowsImported:
    """A batch of follows from elsewhere: (follower, followee, edge id)."""

    follows: Sequence[tuple[UserId, UserId, int]]


@dataclass(frozen=True, slots=True)
class ImportedTweet:
    """A row of `TweetsImported`; `key` is the digest by which the same row is known again, empty if it has none.

    What another Roost had taken away is brought along as well, in an event after the one that brought the tweet: its id
    never comes back.
    """

    key: str
    tweet: TweetPosted | Retweeted | TweetDeleted | RetweetUndone


@dataclass(frozen=True, slots=True)
class TweetsImported:
    """A batch of tweets and retweets from elsewhere, with ids made from their own times; sockets do not hear them."""

    tweets: Sequence[ImportedTweet]


@dataclass(frozen=True, slots=True)
class LikesImported:
    """A batch of likes from elsewhere: (user, tweet)."""

    likes: Sequence[tuple[UserId, TweetId]]


@dataclass(frozen=True, slots=True)
class ImportFinished:
    """An import ended: authors above the push limit are pulled from their first id on."""


@dataclass(frozen=True, slots=True)
class RepairRequested:
    """An operator asks to mend: events from `from_offset` on are applied again, and these lists are built anew.

    It concerns one partition of the log; there is one such event for each.
    """

    viewer_ids: Sequence[UserId]
    from_offset: int
    partition: int = 0


Event = (
    TweetPosted
    | Retweeted
    | TweetDeleted
    | RetweetUndone
    | LikeChanged
    | RelationChanged
    | FollowsImported
    | TweetsImported
    | LikesImported
    | ImportFinished
    | RepairRequested
)


class MalformedEvent(ValueError):
    """Bytes in the log that are no event: poison, which no retry mends."""

    code: ClassVar[str] = "MALFORMED_EVENT"


def encode(event: Event) -> bytes:
    """Return an event's bytes: one JSON object that names its type."""
    return orjson.dumps({"type": type(event).__name__, **_plain(event)})


def decode(payload: bytes) -> Event:
    """Return the event that bytes hold; `MalformedEvent` if they hold none."""
    # What is short is read by one group after the other, and is remembered until then.
    return _decode_again(payload) if len(payload) <= REMEMBERED_BYTES_MAX else _decode(payload)


def _decode(payload: bytes) -> Event:
    try:
        content = orjson.loads(payload)
        event: Event = _READERS[content.pop("type")](content)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedEvent(f"{type(error).__name__}: {error}") from error
    return event


_decode_again = lru_cache(maxsize=REMEMBERED_MAX)(_decode)


def event_id(payload: bytes) -> int:
    """Return the id that an event gives to something new; 0 if it gives none, or is no event."""
    try:
        event = decode(payload)
    except MalformedEvent:
        return 0
    match event:
        case TweetPosted() | Retweeted():
            return event.id
        case RelationChanged():
            return event.edge_id
        case _:
            return 0


def is_bulk(payload: bytes) -> bool:
    """Tell whether bytes are those of an import's rows, whose reading takes a while and is the store's business."""
    return payload.startswith(_BULK)


def _plain(event: Any) -> dict[str, Any]:
    content = {name: getattr(event, name) for name in _FIELDS[type(event)]}
    if isinstance(event, RelationChanged):
        content["verb"] = event.verb.value
    elif isinstance(event, TweetPosted):
        if event.media is None:
            del content["media"]
    elif isinstance(event, TweetsImported):
        content["tweets"] = [
            {"key": row.key, "type": type(row.tweet).__name__, **_plain(row.tweet)} for row in event.tweets
        ]
    return content


def _checked(kind: type[Any]) -> Callable[[dict[str, Any]], Any]:
    checks = [(field.name, _check(field.type)) for field in fields(kind)]

    def read(content: dict[str, Any]) -> Any:
        event = kind(**content)
        for name, holds in checks:
            if not holds(getattr(event, name)):
                raise TypeError(f"{kind.__name__}.{name} holds something of another kind")
        return event

    return read


def _check(annotation: Any) -> Callable[[Any], bool]:
    """Return the check of a field's values; JSON has lists for sequences and for tuples."""
    if annotation in {int, TweetId, UserId}:
        return lambda value: value.__class__ is int
    if annotation in {str, bool, Verb}:
        return lambda value: value.__class__ is annotation
    parts = get_args(annotation)
    if get_origin(annotation) in {UnionType, Union}:
        of_some = _check(parts[0])
        return lambda value: value is None or of_some(value)
    if get_origin(parts[0]) is tuple:
        length = len(get_args(parts[0]))
        return lambda rows: (
            rows.__class__ is list
            and all(
                row.__class__ is list and len(row) == length and all(each.__class__ is int for each in row)
                for row in rows
            )
        )
    return lambda values: values.__class__ is list and all(value.__class__ is int for value in values)


def _imported(content: dict[str, Any]) -> TweetsImported:
    rows = []
    for row in content["tweets"]:
        key, kind = row.pop("key"), row.pop("type")
        if kind not in {"TweetPosted", "Retweeted", "TweetDeleted", "RetweetUndone"}:
            raise ValueError(f"{kind} is no imported tweet")
        rows.append(ImportedTweet(key, _READERS[kind](row)))
    return TweetsImported(rows)


def _relation(content: dict[str, Any]) -> RelationChanged:
    return _READ_RELATION({**content, "verb": Verb(content["verb"])})  # type: ignore[no-any-return]


_READ_RELATION = _checked(RelationChanged)
_FIELDS: dict[type[Any], tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in get_args(Event)
}
_BULK = tuple(b'{"type":"%s"' % kind.__name__.encode() for kind in (FollowsImported, TweetsImported, LikesImported))
_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    **{
        kind.__name__: _checked(kind)
        for kind in (
            TweetPosted,
            Retweeted,
            TweetDeleted,
            RetweetUndone,
            LikeChanged,
            FollowsImported,
            LikesImported,
            ImportFinished,
            RepairRequested,
        )
    },
    "RelationChanged": _relation,
    "TweetsImported": _imported,
}
