"""Media on a cluster: uploaded through one gateway, seen through the other; and an S3 that is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from infra.clocks import Clocks
from infra.cluster.doctor import examine
from infra.cluster.media import sweep
from infra.cluster.migrate import migrate
from infra.cluster.parts import Connected, open_connected
from infra.cluster.working import Working
from infra.settings import Settings
from infra.stack.s3 import s3_server
from infra.stack.server import Server
from loaders.errors import Unavailable
from loaders.global_ids import decode_id
from tests.cluster.clusters import ServedWorld, new_cluster, served, workers
from tests.cluster.test_stack_servers import comes_true, had
from tests.media_files import picture
from tests.servers import cassandra_url, kafka_url, redis_url, run_aside
from tests.uploads import Uploads, uploads_to

__all__ = ["cassandra_url", "kafka_url", "redis_url"]
pytestmark = pytest.mark.cluster

PICTURE = picture(size=(900, 600))


@dataclass
class Two:
    """A cluster with media, and two gateways of it that share nothing but the servers."""

    settings: Settings
    s3: Server
    connected: Connected
    one: ServedWorld
    other: ServedWorld
    uploads: Uploads
    elsewhere: Uploads


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that a test may stop."""
    server = had(s3_server, tmp_path_factory.mktemp("s3"))
    run_aside(server.start())
    yield server
    run_aside(server.stop())


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest, s3: Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A cluster that the tests share, each with accounts of its own: to make one takes long."""
    changes = {"media_url": s3.url, "media_gone_minutes": 0, "media_store_timeout_ms": 60_000}
    return asyncio.run(new_cluster(request, tmp_path_factory.mktemp("data"), **changes))


@pytest.fixture
async def two(settings: Settings, s3: Server) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        connected = await stack.enter_async_context(workers(settings))
        second = await stack.enter_async_context(open_connected(settings, Clocks(), gives_ids=True))
        one = await stack.enter_async_context(served(settings, connected))
        other = await stack.enter_async_context(served(settings, second))
        uploads = await stack.enter_async_context(uploads_to(one, now_s=time.time))
        elsewhere = await stack.enter_async_context(uploads_to(other, now_s=time.time))
        yield Two(settings, s3, connected, one, other, uploads, elsewhere)


async def test_what_is_uploaded_at_one_gateway_is_completed_and_seen_at_the_other(two: Two) -> None:
    await two.one.account("ada")
    await two.other.know("ada")
    media_id = await two.uploads.sent("ada", PICTURE, altText="a gradient")

    done = (await two.elsewhere.complete("ada", media_id))["media"]
    tweet_id = await two.one.tweet("ada", "look", mediaIds=[media_id])
    worn = await two.elsewhere.medium("ada", PICTURE)
    assert (await two.one.run("UpdateProfile", "ada", input={"avatarMediaId": worn})).user_errors == []
    await two.other.drained()

    text = (
        "query($id: ID!) { tweet(id: $id) { author { avatarUrl }"
        " media { url kind width altText renditions { url width height } } } }"
    )
    shown = await two.other.ask(text, id=tweet_id)
    (medium,) = shown["media"]
    assert (medium["kind"], medium["width"], medium["altText"]) == ("IMAGE", 900, "a gradient")
    assert medium["url"] == done["url"]
    assert [each["width"] for each in medium["renditions"]] == [320, 680]
    urls = [medium["url"], shown["author"]["avatarUrl"], *(each["url"] for each in medium["renditions"])]
    fetched = [await client.http.get(url) for url in urls for client in (two.uploads, two.elsewhere)]
    assert [each.status_code for each in fetched] == [200] * 8
    part = await two.elsewhere.http.get(medium["url"], headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, fetched[0].content[2:6])
    again = await two.elsewhere.http.get(medium["url"], headers={"if-none-match": fetched[0].headers["etag"]})
    assert (again.status_code, "immutable" in again.headers["cache-control"]) == (304, True)

    codes = (await two.other.run("PostTweet", "ada", input={"text": "again", "mediaIds": [media_id]})).user_errors
    assert codes == ["MEDIUM_IN_USE"]


async def test_the_media_of_a_deleted_tweet_are_removed_for_all(two: Two) -> None:
    await two.one.account("bob")
    media_id = await two.uploads.medium("bob", PICTURE)
    tweet_id = await two.one.tweet("bob", "look", mediaIds=[media_id])
    kept_id = await two.uploads.medium("bob", PICTURE)
    await two.one.tweet("bob", "kept", mediaIds=[kept_id])
    await two.one.ask("DeleteTweet", "bob", id=tweet_id)
    await two.one.drained()
    bucket = two.connected.media.bucket
    assert bucket is not None

    await sweep(two.other.services.uploading, bucket, two.settings, Clocks())

    gone, kept = (decode_id(each, "Media")[1] for each in (media_id, kept_id))
    assert (await two.elsewhere.http.get(f"/media/{gone}/full.jpg")).status_code == 404
    assert (await two.elsewhere.http.get(f"/media/{kept}/full.jpg")).status_code == 200


async def test_without_s3_uploads_are_unavailable_and_texts_go_on(two: Two) -> None:
    await two.one.account("cy")
    media_id = await two.uploads.medium("cy", PICTURE)
    ticket = await two.uploads.begin("cy", PICTURE)
    tweet_id = await two.one.tweet("cy", "look", mediaIds=[media_id])
    assert [each.is_well for each in await examine(two.settings) if "S3" in each.name] == [True, True]
    assert await migrate(two.settings) == ["the cluster is up to date; its log is of epoch 1"]
    dependencies = two.one._gateway.dependencies

    two.s3.kill()

    refused = await two.one.run(
        "CreateMediaUpload", "cy", input={"contentType": "image/jpeg", "byteSize": len(PICTURE)}
    )
    assert refused.codes == ["UNAVAILABLE"]
    put = await two.uploads.put(ticket, PICTURE)
    assert (put.status_code, "retry-after" in put.headers) == (503, True)
    assert (await two.one.ask("UserTweets", handle="cy"))["tweets"]["edges"][0]["node"]["media"][0]["kind"] == "IMAGE"
    assert await two.one.tweet("cy", "only text")
    assert (await two.elsewhere.http.get("/media/1/full.jpg")).status_code == 503
    await dependencies.look()
    state = dependencies.states()["media"]
    assert (state["ready"], "uploads are refused" in str(state["degraded"])) == (True, True)
    assert [each.is_well for each in await examine(two.settings) if "S3" in each.name] == [False]
    assert "media" not in await Working(two.connected, Clocks()).states()  # a worker gets on without

    await two.s3.restart()

    async def is_back() -> bool:
        try:
            return await two.connected.parts.media.size("media/1/about") is None
        except Unavailable:
            return False

    await comes_true(is_back, 60)
    assert (await two.uploads.put(ticket, PICTURE)).status_code == 204
    assert (await two.uploads.complete("cy", ticket["mediaId"]))["userErrors"] == []
    assert (await two.one.ask("Conversation", "cy", id=tweet_id))["media"][0]["kind"] == "IMAGE"
