"""The store ports: what Roost asks of whatever remembers things. Adapters live in `infra.adapters`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from loaders.places import Place
from loaders.records import (
    Edge,
    Entry,
    Relations,
    Reservation,
    Standing,
    Switch,
    Tweet,
    TweetCounts,
    TweetId,
    User,
    UserCounts,
    UserId,
    ViewerMarks,
)
from loaders.search_query import Node
from loaders.trends import Ranking


class SliceOf(Enum):
    """What a slice of entries is cut from."""

    AUTHOR = "author"  # an author's tweets and retweets that stand
    AUTHOR_TWEETS = "author_tweets"  # the same without retweets
    HASHTAG = "hashtag"  # tweets that stand with a normalised hashtag
    REPLIES = "replies"  # direct replies that stand to a tweet
    RETWEETS = "retweets"  # all retweets of a tweet, those taken back included


class Slice(NamedTuple):
    """At most `limit` entries with `above` < id < `below`: the newest first, or the oldest first if `ascending`."""

    of: SliceOf
    key: int | str
    limit: int
    below: TweetId | None = None
    above: TweetId | None = None
    ascending: bool = False


class CachedTimeline(NamedTuple):
    """The pushed head of a home timeline.

    `ids` are the newest ones below the id asked for, newest first. The list is complete for pushed entries with ids
    above `floor`, and for follows whose edges have offsets up to what `settled` says of their partitions.
    """

    ids: Sequence[TweetId]
    floor: TweetId
    settled: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a list goes, as `CachedTimeline` has it; while it is built, nothing is promised of its follows yet."""

    floor: TweetId
    settled: Mapping[int, int]
    is_built: bool


class UserStore(Protocol):
    """Accounts. Handles are unique without case, and taken atomically."""

    async def create(self, user: User, password_hash: str | None) -> bool:
        """Store a new account durably; False if its handle is taken."""

    async def create_missing(self, users: Sequence[User]) -> Mapping[str, UserId]:
        """Store those whose handles are free; answer the id of every handle named, by its lower-case form."""

    async def get_many(self, ids: Sequence[UserId]) -> Sequence[User | None]:
        """Answer in the order asked, None for an unknown id."""

    async def by_handles(self, handles: Sequence[str]) -> Mapping[str, User]:
        """Answer those that exist, by lower-case handle."""

    async def password_hash(self, user_id: UserId) -> str | None:
        """Answer the hash that log-in checks, None where no password was set."""

    async def update_profile(
        self,
        user_id: UserId,
        display_name: str | None,
        bio: str | None,
        expected_version: int | None,
        avatar: str | None = None,
    ) -> User | None:
        """Change what is not None and raise `profile_version` by one; None if the version is another than expected.

        `avatar` is the name of a file of the media store; accounts are answered with its URL.
        """


class IdempotencyKeys(Protocol):
    """Who holds which key (rule P1). A key lives for at least its lifetime, a setting."""

    async def reserve(self, viewer_id: UserId, key: str, tweet_id: TweetId, input_hash: bytes) -> Reservation:
        """Take the key durably, or answer what came with it first; atomic among any number of callers."""


class TweetStore(Protocol):
    """Tweets as the group `store` has projected them. Reads are batches; none scans more than its limits say."""

    async def get_many(self, ids: Sequence[TweetId]) -> Sequence[Tweet | None]:
        """Answer bodies in the order asked; None for what is unknown or gone."""

    async def entries(self, ids: Sequence[TweetId]) -> Sequence[Entry | None]:
        """Answer skeletons in the order asked, gone ones included; None for what is unknown."""

    async def slices(self, slices: Sequence[Slice]) -> Sequence[Sequence[Entry]]:
        """Cut all slices in one call, answered in the order asked."""

    async def counts(self, ids: Sequence[TweetId]) -> Sequence[TweetCounts]:
        """Answer counts in the order asked."""

    async def marks(self, viewer_id: UserId, ids: Sequence[TweetId]) -> Sequence[ViewerMarks]:
        """Answer what the viewer did with each tweet, in the order asked."""

    async def retweet_id(self, viewer_id: UserId, root_id: TweetId) -> TweetId | None:
        """Answer the id of the viewer's standing retweet of a tweet."""


class GraphStore(Protocol):
    """Who follows, mutes and blocks whom."""

    async def relations(self, viewer_id: UserId) -> Relations:
        """Answer all that hiding needs to know of a viewer, as of now."""

    async def standings(self, viewer_id: UserId, ids: Sequence[UserId]) -> Sequence[Standing]:
        """Answer in the order asked, each by point reads."""

    async def counts(self, ids: Sequence[UserId]) -> Sequence[UserCounts]:
        """Answer counts in the order asked."""

    async def followers(self, author_id: UserId, limit: int) -> Sequence[UserId]:
        """Answer up to `limit` followers, in no order."""

    async def edges(self, user_id: UserId, followers: bool, limit: int, below: int | None) -> Sequence[Edge]:
        """Answer followers, or followees, newest first, with edge ids below `below`."""


class PolicyStore(Protocol):
    """How each author's tweets are delivered, switch by switch (F6)."""

    async def switches(self) -> Mapping[UserId, Sequence[Switch]]:
        """Answer the switches of every author who ever was pulled, oldest first; a live view, not a copy."""

    async def refresh(self, author_ids: Sequence[UserId] = ()) -> None:
        """Take notice of switches that other processes have recorded, of these authors, or of all if none is named."""

    async def record_switches(self, switches: Mapping[UserId, Sequence[Switch]], at: int) -> None:
        """Replace the switches of these authors, durably before the call returns.

        Of what several processes record of an author, that with the greatest `at` stands, whichever came last.
        """

    async def popular(self, followers_min: int) -> Sequence[UserId]:
        """Answer all authors with at least so many followers."""


class TimelineStore(Protocol):
    """The cache of pushed home timelines. It may be lost at any time; a list's existence means an active owner.

    Lists are sorted by id and hold an id once, whatever is replayed or comes late (F1). What is trimmed raises the
    floor (F2). Pushes touch only lists that exist.
    """

    async def newest(self, viewer_id: UserId, below: TweetId | None, limit: int) -> CachedTimeline | None:
        """Answer a viewer's list, cut to the ids below and the limit; None if there is no finished list."""

    async def push_many(self, pushes: Sequence[tuple[TweetId, Sequence[UserId]]]) -> int:
        """Put each id into the lists of those viewers who have one; answer how many entries were written."""

    async def begin_build(self, viewer_id: UserId) -> int:
        """Create the list, unfinished, with a token; pushes reach it from now on (F3)."""

    async def finish_build(
        self, viewer_id: UserId, token: int, ids: Sequence[TweetId], floor: TweetId, settled: Mapping[int, int]
    ) -> bool:
        """Merge what was read into the list iff the token still stands; False if it does not."""

    async def reach(self, viewer_id: UserId) -> Reach | None:
        """Answer how far a list goes, finished or not; None if there is none. It does not count as reading."""

    async def backfill(
        self, viewer_id: UserId, ids: Sequence[TweetId], floor: TweetId, settled: Mapping[int, int]
    ) -> None:
        """Merge a followee's ids into the list, if it exists, and settle edges up to these offsets by partition.

        The ids are whole above `floor`: a list that reached deeper gives up what is below.
        """

    async def drop(self, viewer_ids: Sequence[UserId] | None) -> None:
        """Forget the lists of these viewers, or all."""


class Found(NamedTuple):
    """A tweet that a search found; `words` are those of its text, with single spaces between, where asked for."""

    id: TweetId
    author_id: UserId
    words: str


class FoundUser(NamedTuple):
    """An account that a search found, and how many followers it is ranked by."""

    id: UserId
    followers: int


class SearchIndex(Protocol):
    """What can be searched: a projection, which may lack the newest second, and hold what is gone since.

    Whoever shows what it finds judges it by the stores of now.
    """

    @property
    def is_complete(self) -> bool:
        """Tell whether it holds all tweets and accounts; not so while it is made, or far behind the log."""

    async def newest(
        self, root: Node, below: int, lowest: int, limit: int, with_words: bool = False
    ) -> Sequence[Found]:
        """Answer the newest matches with `lowest` <= id < `below`; marks of authors hold their numbers.

        Raises `Unavailable` where too many searches wait, or one takes too long.
        """

    async def users(self, prefixes: Sequence[str], below: FoundUser | None, limit: int) -> Sequence[FoundUser]:
        """Answer accounts of whose handle and names some begin with each of these, most followed first.

        Of several with as many followers the newest comes first. Raises `Unavailable` as `newest` does.
        """


class HubPlace(Protocol):
    """The place that this process's hub has reached: what pages may promise to hold (L1, L3)."""

    def __call__(self) -> Place:
        """Answer the hub's place now."""


class TrendStore(Protocol):
    """The rankings of trends, of which the newest is kept; `Unavailable` is raised while they are counted anew."""

    async def newest(self) -> Ranking:
        """Answer the ranking of the last window that is whole."""

    async def after(self, until_ms: int) -> Ranking:
        """Wait for a ranking of a later window than the one that ended at this time, and answer it."""
