"""When a member counts as one that hears nothing."""

from infra.adapters.kafka.stalls import Stalls


def test_a_partition_has_stalled_once_it_stood_still_for_so_long_while_the_log_went_on() -> None:
    stalls = Stalls(after_s=10)

    assert stalls.look(0, {0: 5, 1: 7}, {0: 5, 1: 9}) == frozenset()
    assert stalls.look(9, {0: 5, 1: 7}, {0: 6, 1: 20}) == frozenset()
    assert stalls.look(10, {0: 5, 1: 7}, {0: 6, 1: 20}) == {1}
    assert stalls.look(19, {0: 5, 1: 7}, {0: 6, 1: 20}) == {0, 1}


def test_whoever_hears_something_is_behind_and_has_not_stalled() -> None:
    stalls = Stalls(after_s=10)
    for now_s in range(0, 100, 5):
        assert stalls.look(now_s, {0: now_s}, {0: 1_000}) == frozenset()


def test_who_has_caught_up_or_is_paused_begins_anew() -> None:
    stalls = Stalls(after_s=10)
    stalls.look(0, {0: 5, 1: 5}, {0: 6, 1: 6})
    stalls.look(5, {0: 6}, {0: 6, 1: 6})

    assert stalls.look(11, {0: 6, 1: 5}, {0: 7, 1: 6}) == frozenset()
    assert stalls.look(21, {0: 6, 1: 5}, {0: 7, 1: 6}) == {0, 1}


def test_nobody_has_stalled_while_nobody_knows_how_far_the_log_is() -> None:
    stalls = Stalls(after_s=10)
    stalls.look(0, {0: 5}, {0: 6})
    stalls.forget()

    assert stalls.look(11, {0: 5}, {0: 6}) == frozenset()
