"""A port that fails for now."""

import asyncio

from loaders.errors import Unavailable


class Flaky:
    """Stands before a port: every call lets others have a turn first, and one method fails as often as told."""

    def __init__(self, port: object, method: str, failures: int = 0) -> None:
        self.failures = failures
        self._port = port
        self._method = method

    def __getattr__(self, name: str) -> object:
        if not callable(getattr(self._port, name)):
            return getattr(self._port, name)

        async def call(*arguments: object) -> object:
            await asyncio.sleep(0)
            if name == self._method and self.failures:
                self.failures -= 1
                raise Unavailable("not now")
            return await getattr(self._port, name)(*arguments)

        return call
