"""Media from the wish to upload one to a tweet that shows it, and to its end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.adapters.no_media import NoMediaStore
from tests.media_files import SCRIPT, bomb, film, moving, picture
from tests.uploads import SecondWaits, Uploads, uploads_to
from tests.world import World

HOUR_S = 3_600
SMALL = picture(size=(60, 40))
PNG = picture("PNG", size=(60, 40))


@pytest.fixture
async def uploads(world: World) -> AsyncIterator[Uploads]:
    async with uploads_to(world) as opened:
        yield opened


async def codes(world: World, who: str, *media_ids: str, text: str = "look") -> list[str]:
    answer = await world.run("PostTweet", who, input={"text": text, "mediaIds": list(media_ids)})
    return answer.user_errors


async def test_an_uploaded_picture_is_shown_with_its_tweet_to_everyone(world: World, uploads: Uploads) -> None:
    await world.follow("bob", "ada")
    stream = await world.stream("bob")
    content = picture(size=(900, 600))
    ticket = await uploads.begin("ada", content, altText="a gradient ")
    assert ticket["expiresAt"] == "2027-01-15T09:00:00+00:00"
    assert (await uploads.put(ticket, content)).status_code == 204

    done = (await uploads.complete("ada", ticket["mediaId"]))["media"]
    assert (done["kind"], done["width"], done["height"]) == ("IMAGE", 900, 600)
    assert done == (await uploads.complete("ada", ticket["mediaId"]))["media"]
    tweet_id = await world.tweet("ada", "look", mediaIds=[ticket["mediaId"]])

    shown = [{**done, "altText": "a gradient"}]
    assert (await stream.next())["tweet"]["media"] == shown
    assert (await world.page("bob"))["edges"][0]["node"]["media"] == shown
    await world.restart()
    assert (await world.ask("Conversation", "bob", id=tweet_id))["media"] == shown
    fetched = await uploads.http.get(shown[0]["url"])
    assert fetched.headers["content-type"] == "image/jpeg"
    text = "query($id: ID!) { tweet(id: $id) { media { renditions { url width height } } } }"
    (rendition,) = (await world.ask(text, id=tweet_id))["media"][0]["renditions"][:1]
    assert (rendition["width"], rendition["height"]) == (320, 213)
    assert (await uploads.http.get(rendition["url"])).headers["content-type"] == "image/webp"


async def test_who_completes_an_upload_twice_at_once_hears_the_same_twice(world: World, uploads: Uploads) -> None:
    """The second looks at the bytes when the first has taken them away already."""
    uploading = world.services.uploading
    workshop = SecondWaits(uploading.workshop)
    object.__setattr__(uploading, "workshop", workshop)
    media_id = await uploads.sent("ada", SMALL)

    both = [asyncio.create_task(uploads.complete("ada", media_id)) for _ in range(2)]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    workshop.told.set()
    one, other = await asyncio.gather(*both)

    assert workshop.asked == 2
    assert one == other
    assert one["userErrors"] == []
    assert (await uploads.http.get(one["media"]["url"])).status_code == 200


async def test_a_tweet_has_up_to_four_media_in_their_order_and_needs_no_text_then(
    world: World, uploads: Uploads
) -> None:
    kinds = [(SMALL, "image/jpeg"), (moving(), "image/gif"), (film(), "video/mp4"), (PNG, "image/png")]
    ids = [await uploads.medium("ada", *each) for each in kinds]

    assert await codes(world, "ada", *ids, ids[0]) == ["TOO_MANY_MEDIA"]
    assert await codes(world, "ada", ids[0], ids[0]) == ["TOO_MANY_MEDIA"]
    assert await codes(world, "ada", text=" ") == ["TEXT_EMPTY"]
    await world.tweet("ada", "", mediaIds=ids)

    media = (await world.ask("UserTweets", handle="ada"))["tweets"]["edges"][0]["node"]["media"]
    assert [each["id"] for each in media] == ids
    assert [each["kind"] for each in media] == ["IMAGE", "GIF", "VIDEO", "IMAGE"]


async def test_only_the_owner_attaches_a_medium_once_and_only_when_it_is_complete(
    world: World, uploads: Uploads
) -> None:
    pending, done = await uploads.sent("ada", SMALL), await uploads.medium("ada", SMALL)
    await world.account("bob")

    assert await codes(world, "bob", done) == ["MEDIUM_NOT_FOUND"]
    assert await codes(world, "ada", done, pending) == ["MEDIUM_NOT_FOUND"]
    key = {"text": "once", "mediaIds": [done], "idempotencyKey": "k"}
    first = (await world.ask("PostTweet", "ada", input=key))["tweet"]["id"]
    assert (await world.ask("PostTweet", "ada", input=key))["tweet"]["id"] == first
    assert await codes(world, "ada", done) == ["MEDIUM_IN_USE"]
    other = await uploads.medium("ada", SMALL)
    assert await codes(world, "ada", other, done) == ["MEDIUM_IN_USE"]
    assert await codes(world, "ada", other) == []
    assert (await uploads.complete("bob", pending))["userErrors"][0]["code"] == "MEDIUM_NOT_FOUND"
    reused = (await world.run("PostTweet", "ada", input=key | {"mediaIds": [other]})).user_errors
    assert reused == ["IDEMPOTENCY_KEY_REUSED"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"contentType": "image/svg+xml"}, "CONTENT_TYPE_INVALID"),
        ({"byteSize": 0}, "BYTE_SIZE_INVALID"),
        ({"byteSize": 10_000_001}, "BYTE_SIZE_INVALID"),
        ({"byteSize": 50_000_001, "contentType": "video/mp4"}, "BYTE_SIZE_INVALID"),
        ({"altText": "x" * 1_001}, "ALT_TEXT_TOO_LONG"),
    ],
)
async def test_an_upload_has_bounds(uploads: Uploads, given: dict[str, Any], code: str) -> None:
    answer = await uploads.begin("ada", SMALL, **given)

    assert [each["code"] for each in answer["userErrors"]] == [code]
    assert answer["uploadUrl"] is None


@pytest.mark.parametrize(
    ("content", "content_type", "code"),
    [
        (SMALL[:-20], "image/jpeg", "MEDIUM_TRUNCATED"),
        (PNG, "image/jpeg", "MEDIUM_MISTYPED"),
        (PNG + SCRIPT, "image/png", "MEDIUM_POLYGLOT"),
        (bomb(), "image/png", "MEDIUM_TOO_LARGE"),
    ],
    ids=["truncated", "mistyped", "polyglot", "bomb"],
)
async def test_hostile_content_is_refused_and_not_kept(
    world: World, uploads: Uploads, content: bytes, content_type: str, code: str
) -> None:
    media_id = await uploads.sent("ada", content, content_type)

    answer = await uploads.complete("ada", media_id)

    assert [each["code"] for each in answer["userErrors"]] == [code]
    assert await codes(world, "ada", media_id) == ["MEDIUM_NOT_FOUND"]
    assert kept(world) == []
    assert world.services.uploading.tallies.refused == {code: 1, "MEDIUM_NOT_FOUND": 1}


async def test_a_url_takes_what_was_announced_and_nothing_else(world: World, uploads: Uploads) -> None:
    ticket = await uploads.begin("ada", SMALL)
    other = await uploads.begin("ada", PNG, "image/png")

    assert (await uploads.put(ticket, SMALL + b"x")).status_code == 403
    assert (await uploads.put(ticket, SMALL, **{"content-type": "image/png"})).status_code == 403
    swapped = {**ticket, "uploadUrl": other["uploadUrl"]}
    assert (await uploads.put(swapped, SMALL)).status_code == 403
    assert (await uploads.put(ticket, SMALL[1:], **{"content-length": str(len(SMALL))})).status_code == 400
    assert (await uploads.put(ticket, SMALL + b"x", **{"content-length": str(len(SMALL))})).status_code == 413
    assert (await uploads.complete("ada", ticket["mediaId"]))["userErrors"][0]["code"] == "MEDIUM_NOT_ARRIVED"

    async def chunks() -> AsyncIterator[bytes]:
        yield SMALL

    headers = {"content-type": "image/jpeg"}
    assert (await uploads.http.put(ticket["uploadUrl"], content=chunks(), headers=headers)).status_code == 411
    assert (await uploads.put(ticket, SMALL)).status_code == 204
    assert (await uploads.put(ticket, SMALL)).status_code == 204
    await uploads.complete("ada", ticket["mediaId"])
    assert (await uploads.put(ticket, SMALL)).status_code == 409
    world.advance(HOUR_S + 1)
    assert (await uploads.put(other, PNG)).json()["errors"][0]["extensions"]["code"] == "UPLOAD_EXPIRED"


async def test_uploads_over_the_bound_are_turned_away(world: World) -> None:
    async with uploads_to(world, transfers_max=1) as uploads:
        ticket = await uploads.begin("ada", SMALL)
        uploads.media.transfers = 1
        refused = await uploads.put(ticket, SMALL)
        uploads.media.transfers = 0

        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert (await uploads.put(ticket, SMALL)).status_code == 204


async def test_a_medium_is_served_in_ranges_for_ever_and_harmlessly(uploads: Uploads) -> None:
    media_id = await uploads.medium("ada", film(), "video/mp4")
    url = (await uploads.complete("ada", media_id))["media"]["url"]
    whole = await uploads.http.get(url)
    etag, size = whole.headers["etag"], len(whole.content)

    async def ranged(asked: str, **more: str) -> tuple[int, bytes, str | None]:
        answer = await uploads.http.get(url, headers={"range": asked, **more})
        return answer.status_code, answer.content, answer.headers.get("content-range")

    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"].startswith("inline; filename=")
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert await ranged("bytes=4-7") == (206, b"ftyp", f"bytes 4-7/{size}")
    assert await ranged("bytes=-5") == (206, whole.content[-5:], f"bytes {size - 5}-{size - 1}/{size}")
    assert await ranged(f"bytes={size - 2}-") == (206, whole.content[-2:], f"bytes {size - 2}-{size - 1}/{size}")
    assert await ranged(f"bytes={size}-") == (416, b"", f"bytes */{size}")
    assert (await ranged("bytes=0-1,4-5"))[:2] == (200, whole.content)
    assert (await ranged("bytes=4-7", **{"if-range": '"another"'}))[0] == 200
    assert (await ranged("bytes=4-7", **{"if-range": etag}))[0] == 206
    assert (await uploads.http.get(url, headers={"if-none-match": etag})).status_code == 304
    head = await uploads.http.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(size))
    for name in ("upload", "about", "use", "arrived", "full.jpg", "../17/about", ""):
        assert (await uploads.http.get(url.replace("full.mp4", name))).status_code == 404


async def test_what_is_not_finished_or_not_used_is_removed(world: World, uploads: Uploads) -> None:
    sweep = world.services.uploading.sweep
    begun, sent = (await uploads.begin("ada", SMALL))["mediaId"], await uploads.sent("ada", SMALL)
    done, used = await uploads.medium("ada", SMALL), await uploads.medium("ada", SMALL)
    await world.tweet("ada", "used", mediaIds=[used])
    await world.drained()

    assert await sweep() == 0
    world.advance(HOUR_S)
    assert (await uploads.complete("ada", begun))["userErrors"][0]["code"] == "MEDIUM_NOT_ARRIVED"
    world.advance(1)
    assert (await uploads.complete("ada", sent))["userErrors"][0]["code"] == "UPLOAD_EXPIRED"
    assert await sweep() == 2
    assert await codes(world, "ada", done, sent) == ["MEDIUM_NOT_FOUND"]
    world.advance(24 * HOUR_S)
    assert await sweep() == 1
    assert await codes(world, "ada", done) == ["MEDIUM_NOT_FOUND"]
    assert len(kept(world)) == 1
    assert list((world.settings.data_dir / "media" / "looks").iterdir()) == []


async def test_the_media_of_a_deleted_tweet_are_gone_after_a_while(world: World, uploads: Uploads) -> None:
    media_id = await uploads.medium("ada", SMALL)
    url = (await uploads.complete("ada", media_id))["media"]["url"]
    tweet_id = await world.tweet("ada", "oops", mediaIds=[media_id])
    await world.drained()

    await world.delete("ada", tweet_id)
    await world.drained()

    assert (await world.ask("Conversation", "ada", id=tweet_id)) is None
    assert await world.services.uploading.sweep() == 0
    assert (await uploads.http.get(url)).status_code == 200
    world.advance(HOUR_S + 1)
    assert await world.services.uploading.sweep() == 1
    assert (await uploads.http.get(url)).status_code == 404


async def test_an_avatar_is_an_uploaded_picture_and_the_one_before_goes(world: World, uploads: Uploads) -> None:
    one, two = await uploads.medium("ada", SMALL), await uploads.medium("ada", PNG, "image/png")
    gif = await uploads.medium("ada", moving(), "image/gif")

    async def wear(media_id: str, **given: Any) -> Any:
        return (await world.run("UpdateProfile", "ada", input={"avatarMediaId": media_id, **given})).value

    worn = (await wear(one))["viewer"]
    assert (await uploads.http.get(worn["avatarUrl"])).headers["content-type"] == "image/webp"
    assert (await world.ask("Viewer", "ada"))["avatarUrl"] == worn["avatarUrl"]
    await world.tweet("ada", "see my face")
    edges = (await world.ask("UserTweets", handle="ada"))["tweets"]["edges"]
    assert edges[0]["node"]["author"]["avatarUrl"] == worn["avatarUrl"]
    refused = await wear(two, expectedVersion=1)
    assert refused["userErrors"][0]["code"] == "VERSION_CONFLICT"
    assert (await wear(gif))["userErrors"][0]["code"] == "MEDIUM_NO_IMAGE"
    assert await codes(world, "ada", one) == ["MEDIUM_IN_USE"]

    changed = (await wear(two, expectedVersion=2))["viewer"]
    await world.restart()
    assert (await world.ask("Viewer", "ada"))["avatarUrl"] == changed["avatarUrl"] != worn["avatarUrl"]
    world.advance(HOUR_S + 1)
    await world.services.uploading.sweep()
    async with uploads_to(world) as again:
        assert (await again.http.get(worn["avatarUrl"])).status_code == 404
        world.advance(24 * HOUR_S)
        await world.services.uploading.sweep()
        assert (await again.http.get(changed["avatarUrl"])).status_code == 200


async def test_without_a_store_uploads_are_unavailable_and_texts_are_as_ever(world: World) -> None:
    away = world.services.uploading
    object.__setattr__(away, "store", NoMediaStore())

    asked = {"contentType": "image/png", "byteSize": 9}
    answer = await world.run("CreateMediaUpload", "ada", input=asked)

    assert [error["extensions"]["code"] for error in answer.errors] == ["UNAVAILABLE"]
    tweet_id = await world.tweet("ada", "words")
    await world.delete("ada", tweet_id)


def kept(world: World) -> list[Path]:
    """Return the folders of media."""
    return sorted((world.settings.data_dir / "media" / "media").iterdir())
