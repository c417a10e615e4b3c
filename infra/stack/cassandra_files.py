"""What a Cassandra node reads when it starts: cassandra.yaml, its place in the cluster, its logs, Java's options."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.stack.artefacts import CASSANDRA

HEAP = "384m"
EXPORTED = (
    "java.base/jdk.internal.misc", "java.base/java.lang.ref", "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.sql/java.sql", "jdk.unsupported/sun.misc",
    "jdk.compiler/com.sun.tools.javac.file", "jdk.attach/sun.tools.attach",
)  # fmt: skip
OPENED = (
    "java.base/java.lang.module", "java.base/jdk.internal.loader", "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect", "java.base/jdk.internal.math", "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar", "java.base/sun.nio.ch", "java.base/java.io", "java.base/java.lang",
    "java.base/java.lang.reflect", "java.base/java.util", "java.base/java.nio",
    "jdk.management/com.sun.management.internal", "jdk.compiler/com.sun.tools.javac",
)  # fmt: skip
LOGBACK = """\
<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level [%thread] %logger{20} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="STDOUT"/></root>
</configuration>
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node lives: its folder, its address, its data centre, the seed's address, the ports that all share."""

    folder: Path
    host: str
    data_centre: str
    seed: str
    native_port: int
    storage_port: int


def write_files(place: Place) -> None:
    """Write all that a node reads into `conf` in its folder."""
    conf = place.folder / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    files = {
        "cassandra.yaml": yaml_of(place),
        "cassandra-rackdc.properties": f"dc={place.data_centre}\nrack=rack1\n",
        "logback.xml": LOGBACK,
    }
    for name, text in files.items():
        (conf / name).write_text(text, encoding="utf-8")


def yaml_of(place: Place) -> str:
    """Return the text of cassandra.yaml.

    `group` commits answer a write when it is on disk, where the default loses 10 s of acknowledged writes in a crash;
    with them the first version of Paxos times out under contention, the second does not.
    """
    data = place.folder.resolve() / "data"
    folders = "".join(
        f"{key}: {json.dumps(str(data / name))}\n"
        for key, name in (
            ("commitlog_directory", "commitlog"),
            ("hints_directory", "hints"),
            ("saved_caches_directory", "saved_caches"),
            ("cdc_raw_directory", "cdc_raw"),
        )
    )
    return f"""\
cluster_name: roost
num_tokens: 4
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: GossipingPropertyFileSnitch
auto_bootstrap: false
auto_snapshot: false
listen_address: {place.host}
rpc_address: {place.host}
native_transport_port: {place.native_port}
storage_port: {place.storage_port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "{place.seed}:{place.storage_port}"
data_file_directories:
  - {json.dumps(str(data / "tables"))}
{folders}commitlog_sync: group
commitlog_sync_group_window: 10ms
commitlog_segment_size: 8MiB
commitlog_total_space: 128MiB
paxos_variant: v2
hinted_handoff_enabled: true
hints_flush_period: 1000ms
memtable_allocation_type: offheap_objects
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
networking_cache_size: 16MiB
key_cache_size: 8MiB
concurrent_reads: 16
concurrent_writes: 16
concurrent_compactors: 1
"""


def java_options(place: Place, library: Path, jmx_port: int) -> Sequence[str]:
    """Return Java's options for a node: a heap of 256 MB, its own JMX port, and what Cassandra asks of Java 17."""
    conf, data = place.folder.resolve() / "conf", place.folder.resolve() / "data"
    jamm = next(name for name in CASSANDRA.pins if name.startswith("jamm-"))
    opened = [f"--add-exports={name}=ALL-UNNAMED" for name in EXPORTED]
    opened += [f"--add-opens={name}=ALL-UNNAMED" for name in OPENED]
    return (
        "-ea", "-da:net.openhft...", f"-Xms{HEAP}", f"-Xmx{HEAP}", "-Xss512k", "-XX:+UseSerialGC",
        "-XX:MaxDirectMemorySize=128m", "-XX:TieredStopAtLevel=1", "-XX:+PerfDisableSharedMem", "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError", "-Djava.net.preferIPv4Stack=true", f"-javaagent:{library / jamm}",
        "-Djdk.attach.allowAttachSelf=true", "-Dio.netty.tryReflectionSetAccessible=true",
        f"-Dcassandra.config={(conf / 'cassandra.yaml').as_uri()}", f"-Dcassandra.storagedir={data}",
        f"-Dcassandra.logdir={data}", f"-Dlogback.configurationFile={(conf / 'logback.xml').as_uri()}",
        "-Dcassandra-foreground=yes", f"-Dcassandra.jmx.local.port={jmx_port}",
        "-Dcom.sun.management.jmxremote.authenticate=false", "-Dcassandra.ring_delay_ms=2000",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0", *opened,
        "-cp", f"{conf}:{library / '*'}", "org.apache.cassandra.service.CassandraDaemon",
    )  # fmt: skip
