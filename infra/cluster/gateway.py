"""A gateway of a cluster: it keeps nothing, so there may be any number of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from infra.clocks import Clocks
from infra.cluster.dependencies import Dependencies
from infra.cluster.parts import Connected, open_connected
from infra.cluster.policies import of_gateway
from infra.engine import Tasks, make_services
from infra.faults import state_of
from infra.settings import Settings
from infra.tallies import Pool, breaker_tallies, broadcast_tallies
from loaders.errors import Unavailable
from realtime.backlog import Backlog
from realtime.hub import Hub
from realtime.last_known import LastKnown
from realtime.ports import Reference
from realtime.positions import Positions
from realtime.references import HEARTBEAT
from realtime.remembered import TRUST_S, Remembered
from realtime.tail import Tail
from realtime.worker import FANOUT
from resolvers.context import Services

if TYPE_CHECKING:
    from infra.traces.gateway import GatewayTracing

WATCH_EVERY_S = TRUST_S / 2
BEAT_WITHIN_S = TRUST_S / 4
MEASURE_EVERY_S = 10.0
HOUR_MS = 3_600_000


@dataclass(slots=True)
class ClusterGateway:
    """The services of one gateway process, the hub of its sockets, and what keeps the two up to date."""

    services: Services
    hub: Hub
    positions: Positions
    connected: Connected
    backlog: Backlog
    remembered: Remembered
    tail: Tail
    dependencies: Dependencies
    monotonic_s: Callable[[], float]
    tasks: Tasks = field(default_factory=Tasks)

    def start(self) -> None:
        """Start everything that runs by itself."""
        self.tasks.run("hub", self.hub.run)
        self.tasks.run("watch", self._watch)
        self.tasks.run("dependencies", self.dependencies.run)
        self.tasks.run("backlog", self._measure)
        if self.connected.searching is not None:
            self.tasks.run("search_watch", self.connected.searching.watch)
        if self.connected.trends is not None:
            self.tasks.run("trends", self.connected.trends.run)

    async def stop(self) -> None:
        """Cancel what `start` started, and wait for its end."""
        await self.tasks.stop()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until this gateway's streams have heard all that the log holds now; False after the timeout."""
        end = await self.connected.parts.log.end()
        waits = [self.positions.wait(FANOUT, offset, timeout_s, partition) for partition, offset in enumerate(end)]
        return all(await asyncio.gather(*waits))

    async def states(self) -> dict[str, dict[str, object]]:
        """Return what readiness is judged by: each part, whether it is ready, and if not, why."""
        states = self.dependencies.states()
        for name in ("hub", "watch", "backlog"):
            states[name] = state_of(self.tasks.faults.get(name))
        if self.connected.searching is not None:
            states["search_index"]["complete"] = self.connected.searching.is_complete
        return states

    def measures(self) -> Iterator[Metric]:
        """Return what the parts count, for whoever collects it."""
        heard = GaugeMetricFamily("roost_hub_position", "Log offset up to which streams heard", labels=["partition"])
        for partition, offset in enumerate(self.hub.place()):
            heard.add_metric([str(partition)], offset)
        yield heard
        yield from breaker_tallies(self.connected.breakers)
        yield from broadcast_tallies(self.connected.broadcast)
        yield GaugeMetricFamily(
            "roost_backlog_seconds", "Age of the oldest event not applied", self.backlog.age_ms / 1000
        )

    def pools(self) -> Mapping[str, Pool]:
        """Return how full the pools are that not every kind of engine has."""
        return self.connected.pools()

    async def _watch(self) -> None:
        """Look how far fan-out is: a last reference that was lost is seen so, and a broadcast that fell silent only
        makes the streams slower (L2). What is remembered may be trusted from one look to the next (V2).
        """
        beating: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(WATCH_EVERY_S)
                patience_s = BEAT_WITHIN_S if beating is None else 0
                beating = beating or asyncio.create_task(self._beat())
                done, _ = await asyncio.wait([beating], timeout=patience_s)
                if done:
                    error, beating = beating.exception(), None
                    if error is None:
                        continue
                    if not isinstance(error, Unavailable):
                        raise error
                # The stores do not answer, or not soon: what the log says by itself is as good.
                began_s = self.monotonic_s()
                with suppress(Unavailable):
                    await self.tail.look()
                    self.remembered.heard(began_s)
        finally:
            if beating is not None:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        began_s = self.monotonic_s()
        place = await self.connected.parts.progress.place(len(self.hub.place()))
        beats = [Reference(partition, offset, offset, HEARTBEAT) for partition, offset in enumerate(place)]
        await self.hub.receive(beats)
        self.remembered.heard(began_s)

    async def _measure(self) -> None:
        while True:
            # Of a server that does not answer its own state tells.
            with suppress(Unavailable):
                await self.backlog.measure()
            await asyncio.sleep(MEASURE_EVERY_S)


@asynccontextmanager
async def open_gateway(
    settings: Settings, clocks: Clocks | None = None, tracing: "GatewayTracing | None" = None
) -> AsyncIterator[ClusterGateway]:
    """Connect to the cluster that the settings name, and begin where its fan-out is."""
    clocks = clocks or Clocks()
    async with (
        open_connected(settings, clocks, gives_ids=True, policies=of_gateway(settings)) as connected,
        running_gateway(settings, clocks, connected, tracing) as gateway,
    ):
        yield gateway


@asynccontextmanager
async def running_gateway(
    settings: Settings, clocks: Clocks, connected: Connected, tracing: "GatewayTracing | None" = None
) -> AsyncIterator[ClusterGateway]:
    """Run a gateway over connections that are there."""
    parts, positions = connected.parts, Positions()
    advance = partial(_advance, positions)
    remembered = Remembered(
        parts.tweets, parts.graph, clocks.monotonic_s, settings.tweet_cache_size, settings.relations_cache_size
    )
    heard = None if tracing is None else tracing.deliveries.heard
    hub = Hub(
        parts.log, parts.tweets, parts.policy, parts.broadcast, reached=advance, remembered=remembered, heard=heard
    )
    hub.start_at(await parts.progress.place(parts.log.layout.partitions))
    for partition, offset in enumerate(hub.place()):
        advance(partition, offset)
    backlog = Backlog(
        parts.log,
        parts.projection,
        clocks.now_ms,
        settings.log_retention_hours * HOUR_MS,
        connected.breakers["stores"].check,
    )
    known = LastKnown(remembered, settings.known_tweets_max)
    services = make_services(settings, clocks, parts, positions, hub, backlog, remembered, known)
    tail = Tail(parts.log, hub.place, remembered)
    counting = {} if connected.trends is None else {"trends": connected.trends.look}
    dependencies = Dependencies({**connected.pings, **counting}, connected.breakers, clocks.now_ms)
    gateway = ClusterGateway(
        services, hub, positions, connected, backlog, remembered, tail, dependencies, clocks.monotonic_s
    )
    gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
        gateway.services.passwords.close()


def _advance(positions: Positions, partition: int, offset: int) -> None:
    positions.advance(FANOUT, offset, partition)
