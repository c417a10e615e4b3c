"""What a data folder's log may forget, and what is true of that afterwards."""

from pathlib import Path

from realtime.events import Verb
from tests.contracts.making import delete, relate, tweet
from tests.stepped import Stepped


async def test_the_log_forgets_what_every_group_has_handled_and_beyond_it_the_stores_are_the_truth(
    tmp_path: Path,
) -> None:
    """Within its retention the log says what happened; a list that is lost later is rebuilt from the stores (P6)."""
    world = Stepped(tmp_path)
    await world.open()
    await world.append(relate(Verb.FOLLOW, 2, 1, 1), tweet(10, 1), tweet(11, 1), delete(10, 1))
    await world.step("store")
    world.now_s += 3_600 * world.settings.log_retention_hours + 1
    assert await world.engine.trim() == 0, "fan-out has not handled them yet"

    await world.drain()
    assert await world.engine.trim() == 4
    await world.append(tweet(12, 1))
    await world.drain()

    for _ in range(2):
        assert await world.pages(2, 10) == [(12, 12), (11, 11)]
        await world.timelines.drop(None)
        await world.close()
        await world.open()
    await world.close()
