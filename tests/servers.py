"""Real servers for tests: each is started once in a session, when a test first asks for it, and stopped at its end.

A test module imports the fixtures that it uses. The servers are shared: a test takes keys, topics and keyspaces of its
own, and leaves the servers running as they are. One that kills or freezes starts its own, by `infra.stack`.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from infra.stack.built import is_built
from infra.stack.cassandra import cassandra_server
from infra.stack.kafka import kafka_server
from infra.stack.opensearch import opensearch_server
from infra.stack.programs import Missing, go, install, install_redis
from infra.stack.redis import redis_server
from infra.stack.redis_cluster import redis_cluster_server
from infra.stack.s3 import s3_server
from infra.stack.server import Server
from loaders.errors import RoostError

Make = Callable[[Path], Server]


class Servers:
    """The servers of one session, by name, and why those are missing that cannot be had."""

    def __init__(self) -> None:
        self._running: dict[str, Server] = {}
        self._failed: dict[str, RoostError] = {}

    def url(self, name: str, make: Make, folders: pytest.TempPathFactory) -> str:
        """Return a server's URL, started if need be; skip where it cannot be had. What failed is not tried again.

        One that runs already may be named, by TEST_KAFKA_URL and the like, to save the start while one writes tests.
        """
        if running := os.environ.get(f"TEST_{name.upper().replace('-', '_')}_URL"):
            return running
        if name not in self._running and name not in self._failed:
            try:
                server = make(folders.mktemp(name))
                run_aside(server.start())
                self._running[name] = server
            except RoostError as error:
                self._failed[name] = error
        failure = self._failed.get(name)
        if isinstance(failure, Missing):
            pytest.skip(str(failure))
        if failure is not None:
            raise failure
        return self._running[name].url

    def running(self, name: str) -> Server:
        """Return a server that runs, to be frozen and thawed; skip where it was named from outside."""
        if name not in self._running:
            pytest.skip(f"{name} is not this session's own")
        return self._running[name]

    def stop(self) -> None:
        """Stop them all."""
        for server in self._running.values():
            run_aside(server.stop())
        self._running.clear()


def run_aside(work: Coroutine[object, object, None]) -> None:
    """Run to its end, on a loop of its own in a thread of its own, whatever loop the test has."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


SERVERS = pytest.StashKey[Servers]()


def shared(request: pytest.FixtureRequest) -> Servers:
    """Return the session's servers: fixtures imported by several modules are several, what they start is one."""
    config = request.config
    if SERVERS not in config.stash:
        config.stash[SERVERS] = Servers()
        config.add_cleanup(config.stash[SERVERS].stop)
    return config.stash[SERVERS]


def redis_here(make: Make) -> Make:
    """Install Redis before a server is made of it, where that may be done."""

    def made(folder: Path) -> Server:
        install_redis(dict(os.environ))
        return make(folder)

    return made


def s3_here(folder: Path) -> Server:
    """Return a server for S3, with Go installed before it is built, where that may be done."""
    if not is_built(os.environ):
        install("golang-go", go, os.environ)
    return s3_server(folder)


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a Redis, such as redis://127.0.0.1:20001/0."""
    return shared(request).url("redis", redis_here(redis_server), tmp_path_factory)


@pytest.fixture(scope="session")
def redis_cluster_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a Redis Cluster of six nodes, such as redis-cluster://127.0.0.1:20001,127.0.0.1:20002,..."""
    return shared(request).url("redis-cluster", redis_here(redis_cluster_server), tmp_path_factory)


@pytest.fixture(scope="session")
def kafka_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a Kafka of one broker, such as kafka://127.0.0.1:20001; it makes no topic by itself."""
    return shared(request).url("kafka", kafka_server, tmp_path_factory)


@pytest.fixture(scope="session")
def cassandra_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a Cassandra of one node, such as cassandra://127.0.0.1:20001/roost?dc=dc1; it has no keyspace yet."""
    return shared(request).url("cassandra", cassandra_server, tmp_path_factory)


@pytest.fixture(scope="session")
def opensearch_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an OpenSearch of one node, such as opensearch://127.0.0.1:20001/roost; it has no index yet."""
    return shared(request).url("opensearch", opensearch_server, tmp_path_factory)


@pytest.fixture(scope="session")
def s3_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a server for S3, such as s3://key:secret@127.0.0.1:20001/roost?tls=no; it has no bucket yet."""
    return shared(request).url("s3", s3_here, tmp_path_factory)
