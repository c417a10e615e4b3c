"""What mutations answer while the groups have not come as far as the log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import World, open_world


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose mutations wait for nobody."""
    async with open_world(tmp_path, write_wait_ms=0) as world:
        yield world


async def test_a_post_is_answered_at_once_since_it_is_durable(hasty: World) -> None:
    posted = (await hasty.ask("PostTweet", "ada", input={"text": "hello"}))["tweet"]
    await hasty.drained()

    assert posted["text"] == "hello"
    assert (await hasty.page("ada"))["edges"][0]["node"] == posted


async def test_what_hides_is_unavailable_until_it_is_hidden(hasty: World) -> None:
    tweet = await hasty.tweet("ada", "regretted")
    await hasty.follow("bob", "ada")
    await hasty.drained()

    await hasty.engine.stop()
    answers = [await hasty.run("DeleteTweet", "ada", id=tweet)]
    answers += [await hasty.run(act, "bob", id=await hasty.user_id("ada")) for act in ("Mute", "Block")]
    hasty.engine.start()

    assert [answer.codes for answer in answers] == [["UNAVAILABLE"]] * 3
    assert [answer.errors[0]["extensions"]["retryAfter"] for answer in answers] == [1] * 3
    await hasty.drained()
    assert (await hasty.run("DeleteTweet", "ada", id=tweet)).user_errors == []
    assert await hasty.home("ada") == []
