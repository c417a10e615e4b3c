"""Reading the log again across its partitions, nearly in the order in which things happened."""

import heapq
from collections import deque
from collections.abc import AsyncIterator, Sequence

from loaders.places import Place
from realtime.ports import EventLog, Logged

LINE_SIZE_MIN = 50


async def replayed(log: EventLog, after: Place, upto: Place, size: int) -> AsyncIterator[Sequence[Logged]]:
    """Yield all events in (after, upto], at most `size` at a time.

    The order within a partition is the log's, that across partitions is the time of their appending: entries then
    come nearly sorted, so that few of them fall in below others that a stream has told of already.
    """
    lines = {
        partition: _Line(log, partition, begin, end, max(LINE_SIZE_MIN, size // len(after)))
        for partition, (begin, end) in enumerate(zip(after, upto, strict=True))
        if begin < end
    }
    heap: list[tuple[int, int]] = []
    for partition, line in lines.items():
        await _put(heap, partition, line)
    batch: list[Logged] = []
    while heap:
        _, partition = heapq.heappop(heap)
        batch.append(lines[partition].take())
        await _put(heap, partition, lines[partition])
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


class _Line:
    """What is left of one partition, a few events of it at hand."""

    def __init__(self, log: EventLog, partition: int, after: int, upto: int, size: int) -> None:
        self._log = log
        self._partition = partition
        self._after = after
        self._upto = upto
        self._size = size
        self._at_hand: deque[Logged] = deque()

    async def first(self) -> Logged | None:
        """Answer the next event without taking it, None at the end."""
        if not self._at_hand and self._after < self._upto:
            batch = await self._log.read(self._after, self._size, self._partition)
            self._at_hand.extend(logged for logged in batch if logged.offset <= self._upto)
            self._after = batch[-1].offset if batch else self._upto
        return self._at_hand[0] if self._at_hand else None

    def take(self) -> Logged:
        """Take the next event."""
        return self._at_hand.popleft()


async def _put(heap: list[tuple[int, int]], partition: int, line: _Line) -> None:
    first = await line.first()
    if first is not None:
        heapq.heappush(heap, (first.appended_at_ms, partition))
