"""Partitions of which a member hears nothing although there is something to hear.

A client that was cut off from its broker for longer than a session may look for the partitions' leaders minutes later,
while it counts as a member all the time: nobody else is given its partitions. A new client finds them at once.
"""

from collections.abc import Mapping


class Stalls:
    """Tells which partitions have stood still for `after_s` seconds while the log went on. Pure."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._since: dict[int, tuple[int, float]] = {}

    def look(self, now_s: float, heard: Mapping[int, int], ends: Mapping[int, int]) -> frozenset[int]:
        """Take the last offset heard of each partition and the last one given; answer which have stalled by now.

        Partitions that are not in `heard` are not looked at: they are paused, or have not begun.
        """
        behind = {each: offset for each, offset in heard.items() if offset < ends.get(each, 0)}
        self._since = {
            each: self._since[each] if self._since.get(each, (None, 0.0))[0] == offset else (offset, now_s)
            for each, offset in behind.items()
        }
        return frozenset(each for each, (_, since_s) in self._since.items() if now_s - since_s >= self._after_s)

    def forget(self) -> None:
        """Begin anew: nobody knows how far the log is."""
        self._since.clear()
