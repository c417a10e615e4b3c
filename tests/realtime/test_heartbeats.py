"""A process says how far it is in all its partitions (L2)."""

from realtime.worker import GATHERED_S, Heartbeats
from tests.stepped import HeldBroadcast


async def test_what_many_partitions_have_to_say_goes_out_together_and_nothing_of_it_is_left_out() -> None:
    broadcast, now = HeldBroadcast(), [0.0]
    heartbeats = Heartbeats(broadcast, lambda: now[0])
    for beat in range(1, 100):
        await heartbeats.of(beat % 4)(beat)
        now[0] += GATHERED_S / 4

    said = [{each.partition: each.offset for each in references} for references in broadcast.held]
    assert said[0] == {1: 1}
    assert said[1:4] == [{2: 2, 3: 3, 0: 4, 1: 5}, {2: 6, 3: 7, 0: 8, 1: 9}, {2: 10, 3: 11, 0: 12, 1: 13}]
    assert len(said) == 25
