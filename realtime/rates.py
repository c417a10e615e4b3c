"""How fast authors post, as far as one worker sees: each author's entries are all in its partition."""

from loaders.recent import Recent
from loaders.records import UserId

MINUTE_MS = 60_000
REMEMBERED_MINUTES = 60


class PostRates:
    """The most that each author posted in a minute of the last hour; of `authors_max` authors at most."""

    def __init__(self, authors_max: int = 100_000) -> None:
        self._seen = Recent[UserId, tuple[int, int, int, int]](authors_max)

    def posted(self, author_id: UserId, at_ms: int) -> int:
        """Count an entry; answer the most in any one minute, this one included."""
        minute = at_ms // MINUTE_MS
        now, count, peak, peak_minute = self._seen.get_many((author_id,))[0] or (minute, 0, 0, minute)
        if minute > now:
            now, count = minute, 0
        count += 1
        if count >= peak or now - peak_minute >= REMEMBERED_MINUTES:
            peak, peak_minute = count, now
        self._seen.put(author_id, (now, count, peak, peak_minute))
        return peak
