"""A gateway of a cluster: it keeps nothing, so there may be any number of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from infra.adapters.kafka.deliveries import DeliveryLimits
from infra.adapters.kafka.log import KafkaLimits
from infra.clocks import Clocks
from infra.cluster.parts import Connected, open_connected
from infra.engine import Tasks, make_services, state_of
from infra.settings import Settings
from infra.tallies import Pool, breaker_tallies, broadcast_tallies
from loaders.errors import Unavailable
from realtime.backlog import Backlog
from realtime.hub import Hub
from realtime.ports import Reference
from realtime.positions import Positions
from realtime.references import HEARTBEAT
from realtime.remembered import TRUST_S, Remembered
from realtime.worker import FANOUT
from resolvers.context import Services

WATCH_EVERY_S = TRUST_S / 2
MEASURE_EVERY_S = 10.0
HOUR_MS = 3_600_000
DOES_WITHOUT = {"timelines": "Redis does not answer: pages are pulled from the stores, streams hear later"}
"""What a gateway serves on without, and how."""


@dataclass(slots=True)
class ClusterGateway:
    """The services of one gateway process, the hub of its sockets, and what keeps the two up to date."""

    services: Services
    hub: Hub
    positions: Positions
    connected: Connected
    backlog: Backlog
    remembered: Remembered
    monotonic_s: Callable[[], float]
    tasks: Tasks = field(default_factory=Tasks)

    def start(self) -> None:
        """Start everything that runs by itself."""
        self.tasks.run("hub", self.hub.run)
        self.tasks.run("watch", self._watch)
        self.tasks.run("backlog", self._measure)

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
        states: dict[str, dict[str, object]] = {}
        for name, ask in self.connected.pings.items():
            try:
                await ask()
                states[name] = state_of(None)
            except Unavailable as error:
                does_without = DOES_WITHOUT.get(name)
                states[name] = state_of(str(error)) if does_without is None else state_of(None, degraded=does_without)
        for name in ("hub", "watch", "backlog"):
            states[name] = state_of(self.tasks.faults.get(name))
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
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            began_s = self.monotonic_s()
            place = await self.connected.parts.progress.place(len(self.hub.place()))
            beats = [Reference(partition, offset, offset, HEARTBEAT) for partition, offset in enumerate(place)]
            await self.hub.receive(beats)
            self.remembered.heard(began_s)

    async def _measure(self) -> None:
        while True:
            await self.backlog.measure()
            await asyncio.sleep(MEASURE_EVERY_S)


@asynccontextmanager
async def open_gateway(settings: Settings, clocks: Clocks | None = None) -> AsyncIterator[ClusterGateway]:
    """Connect to the cluster that the settings name, and begin where its fan-out is."""
    clocks = clocks or Clocks()
    # Whoever posts is told soon that the log does not answer; workers and imports have the patience to wait.
    wait_s = settings.log_timeout_ms / 1_000
    limits = KafkaLimits(DeliveryLimits(deadline_s=wait_s, stall_s=wait_s))
    async with (
        open_connected(settings, clocks, gives_ids=True, limits=limits) as connected,
        running_gateway(settings, clocks, connected) as gateway,
    ):
        yield gateway


@asynccontextmanager
async def running_gateway(settings: Settings, clocks: Clocks, connected: Connected) -> AsyncIterator[ClusterGateway]:
    """Run a gateway over connections that are there."""
    parts, positions = connected.parts, Positions()
    advance = partial(_advance, positions)
    remembered = Remembered(
        parts.tweets, parts.graph, clocks.monotonic_s, settings.tweet_cache_size, settings.relations_cache_size
    )
    hub = Hub(parts.log, parts.tweets, parts.policy, parts.broadcast, reached=advance, remembered=remembered)
    hub.start_at(await parts.progress.place(parts.log.layout.partitions))
    for partition, offset in enumerate(hub.place()):
        advance(partition, offset)
    backlog = Backlog(parts.log, parts.projection, clocks.now_ms, settings.log_retention_hours * HOUR_MS)
    services = make_services(settings, clocks, parts, positions, hub, backlog, remembered)
    gateway = ClusterGateway(services, hub, positions, connected, backlog, remembered, clocks.monotonic_s)
    gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
        gateway.services.passwords.close()


def _advance(positions: Positions, partition: int, offset: int) -> None:
    positions.advance(FANOUT, offset, partition)
