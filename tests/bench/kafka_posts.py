"""Appending to a real Kafka of one broker, 64 at once: beside the bare client that is handed finished bytes."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from statistics import median

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.adapters.kafka.admin import KafkaAdmin
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.log import KafkaEventLog
from infra.stack.kafka import kafka_server
from infra.stack.programs import Missing
from infra.stack.server import Server
from loaders.records import TweetId, UserId
from realtime.events import Event, TweetPosted, encode
from realtime.partitions import Layout
from tests.bench.figures import Figure, middle, percentile
from tests.bench.run import Run, pin, run_loop

BENCH = "kafka"
AT_ONCE = 64
LAYOUT = Layout(64, 16)
HOUR_MS = 3_600_000
TEXT = "x" * 140
READS, READ_SIZE = 200, 500
FILL_SIZE = 2_000
SEED = 7
LINGER_MS = 2
"""As the log's own producer has it."""
FLOOR = f"the client alone, {AT_ONCE} finished records under way"


@dataclass(frozen=True, slots=True)
class Lap:
    """What one measurement came to: each one's time, how long all took, and processor time, in seconds."""

    latencies_s: list[float]
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """How many were done in a second."""
        return len(self.latencies_s) / self.seconds

    @property
    def cpu_us(self) -> float:
        """How much of this process's time one took, all threads counted, in microseconds."""
        return 1e6 * self.cpu_s / len(self.latencies_s)

    def latency_ms(self, share: float) -> float:
        """Return the latency below which this share of them lies."""
        return 1000 * percentile(self.latencies_s, share)


def run(run: Run) -> list[Figure]:
    """Measure the log and the floor in turn, several times over."""
    try:
        broker = kafka_server(run.new_folder("kafka"))
    except Missing as missing:
        run.say(f"{BENCH}: not measured. {missing}")
        return []
    return run_loop(_figures(run, broker))


async def _figures(run: Run, broker: Server) -> list[Figure]:
    floors, laps = list[Lap](), list[Lap]()
    seconds = run.seconds(8, 2)
    async with _started(run, broker) as log:
        events = [_event(number) for number in range(1, 20_001)]
        values = [encode(event) for event in events]
        for start in (*range(0, len(events), FILL_SIZE), *range(0, len(events), FILL_SIZE)):
            await log.append(events[start : start + FILL_SIZE])
        for number in range(run.rounds(5, 2)):
            run.say(f"{BENCH}: round {number + 1}")
            floors.append(await asyncio.to_thread(bare_appends, broker, log.topics, values, AT_ONCE, seconds))
            laps.append(await _append(log, events, seconds))
        reads = await _read(log)
    figures = []
    measures: dict[str, tuple[Callable[[Lap], float], str]] = {
        "appends/s, 64 at once": (lambda lap: lap.rate, "/s"),
        "an append, 64 at once: p50": (lambda lap: lap.latency_ms(0.5), "ms"),
        "an append, 64 at once: p99": (lambda lap: lap.latency_ms(0.99), "ms"),
        "an append: processor time": (lambda lap: lap.cpu_us, "us"),
    }
    for name, (measure, unit) in measures.items():
        floor = median(measure(lap) for lap in floors)
        figures.append(middle(BENCH, name, [measure(lap) for lap in laps], unit, floor=floor, floor_name=FLOOR))
    for title, share in (("p50", 0.5), ("p99", 0.99)):
        figures.append(Figure(BENCH, f"{READ_SIZE} events by their offsets: {title}", reads.latency_ms(share), "ms"))
    return figures


@asynccontextmanager
async def _started(run: Run, broker: Server) -> AsyncIterator[KafkaEventLog]:
    # The broker is on the servers' core, and what measures it stays on the other.
    pin(run.server_core)
    await broker.start()
    pin(run.cores[-1])
    try:
        address = KafkaAddress.parse(f"{broker.url}/bench")
        async with KafkaAdmin.open(address, timeout_s=60.0) as admin:
            await admin.make(Topics(address.prefix, LAYOUT), HOUR_MS)
        async with KafkaEventLog.open(f"{broker.url}/bench", LAYOUT, epoch=1) as log:
            yield log
    finally:
        await broker.stop()


def _event(number: int) -> Event:
    return TweetPosted(TweetId(number << 22), UserId(number), TEXT, number)


async def _append(log: KafkaEventLog, events: list[Event], seconds: float) -> Lap:
    latencies_s: list[float] = []
    each, began_s, cpu_s = cycle(events).__next__, time.perf_counter(), time.process_time()

    async def keep_appending() -> None:
        while (now_s := time.perf_counter()) - began_s < seconds:
            await log.append([each()])
            latencies_s.append(time.perf_counter() - now_s)

    await asyncio.gather(*(keep_appending() for _ in range(AT_ONCE)))
    return Lap(latencies_s, time.perf_counter() - began_s, time.process_time() - cpu_s)


def bare_producer(kafka: Server) -> Producer:
    """Return a client set as the log's own."""
    own = {"enable_idempotence": True, "acks": "all", "linger_ms": LINGER_MS, "compression_type": "lz4"}
    return Producer(KafkaAddress.parse(kafka.url).client(**own))


def bare_appends(kafka: Server, topics: Topics, values: Sequence[bytes], at_once: int, seconds: float) -> Lap:
    """Keep so many finished records under way, with the settings of the log's own producer and nothing else."""
    producer, latencies_s, under_way = bare_producer(kafka), list[float](), 0
    each = cycle(enumerate(values)).__next__
    producer.list_topics(topics.events)

    def heard(began_s: float) -> Callable[[KafkaError | None, Message], None]:
        def hear(error: KafkaError | None, _message: Message) -> None:
            nonlocal under_way
            if error is not None:
                raise KafkaException(error)
            under_way -= 1
            latencies_s.append(time.perf_counter() - began_s)

        return hear

    began_s, cpu_s = time.perf_counter(), time.process_time()
    while time.perf_counter() - began_s < seconds:
        while under_way < at_once:
            number, value = each()
            partition = number % LAYOUT.partitions
            producer.produce(topics.events, value, partition=partition, on_delivery=heard(time.perf_counter()))
            under_way += 1
        producer.poll(0.1)
    producer.flush()
    return Lap(latencies_s, time.perf_counter() - began_s, time.process_time() - cpu_s)


async def _read(log: KafkaEventLog) -> Lap:
    """Read ranges at random places, one after the other."""
    chance, latencies_s = random.Random(SEED), list[float]()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(READS):
        partition, after = chance.randrange(LAYOUT.partitions), chance.randrange(100)
        now_s = time.perf_counter()
        await log.read(after, READ_SIZE, partition)
        latencies_s.append(time.perf_counter() - now_s)
    return Lap(latencies_s, time.perf_counter() - began_s, time.process_time() - cpu_s)
