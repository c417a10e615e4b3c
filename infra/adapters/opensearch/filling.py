"""Writes the index: tweets by their place in the log, accounts as the stores have them now, many at once."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from infra.adapters.cassandra.stamps import stamp_of
from infra.adapters.opensearch.connection import OpenSearchConnection
from infra.adapters.opensearch.indices import Names, aliases_of, no_index
from loaders.errors import Unavailable
from loaders.ports import GraphStore, UserStore
from loaders.records import UserId
from realtime.index import IndexedTweet, followees_of, index_changes, names_of
from realtime.ports import Logged

ITEMS_AT_ONCE = 1_000
USERS_AT_ONCE = 500
CONFLICT, MISSING, FULL, AWAY = 409, 404, 429, 503
SENT_AGAIN = frozenset({FULL, AWAY})


class Write(NamedTuple):
    """A document to put in the place of the one with its id, unless that is of a later version."""

    into: str
    id: int
    version: int
    document: dict[str, Any]


class OpenSearchFilling:
    """Puts what events and accounts come to into the indices that the aliases lead to, or into others.

    Each document has a version, of tweets the place in the log of what it was made from: a replay, or a worker that
    wakes late, changes nothing. Of a deleted tweet an empty document stays, which nothing finds, since OpenSearch
    forgets the versions of what is deleted within a minute.
    """

    def __init__(
        self,
        connection: OpenSearchConnection,
        users: UserStore,
        graph: GraphStore,
        epoch: int,
        clock_ms: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._users = users
        self._graph = graph
        self._epoch = epoch
        self._clock_ms = clock_ms
        self._aliases = aliases_of(connection.name)

    async def apply(self, batch: Sequence[Logged], into: Names | None = None) -> None:
        """Apply consecutive events of a partition; applying one again changes nothing.

        Raises `Unavailable` if not all could be written, ValueError if OpenSearch takes exception to a document.
        """
        changes, version = index_changes(batch), stamp_of(self._epoch, batch[-1].offset)
        names = into or self._aliases
        writes = [Write(names.tweets, each.id, version, document_of(each)) for each in changes.tweets.values()]
        writes += [Write(names.tweets, tweet_id, version, {}) for tweet_id in changes.gone]
        await self.put(writes)
        await self.put_users(changes.followed | followees_of(batch), into)

    async def put_tweets(self, tweets: Iterable[IndexedTweet], into: Names) -> None:
        """Put tweets into indices as the stores have them: any event is later than these."""
        await self.put([Write(into.tweets, each.id, 0, document_of(each)) for each in tweets])

    async def put_users(self, ids: Iterable[UserId], into: Names | None = None) -> None:
        """Put accounts as they are now."""
        index, wanted = (into or self._aliases).users, list(ids)
        for start in range(0, len(wanted), USERS_AT_ONCE):
            some = wanted[start : start + USERS_AT_ONCE]
            version = self._clock_ms()
            users, counts = await asyncio.gather(self._users.get_many(some), self._graph.counts(some))
            writes = [
                Write(
                    index,
                    user.id,
                    version,
                    {
                        "user_id": user.id,
                        "names": names_of(user.handle, user.display_name),
                        "followers": counted.followers,
                    },
                )
                for user, counted in zip(users, counts, strict=True)
                if user is not None
            ]
            await self.put(writes)

    async def put(self, writes: Sequence[Write]) -> None:
        """Write documents; those for which there is no room now are tried again."""
        for start in range(0, len(writes), ITEMS_AT_ONCE):
            left = writes[start : start + ITEMS_AT_ONCE]
            backoff_s = self._connection.limits.backoff_s
            for _ in range(self._connection.limits.items_retried_max):
                left = await self._send(left)
                if not left:
                    break
                await asyncio.sleep(self._connection.chance() * backoff_s)
                backoff_s *= 2
            else:
                raise Unavailable(f"OpenSearch has no room for {len(left)} documents", retry_after_s=1.0)

    async def _send(self, writes: Sequence[Write]) -> Sequence[Write]:
        """Send documents; return those that are to be sent again."""
        lines: list[dict[str, Any]] = []
        for each in writes:
            given = {"_index": each.into, "_id": str(each.id), "version": each.version, "version_type": "external_gte"}
            lines += [{"index": given}, each.document]
        answer = await self._connection.call(
            lambda client: client.bulk(body=lines, params={"filter_path": "items.*.status,items.*.error"})
        )
        again = []
        for write, item in zip(writes, answer["items"], strict=True):
            status = item["index"]["status"]
            if status in SENT_AGAIN:
                again.append(write)
            elif status == MISSING:
                raise no_index()
            elif status >= 400 and status != CONFLICT:
                raise ValueError(f"OpenSearch refuses {write.id}: {item['index']['error']}")
        return again


def document_of(tweet: IndexedTweet) -> dict[str, Any]:
    """Return a tweet as it is kept."""
    document: dict[str, Any] = {"id": tweet.id, "author_id": tweet.author_id, "words": " ".join(tweet.words)}
    if tweet.hashtags:
        document["hashtags"] = list(tweet.hashtags)
    if tweet.mentions:
        document["mentions"] = list(tweet.mentions)
    if tweet.lang:
        document["lang"] = tweet.lang
    if tweet.has_media:
        document["has_media"] = True
    return document
