"""A clock that was set back while the server was down: ids must not be given twice."""

import pytest

from tests.world import World


@pytest.mark.parametrize("back_s", [0.0, 2.0])
async def test_no_acknowledged_tweet_is_lost_when_the_clock_was_set_back_over_a_restart(
    world: World, back_s: float
) -> None:
    await world.account("ada")
    for number in range(3):
        await world.tweet("ada", f"before {number}")
        world.advance(1)
    await world.restart()
    world.advance(-2 - back_s)

    answers = [await world.run("PostTweet", "ada", input={"text": f"after {number}"}) for number in range(5)]
    acknowledged = [answer.value["tweet"]["text"] for answer in answers if not answer.errors]

    shown = await world.home("ada")
    assert [text for text in acknowledged if text not in shown] == []
