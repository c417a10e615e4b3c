"""All that is asked for in one turn is one call, and what is known is plain."""

import asyncio
import inspect
from collections.abc import Sequence

import pytest

from loaders.batch import BatchLoader
from loaders.errors import Unavailable


class Squares:
    """Answers squares, remembers its calls, and waits or fails when told to."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, keys: Sequence[int]) -> Sequence[int]:
        self.calls.append(list(keys))
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return [key * key for key in keys]


async def turns() -> None:
    """Let everybody go on as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def squares() -> Squares:
    return Squares()


@pytest.fixture
def loader(squares: Squares) -> BatchLoader[int, int]:
    return BatchLoader(squares)


async def test_what_is_asked_in_one_turn_is_one_call(loader: BatchLoader[int, int], squares: Squares) -> None:
    found: Sequence[object] = await asyncio.gather(loader.get(3), loader.get_many([5, 4]), loader.get(6))

    assert list(found) == [9, [25, 16], 36]
    assert squares.calls == [[3, 5, 4, 6]]


async def test_a_key_asked_for_many_times_is_asked_of_the_store_once(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    found: Sequence[object] = await asyncio.gather(loader.get(3), loader.get(3), loader.get_many([3, 4, 3]))

    assert list(found) == [9, 9, [9, 16, 9]]
    assert squares.calls == [[3, 4]]


async def test_a_later_turn_is_another_call_for_what_is_not_known_yet(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    await loader.get_many([1, 2])
    assert await loader.get_many([2, 3, 1]) == [4, 9, 1]

    assert squares.calls == [[1, 2], [3]]


async def test_a_key_that_is_on_its_way_is_not_asked_for_again(loader: BatchLoader[int, int], squares: Squares) -> None:
    squares.may_answer.clear()
    first = asyncio.ensure_future(loader.get(3))
    await turns()
    second = asyncio.ensure_future(loader.get_many([3, 4]))
    await turns()
    squares.may_answer.set()

    assert list[object](await asyncio.gather(first, second)) == [9, [9, 16]]
    assert squares.calls == [[3], [4]]


async def test_what_is_known_comes_as_a_plain_value_and_the_rest_as_an_awaitable(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    loading = loader.load(3)
    assert inspect.isawaitable(loading)
    assert await loading == 9

    assert loader.load(3) == 9
    assert squares.calls == [[3]]


async def test_even_nothing_is_a_value_that_is_known() -> None:
    calls = 0

    async def nothing(keys: Sequence[int]) -> Sequence[None]:
        nonlocal calls
        calls += 1
        return [None] * len(keys)

    loader = BatchLoader[int, None](nothing)
    await loader.get(1)

    assert loader.load(1) is None
    assert calls == 1


async def test_a_value_that_came_another_way_is_not_asked_for(loader: BatchLoader[int, int], squares: Squares) -> None:
    loader.prime(3, 10)

    assert await loader.get_many([3, 2]) == [10, 4]
    assert squares.calls == [[2]]


async def test_an_error_reaches_all_who_wait_and_is_not_remembered(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    squares.error = Unavailable("not now")
    answers: Sequence[object] = await asyncio.gather(
        loader.get(3), loader.get(4), loader.get_many([3, 5]), return_exceptions=True
    )
    assert list(answers) == [squares.error] * 3

    squares.error = None

    assert await loader.get_many([3, 4, 5]) == [9, 16, 25]


async def test_an_error_that_nobody_waits_for_any_more_stays_silent(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    squares.error = Unavailable("not now")
    squares.may_answer.clear()
    waiting = asyncio.ensure_future(loader.get(3))
    await turns()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    squares.may_answer.set()

    with pytest.raises(Unavailable):
        await loader.get(4)

    assert squares.calls == [[3], [4]]


async def test_a_store_that_answers_too_little_is_a_fault_and_not_a_shift_of_values() -> None:
    async def short(keys: Sequence[int]) -> Sequence[int]:
        return list(keys)[1:]

    with pytest.raises(RuntimeError, match="1 values came for 2 keys"):
        await BatchLoader[int, int](short).get_many([1, 2])


async def test_asking_for_nothing_calls_nobody(loader: BatchLoader[int, int], squares: Squares) -> None:
    assert await loader.get_many([]) == []
    assert squares.calls == []


async def test_one_who_stops_waiting_takes_nothing_from_who_waits_for_the_same(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    going, staying, other = (asyncio.ensure_future(loader.get(key)) for key in (3, 3, 4))
    await asyncio.sleep(0)
    going.cancel()

    assert list[object](await asyncio.gather(staying, other)) == [9, 16]
    assert squares.calls == [[3, 4]]


async def test_a_batch_asked_for_at_once_waits_for_no_turn_and_for_what_is_on_its_way(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    loader.prime(1, 100)
    squares.may_answer.clear()
    on_its_way = asyncio.ensure_future(loader.get(3))
    await asyncio.sleep(0)
    at_once = asyncio.ensure_future(loader.get_at_once([3, 5, 1, 5]))
    await asyncio.sleep(0)
    squares.may_answer.set()

    assert list[object](await asyncio.gather(at_once, on_its_way, loader.get(5))) == [[9, 25, 100, 25], 9, 25]
    assert sorted(squares.calls) == [[3], [5]]


async def test_one_who_asked_at_once_and_stops_waiting_takes_nothing_from_the_others(
    loader: BatchLoader[int, int], squares: Squares
) -> None:
    squares.may_answer.clear()
    going = asyncio.ensure_future(loader.get_at_once([3, 4]))
    await turns()
    staying = asyncio.ensure_future(loader.get(3))
    await asyncio.sleep(0)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    squares.may_answer.set()

    async with asyncio.timeout(0.2):
        assert await staying == 9
