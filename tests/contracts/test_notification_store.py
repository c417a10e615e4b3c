"""What every `NotificationStore` promises."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.ids import TIME_SHIFT
from loaders.notices import Notice, NoticeChange, NoticeKind, NotificationStore, Turn
from loaders.records import TweetId, UserId
from tests.contracts.adapters import STORES
from tests.contracts.stores import LIKES_MAX, NOTICES_KEPT

Open = Callable[[], AbstractAsyncContextManager[NotificationStore]]
ADA = UserId(1)
DAYS = 3


@pytest.fixture(params=STORES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def notices(name: str, tmp_path: Path) -> AsyncIterator[NotificationStore]:
    async with STORES[name](tmp_path) as opened:
        yield opened.notices


def place(offset: int) -> int:
    """Spread places over days, in the order of their offsets."""
    return (1_800_000_000_000 + 9_000_000 * offset << TIME_SHIFT) | offset


def change(turn: Turn, offset: int, actor: int, kind: NoticeKind = NoticeKind.LIKE, subject: int = 7) -> NoticeChange:
    tweet_id = None if kind is NoticeKind.FOLLOW else TweetId(subject)
    return NoticeChange(turn, Notice(ADA, kind, subject, UserId(actor), tweet_id, place(offset), 0, offset))


async def apply(notices: NotificationStore, changes: Sequence[NoticeChange]) -> list[UserId]:
    return list(await notices.apply(changes, changes[-1].notice.offset))


async def offsets(notices: NotificationStore) -> list[int]:
    return [each.offset for each in await notices.newest(ADA)]


async def test_what_stands_is_answered_newest_first_and_whole(notices: NotificationStore) -> None:
    follow = change(Turn.STANDS, 1, 3, NoticeKind.FOLLOW, 3)
    likes = [change(Turn.STANDS, offset, offset) for offset in (2, 3)]

    told = await apply(notices, [follow, *likes])

    assert told == [ADA]
    assert list(await notices.newest(ADA)) == [likes[1].notice, likes[0].notice, follow.notice]
    assert await notices.newest(UserId(2)) == []


async def test_what_is_undone_no_longer_stands_and_may_stand_again_later(notices: NotificationStore) -> None:
    await apply(notices, [change(Turn.STANDS, 1, 5), change(Turn.STANDS, 2, 6)])

    undone = await apply(notices, [change(Turn.UNDONE, 3, 5)])
    assert (undone, await offsets(notices)) == ([], [2])

    again = await apply(notices, [change(Turn.STANDS, 4, 5)])
    assert (again, await offsets(notices)) == ([ADA], [4, 2])


async def test_what_is_done_again_stays_where_it_stands(notices: NotificationStore) -> None:
    await apply(notices, [change(Turn.STANDS, 1, 5), change(Turn.STANDS, 2, 6)])

    told = await apply(notices, [change(Turn.STANDS, 3, 5), change(Turn.REFUSED, 4, 6)])

    assert (told, await offsets(notices)) == ([], [2, 1])


async def test_what_was_refused_is_refused_again_in_a_replay_but_not_for_ever(notices: NotificationStore) -> None:
    await apply(notices, [change(Turn.REFUSED, 2, 5)])

    await notices.apply([change(Turn.STANDS, 2, 5)], 2)
    assert await offsets(notices) == []

    await apply(notices, [change(Turn.STANDS, 3, 5)])
    assert await offsets(notices) == [3]


async def test_undoing_what_never_was_changes_nothing(notices: NotificationStore) -> None:
    await apply(notices, [change(Turn.UNDONE, 2, 5)])
    assert await offsets(notices) == []

    await apply(notices, [change(Turn.STANDS, 3, 5)])
    assert await offsets(notices) == [3]


async def test_of_a_tweets_likes_the_first_are_kept_and_those_may_come_again(notices: NotificationStore) -> None:
    likes = [change(Turn.STANDS, offset, 100 + offset) for offset in range(1, LIKES_MAX + 3)]
    retweet = change(Turn.STANDS, 50, 200, NoticeKind.RETWEET)

    await apply(notices, [*likes, retweet])
    assert await offsets(notices) == [50, *range(LIKES_MAX, 0, -1)]

    first, next_one = likes[0].notice.actor_id, likes[LIKES_MAX].notice.actor_id
    await apply(notices, [change(Turn.UNDONE, 60, first), change(Turn.STANDS, 61, next_one)])
    await apply(notices, [change(Turn.STANDS, 62, first)])
    assert await offsets(notices) == [62, 50, *range(LIKES_MAX, 1, -1)]


async def test_the_newest_are_kept(notices: NotificationStore) -> None:
    count = NOTICES_KEPT + 100
    for offset in range(1, count + 1):
        await apply(notices, [change(Turn.STANDS, offset, offset, NoticeKind.FOLLOW, offset)])

    assert await offsets(notices) == list(range(count, count - NOTICES_KEPT, -1))


async def test_the_place_is_what_was_applied_last_and_a_position_is_never_ahead_of_it(
    notices: NotificationStore, name: str, tmp_path: Path
) -> None:
    assert (await notices.position(), await notices.place(1)) == (0, (0,))

    await notices.apply([], 3)
    assert (await notices.position() <= 3, await notices.place(1)) == (True, (3,))

    await apply(notices, [change(Turn.STANDS, 9, 5)])
    assert (await notices.position(), await notices.place(1)) == (9, (9,))

    await notices.apply([], 5_000)
    async with STORES[name](tmp_path) as reopened:
        assert await reopened.notices.position() == 5_000
        assert await offsets(reopened.notices) == [9]


async def test_the_highest_marker_stands(notices: NotificationStore) -> None:
    assert await notices.read_up_to(ADA) == 0

    answers = [await notices.mark_read(ADA, each) for each in (place(5), place(9), place(7))]

    assert answers == [place(5), place(9), place(9)]
    assert (await notices.read_up_to(ADA), await notices.read_up_to(UserId(2))) == (place(9), 0)


TURNS = st.lists(st.tuples(st.sampled_from(Turn), st.integers(1, 3)), min_size=1, max_size=12)


@given(turns=TURNS, cuts=st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12)), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
async def test_replays_of_any_stretch_change_nothing(
    notices: NotificationStore, turns: list[tuple[Turn, int]], cuts: list[tuple[int, int]]
) -> None:
    viewer_id = UserId(_VIEWERS.pop())
    changes = [
        (each := change(turn, offset, actor))._replace(notice=each.notice._replace(viewer_id=viewer_id))
        for offset, (turn, actor) in enumerate(turns, 1)
    ]
    await apply(notices, changes)
    before = await notices.newest(viewer_id)

    for start, length in cuts:
        # Whether an act was refused is judged anew each time: what stands in a replay may have been refused before.
        again = [
            each._replace(turn=Turn.STANDS) if each.turn is Turn.REFUSED else each
            for each in changes[start : start + length]
        ]
        await notices.apply(again, len(changes))

    assert await notices.newest(viewer_id) == before
    assert {each.actor_id: each.offset for each in before} == naive(turns)


def naive(turns: list[tuple[Turn, int]]) -> dict[int, int]:
    standing: dict[int, int] = {}
    for offset, (turn, actor) in enumerate(turns, 1):
        if turn is Turn.STANDS:
            standing.setdefault(actor, offset)
        elif turn is Turn.UNDONE:
            standing.pop(actor, None)
    return standing


_VIEWERS = list(range(1_000_000, 2_000_000))
