"""What streams hear: events of the log as their references tell of them, completed by what the stores say."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from loaders.entities import hashtag_keys
from loaders.errors import Unavailable
from loaders.places import Place, author_partition, spot
from loaders.ports import Slice, SliceOf, TweetStore
from loaders.records import Entry, TweetId
from realtime.ports import Reference
from realtime.references import EVERYTHING
from realtime.remembered import Remembered

Topic = tuple[str, int | str]
ALL: Topic = ("all", 0)
RETWEETS_MAX = 500
RETRY_S = 0.5


class LiveEvent(NamedTuple):
    """An event as streams hear it.

    `place` is H once it was offered: whoever has heard everything up to it has seen that. `entry` is what was posted;
    `removed` are the entries that a deletion or an undo takes away, `is_partial` if there are more of them than are
    listed. `ids` are those of its reference.
    """

    partition: int
    offset: int
    kind: str
    ids: tuple[int, ...]
    topics: tuple[Topic, ...]
    place: Place
    entry: Entry | None = None
    removed: tuple[Entry, ...] = ()
    is_partial: bool = False


class Completing:
    """Makes events of references. `wants_tags` tells whether anybody hears hashtags, which cost a read."""

    def __init__(self, tweets: TweetStore, remembered: Remembered | None, wants_tags: Callable[[], bool]) -> None:
        self._tweets = tweets
        self._remembered = remembered
        self._wants_tags = wants_tags

    async def completed(self, references: Sequence[Reference], place: Place) -> list[LiveEvent]:
        """Look up what the references are about, in one call for all entries."""
        while True:
            try:
                return await self._complete(references, place)
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    async def _complete(self, references: Sequence[Reference], place: Place) -> list[LiveEvent]:
        wanted = {TweetId(r.ids[0]) for r in references if r.kind in {"posted", "retweeted", "deleted", "undone"}}
        ids, since = list(wanted), 0 if self._remembered is None else self._remembered.changes
        entries = dict(zip(ids, await self._tweets.entries(ids), strict=True)) if ids else {}
        if self._remembered is not None:
            self._remembered.keep(entries.values(), since)
        tags = await self._tags([TweetId(r.ids[0]) for r in references if r.kind == "posted"])
        return [await self._event(reference, entries, tags, place) for reference in references]

    async def _event(
        self,
        reference: Reference,
        entries: dict[TweetId, Entry | None],
        tags: dict[TweetId, tuple[str, ...]],
        place: Place,
    ) -> LiveEvent:
        kind, ids = reference.kind, reference.ids
        entry = entries.get(TweetId(ids[0])) if ids else None
        at = spot(reference.partition, reference.offset, len(place))
        topics: list[Topic] = []
        removed: list[Entry] = []
        is_partial = False
        if kind in {"posted", "retweeted"}:
            # The first place of an id wins; the same id at another place says nothing (P2).
            if entry is not None and entry.offset != reference.offset:
                entry = None
            if entry is not None:
                topics = [("author", entry.author_id)]
                topics += [("tag", name) for name in tags.get(entry.id, ())]
            topics += [("counts", tweet_id) for tweet_id in ids[2:] if tweet_id]
        elif kind == "undone":
            removed = [entry] if entry is not None and entry.gone_at == at else []
            topics.extend([("author", ids[1]), ("counts", ids[2])])
        elif kind == "deleted" and entry is not None and entry.gone_at == at:
            removed, is_partial = await self._taken_along(entry, reference.partition, reference.offset, len(place))
            authors = {gone.author_id for gone in removed}
            topics = [ALL] if is_partial else [("author", author_id) for author_id in authors]
            topics += [("counts", tweet_id) for tweet_id in (*ids[2:], ids[0]) if tweet_id]
        elif kind in {"follow", "unfollow", "mute", "unmute", "block", "unblock"}:
            touched = ids if kind in {"block", "unblock"} else ids[:1]
            topics = [("viewer", viewer_id) for viewer_id in touched]
        elif kind == "repair":
            topics += [("viewer", viewer_id) for viewer_id in ids]
        elif kind == "liked":
            topics = [("counts", ids[0])]
        elif kind == EVERYTHING:
            topics = [ALL]
        posted = entry if kind in {"posted", "retweeted"} else None
        return LiveEvent(
            reference.partition,
            reference.offset,
            kind,
            ids,
            tuple(topics),
            place,
            posted,
            tuple(removed),
            is_partial,
        )

    async def _taken_along(self, root: Entry, partition: int, offset: int, partitions: int) -> tuple[list[Entry], bool]:
        """Return a deleted tweet and the retweets of it that went with it: not those taken back by themselves."""
        (retweets,) = await self._tweets.slices([Slice(SliceOf.RETWEETS, root.id, RETWEETS_MAX)])
        at = spot(partition, offset, partitions)
        stood = [
            entry
            for entry in retweets
            if entry.gone_at == at
            # Of the same partition's retweets those that came later never showed; of the others nobody can tell.
            and (entry.offset < offset or author_partition(entry.author_id, partitions) != partition)
        ]
        return [*stood, root], len(retweets) == RETWEETS_MAX

    async def _tags(self, ids: Sequence[TweetId]) -> dict[TweetId, tuple[str, ...]]:
        if not ids or not self._wants_tags():
            return {}
        tweets = await self._tweets.get_many(ids)
        return {tweet.id: hashtag_keys(tweet.text) for tweet in tweets if tweet is not None}
