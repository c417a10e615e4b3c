"""What a worker tells of itself over HTTP: its metrics, and whether it gets on."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette

from infra.adapters.kafka.group import KafkaGroupMember
from infra.clocks import Clocks
from infra.cluster.dependencies import MEDIA, Dependencies
from infra.cluster.parts import Connected
from infra.engine import Tasks
from infra.faults import state_of
from infra.health import Health, health_routes
from infra.measures import Measures
from infra.media.service import removed_tally
from infra.settings import Settings
from infra.settings_given import SettingsError
from infra.tallies import breaker_tallies, broadcast_tallies, buried_tallies, deliver_tallies, pool_tallies
from infra.telemetry import Exposition, metrics_route
from infra.telling import TellingCollector
from loaders.errors import Unavailable
from realtime.deliver import Deliver
from realtime.uploading import Uploading
from realtime.worker import FANOUT, STORE

if TYPE_CHECKING:
    from infra.traces.tracing import Tracing


@dataclass(slots=True, eq=False)
class Working(Collector):
    """A worker's members, what they use, and what runs."""

    connected: Connected
    clocks: Clocks
    members: dict[str, KafkaGroupMember] = field(default_factory=dict)
    deliver: Deliver | None = None
    uploading: Uploading | None = None
    tasks: Tasks = field(default_factory=Tasks)
    dependencies: Dependencies = field(init=False)

    def __post_init__(self) -> None:
        # A worker gets on without media: what is to be removed is removed later.
        pings = {name: ping for name, ping in self.connected.pings.items() if name != MEDIA}
        self.dependencies = Dependencies(pings, self.connected.breakers, self.clocks.now_ms)

    async def states(self) -> dict[str, dict[str, object]]:
        """Return what readiness is judged by: each server and group, and how far the groups are behind the log."""
        await self.dependencies.look()
        states = {name: state_of(self._reason(name)) for name in self.connected.pings if name != MEDIA}
        for group, member in self.members.items():
            states[group] = state_of(self.tasks.faults.get(group), partitions=len(member.partitions))
            with suppress(Unavailable):  # the log's own state says so
                events, seconds = await member.lag(self.clocks.now_ms())
                states[group] |= {"lag_events": events, "lag_s": seconds}
        return states

    def _reason(self, server: str) -> str | None:
        fault = self.dependencies.faults.get(server)
        return None if fault is None else fault.reason

    def collect(self) -> Iterable[Metric]:
        """Return what the parts count."""
        connected = self.connected
        if self.deliver is not None:
            yield from deliver_tallies(self.deliver)
        if self.uploading is not None:
            yield removed_tally(self.uploading.tallies)
        own = {STORE: connected.projection.buried, FANOUT: connected.progress.buried}
        yield from buried_tallies(connected.dead_letters.buried + Counter(own))
        yield from breaker_tallies(connected.breakers)
        yield from broadcast_tallies(connected.broadcast)
        yield from pool_tallies(connected.pools())
        assigned = GaugeMetricFamily("roost_partitions_assigned", "Partitions that this worker has", labels=["group"])
        for group, member in self.members.items():
            assigned.add_metric([group], len(member.partitions))
        yield assigned


@asynccontextmanager
async def told_on(settings: Settings, working: Working, tracing: "Tracing | None" = None) -> AsyncIterator[int]:
    """Answer /metrics and /health for a worker as long as this lasts; yields the port."""
    try:
        listener = socket.create_server((settings.host, settings.work_port))
    except OSError as error:
        where = f"{settings.host}:{settings.work_port}"
        raise SettingsError((f"ROOST_WORK_PORT: {where} cannot be listened on: {error.strerror}",)) from error
    measures, health = Measures(time.perf_counter), Health(working)
    measures.registry.register(working)
    measures.registry.register(TellingCollector(tracing))
    shown = Exposition(measures, health.parts)
    app = Starlette(routes=[metrics_route(shown), *health_routes(health)])
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, server_header=False)
    server = _Quiet(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        async with shown.kept():
            yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving


class _Quiet(uvicorn.Server):
    """Leaves the signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
