"""The stack: which servers there are, what each is for, and the settings that name them."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.flink.job import trends_job
from infra.settings import Settings
from infra.settings_file import read_env_file
from infra.settings_given import PREFIX
from infra.stack.cassandra import ONE, READ_ONE, can_read, cassandra_server
from infra.stack.flink import flink_server, is_at_work
from infra.stack.kafka import alive_brokers, kafka_server
from infra.stack.opensearch import has_all_shards, opensearch_server
from infra.stack.redis import is_pong, redis_server
from infra.stack.redis_cluster import redis_cluster_server
from infra.stack.s3 import is_healthy, s3_server
from infra.stack.server import Server, answers


@dataclass(frozen=True, slots=True)
class Choice:
    """What to start: data centres of Cassandra (1 or 2), brokers of Kafka (1 or 3), Redis or a cluster of it, and more.

    OpenSearch may be left out, which needs another Java and more memory than all the rest; Flink is, unless asked for.
    """

    dcs: int = 1
    kafka: int = 1
    is_redis_cluster: bool = False
    has_search: bool = True
    has_media: bool = True
    has_flink: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One server of the stack: how it is made in a folder, how a node of it is asked, the settings that name it.

    A choice that leaves other data behind has a folder of its own.
    """

    folder: Callable[[Choice], str]
    make: Callable[[Path, Choice, Mapping[str, str]], Server]
    node_answers: Callable[[str, int], Awaitable[bool]]
    settings: Sequence[str]
    is_chosen: Callable[[Choice], bool] = lambda _: True


async def _has_broker(host: str, port: int) -> bool:
    return await alive_brokers(host, port) > 0


def _trends_job(folder: Path, choice: Choice, environ: Mapping[str, str]) -> str:
    # The same Kafka again, which is asked for its URL alone.
    kafka = KINDS["kafka"]
    return trends_job(kafka.make(folder.parent / kafka.folder(choice), choice, environ).url, Settings.load(environ))


TOKEN_KEY = "token_key"
CACHES = ("timelines_url", "broadcast_url")
KINDS: Mapping[str, Kind] = {
    "redis": Kind(
        folder=lambda _: "redis",
        make=lambda folder, _, environ: redis_server(folder, environ),
        node_answers=is_pong,
        settings=CACHES,
        is_chosen=lambda choice: not choice.is_redis_cluster,
    ),
    "redis-cluster": Kind(
        folder=lambda _: "redis-cluster",
        make=lambda folder, _, environ: redis_cluster_server(folder, environ),
        node_answers=is_pong,
        settings=CACHES,
        is_chosen=lambda choice: choice.is_redis_cluster,
    ),
    "kafka": Kind(
        folder=lambda choice: f"kafka-{choice.kafka}",
        make=lambda folder, choice, environ: kafka_server(folder, choice.kafka, environ),
        node_answers=_has_broker,
        settings=("log_url",),
    ),
    "cassandra": Kind(
        folder=lambda choice: f"cassandra-{choice.dcs}",
        make=lambda folder, choice, environ: cassandra_server(folder, choice.dcs, environ),
        node_answers=lambda host, port: can_read(host, port, READ_ONE, ONE),
        settings=("users_url", "tweets_url", "graph_url", "keys_url"),
    ),
    "opensearch": Kind(
        folder=lambda _: "opensearch",
        make=lambda folder, _, environ: opensearch_server(folder, environ),
        node_answers=has_all_shards,
        settings=("search_url",),
        is_chosen=lambda choice: choice.has_search,
    ),
    "s3": Kind(
        folder=lambda _: "s3",
        make=lambda folder, _, environ: s3_server(folder, environ),
        node_answers=is_healthy,
        settings=("media_url",),
        is_chosen=lambda choice: choice.has_media,
    ),
    "flink": Kind(
        folder=lambda _: "flink",
        make=lambda folder, choice, environ: flink_server(folder, _trends_job(folder, choice, environ), environ),
        node_answers=is_at_work,
        settings=("trends_url",),
        is_chosen=lambda choice: choice.has_flink,
    ),
}


def servers(folder: Path, choice: Choice, environ: Mapping[str, str] = os.environ) -> list[Server]:
    """Return the servers of a choice, each in its own folder, none started. Raises what their makers raise."""
    chosen = [kind for kind in KINDS.values() if kind.is_chosen(choice)]
    return [kind.make(folder / kind.folder(choice), choice, environ) for kind in chosen]


def settings_text(urls: Mapping[str, str], choice: Choice, token_key: str) -> str:
    """Return the text of a settings file that puts Roost on servers, given by name with their URLs.

    `token_key` is the secret that Roost's processes share.
    """
    values = {setting: url for name, url in urls.items() for setting in KINDS[name].settings}
    # A second data centre comes with three nodes in the first, which are to hold everything three times.
    values |= {"replication": str(3 if choice.dcs > 1 else 1), TOKEN_KEY: token_key}
    lines = [f"{PREFIX}{setting.upper()}={value}\n" for setting, value in values.items()]
    return "# Written by `roost stack up`, and written anew each time.\n" + "".join(lines)


def write_settings(path: Path, urls: Mapping[str, str], choice: Choice, new_key: Callable[[], str]) -> None:
    """Write the settings file, for its owner alone to read; a secret that stands in it already is kept."""
    kept = read_env_file(path).get(PREFIX + TOKEN_KEY.upper())
    path.touch(0o600)
    path.write_text(settings_text(urls, choice, kept or new_key()), encoding="utf-8")


async def node_answers(server: str, host: str, port: int) -> bool:
    """Tell whether a node of a server serves clients, whichever process started it; no later than after 5 seconds."""
    return await answers(lambda: KINDS[server].node_answers(host, port))
