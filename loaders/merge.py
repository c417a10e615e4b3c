"""The merge of pushed and pulled entries: pure, and never past a source's hole."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from loaders.records import Entry, TweetId

_BY_ID: Final = attrgetter("id")


class Source(NamedTuple):
    """Entries of one source in reading order, and how far it is complete.

    Between where the reading began and the id `complete_to`, which counts as read, nothing is missing. None says that
    the source has nothing further at all.
    """

    entries: Sequence[Entry]
    complete_to: TweetId | None


def cut_source(entries: Sequence[Entry], limit: int) -> Source:
    """Return the source that a slice of at most `limit` entries makes: behind a full slice there may be more."""
    return Source(entries, entries[-1].id if len(entries) >= limit else None)


def merge(sources: Iterable[Source], ascending: bool = False) -> Source:
    """Merge sources as far as the nearest of their holes, each entry once.

    Newest first, or oldest first if `ascending`, which all sources must be too. An entry is left out while one that
    stands between it and the start may be missing.
    """
    nearest = min if ascending else max
    complete_to: TweetId | None = None
    by_id: dict[TweetId, Entry] = {}
    for source in sources:
        if source.complete_to is not None:
            complete_to = source.complete_to if complete_to is None else nearest(complete_to, source.complete_to)
        by_id.update(zip(map(_BY_ID, source.entries), source.entries, strict=True))
    if complete_to is None:
        kept = list(by_id.values())
    elif ascending:
        kept = [entry for entry in by_id.values() if entry.id <= complete_to]
    else:
        kept = [entry for entry in by_id.values() if entry.id >= complete_to]
    kept.sort(key=_BY_ID, reverse=not ascending)
    return Source(kept, complete_to)
