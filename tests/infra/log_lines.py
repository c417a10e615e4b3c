"""What was logged, as tests look at it."""

import json
from io import StringIO
from typing import Any

from infra.log_queue import QueuedHandler


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Lines:
    """What was logged."""

    def __init__(self, stream: StringIO, handler: QueuedHandler) -> None:
        self._stream = stream
        self.handler = handler

    def raw(self) -> str:
        self.handler.flush()
        return self._stream.getvalue()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw().splitlines()]

    def one(self) -> dict[str, Any]:
        (line,) = self.all()
        return line
