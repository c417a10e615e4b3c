"""The brake on guessing passwords, in this process's memory."""

import ipaddress
import math
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from loaders.errors import RateLimited

ACCOUNT_NAME_LENGTH = 64
OPEN_TRY_S_MAX = 60.0
IPV6_NETWORK_BITS = 64


class MemoryThrottle:
    """Implements `resolvers.ports.Throttle` by a sliding window over the times of failures.

    It keeps its own window because the memory storage of the `limits` library reads `time.time` itself, walks all its
    keys after every hit, and puts no bound on their number, which whoever guesses at random handles decides.
    Here at most `keys_max` accounts and as many addresses are remembered; the one that failed longest ago gives way.

    `clock` answers seconds that never run backwards; `window_s` is the window's length.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        account_failures_max: int = 10,
        address_failures_max: int = 100,
        window_s: float = 900.0,
        keys_max: int = 20_000,
    ) -> None:
        self._accounts = _Window(clock, account_failures_max, window_s, keys_max)
        self._addresses = _Window(clock, address_failures_max, window_s, keys_max)

    async def check(self, account: str, address: str) -> None:
        """Begin one try; see `Throttle.check`."""
        account_key, address_key = account_of(account), network_of(address)
        wait_s = max(self._accounts.wait_s(account_key), self._addresses.wait_s(address_key))
        if wait_s > 0:
            whole_s = math.ceil(wait_s)
            raise RateLimited(f"Too many failed tries; try again in {whole_s} s", retry_after_s=float(whole_s))
        self._accounts.begin(account_key)
        self._addresses.begin(address_key)

    async def failed(self, account: str, address: str) -> None:
        """End a try as failed; see `Throttle.failed`."""
        self._accounts.fail(account_of(account))
        self._addresses.fail(network_of(address))

    async def succeeded(self, account: str, address: str) -> None:
        """End a try as succeeded; see `Throttle.succeeded`."""
        self._accounts.forget(account_of(account))
        self._addresses.take_back(network_of(address))


def account_of(handle: str) -> str:
    """Return the key of an account: its handle without case, and short whatever was sent."""
    return handle[:ACCOUNT_NAME_LENGTH].casefold()


def network_of(address: str) -> str:
    """Return the key of an address: IPv4 as it is, IPv6 as its /64 network, anything else shortened.

    One household or machine holds a whole /64, so that single IPv6 addresses would be no limit at all.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:ACCOUNT_NAME_LENGTH]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_NETWORK_BITS), strict=False))


@dataclass(slots=True)
class _Tries:
    failures: list[float] = field(default_factory=list)
    under_way: list[float] = field(default_factory=list)


class _Window:
    """The times of one kind of key, oldest first; keys in the order of their last try."""

    def __init__(self, clock: Callable[[], float], limit: int, window_s: float, keys_max: int) -> None:
        self._clock = clock
        self._limit = limit
        self._window_s = window_s
        self._keys_max = keys_max
        self._keys: OrderedDict[str, _Tries] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Return the seconds until the next try may begin; 0 means now."""
        tries = self._keys.get(key)
        if tries is None:
            return 0.0
        now = self._clock()
        self._prune(tries, now)
        if len(tries.failures) >= self._limit:
            return tries.failures[-self._limit] + self._window_s - now
        # The tries under way are decided soon, and may yet succeed.
        return 1.0 if len(tries.failures) + len(tries.under_way) >= self._limit else 0.0

    def begin(self, key: str) -> None:
        self._touch(key).under_way.append(self._clock())

    def fail(self, key: str) -> None:
        tries = self._touch(key)
        if tries.under_way:
            tries.under_way.pop(0)
        tries.failures.append(self._clock())
        del tries.failures[: -self._limit]

    def take_back(self, key: str) -> None:
        tries = self._keys.get(key)
        if tries is not None and tries.under_way:
            tries.under_way.pop(0)
            if not tries.under_way and not tries.failures:
                del self._keys[key]

    def forget(self, key: str) -> None:
        self._keys.pop(key, None)

    def _touch(self, key: str) -> _Tries:
        tries = self._keys.setdefault(key, _Tries())
        self._keys.move_to_end(key)
        if len(self._keys) > self._keys_max:
            self._keys.popitem(last=False)
        return tries

    def _prune(self, tries: _Tries, now: float) -> None:
        # Whoever breaks off a try, by closing the connection say, is not spared its count.
        while tries.under_way and tries.under_way[0] <= now - OPEN_TRY_S_MAX:
            insort(tries.failures, tries.under_way.pop(0))
        while tries.failures and tries.failures[0] <= now - self._window_s:
            del tries.failures[0]
