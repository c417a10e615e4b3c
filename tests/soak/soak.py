"""A soak: people act while faults come and go, and afterwards everything is as they were told."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence

from loaders.global_ids import decode_id
from tests.flows.killed_people import profile
from tests.server_process import LOOK_AGAIN_S, Account
from tests.soak.faults import BACK_S, Fault, Planned, happen
from tests.soak.ledger import Ledger
from tests.soak.people import Person, Terms, Watcher, whole_home
from tests.soak.told import Outcome, Told

FRIENDS = 3
SEED = "TEST_SOAK_SEED"
FAULTS = "TEST_SOAK_FAULTS"


class Soak:
    """Accounts that act, of which the last ones only watch; `urls` says where a stream connects next."""

    def __init__(
        self, accounts: Sequence[Account], watching: int, urls: Callable[[], str], terms: Terms, seed: int
    ) -> None:
        acting = accounts[:-watching]
        self.told, self.ledger, self.seed = Told(), Ledger(), seed
        self.people = [Person(each, acting, self.ledger, self.told, terms, seed) for each in acting]
        # One of those who act watches as well: what they follow and unfollow turns their own screen over.
        self.watchers = [Watcher(each, urls, self.told) for each in (acting[0], *accounts[-watching:])]
        self._only_watching = accounts[-watching:]

    async def begin(self) -> None:
        """Let everybody follow somebody, and open the screens."""
        dice, acting = random.Random(self.seed), [person.me for person in self.people]
        for account in (*acting, *self._only_watching):
            friends = acting if account in self._only_watching else dice.sample(acting, FRIENDS)
            for other in friends:
                if other is not account:
                    await account.follow(other)
                    self.ledger.settle(("follow", account.handle, other.handle), True, Outcome.OK)
        for watcher in self.watchers:
            await watcher.fetch()

    async def suffer(self, planned: Sequence[Planned], faults: Mapping[str, Fault]) -> float:
        """Act while the faults happen; return how many seconds after the last all was as it has to be.

        Raises AssertionError, within a group, for what is not so after 30 seconds.
        """
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            watching = [group.create_task(watcher.watch()) for watcher in self.watchers]
            acting = [group.create_task(person.act_until(is_over.is_set)) for person in self.people]
            await happen(planned, faults, self.told)
            began_s = time.monotonic()
            is_over.set()
            await asyncio.gather(*acting)
            await self._recover(began_s + BACK_S)
            back_s = time.monotonic() - began_s
            for task in watching:
                task.cancel()
        return back_s

    async def _recover(self, until_s: float) -> None:
        for person in self.people:
            while await person.post() is not Outcome.OK:
                assert time.monotonic() < until_s, f"{person.me.handle} still cannot post"
                await asyncio.sleep(LOOK_AGAIN_S)
        while True:
            try:
                await self.check()
                return
            except AssertionError:
                if time.monotonic() > until_s:
                    raise
            await asyncio.sleep(LOOK_AGAIN_S)

    async def check(self) -> None:
        """Hold every home timeline, every count and every screen against what people were told."""
        for account in (*(person.me for person in self.people), *self._only_watching):
            await self._check_home(account)
        viewer = self._only_watching[0]
        for person in self.people:
            await self._check_profile(viewer, person.me.handle)
        for watcher in self.watchers:
            edges, _ = await whole_home(watcher.me)
            assert watcher.held == {edge["cursor"]: edge["node"]["text"] for edge in edges}, "a screen is not its page"
            assert watcher.twice == [], "a stream told of something twice"

    async def _check_home(self, account: Account) -> None:
        nodes = [edge["node"] for edge in (await whole_home(account))[0]]
        ids = [decode_id(node["id"], "Tweet")[1] for node in nodes]
        assert ids == sorted(set(ids), reverse=True), "in order, and nothing twice"
        texts = [node["text"] for node in nodes]
        assert len(texts) == len(set(texts)), "no post became two tweets"
        must, may = self.ledger.home(account.handle)
        assert must - {*texts} == set(), f"{account.handle} lacks what was acknowledged"
        assert {*texts} - may == set(), f"{account.handle} sees what was refused, deleted, or is of nobody they follow"

    async def _check_profile(self, viewer: Account, handle: str) -> None:
        user, tweets = await profile(viewer, handle)
        assert user["followersCount"] in self.ledger.counted("follow", handle)
        assert user["tweetsCount"] == len(tweets)
        assert len(tweets) in self.ledger.tweets(handle)
        wrong = [each for each in tweets if each["likeCount"] not in self.ledger.counted("like", each["id"])]
        assert wrong == [], "likes are not those that were acknowledged"

    def headline(self, back_s: float, planned: Sequence[Planned]) -> str:
        """Return what came of it all, with the seed that makes it happen again."""
        return (
            f"{len(planned)} faults, {SEED}={self.seed}; {len(self.ledger.standing())} tweets stand as acknowledged,"
            f" and all was as it has to be {back_s:.1f} s after the last fault"
        )
