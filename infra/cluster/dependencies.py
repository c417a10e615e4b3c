"""The servers that a gateway depends on: whether each answers, what is degraded because of it, and since when."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from infra.adapters.breaker import Breaker, State
from infra.faults import Fault, state_of
from loaders.errors import Unavailable

LOOK_EVERY_S = 1.0
ANSWERS_WITHIN_S = 1.0
MEDIA = "media"
DEGRADED = {
    "log": "posts are refused; pages and open streams go on",
    "stores": "pages show what this gateway knows, and say where they lack something; all else is refused",
    "search_index": "searches are refused; all else goes on",
    "timelines": "pages are pulled from the stores; streams hear later",
    MEDIA: "uploads are refused, and media can be fetched from caches alone; tweets of text go on",
    "trends": "trends stay as they were, for an hour",
}
"""What a gateway does while a server does not answer. It stays ready: else a balancer took all gateways out at once."""

Ping = Callable[[], Awaitable[object]]


class Dependencies:
    """Asks every server for a sign, again and again, so that whoever wants to know waits for none of them.

    A server is away while it does not answer that within `answers_within_s`, and while a breaker of its name is open.
    """

    def __init__(
        self,
        pings: Mapping[str, Ping],
        breakers: Mapping[str, Breaker],
        clock_ms: Callable[[], int],
        answers_within_s: float = ANSWERS_WITHIN_S,
    ) -> None:
        self._pings = pings
        self._breakers = breakers
        self._clock_ms = clock_ms
        self._answers_within_s = answers_within_s
        self.faults: dict[str, Fault] = {}

    async def run(self) -> None:
        """Look every second."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Ask all servers at once."""
        reasons = await asyncio.gather(*map(self._reason, self._pings))
        for name, reason in zip(self._pings, reasons, strict=True):
            self._note(name, reason)

    def states(self) -> dict[str, dict[str, object]]:
        """Return each server's state for readiness, as of the last look and of its breaker now."""
        for name in self._pings:
            if name not in self.faults:
                self._note(name, self._refusal(name))
        return {name: self._state(name) for name in self._pings}

    async def _reason(self, name: str) -> str | None:
        try:
            async with asyncio.timeout(self._answers_within_s):
                await self._pings[name]()
        except Unavailable as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {self._answers_within_s:g} s"
        return self._refusal(name)

    def _refusal(self, name: str) -> str | None:
        breaker = self._breakers.get(name)
        if breaker is None or breaker.state is not State.OPEN:
            return None
        return f"{breaker.name} did not answer lately"

    def _note(self, name: str, reason: str | None) -> None:
        known = self.faults.get(name)
        if reason is None:
            self.faults.pop(name, None)
        else:
            self.faults[name] = Fault(reason, self._clock_ms() if known is None else known.since_ms)

    def _state(self, name: str) -> dict[str, object]:
        fault = self.faults.get(name)
        return state_of(None) if fault is None else fault.degrades(DEGRADED[name])
