"""What is remembered: frozen records, with no behaviour beyond what their fields say.

Those made hundreds of times a page are named tuples, which Python makes three times as fast as frozen dataclasses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, NewType

from loaders.global_ids import encode_id

UserId = NewType("UserId", int)
TweetId = NewType("TweetId", int)
"""A tweet's, or a retweet's, place in every timeline: see `loaders.ids`."""

NO_FOLLOWS: Mapping[UserId, int] = {}
NO_EDGES: Mapping[int, int] = {}


@lru_cache(maxsize=2_000)
def utc(at_ms: int) -> datetime:
    """Return a time in UTC; that of a tweet is asked for by everyone who sees it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


class Delivery(Enum):
    """How an entry reaches its followers: the author's recorded policy at the entry's id."""

    PUSHED = "pushed"
    PULLED = "pulled"


@dataclass(frozen=True, slots=True)
class User:
    """An account, as anyone may see it."""

    id: UserId
    handle: str
    display_name: str
    bio: str
    profile_version: int
    created_at_ms: int
    avatar_url: str | None = None

    @property
    def global_id(self) -> str:
        """The account's id for clients."""
        return encode_id("User", self.id)

    @property
    def created_at(self) -> datetime:
        """When the account came into being, in UTC."""
        return utc(self.created_at_ms)


class Tweet(NamedTuple):
    """A tweet's body. A deleted tweet has none: stores leave it out of their answers.

    `media` is as `loaders.media.packed` writes it, None for none.
    """

    id: TweetId
    author_id: UserId
    text: str
    created_at_ms: int
    in_reply_to_id: TweetId | None
    quoted_id: TweetId | None
    lang: str | None
    media: str | None = None


class Entry(NamedTuple):
    """What the rules of a timeline need to know of a tweet or a retweet: its skeleton.

    `root_id` and `root_author_id` are the original's; for a tweet they are its own. `offset` is the entry's own place
    in its author's partition of the log. `gone_at` is the spot in the log (`loaders.places.spot`) at which the tweet,
    or the original of a retweet, or the retweet itself, was taken away, and None while it stands.
    """

    id: TweetId
    author_id: UserId
    root_id: TweetId
    root_author_id: UserId
    reply_author_id: UserId | None
    offset: int
    gone_at: int | None = None

    @property
    def is_retweet(self) -> bool:
        """Whether this entry shows another's tweet."""
        return self.root_id != self.id


@dataclass(frozen=True, slots=True)
class Relations:
    """Whom a viewer follows (with the log offset of each edge), mutes and blocks, and by whom the viewer is blocked.

    `newest_edges` has the greatest of these offsets by partition, `hidden` everybody whose writing does not show.
    """

    viewer_id: UserId
    follows: Mapping[UserId, int] = field(default_factory=lambda: NO_FOLLOWS)
    mutes: frozenset[UserId] = frozenset()
    blocks: frozenset[UserId] = frozenset()
    blocked_by: frozenset[UserId] = frozenset()
    newest_edges: Mapping[int, int] = field(default_factory=lambda: NO_EDGES)
    hidden: frozenset[UserId] = field(init=False)

    def __post_init__(self) -> None:
        """Join the reasons to hide once, for the many entries that are judged by them."""
        object.__setattr__(self, "hidden", self.mutes | self.blocks | self.blocked_by)


class TweetCounts(NamedTuple):
    """How often a tweet was liked, retweeted, answered and quoted, by what still stands."""

    likes: int = 0
    retweets: int = 0
    replies: int = 0
    quotes: int = 0


class TweetView(NamedTuple):
    """A tweet as one viewer sees it: all that a page shows of it, in plain attributes."""

    id: TweetId
    author: User | None
    text: str
    created_at_ms: int
    in_reply_to_id: TweetId | None
    quoted_id: TweetId | None
    lang: str | None
    like_count: int
    retweet_count: int
    reply_count: int
    quote_count: int
    viewer_has_liked: bool
    viewer_has_retweeted: bool
    media: Sequence[NamedTuple] = ()

    @property
    def global_id(self) -> str:
        """The tweet's id for clients."""
        return encode_id("Tweet", self.id)

    @property
    def created_at(self) -> datetime:
        """When it was posted, in UTC."""
        return utc(self.created_at_ms)


@dataclass(frozen=True, slots=True)
class UserCounts:
    """An account's counts; `tweets` are tweets, replies and quotes, without retweets."""

    followers: int = 0
    following: int = 0
    tweets: int = 0


class ViewerMarks(NamedTuple):
    """What the viewer did with a tweet."""

    has_liked: bool = False
    has_retweeted: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a viewer and another account stand to each other."""

    is_following: bool = False
    follows_viewer: bool = False
    has_muted: bool = False
    has_blocked: bool = False
    is_blocked_by: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """One follow, as a list of followers or followees shows it; newest first by `edge_id`."""

    edge_id: int
    user_id: UserId


@dataclass(frozen=True, slots=True)
class Switch:
    """From `from_id` on, the author's tweets are delivered so."""

    from_id: TweetId
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Reservation:
    """Who holds an idempotency key: the tweet id and the hash of the input that came with it first."""

    tweet_id: TweetId
    input_hash: bytes
    is_new: bool
