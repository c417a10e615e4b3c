"""What a live stream knows of its viewer's timeline: the newest visible entries, and which of them show. Pure."""

from bisect import bisect_left
from collections.abc import Collection, Iterable
from enum import Enum

from loaders.records import TweetId
from loaders.rules import RETWEET_WINDOW, shown_flags

VIEW_LENGTH = 160
"""As deep as a page of 100 and its retweet window need, with room for removals."""

Row = tuple[TweetId, TweetId]
"""An entry's id and its root's."""


class Arrival(Enum):
    """What became of an entry that came in."""

    SHOWN = "shown"
    DROPPED = "dropped"  # by the rule that drops retweets
    KNOWN = "known"
    UNCLEAR = "unclear"  # it may change what else shows: only a fresh page tells


class View:
    """The newest visible entries, before the rule that drops retweets; `is_whole` says that nothing older exists.

    An entry on top changes no other. One that comes in further down, or goes, shifts the windows of the 40 above it:
    where that changes nothing the client is told of the one entry, and where it does or may, it must fetch anew (L5).
    """

    __slots__ = ("_is_whole", "_rows")

    def __init__(self, rows: Iterable[Row], is_whole: bool) -> None:
        self._rows = sorted(rows)
        self._is_whole = is_whole
        self._trim()

    @property
    def is_short(self) -> bool:
        """Whether too little is left to judge what comes next: the view must be read anew."""
        return not self._is_whole and len(self._rows) < 2 * RETWEET_WINDOW

    def holds(self, entry_id: TweetId) -> bool:
        """Tell whether an entry is among the visible ones known."""
        place = bisect_left(self._rows, (entry_id, TweetId(0)))
        return place < len(self._rows) and self._rows[place][0] == entry_id

    def reaches(self, entry_id: TweetId) -> bool:
        """Tell whether the view is deep enough to hold an entry with this id if it were visible."""
        return self._is_whole or (bool(self._rows) and entry_id >= self._rows[0][0])

    def add(self, entry_id: TweetId, root_id: TweetId) -> Arrival:
        """Take in a visible entry."""
        rows = self._rows
        if not rows or entry_id > rows[-1][0]:
            if entry_id != root_id and any(root == root_id for _, root in rows[-RETWEET_WINDOW:]):
                arrival = Arrival.DROPPED
            elif entry_id != root_id and len(rows) < RETWEET_WINDOW and not self._is_whole:
                arrival = Arrival.UNCLEAR
            else:
                arrival = Arrival.SHOWN
            rows.append((entry_id, root_id))
            self._trim()
            return arrival
        if self.holds(entry_id):
            return Arrival.KNOWN
        if not self.reaches(entry_id):
            return Arrival.UNCLEAR
        before = self._flags()
        rows.insert(bisect_left(rows, (entry_id, root_id)), (entry_id, root_id))
        after = self._flags()
        shows = after[entry_id]
        self._trim()
        if shows is None or self._differ(before, after, [entry_id]):
            return Arrival.UNCLEAR
        return Arrival.SHOWN if shows else Arrival.DROPPED

    def remove(self, entry_ids: Collection[TweetId]) -> tuple[list[TweetId], bool]:
        """Take entries away; answer those that showed, newest first, and whether another entry may be affected."""
        before = self._flags()
        going = [entry_id for entry_id, _ in self._rows if entry_id in entry_ids]
        if not going:
            return [], False
        self._rows = [row for row in self._rows if row[0] not in entry_ids]
        unclear = self._differ(before, self._flags(), going)
        return [entry_id for entry_id in reversed(going) if before[entry_id] is not False], unclear

    def _flags(self) -> dict[TweetId, bool | None]:
        """Return for each entry whether it shows; None for a retweet whose window the view does not hold whole."""
        newest_first = self._rows[::-1]
        flags = shown_flags(newest_first)
        known = len(newest_first) if self._is_whole else len(newest_first) - RETWEET_WINDOW
        return {
            entry_id: flag if flag is False or entry_id == root_id or place < known else None
            for place, ((entry_id, root_id), flag) in enumerate(zip(newest_first, flags, strict=True))
        }

    def _differ(
        self, before: dict[TweetId, bool | None], after: dict[TweetId, bool | None], changed: Collection[TweetId]
    ) -> bool:
        """Tell whether entries other than those changed show differently, or might."""
        order = sorted({*before, *after}, reverse=True)
        places = [place for place, entry_id in enumerate(order) if entry_id in changed]
        for place, entry_id in enumerate(order):
            if entry_id in changed or entry_id not in before or entry_id not in after:
                continue
            was, now = before[entry_id], after[entry_id]
            if was is None or now is None:
                if any(0 < changed_place - place <= RETWEET_WINDOW + len(places) for changed_place in places):
                    return True
            elif was is not now:
                return True
        return False

    def _trim(self) -> None:
        surplus = len(self._rows) - VIEW_LENGTH
        # Trimming in runs keeps an arrival on top at constant cost.
        if surplus > RETWEET_WINDOW:
            del self._rows[:surplus]
            self._is_whole = False
