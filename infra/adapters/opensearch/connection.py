"""Speaks to OpenSearch: every call has a deadline, passes the guard, and fails as `Unavailable`."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import ConnectionError as NotReached
from opensearchpy.exceptions import OpenSearchException, TransportError

from infra.adapters.deadline import bound
from infra.adapters.guard import Crowded, Guard, GuardLimits, Refused
from infra.adapters.opensearch.urls import OpenSearchUrl, parse_url
from loaders.errors import Unavailable

RETRY_AFTER_S = 1.0
OVERLOADED = 429
ERRORS_OF_SERVERS = 500
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class OpenSearchLimits:
    """What a call may take. `timeout_s` bounds it with its retries: one that reaches no node tries another.

    An item of a bulk for which there was no room is sent again up to `items_retried_max` times, after a pause drawn
    between 0 and `backoff_s`, which doubles each time.
    """

    timeout_s: float = 30.0
    connections_max: int = 16
    items_retried_max: int = 6
    backoff_s: float = 0.1
    guard: GuardLimits = field(default_factory=GuardLimits)


class OpenSearchConnection:
    """Makes calls, any number of tasks at once. Every failure is raised as `Unavailable`, no later than the limit.

    After some failures in a row the guard refuses at once. `name` is what the names of the indices begin with.
    """

    def __init__(
        self, client: AsyncOpenSearch, name: str, limits: OpenSearchLimits, chance: Callable[[], float]
    ) -> None:
        self.guard = Guard("OpenSearch", limits.guard, asyncio.get_running_loop().time, chance)
        self.name = name
        self.limits = limits
        self.chance = chance
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, limits: OpenSearchLimits | None = None, chance: Callable[[], float] = random.random
    ) -> "AsyncIterator[OpenSearchConnection]":
        """Open what a URL names (see `urls`). It connects when it is first used, so that OpenSearch may come later."""
        target, limits = parse_url(url), limits or OpenSearchLimits()
        # What fails is raised here, and told by whoever handles it: the client would log each a second time.
        logging.getLogger("opensearch").setLevel(logging.ERROR)
        client = _client(target, limits)
        try:
            yield cls(client, target.name, limits, chance)
        finally:
            await client.close()

    async def call(self, work: Callable[[AsyncOpenSearch], Awaitable[Outcome]]) -> Outcome:
        """Make one call. `Refused` if OpenSearch answers that it will not do it; no retry helps with most of these."""
        with self.guard:
            return await self._call(work)

    async def ping(self) -> None:
        """Return once OpenSearch has answered that it has the indices; `Unavailable` if it does not."""
        try:
            await self._call(lambda client: client.indices.get_alias(name=f"{self.name}-tweets"))
        except Refused as error:
            raise Unavailable("There is no search index: `roost migrate` makes one", RETRY_AFTER_S) from error

    async def _call(self, work: Callable[[AsyncOpenSearch], Awaitable[Outcome]]) -> Outcome:
        now_s = asyncio.get_running_loop().time()
        until_s, is_own = bound(now_s, self.limits.timeout_s)
        try:
            async with asyncio.timeout_at(until_s):
                return await work(self._client)
        except TimeoutError as error:
            if is_own:
                raise Unavailable("OpenSearch does not answer in time", RETRY_AFTER_S) from error
            raise Crowded("There is no more time to wait for OpenSearch", RETRY_AFTER_S) from error
        except OpenSearchException as error:
            raise _translated(error) from error


def _client(target: OpenSearchUrl, limits: OpenSearchLimits) -> AsyncOpenSearch:
    options: dict[str, Any] = {"http_auth": target.credentials} if target.credentials else {}
    return AsyncOpenSearch(
        hosts=[{"host": host, "port": port} for host, port in target.hosts],
        use_ssl=target.is_secure,
        maxsize=limits.connections_max,
        timeout=limits.timeout_s,
        max_retries=min(1, len(target.hosts) - 1),
        retry_on_status=(),
        **options,
    )


def _translated(error: OpenSearchException) -> Unavailable:
    if isinstance(error, NotReached) or not isinstance(error, TransportError):
        return Unavailable("OpenSearch does not answer", RETRY_AFTER_S)
    status = error.status_code
    if isinstance(status, int) and status < ERRORS_OF_SERVERS:
        if status == OVERLOADED:
            return Refused("OpenSearch has too much to do", RETRY_AFTER_S)
        return Refused(f"OpenSearch refuses: {error.error}", RETRY_AFTER_S)
    return Unavailable(f"OpenSearch fails: {error.error}", RETRY_AFTER_S)
