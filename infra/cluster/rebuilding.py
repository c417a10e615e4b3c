"""`roost rebuild search` on a cluster: the index made anew beside the one in use, which then takes its place."""

from collections.abc import Callable, Sequence

from infra.adapters.opensearch.indices import Names
from infra.cluster.parts import Connected
from infra.cluster.searching import Searching
from loaders.errors import NotConfigured, Unavailable
from loaders.records import TweetId, UserId
from realtime.index import indexed

TWEETS = "SELECT id, author_id, text, lang, media, root_id, gone FROM tweets_by_id"
USERS = "SELECT id FROM users"
BATCH = 500


async def rebuild(connected: Connected, now_ms: int, tell: Callable[[str], None]) -> None:
    """Make the index anew from the stores, then from the log from where the group `search` was before that (P6).

    The one in use is followed and searched meanwhile. What members of the group had in hand when the aliases moved may
    have gone into the old one: it is in the log by then, and is put into the new one as well. `tell` hears how far it
    is. Raises `NotConfigured` without OpenSearch, `Unavailable` if the log does not reach back to the beginning.
    """
    searching = connected.searching
    if searching is None:
        raise NotConfigured("ROOST_SEARCH_URL names no OpenSearch: there is no index to rebuild")
    indices, began = searching.indices, await searching.place()
    made = await indices.make(str(now_ms), is_whole=False)
    try:
        await _scan(connected, searching, made, tell)
        followed = await _follow(connected, searching, made, began, await searching.place())
        await indices.refresh(made)
        await indices.call_whole(made)
        unused = await indices.use(made)
    except BaseException:
        await indices.delete(made)
        raise
    await _follow(connected, searching, made, followed, await _end(connected))
    await indices.delete(unused)


async def _scan(connected: Connected, searching: Searching, made: Names, tell: Callable[[str], None]) -> None:
    count = 0
    async for rows in connected.session.pages(TWEETS):
        await searching.filling.put_tweets(
            [
                indexed(TweetId(tweet_id), UserId(author_id), text, lang, media)
                for tweet_id, author_id, text, lang, media, root_id, gone in rows
                if root_id is None and gone is None and text is not None
            ],
            made,
        )
        count += len(rows)
        tell(f"{count:,} tweets")
    people = 0
    async for rows in connected.session.pages(USERS):
        await searching.filling.put_users([UserId(row[0]) for row in rows], made)
        people += len(rows)
        tell(f"{count:,} tweets, {people:,} accounts")


async def _follow(
    connected: Connected, searching: Searching, made: Names, after: Sequence[int], up_to: Sequence[int]
) -> Sequence[int]:
    """Put what the log holds from one place to another into indices that are being made, and answer the latter."""
    for partition, (place, end) in enumerate(zip(after, up_to, strict=True)):
        if place < end and (await connected.log.bounds(partition))[0] > place + 1:
            raise Unavailable("The log was trimmed while the stores were read: keep it for longer, and begin again")
        at = place
        while at < end:
            batch = await connected.log.read(at, min(BATCH, end - at), partition)
            if not batch:
                break
            await searching.filling.apply(batch, made)
            at = batch[-1].offset
    return up_to


async def _end(connected: Connected) -> Sequence[int]:
    return [(await connected.log.bounds(partition))[1] for partition in range(sum(connected.log.layout))]
