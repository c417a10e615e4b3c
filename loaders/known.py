"""What pages were made of lately: it saves asking stores again, and stands in for those that do not answer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from loaders.errors import Unavailable
from loaders.ports import GraphStore, Slice, TweetStore
from loaders.pull import ReadSlices
from loaders.records import Entry, Relations, Tweet, TweetId, TweetView, User, UserId


class Since(NamedTuple):
    """How often entries and relations had changed when something was read."""

    entries: int
    relations: int


class Known(Protocol):
    """What a gateway knows without its stores. Answers come from memory, and only while the log is heard from (V2)."""

    def since(self) -> Since:
        """Return what is to be noted before the stores are asked for what will be kept."""

    def keep(
        self,
        viewer_id: UserId | None,
        since: Since,
        *,
        relations: Relations | None = None,
        entries: Sequence[Entry | None] = (),
        tweets: Sequence[Tweet | None] = (),
        views: Sequence[TweetView | None] = (),
        users: Sequence[User | None] = (),
    ) -> None:
        """Keep what the stores have said, but for what has changed since."""

    def told(self, viewer_id: UserId, ids: Sequence[TweetId]) -> Mapping[TweetId, Entry | None]:
        """Return what nobody need be asked about: entries that stand, None for those that are gone.

        Nothing that the viewer could have ended is among those that stand: acts of one's own show at once, by
        whichever gateway they went, and those of others within a second (V1).
        """

    def bodies(self, viewer_id: UserId | None, ids: Sequence[TweetId]) -> Mapping[TweetId, Tweet]:
        """Return tweets that are known to stand, the viewer's own left out, as `told` does with entries."""

    def relations(self, viewer_id: UserId) -> Relations:
        """Return as `GraphStore.relations`; `Unavailable` where that is not known."""

    def entries(self, viewer_id: UserId, ids: Sequence[TweetId]) -> tuple[list[Entry], bool]:
        """Return, in the order asked, what stands and can be shown to the viewer, and whether that is all there is."""

    def views(self, viewer_id: UserId | None, ids: Sequence[TweetId]) -> Sequence[TweetView]:
        """Return what stands as the viewer saw it last, counts included; `Unavailable` if one is not known."""

    def users(self, ids: Sequence[UserId]) -> Sequence[User]:
        """Return accounts as they were last; `Unavailable` if one is not known."""


class Memory:
    """The stores of one page with what is known behind them, if there is such.

    Once the stores have not answered they are not asked again: one deadline is enough for a page. `is_used` tells
    whether that was so, and `is_whole` whether nothing was lacking.
    """

    def __init__(self, viewer_id: UserId, known: Known | None) -> None:
        self.is_used = False
        self.is_whole = True
        self._viewer_id = viewer_id
        self._known = known

    async def relations(self, graph: GraphStore) -> Relations:
        """Answer the viewer's relations."""
        known = self._known
        if known is None:
            return await graph.relations(self._viewer_id)
        since = known.since()
        try:
            relations = await graph.relations(self._viewer_id)
        except Unavailable:
            self.is_used = True
            return known.relations(self._viewer_id)
        known.keep(self._viewer_id, since, relations=relations)
        return relations

    async def entries(self, tweets: TweetStore, ids: Sequence[TweetId]) -> list[Entry]:
        """Answer those of the entries that there are."""
        known = self._known
        if known is None:
            return [entry for entry in await tweets.entries(ids) if entry is not None]
        if not self.is_used:
            told, since = known.told(self._viewer_id, ids), known.since()
            asked = [each for each in ids if each not in told]
            try:
                found = await tweets.entries(asked) if asked else ()
            except Unavailable:
                self.is_used = True
            else:
                known.keep(self._viewer_id, since, entries=found)
                answers = {**told, **dict(zip(asked, found, strict=True))}
                return [entry for entry in map(answers.get, ids) if entry is not None]
        shown, is_whole = known.entries(self._viewer_id, ids)
        self.is_whole = self.is_whole and is_whole
        return shown

    async def slices(self, read: ReadSlices, slices: Sequence[Slice]) -> Sequence[Sequence[Entry]] | None:
        """Answer slices; None where nobody can be pulled, which the page then lacks."""
        if not slices or self._known is None:
            return await read(slices) if slices else ()
        if not self.is_used:
            try:
                return await read(slices)
            except Unavailable:
                self.is_used = True
        self.is_whole = False
        return None
