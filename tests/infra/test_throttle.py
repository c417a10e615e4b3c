"""Guessing is slowed down by account and by address."""

import asyncio

import pytest

from infra.throttle import MemoryThrottle, account_of, network_of
from loaders.errors import RateLimited
from resolvers.ports import Throttle


class Clock:
    """Seconds that go on only when told."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return MemoryThrottle(clock, account_failures_max=3, address_failures_max=5, window_s=60.0, keys_max=4)


async def guess(throttle: Throttle, account: str = "ada", address: str = "192.0.2.1") -> None:
    await throttle.check(account, address)
    await throttle.failed(account, address)


async def refused_s(throttle: Throttle, account: str = "ada", address: str = "192.0.2.1") -> float:
    with pytest.raises(RateLimited) as caught:
        await throttle.check(account, address)
    assert caught.value.retry_after_s is not None
    return caught.value.retry_after_s


async def test_an_account_is_closed_at_its_limit_whatever_the_address(throttle: Throttle) -> None:
    for number in range(3):
        await guess(throttle, address=f"192.0.2.{number}")

    assert await refused_s(throttle, address="192.0.2.9") == 60.0
    await throttle.check("bob", "192.0.2.9")


async def test_an_address_is_closed_at_its_limit_whatever_the_account(throttle: Throttle) -> None:
    for number in range(5):
        await guess(throttle, account=f"u{number}")

    assert await refused_s(throttle, account="bob") == 60.0
    await throttle.check("bob", "192.0.2.9")


async def test_the_time_to_wait_is_that_of_the_oldest_failure_in_the_way(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        await guess(throttle)
        clock.now_s += 10

    wait_s = await refused_s(throttle)
    clock.now_s += wait_s - 0.5
    assert await refused_s(throttle) == 1.0
    clock.now_s += 0.5
    await guess(throttle)

    assert wait_s == 30.0
    assert await refused_s(throttle) == 10.0


async def test_a_refused_try_prolongs_nothing(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        await guess(throttle)
    for _ in range(5):
        clock.now_s += 10
        await refused_s(throttle)

    clock.now_s += 10
    await throttle.check("ada", "192.0.2.1")


async def test_success_clears_the_account_but_not_the_address(throttle: Throttle) -> None:
    for _ in range(2):
        await guess(throttle)
        await guess(throttle)
        await throttle.check("ada", "192.0.2.1")
        await throttle.succeeded("ada", "192.0.2.1")
    await guess(throttle)

    await refused_s(throttle, account="bob")
    await throttle.check("ada", "192.0.2.9")


async def test_success_alone_leaves_no_trace(throttle: Throttle) -> None:
    for _ in range(20):
        await throttle.check("ada", "192.0.2.1")
        await throttle.succeeded("ada", "192.0.2.1")

    await throttle.check("bob", "192.0.2.1")


async def test_tries_at_once_do_not_pass_the_limit_together(throttle: Throttle) -> None:
    results = await asyncio.gather(*(throttle.check("ada", "192.0.2.1") for _ in range(10)), return_exceptions=True)

    refusals = [result for result in results if isinstance(result, RateLimited)]
    assert len(refusals) == 7
    assert {refusal.retry_after_s for refusal in refusals} == {1.0}


async def test_a_try_that_is_broken_off_counts_as_failed(throttle: Throttle, clock: Clock) -> None:
    throttle = MemoryThrottle(clock, account_failures_max=3, address_failures_max=5, window_s=600.0)
    for _ in range(3):
        await throttle.check("ada", "192.0.2.1")
    clock.now_s += 100

    assert await refused_s(throttle) == 500.0


async def test_failures_count_without_a_check_as_well(throttle: Throttle) -> None:
    for _ in range(3):
        await throttle.failed("ada", "192.0.2.1")

    await refused_s(throttle)


async def test_memory_is_bounded_and_the_one_longest_ago_gives_way(throttle: Throttle) -> None:
    for _ in range(3):
        await guess(throttle, "ada", "192.0.2.1")
    for number in range(3):
        await guess(throttle, f"u{number}", "192.0.2.2")
    await refused_s(throttle, "ada", "192.0.2.3")
    await guess(throttle, "u4", "192.0.2.4")

    await throttle.check("ada", "192.0.2.3")


def test_an_account_has_one_key_in_any_case_and_a_short_one() -> None:
    assert account_of("Ada") == account_of("aDA")
    assert len(account_of("a" * 1_000_000)) == 64


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_address_counts_with_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
