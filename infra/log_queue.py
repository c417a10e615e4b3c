"""Log lines on their way out: whoever logs never waits for whoever reads."""

import logging
import queue
import sys
import threading
from contextlib import suppress
from typing import TextIO

import structlog

from infra.asked import ASKED

FLUSHED_WITHIN_S = 2.0


class QueuedHandler(logging.Handler):
    """Shapes and writes lines in a thread of its own, since a terminal or a pipe may take as long as it likes.

    At most `lines_max` lines wait; what comes beyond them is `dropped`, and told of once there is room.
    """

    def __init__(self, stream: TextIO, lines_max: int) -> None:
        super().__init__()
        self.dropped = 0
        self._told_of = 0
        self._stream = stream
        self._waiting: queue.Queue[logging.LogRecord | threading.Event | None] = queue.Queue(lines_max)
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, with what it is about: the thread that writes it could not tell."""
        asked = ASKED.get()
        record.asked = None if asked is None or asked.is_over else asked
        if isinstance(record.msg, dict) and record.msg.get("exc_info") is True:
            record.msg = record.msg | {"exc_info": sys.exc_info()}
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def flush(self) -> None:
        """Wait until what was logged is written, for two seconds at most."""
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            return
        written = threading.Event()
        try:
            self._waiting.put(written, timeout=FLUSHED_WITHIN_S)
        except queue.Full:
            return
        written.wait(FLUSHED_WITHIN_S)

    def close(self) -> None:
        """Write what waits, for two seconds at most, and end the thread."""
        self.flush()
        with suppress(queue.Full):  # where nobody reads, the thread ends with the process
            self._waiting.put_nowait(None)
        super().close()

    def _write_all(self) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            self._write(item)
            if self._waiting.empty():
                self._tell_dropped()

    def _write(self, record: logging.LogRecord) -> None:
        try:
            self._stream.write(self.format(record) + "\n")
            self._stream.flush()
        except Exception:
            # There is nowhere left to say so: it shows in the count.
            self.dropped += 1

    def _tell_dropped(self) -> None:
        if self.dropped > self._told_of:
            count, self._told_of = self.dropped - self._told_of, self.dropped
            structlog.get_logger("roost").warning("log_lines_dropped", count=count)
