"""A cluster that moves only when told to: the real servers, and one worker for each partition, stepped by hand."""

from dataclasses import replace

from infra.adapters.cassandra.leases import WorkerLease
from infra.adapters.kafka.log import KafkaEventLog
from infra.clocks import Clocks
from infra.cluster.parts import assembled, holder_name
from infra.engine import make_deliver, make_services
from realtime.hub import Hub
from realtime.positions import Positions
from realtime.worker import FANOUT, STORE, Worker, store_handler
from tests.cluster.worlds import LAYOUT, Site
from tests.contracts.cassandra_adapters import PLACE
from tests.contracts.kafka_adapters import PATIENT
from tests.stepped import Stepped


class ClusterStepped(Stepped):
    """A `Stepped` on Kafka, Cassandra and Redis, with several partitions."""

    def __init__(self, site: Site, **changes: object) -> None:
        super().__init__(site.folder)
        self.settings = site.settings(changes)
        self._site = site

    async def open(self) -> None:
        settings, clocks = self.settings, Clocks(lambda: self.now_s, lambda: self.now_s)
        session = PLACE.session(self._site.folder)
        log = KafkaEventLog.open(self._site.log_url, LAYOUT, PLACE.epoch, PATIENT)
        self.log = kafka = await self._stack.enter_async_context(log)
        lease = WorkerLease.open(session, holder_name(), clocks.now_ms, clocks.monotonic_s, min)
        new_id = await self._stack.enter_async_context(lease)
        opened = await self._stack.enter_async_context(assembled(settings, clocks, session, kafka, new_id))
        parts = replace(opened.parts, broadcast=self.broadcast)
        self.positions, self.timelines = Positions(), parts.timelines
        for partition in range(sum(LAYOUT)):
            self.positions.advance(STORE, await parts.projection.position(partition), partition)
            self.positions.advance(FANOUT, await parts.progress.position(partition), partition)
        self.hub = Hub(parts.log, parts.tweets, parts.policy, parts.broadcast)
        self.hub.start_at(tuple(self.positions.reached(FANOUT, each) for each in range(LAYOUT.partitions)))
        self.services = make_services(settings, clocks, parts, self.positions, self.hub)
        self._stack.callback(self.services.passwords.close)
        store = store_handler(parts.log, parts.projection, settings.store_batch_size)
        deliver = make_deliver(settings, clocks, parts).handle
        self.workers = [
            Worker(STORE, parts.log, self.positions, store, settings.store_batch_size, partition=each)
            for each in range(sum(LAYOUT))
        ]
        self.workers += [
            Worker(
                FANOUT,
                parts.log,
                self.positions,
                deliver,
                settings.fanout_batch_size,
                upstream=STORE,
                partition=each,
            )
            for each in range(sum(LAYOUT))
        ]
