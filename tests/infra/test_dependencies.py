"""What a gateway says of the servers that it depends on, and that nobody who asks waits for one that hangs."""

import asyncio

from infra.adapters.breaker import Breaker, BreakerLimits
from infra.cluster.dependencies import DEGRADED, Dependencies
from infra.cluster.served import faults
from loaders.errors import Unavailable

AT_MS = 1_800_000_000_000
AT = "2027-01-15T08:00:00+00:00"


class Server:
    """A server that answers, fails, or hangs."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ping(self) -> None:
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault


class Site:
    """Two servers and the breaker of one of them, with a clock."""

    def __init__(self) -> None:
        self.now_ms = AT_MS
        self.log, self.stores = Server(), Server()
        self.breaker = Breaker("Cassandra", BreakerLimits(failures_max=1), lambda: self.now_ms / 1_000, lambda: 0.0)
        pings = {"log": self.log.ping, "stores": self.stores.ping}
        self.dependencies = Dependencies(pings, {"stores": self.breaker}, lambda: self.now_ms, answers_within_s=0.05)


async def test_all_is_well_while_all_answer() -> None:
    site = Site()
    await site.dependencies.look()

    assert site.dependencies.states() == {"log": {"ready": True}, "stores": {"ready": True}}
    assert faults(site.dependencies.states()) == {}


async def test_a_server_that_fails_is_told_with_what_is_degraded_since_when_and_why() -> None:
    site = Site()
    site.log.fault = Unavailable("no broker")
    for _ in range(3):
        await site.dependencies.look()
        site.now_ms += 60_000

    state = site.dependencies.states()["log"]
    assert state == {"ready": True, "degraded": DEGRADED["log"], "because": "no broker", "since": AT}
    assert faults(site.dependencies.states()) == {
        "log": f"away since {AT}, so {DEGRADED['log']} (no broker)",
    }


async def test_a_server_that_hangs_holds_up_neither_the_others_nor_who_asks() -> None:
    site = Site()
    site.stores.may_answer.clear()
    site.log.fault = Unavailable("no broker")

    async with asyncio.timeout(2.0):
        await site.dependencies.look()

    states = site.dependencies.states()
    assert (states["stores"]["because"], states["log"]["because"]) == ("no answer within 0.05 s", "no broker")


async def test_a_server_that_is_back_is_well_again_and_a_new_fault_has_a_new_beginning() -> None:
    site = Site()
    site.log.fault = Unavailable("no broker")
    await site.dependencies.look()
    site.log.fault = None
    await site.dependencies.look()
    assert site.dependencies.states()["log"] == {"ready": True}

    site.now_ms += 3_600_000
    site.log.fault = Unavailable("no broker again")
    await site.dependencies.look()

    assert site.dependencies.states()["log"]["since"] == "2027-01-15T09:00:00+00:00"


async def test_a_breaker_that_opens_is_told_at_once() -> None:
    site = Site()
    await site.dependencies.look()
    site.breaker.admit()
    site.breaker.failed()

    state = site.dependencies.states()["stores"]

    assert (state["degraded"], state["because"]) == (DEGRADED["stores"], "Cassandra did not answer lately")
