"""The newest entries of authors, kept as they were last read, so that pulling a popular author asks no database."""

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from loaders.ports import Slice, SliceOf
from loaders.records import Entry, TweetId, UserId


class _Head(NamedTuple):
    """An author's newest entries, newest first; `is_whole` says that there are no older ones."""

    entries: Sequence[Entry]
    is_whole: bool


class Heads:
    """At most so many entries in all heads; the head unused longest goes first.

    `touched` must hear of every row that changes: the head of its author goes then, and every head that shows it
    retweeted.
    """

    def __init__(self, entries_max: int) -> None:
        self._left = entries_max
        self._heads: OrderedDict[UserId, _Head] = OrderedDict()
        self._retweeters: defaultdict[TweetId, set[UserId]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._heads)

    def cut(self, cut: Slice) -> Sequence[Entry] | None:
        """Return a slice if a head holds all of it, else None."""
        if cut.of is not SliceOf.AUTHOR or cut.ascending:
            return None
        author_id = UserId(int(cut.key))
        head = self._heads.get(author_id)
        if head is None:
            return None
        self._heads.move_to_end(author_id)
        entries, is_whole = head
        if cut.below is not None:
            entries = [entry for entry in entries if entry.id < cut.below]
        if cut.above is not None:
            is_whole = is_whole or any(entry.id <= cut.above for entry in head.entries[-1:])
            entries = [entry for entry in entries if entry.id > cut.above]
        if len(entries) >= cut.limit:
            return entries[: cut.limit]
        return entries if is_whole else None

    def put(self, cut: Slice, entries: Sequence[Entry]) -> None:
        """Keep what a slice has brought, if it is a head."""
        if cut.of is not SliceOf.AUTHOR or cut.ascending or cut.below is not None or cut.above is not None:
            return
        author_id = UserId(int(cut.key))
        self.drop(author_id)
        self._heads[author_id] = _Head(entries, is_whole=len(entries) < cut.limit)
        for entry in entries:
            if entry.is_retweet:
                self._retweeters[entry.root_id].add(author_id)
        # A head without entries has its price, too.
        self._left -= 1 + len(entries)
        while self._left < 0:
            self.drop(next(iter(self._heads)))

    def touched(self, author_id: UserId, entry_id: TweetId) -> None:
        """Forget what a changed row makes wrong."""
        self.drop(author_id)
        for retweeter in list(self._retweeters.get(entry_id, ())):
            self.drop(retweeter)

    def drop(self, author_id: UserId) -> None:
        """Forget an author's head, if it is there."""
        head = self._heads.pop(author_id, None)
        if head is None:
            return
        self._left += 1 + len(head.entries)
        for entry in head.entries:
            retweeters = self._retweeters.get(entry.root_id)
            if entry.is_retweet and retweeters is not None:
                retweeters.discard(author_id)
                if not retweeters:
                    del self._retweeters[entry.root_id]
