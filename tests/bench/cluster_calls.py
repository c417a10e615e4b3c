"""What a page asks of a cluster's stores: statements sent to Cassandra and scripts run by Redis, counted there."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from infra.adapters.cassandra.driver import Driver, Kind, Options, Page, parse
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.kafka.log import KafkaEventLog
from infra.adapters.redis.connection import Call, RedisConnection
from infra.app import limits_of
from infra.clocks import Clocks
from infra.cluster.gateway import running_gateway
from infra.cluster.parts import Connected, assembled, layout_of, store_url
from loaders.records import UserId
from resolvers.context import Context, Services
from schema.api import create_schema
from tests.bench.cluster_people import connected_to
from tests.bench.requests import home_timeline
from tests.cluster.processes import Site

TABLE = re.compile(r"\bFROM (?:\w+\.)?(\w+)")
WATCHED = "positions"
"""A gateway looks each second how far the groups are: that is no page's."""
SCRIPTS = ("evalsha", "eval", "fcall")


class CountingDriver(Driver):
    """A driver that counts what it sends, by the table that it is read from."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.sent: Counter[str] = Counter()

    def send(
        self,
        statement: Any,
        kind: Kind,
        deliver: Callable[[Page], None],
        fail: Callable[[Exception], None],
        state: bytes | None = None,
    ) -> None:
        """See `Driver`."""
        found = TABLE.search(statement.prepared_statement.query_string) if kind is Kind.READ else None
        self.sent["writes" if found is None else found[1]] += 1
        super().send(statement, kind, deliver, fail, state)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of so many pages, read one after the other: statements by table, and round trips to Redis."""

    pages: int
    statements: Mapping[str, int]
    redis: int

    @property
    def cassandra(self) -> int:
        """All statements."""
        return sum(self.statements.values())

    def by_table(self) -> str:
        """Tell statements a page by table, the most first."""
        most = sorted(self.statements.items(), key=lambda each: -each[1])
        return ", ".join(f"{table} {number / self.pages:.2f}" for table, number in most)


async def count_calls(site: Site, viewers: Sequence[UserId]) -> tuple[Calls, Calls]:
    """Let each viewer read a page twice, with the list lost and with it there, through a gateway in this process."""
    settings, clocks, options = site.load(), Clocks(), Options()
    driver = await asyncio.to_thread(CountingDriver, parse(store_url(settings)), options)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, driver.close)
        given = await stack.enter_async_context(connected_to(site))
        redis = await stack.enter_async_context(RedisConnection.open(settings.timelines_url))
        log = await stack.enter_async_context(
            KafkaEventLog.open(settings.log_url, layout_of(settings), given.log.epoch)
        )
        session = CassandraSession(driver, options)
        connected: Connected = await stack.enter_async_context(
            assembled(settings, clocks, session, log, given.parts.new_id)
        )
        gateway = await stack.enter_async_context(running_gateway(settings, clocks, connected))
        schema = create_schema(limits_of(settings), settings.document_cache_size)

        async def read_all() -> Calls:
            driver.sent.clear()
            before = await _scripts(redis)
            for viewer_id in viewers:
                await _read(schema, gateway.services, viewer_id)
            statements = {table: number for table, number in driver.sent.items() if table != WATCHED}
            return Calls(len(viewers), statements, await _scripts(redis) - before)

        await connected.timelines.drop(viewers)
        return await read_all(), await read_all()


async def _read(schema: Any, services: Services, viewer_id: UserId) -> None:
    context = Context(services, viewer_id)
    result = await schema.execute(home_timeline(), variable_values={}, context_value=context)
    if result.errors or result.data is None:
        raise RuntimeError(f"this is no page: {result.errors}")


async def _scripts(redis: RedisConnection) -> int:
    told = (await redis.one(Call("", ("INFO", "commandstats")))).decode()
    counts = {found[1]: int(found[2]) for found in re.finditer(r"cmdstat_(\w+):calls=(\d+)", told)}
    return sum(counts.get(name, 0) for name in SCRIPTS)
