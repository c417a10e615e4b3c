"""Processes that are watched until they end, though others started them."""

import os
import select

GONE_S = 20.0


class Watch:
    """Processes of others, watched until they end."""

    def __init__(self, *pids: int) -> None:
        self._open = {os.pidfd_open(pid): pid for pid in pids}

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open:
            os.close(descriptor)

    def left(self) -> set[int]:
        """Wait for them to end, and return those that have not in 20 seconds."""
        waiting = dict(self._open)
        poll = select.poll()
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        while waiting:
            ended = poll.poll(GONE_S * 1000)
            if not ended:
                break
            for descriptor, _ in ended:
                poll.unregister(descriptor)
                del waiting[descriptor]
        return set(waiting.values())
