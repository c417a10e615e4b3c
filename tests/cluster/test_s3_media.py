"""What only a real bucket shows: a server that is away or hangs, uploads that nobody ends, prefixes, the doctor."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.adapters.guard import GuardLimits
from infra.adapters.s3_connection import S3Connection, S3Limits
from infra.adapters.s3_doctor import examine, make_bucket
from infra.adapters.s3_media import PART_BYTES, S3MediaStore
from infra.stack.s3 import s3_server
from infra.stack.server import Server
from loaders.errors import Unavailable
from tests.cluster.test_stack_servers import had
from tests.contracts.s3_adapters import PATIENT, bucket_at, prefix_url

HASTY = S3Limits(timeout_s=0.5, transfer_timeout_s=0.5, connect_timeout_s=0.5, tries=1)
CALLS_MAX = 3


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server of the test's own, with its bucket."""
    async with had(s3_server, tmp_path) as running:
        await bucket_at(running.url)
        yield running


async def zeros(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 1 << 20):
        yield bytes(min(1 << 20, size - start))


async def every_call(store: S3MediaStore) -> list[str]:
    """Return what each call of the port says."""

    async def read() -> None:
        async for _ in store.read("media/1/full.jpg", 0, 100):
            pass

    calls = (
        store.put("media/1/use", b"x"),
        store.receive("media/1/arrived", zeros(10)),
        store.receive("media/1/large", zeros(2 * PART_BYTES)),
        store.content("media/1/about"),
        store.size("media/1/about"),
        read(),
        store.names("looks/", 10),
        store.remove("media/1/about"),
        store.remove("media/1/"),
    )
    said = []
    for call in calls:
        try:
            await call
        except Unavailable as error:
            said.append(str(error))
    assert len(said) == len(calls)
    return said


async def test_a_server_that_is_away_is_said_to_be_at_once_and_used_again_when_it_is_back(server: Server) -> None:
    async with S3MediaStore.open(server.url, replace(PATIENT, tries=1), chance=random.Random(1).random) as store:
        await store.put("media/1/about", b"before")
        server.kill()

        said = await every_call(store)

        assert said[0].startswith("S3 does not answer")
        assert said[-1] == "S3 did not answer lately"  # the breaker asks it no more
        await server.restart()
        async with asyncio.timeout(60):
            while True:
                with suppress(Unavailable):
                    assert await store.content("media/1/about") == b"before"
                    return
                await asyncio.sleep(0.05)


async def test_a_server_that_hangs_is_given_up_in_time_and_holds_no_more_than_so_many(server: Server) -> None:
    limits = replace(HASTY, guard=GuardLimits(calls_max=CALLS_MAX))
    async with S3MediaStore.open(server.url, limits, chance=random.Random(1).random) as store:
        server.freeze()
        try:
            asked = [store.size("media/1/about") for _ in range(CALLS_MAX + 2)]
            said = [str(each) for each in await asyncio.gather(*asked, return_exceptions=True)]
        finally:
            server.thaw()

    assert said.count("S3 did not answer in time") == CALLS_MAX
    assert said.count("Too many wait for S3: ask again") == 2


async def test_many_who_read_slowly_keep_nobody_from_s3(server: Server) -> None:
    size = 4 << 20
    async with S3MediaStore.open(server.url, replace(PATIENT, connections_max=2)) as store:
        await store.receive("media/1/full.mp4", zeros(size))
        slow = [store.read("media/1/full.mp4", 0, size) for _ in range(5)]
        begun = [len(await anext(reading)) for reading in slow]

        assert await store.size("media/1/full.mp4") == size

        rest = [sum([len(chunk) async for chunk in reading]) for reading in slow]
        assert [one + other for one, other in zip(begun, rest, strict=True)] == [size] * 5


async def test_wrong_keys_are_an_answer_and_no_reason_to_leave_the_server_alone(server: Server) -> None:
    key = server.url.partition("://")[2].partition(":")[0]
    wrong = server.url.replace(f"{key}:", f"{key}:no")
    async with S3MediaStore.open(wrong, PATIENT) as store:
        assert set(await every_call(store)) >= {"S3 refused PutObject: SignatureDoesNotMatch"}
        assert store.guard.breaker.opened == 0
        (check,) = await examine(store.connection)

    assert (check.ok, "does not answer" in check.name) == (False, True)


async def test_large_uploads_that_nobody_ended_are_tidied_away_once_they_are_old(server: Server) -> None:
    began = datetime.now(UTC)
    async with S3MediaStore.open(prefix_url(server.url, "one"), PATIENT) as store:
        stopped = asyncio.Event()

        async def stalls() -> AsyncIterator[bytes]:
            async for each in zeros(PART_BYTES):
                yield each
            stopped.set()
            await asyncio.Event().wait()

        sending = asyncio.create_task(store.receive("media/1/arrived", stalls()))
        await stopped.wait()
        await store.connection.ask("create_multipart_upload", Key="one/media/2/arrived")

        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

        # Who breaks off cleans up; what a crash leaves is seen by its age.
        assert await store.tidy(began.replace(year=2000)) == 0
        assert await store.tidy(datetime(2100, 1, 1, tzinfo=UTC)) == 1
        assert await store.tidy(datetime(2100, 1, 1, tzinfo=UTC)) == 0


async def test_two_prefixes_of_a_bucket_know_nothing_of_each_other(server: Server) -> None:
    one, other = prefix_url(server.url, "one"), prefix_url(server.url, "other")
    async with S3MediaStore.open(one, PATIENT) as first, S3MediaStore.open(other, PATIENT) as second:
        assert await first.put("looks/1-1-gone", b"")
        assert await second.put("looks/1-1-gone", b"")
        await first.remove("looks/")

        assert await second.names("looks/", 10) == ["looks/1-1-gone"]


async def test_what_is_shown_says_its_type_to_a_cdn_that_reads_the_bucket(server: Server) -> None:
    async with S3MediaStore.open(server.url, PATIENT) as store:
        await store.put("media/1/320.webp", b"RIFF")
        await store.put("media/1/arrived", b"hostile")
        shown = await store.connection.ask("head_object", Key="media/1/320.webp")
        hidden = await store.connection.ask("head_object", Key="media/1/arrived")

    assert not isinstance(shown, str) and not isinstance(hidden, str)
    assert (shown["ContentType"], shown["CacheControl"]) == ("image/webp", "public, max-age=31536000, immutable")
    assert hidden["ContentType"] not in {"text/html", "image/webp"}


async def test_a_bucket_is_made_once_and_examined(server: Server) -> None:
    url = server.url.replace("/roost?", "/another?")
    async with S3Connection.open(url, PATIENT) as connection:
        (missing,) = await examine(connection)
        assert (missing.ok, missing.advice) == (False, "`roost migrate` makes it.")

        assert await make_bucket(connection)
        assert not await make_bucket(connection)

        assert [(check.ok, check.advice) for check in await examine(connection)] == [(True, ""), (True, "")]
        server.kill()
        (away,) = await examine(connection)
        assert (away.ok, "ROOST_MEDIA_URL" in away.advice) == (False, True)
