"""How a slice is read from its list, step by step: which buckets next, how many rows of each, and when it is whole.

Pure: a cut says what it would like to read, and is handed the rows. No step asks for more than `STEP_ROWS_MAX` rows.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infra.adapters.cassandra.listings import LISTINGS, Key, Listing
from infra.adapters.cassandra.tweet_rows import Skeleton
from loaders.ids import ID_MAX
from loaders.ports import Slice, SliceOf

STEP_ROWS_MAX = 4_000
STEP_BUCKETS_MAX = 16
BUCKETS_KNOWN_FIRST, BUCKETS_KNOWN_MAX = 4, 64


class BucketsWanted(NamedTuple):
    """At most `limit` buckets between two others that hold anything of a key, in reading order."""

    listing: Listing
    key: Key
    below: int
    above: int
    limit: int
    ascending: bool


class RowsWanted(NamedTuple):
    """At most `limit` rows of each of these buckets of a key, between two ids, in reading order."""

    listing: Listing
    key: Key
    buckets: tuple[int, ...]
    below: int
    above: int
    limit: int
    ascending: bool


class Cut:
    """One slice under way. `rows` are what was found, in reading order, and never more than the slice's limit."""

    def __init__(self, wanted: Slice) -> None:
        self.rows: list[Skeleton] = []
        self._wanted = wanted
        self._listing = LISTINGS[wanted.of]
        self._below = ID_MAX if wanted.below is None else wanted.below
        self._above = -1 if wanted.above is None else wanted.above
        self._buckets: list[int] = []
        self._bucket_below = self._listing.bucket_of(self._below - 1) + 1
        self._bucket_above = self._listing.bucket_of(self._above + 1) - 1
        self._known_limit = BUCKETS_KNOWN_FIRST
        self._more_buckets = self._above + 1 < self._below
        self._rows_limit, self._width = 0, 1

    @property
    def is_whole(self) -> bool:
        """Whether the slice is full, or nothing is left to read."""
        return len(self.rows) >= self._wanted.limit or not (self._buckets or self._more_buckets)

    def next_buckets(self) -> BucketsWanted | None:
        """Return which buckets must be known before rows can be read; None if some are, or none is needed."""
        if self.is_whole or self._buckets:
            return None
        return BucketsWanted(
            self._listing,
            self._wanted.key,
            self._bucket_below,
            self._bucket_above,
            self._known_limit,
            self._wanted.ascending,
        )

    def take_buckets(self, buckets: Sequence[int]) -> None:
        """Take in the buckets that were wanted."""
        self._buckets = list(buckets)
        self._more_buckets = len(buckets) >= self._known_limit
        self._known_limit = min(2 * self._known_limit, BUCKETS_KNOWN_MAX)
        if buckets and self._wanted.ascending:
            self._bucket_above = buckets[-1]
        elif buckets:
            self._bucket_below = buckets[-1]

    def next_rows(self) -> RowsWanted | None:
        """Return which rows to read next; None if there are none to be read now."""
        if self.is_whole or not self._buckets:
            return None
        self._rows_limit = min(max(self._rows_limit, self._wanted.limit - len(self.rows)), STEP_ROWS_MAX)
        width = min(self._width, max(1, STEP_ROWS_MAX // self._rows_limit))
        return RowsWanted(
            self._listing,
            self._wanted.key,
            tuple(self._buckets[:width]),
            self._below,
            self._above,
            self._rows_limit,
            self._wanted.ascending,
        )

    def take_rows(self, asked: RowsWanted, found: Mapping[int, Sequence[Skeleton]]) -> None:
        """Take in the rows that were wanted, by bucket.

        The next step reaches further: over more buckets where these held little, and deeper where what was found in
        one had to be left out.
        """
        self._width = min(2 * self._width, STEP_BUCKETS_MAX)
        for bucket in asked.buckets:
            rows = found.get(bucket, ())
            self.rows += filter(self._belongs, rows)
            if len(rows) >= asked.limit:
                # The bucket may hold more: what was read of those behind it is left until its turn.
                if self._wanted.ascending:
                    self._above = rows[-1].id
                else:
                    self._below = rows[-1].id
                self._rows_limit, self._width = 2 * self._rows_limit, 1
                break
            del self._buckets[0]
        del self.rows[self._wanted.limit :]

    def _belongs(self, row: Skeleton) -> bool:
        match self._wanted.of:
            case SliceOf.RETWEETS:
                return True
            case SliceOf.AUTHOR_TWEETS:
                return row.gone is None and row.root_id is None
            case _:
                return row.gone is None
