"""One fresh set of loaders for each request and each live event: what one viewer may see, read in batches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loaders.batch import BatchLoader
from loaders.errors import Unavailable
from loaders.known import Known
from loaders.media import shown, unpacked
from loaders.ports import GraphStore, Slice, TweetStore, UserStore
from loaders.records import (
    Entry,
    Relations,
    Standing,
    Tweet,
    TweetCounts,
    TweetId,
    TweetView,
    User,
    UserCounts,
    UserId,
    ViewerMarks,
)
from loaders.rules import may_see

NO_MARKS = ViewerMarks()


@dataclass(frozen=True, slots=True)
class LoaderStores:
    """The stores behind the loaders, what is known where they do not answer, and what makes the URLs of media."""

    users: UserStore
    tweets: TweetStore
    graph: GraphStore
    known: Known | None = None
    url_of: Callable[[str], str] = "/{}".format


class Loaders:
    """Loaders by key, each made when it is first asked for. `viewer_id` is None for an anonymous viewer."""

    users: BatchLoader[UserId, User | None]
    tweets: BatchLoader[TweetId, TweetView | None]
    entries: BatchLoader[TweetId, Entry | None]
    slices: BatchLoader[Slice, Sequence[Entry]]
    user_counts: BatchLoader[UserId, UserCounts]
    standings: BatchLoader[UserId, Standing]

    def __init__(self, stores: LoaderStores, viewer_id: UserId | None) -> None:
        self._stores = stores
        self._viewer_id = viewer_id
        self._known = stores.known
        self._is_away = False
        self._relations: Relations | None = None

    def judge_by(self, relations: Relations) -> None:
        """Take the viewer's relations as a query has read them already, and do not ask for them again."""
        self._relations = relations

    def do_without_stores(self) -> None:
        """Answer tweets and accounts by what is known: the stores did not answer this request before."""
        self._is_away = True

    def __getattr__(self, name: str) -> Any:
        """Make a loader: nearly every request needs two or three of them."""
        find = _BATCHES.get(name)
        if find is None:
            raise AttributeError(name)
        loader: BatchLoader[Any, Any] = BatchLoader(find(self))
        setattr(self, name, loader)
        return loader

    async def _views(self, ids: Sequence[TweetId]) -> Sequence[TweetView | None]:
        """Answer tweets as the viewer sees them; None for those gone, unknown, or behind a block."""
        known = self._known
        if known is None:
            return await self._read_views(ids)
        if not self._is_away:
            since = known.since()
            try:
                views = await self._read_views(ids)
            except Unavailable:
                self._is_away = True
            else:
                known.keep(self._viewer_id, since, views=views)
                return views
        return known.views(self._viewer_id, ids)

    async def _users(self, ids: Sequence[UserId]) -> Sequence[User | None]:
        known = self._known
        if known is None:
            return await self._stores.users.get_many(ids)
        if not self._is_away:
            since = known.since()
            try:
                users = await self._stores.users.get_many(ids)
            except Unavailable:
                self._is_away = True
            else:
                known.keep(self._viewer_id, since, users=users)
                return users
        return known.users(ids)

    async def _read_views(self, ids: Sequence[TweetId]) -> Sequence[TweetView | None]:
        tweets = await self._bodies(ids)
        if self._viewer_id is not None:
            relations = self._relations or await self._stores.graph.relations(self._viewer_id)
            tweets = [tweet if tweet and may_see(tweet.author_id, relations) else None for tweet in tweets]
        seen = [tweet for tweet in tweets if tweet is not None]
        authors = await self.users.get_at_once([tweet.author_id for tweet in seen])
        seen_ids = [tweet.id for tweet in seen]
        counts = await self._stores.tweets.counts(seen_ids)
        marks: Sequence[ViewerMarks] = [NO_MARKS] * len(seen)
        if self._viewer_id is not None:
            marks = await self._stores.tweets.marks(self._viewer_id, seen_ids)
        views = {
            tweet.id: view_of(tweet, author, count, mark, self._stores.url_of)
            for tweet, author, count, mark in zip(seen, authors, counts, marks, strict=True)
        }
        return [views.get(tweet_id) for tweet_id in ids]

    async def _bodies(self, ids: Sequence[TweetId]) -> Sequence[Tweet | None]:
        known = self._known
        if known is None:
            return await self._stores.tweets.get_many(ids)
        held, since = known.bodies(self._viewer_id, ids), known.since()
        asked = [each for each in ids if each not in held]
        found = await self._stores.tweets.get_many(asked) if asked else ()
        known.keep(self._viewer_id, since, tweets=found)
        answers = {**held, **dict(zip(asked, found, strict=True))}
        return [answers[each] for each in ids]

    async def _standings(self, ids: Sequence[UserId]) -> Sequence[Standing]:
        if self._viewer_id is None:
            return [Standing()] * len(ids)
        return await self._stores.graph.standings(self._viewer_id, ids)


_BATCHES: Final[Mapping[str, Callable[[Loaders], Any]]] = {
    "users": lambda loaders: loaders._users,
    "tweets": lambda loaders: loaders._views,
    "entries": lambda loaders: loaders._stores.tweets.entries,
    "slices": lambda loaders: loaders._stores.tweets.slices,
    "user_counts": lambda loaders: loaders._stores.graph.counts,
    "standings": lambda loaders: loaders._standings,
}


def view_of(
    tweet: Tweet,
    author: User | None,
    counts: TweetCounts,
    marks: ViewerMarks,
    url_of: Callable[[str], str],
) -> TweetView:
    """Join a tweet with its author, its counts, the viewer's marks and the URLs of its media."""
    return TweetView(
        tweet.id,
        author,
        tweet.text,
        tweet.created_at_ms,
        tweet.in_reply_to_id,
        tweet.quoted_id,
        tweet.lang,
        counts.likes,
        counts.retweets,
        counts.replies,
        counts.quotes,
        marks.has_liked,
        marks.has_retweeted,
        [shown(medium, url_of) for medium in unpacked(tweet.media)] if tweet.media else (),
    )
