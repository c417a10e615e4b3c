"""Requests to one bucket through aioboto3: bounded in time and number, and all that fails told in one way."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import aioboto3  # type: ignore[import-untyped]
from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from aiohttp import ClientError as TransportError
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # type: ignore[import-untyped]

from infra.adapters.deadline import bound
from infra.adapters.guard import Crowded, Guard, GuardLimits, Refused
from infra.adapters.s3_address import S3Address
from loaders.errors import Unavailable

RETRY_AFTER_S = 1.0
BROKEN = 500

Reply = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class S3Limits:
    """What requests may take. Times are in seconds.

    `timeout_s` bounds a request, and then what its answer holds; `transfer_timeout_s` one that sends up to 5 MiB. What
    fails is asked `tries` times at most, by the client. A listing asks for `names_per_call` at once.
    """

    timeout_s: float = 5.0
    transfer_timeout_s: float = 30.0
    connect_timeout_s: float = 1.0
    connections_max: int = 64
    tries: int = 2
    names_per_call: int = 1_000
    guard: GuardLimits = field(default_factory=GuardLimits)


class S3Connection:
    """Sends requests about one bucket. Any number of tasks may use it at once.

    Every failure is raised as `Unavailable`, no later than the time limit; after some in a row at once, by the guard.
    """

    def __init__(self, client: Any, address: S3Address, limits: S3Limits, chance: Callable[[], float]) -> None:
        self.guard = Guard("S3", limits.guard, asyncio.get_running_loop().time, chance)
        self.address = address
        self.limits = limits
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, limits: S3Limits | None = None, chance: Callable[[], float] = random.random
    ) -> AsyncIterator[Self]:
        """Open what a URL names. It connects when it is first used, so that the server may come up later."""
        limits, address = limits or S3Limits(), S3Address.parse(url)
        config = AioConfig(
            connect_timeout=limits.connect_timeout_s,
            read_timeout=limits.transfer_timeout_s,
            max_pool_connections=limits.connections_max,
            retries={"mode": "standard", "total_max_attempts": limits.tries},
            s3={"addressing_style": "path"},
            # Bodies are signed, which protects them as well; other checksums not every server knows.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        session = aioboto3.Session(address.access_key, address.secret_key, region_name=address.region)
        async with session.client("s3", endpoint_url=address.endpoint, config=config) as client:
            yield cls(client, address, limits, chance)

    async def ask(self, operation: str, *but: str, timeout_s: float | None = None, **given: object) -> Reply | str:
        """Make a request of boto's S3 client; answer its reply, or the code of the refusal if that is in `but`.

        What is asked must be safe to repeat: it is tried again.
        """
        async with self.bounded(timeout_s):
            try:
                reply: Reply = await getattr(self._client, operation)(Bucket=self.address.bucket, **given)
            except ClientError as error:
                if (code := code_of(error)) in but:
                    return code
                raise
            return reply

    async def ping(self) -> None:
        """Return once the bucket has answered."""
        await self.ask("head_bucket")

    @asynccontextmanager
    async def bounded(self, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Bound what is awaited within, and tell its failures as `Unavailable`."""
        at_s, is_own = bound(asyncio.get_running_loop().time(), timeout_s or self.limits.timeout_s)
        with self.guard:
            try:
                async with asyncio.timeout_at(at_s):
                    yield
            except TimeoutError:
                raise (Unavailable if is_own else Crowded)("S3 did not answer in time", RETRY_AFTER_S) from None
            except ClientError as error:
                raise _refused(error) from error
            except (BotoCoreError, HTTPClientError, TransportError, OSError) as error:
                raise Unavailable(f"S3 does not answer: {type(error).__name__}", RETRY_AFTER_S) from error


def code_of(error: ClientError) -> str:
    """Return what the server calls its refusal; of what has no body, the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(error: ClientError) -> Unavailable:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", BROKEN)
    if status >= BROKEN:
        return Unavailable(f"S3 cannot answer now: {code_of(error)}", RETRY_AFTER_S)
    return Refused(f"S3 refused {error.operation_name}: {code_of(error)}", RETRY_AFTER_S)
