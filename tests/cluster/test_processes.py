"""Two gateways and two workers of each group, as processes: a client of either gateway sees everything."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.clocks import Clocks
from infra.cluster.parts import layout_of, open_connected
from tests.cluster.processes import (
    COMMAND_S,
    GRACE_S,
    PATIENCE_S,
    Cluster,
    Site,
    bare_site,
    running,
    session_site,
    sign_up_roamer,
    until,
)
from tests.server_process import Account, open_socket, sign_up

pytestmark = pytest.mark.cluster

LIKERS = 12
KILLED_BY_ITSELF = {0, -signal.SIGTERM}
SEVERAL = ("serve", "--workers", "2")
NOBODY = "127.0.0.1:1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """The processes, for all tests of this module; those that end some of them come last."""
    async with running(session_site(request, tmp_path_factory.mktemp("processes"))) as cluster:
        yield cluster


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        yield client


async def test_a_client_of_either_gateway_sees_what_was_posted_at_the_other(
    cluster: Cluster, http: httpx.AsyncClient
) -> None:
    one, other = cluster.gateways
    ada, bob = await sign_up(http, one.url, "ada"), await sign_up(http, other.url, "bob")
    bob_elsewhere = Account(bob.handle, bob.id, bob.token, http, one.url)
    async with (
        open_socket(one.socket_url, bob.token) as near,
        open_socket(other.socket_url, bob.token) as far,
    ):
        for each in (near, far):
            await each.subscribe("HomeTimelineUpdates")
        await bob.follow(ada)
        told = [await each.next(PATIENCE_S) for each in (near, far)]
        assert [update["__typename"] for update in told] == ["TimelineReset"] * 2
        await ada.tweet("Hello, both")
        told = [await each.next(PATIENCE_S) for each in (near, far)]
    assert [(update["__typename"], update["tweet"]["text"]) for update in told] == [
        ("TimelineTweetAdded", "Hello, both")
    ] * 2
    assert await bob.home() == await bob_elsewhere.home() == await ada.home() == ["Hello, both"]


async def test_likes_from_both_gateways_are_counted_exactly(cluster: Cluster, http: httpx.AsyncClient) -> None:
    names = [f"liker{number}" for number in range(LIKERS)]
    likers = await asyncio.gather(*(sign_up_roamer(http, cluster.urls, name) for name in names))
    tweet_id = await likers[0].tweet("Like me")

    async def is_readable() -> bool:
        return (await likers[0].run("Like", id=tweet_id)).user_errors == []

    await until(is_readable)
    for document in ("Like", "Unlike", "Like", "Like"):
        await asyncio.gather(*(liker.ask(document, id=tweet_id) for liker in likers))
    await asyncio.gather(*(liker.ask("Unlike", id=tweet_id) for liker in likers[: LIKERS // 3]))

    async def are_counted() -> bool:
        pages = [await likers[0].ask("HomeTimeline") for _ in cluster.urls]
        return [page["edges"][0]["node"]["likeCount"] for page in pages] == [LIKERS - LIKERS // 3] * len(pages)

    await until(are_counted)


async def test_another_migration_changes_nothing(cluster: Cluster) -> None:
    done = await cluster.site.roost("migrate")
    assert done.code == 0
    assert "made" not in done.output
    assert "applied" not in done.output


async def test_a_cluster_that_was_not_migrated_is_not_served(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    site = bare_site(request, tmp_path / "bare", "roost_never_migrated")
    for done in await asyncio.gather(*(site.roost(*command) for command in (("serve",), SEVERAL, ("work",)))):
        assert done.code in {1, 2}, done.output
        assert "run `roost migrate`" in done.output.splitlines()[-1]
        assert "Traceback" not in done.output


async def test_a_server_that_cannot_be_reached_is_told_in_a_line(cluster: Cluster, tmp_path: Path) -> None:
    stores = dict.fromkeys(("users_url", "tweets_url", "graph_url", "keys_url"), f"cassandra://{NOBODY}/roost")
    wrong = [{"log_url": f"kafka://{NOBODY}/roost"}, stores]
    site = cluster.site
    others = [site.other(str(tmp_path / str(number)), **settings) for number, settings in enumerate(wrong)]
    finished = await asyncio.gather(*(other.roost("serve") for other in others))
    said = [done.output.splitlines()[-1] for done in finished]
    assert [done.code for done in finished] == [1, 1]
    assert "log does not answer" in said[0]
    assert NOBODY in said[1]
    assert not [done.output for done in finished if "Traceback" in done.output or '"exception"' in done.output]


async def test_an_audit_finds_nothing(cluster: Cluster) -> None:
    assert "nothing missing, unexpected or double" in await cluster.audit()


async def test_workers_that_end_have_committed_what_they_did(
    cluster: Cluster, http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = await sign_up_roamer(http, cluster.urls, "writer")
    posting = asyncio.ensure_future(post_for_good(writer))
    try:
        took_s = []
        for worker in cluster.workers:
            began_s = time.monotonic()
            assert await worker.stop() == 0, worker.output
            took_s.append(time.monotonic() - began_s)
    finally:
        posting.cancel()
    with capsys.disabled():
        sys.stdout.write(f"\nworkers ended within {', '.join(f'{each:.1f}' for each in took_s)} s\n")
    assert max(took_s) < COMMAND_S / 6
    assert not posting.done() or posting.cancelled(), "posting did not suffer"
    applied, handled = await positions(cluster.site)
    assert sum(applied) > 0
    assert await committed(cluster.site, "store") == applied
    assert await committed(cluster.site, "fanout") == handled


async def test_a_gateway_that_ends_tells_its_sockets_to_come_back(
    cluster: Cluster, http: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = cluster.gateways[1]
    cy = await sign_up(http, gateway.url, "cy")
    async with open_socket(gateway.socket_url, cy.token) as one:
        await one.subscribe("HomeTimelineUpdates")
        await one.send({"type": "ping"})
        assert (await one.message())["type"] == "pong"
        began_s = time.monotonic()
        gateway.terminate()
        assert await one.close_code() == 1012
        assert await gateway.wait() in KILLED_BY_ITSELF
        took_s = time.monotonic() - began_s
    with capsys.disabled():
        sys.stdout.write(f"\na gateway ended within {took_s:.1f} s\n")
    assert took_s < GRACE_S + 10
    assert '"exception"' not in gateway.output


async def post_for_good(account: Account) -> None:
    """Post until cancelled; nothing may fail."""
    number = 0
    while True:
        number += 1
        await account.tweet(f"post {number}")


async def positions(site: Site) -> tuple[list[int], list[int]]:
    """Return how far the stores say that each group has come, by partition."""
    settings = site.load()
    count = sum(layout_of(settings))
    async with open_connected(settings, Clocks(), gives_ids=False) as connected:
        parts = connected.parts
        return (
            [await parts.projection.position(partition) for partition in range(count)],
            [await parts.progress.position(partition) for partition in range(count)],
        )


async def committed(site: Site, group: str) -> list[int]:
    """Return how far Kafka says that a group has come, by partition of the log."""
    settings = site.load()
    address = KafkaAddress.parse(settings.log_url)
    topics = Topics(address.prefix, layout_of(settings))
    admin = AdminClient(address.client())
    asked = [ConsumerGroupTopicPartitions(f"{address.prefix}.{group}")]
    (future,) = admin.list_consumer_group_offsets(asked).values()
    found = (await asyncio.wrap_future(future)).topic_partitions
    by_number = {topics.number(each.topic, each.partition): each.offset for each in found}
    return [by_number.get(number, 0) for number in range(sum(topics.layout))]
