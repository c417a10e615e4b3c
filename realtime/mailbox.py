"""One subscriber's bounded queue. Who does not read is cut off, so that nobody else waits for them."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class MailboxOverflow(Exception):
    """The subscriber fell behind by more than its mailbox holds: it is to be closed, and comes back with its cursor."""


class Mailbox(Generic[Item]):
    """At most `size` items. `put` never waits; after an overflow it takes nothing more."""

    __slots__ = ("_items", "_overflown", "_size", "_waiter")

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[Item] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._overflown = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_awaited(self) -> bool:
        """Whether the subscriber has dealt with all that came, and waits for more."""
        return self._waiter is not None and not self._waiter.done()

    def put(self, item: Item) -> bool:
        """Add an item; False if there is no room, which ends the mailbox."""
        if self._overflown:
            return False
        if len(self._items) >= self._size:
            self._overflown = True
            self._items.clear()
        else:
            self._items.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        return not self._overflown

    def clear(self) -> int:
        """Forget the items at hand and answer how many there were."""
        count = len(self._items)
        self._items.clear()
        return count

    def take(self) -> Item | None:
        """Take the oldest item, if one is at hand."""
        return self._items.popleft() if self._items else None

    async def get(self) -> Item:
        """Take the oldest item, waiting for one if need be; `MailboxOverflow` once the mailbox has ended."""
        while not self._items:
            if self._overflown:
                raise MailboxOverflow
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.popleft()
