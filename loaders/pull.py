"""Pulling: the newest entries of any number of authors, read in few batches. It is also how a lost list is rebuilt."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from loaders.merge import Source, cut_source, merge
from loaders.ports import Slice, SliceOf
from loaders.records import Entry, TweetId, UserId

SLICE_MIN = 4
SLICE_MAX = 800
ROUNDS_MAX = 10

ReadSlices = Callable[[Sequence[Slice]], Awaitable[Sequence[Sequence[Entry]]]]
"""Cut slices in one store call: `TweetStore.slices`, or a loader in front of it."""


@dataclass(frozen=True, slots=True)
class Range:
    """Ids strictly between two bounds, read from the newest down, or from the oldest up."""

    below: TweetId | None = None
    above: TweetId | None = None
    ascending: bool = False

    def beyond(self, reached: TweetId) -> "Range":
        """Return what is left of the range once everything up to an id, that id included, was read."""
        if self.ascending:
            return Range(self.below, reached, ascending=True)
        return Range(reached, self.above)


async def pull(read: ReadSlices, authors: Sequence[UserId], within: Range, want: int) -> Source:
    """Read at least `want` entries of these authors, if there are so many, complete as far as the answer says.

    The first call asks every author for little more than its share; each further call doubles the share of those
    authors alone whose holes stand in the way, so that the number of calls grows with the logarithm of `want` and
    not with the number of authors.
    """
    if not authors:
        return Source([], None)
    share = min(max(SLICE_MIN, -(-2 * want // len(authors))), want, SLICE_MAX)
    by_author = dict(zip(authors, await _cut(read, [(author, within) for author in authors], share), strict=True))
    merged = merge(by_author.values(), within.ascending)
    for _ in range(ROUNDS_MAX):
        if merged.complete_to is None or len(merged.entries) >= want:
            break
        share = min(share * 2, SLICE_MAX)
        bound = _horizon(by_author.values(), want, within.ascending)
        short = [
            (author, within.beyond(source.complete_to))
            for author, source in by_author.items()
            if source.complete_to is not None and _stands_before(source.complete_to, bound, within.ascending)
        ]
        for (author, _), more in zip(short, await _cut(read, short, share), strict=True):
            by_author[author] = Source([*by_author[author].entries, *more.entries], more.complete_to)
        merged = merge(by_author.values(), within.ascending)
    return merged


async def _cut(read: ReadSlices, wanted: Sequence[tuple[UserId, Range]], limit: int) -> list[Source]:
    slices = [
        Slice(SliceOf.AUTHOR, author, limit, within.below, within.above, within.ascending) for author, within in wanted
    ]
    return [cut_source(entries, limit) for entries in await read(slices)]


def _horizon(sources: Iterable[Source], want: int, ascending: bool) -> TweetId | None:
    """Return the id behind which `want` of the entries at hand stand; None if there are not so many."""
    ids = sorted((entry.id for source in sources for entry in source.entries), reverse=not ascending)
    return ids[want - 1] if len(ids) >= want else None


def _stands_before(hole: TweetId, bound: TweetId | None, ascending: bool) -> bool:
    return bound is None or (hole <= bound if ascending else hole >= bound)
