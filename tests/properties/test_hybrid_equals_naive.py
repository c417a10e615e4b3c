"""The proof of the heart: whatever happens in whatever order, pages and streams equal ten naive lines.

Real SQLite, real workers, stepped at chosen points; the log alone says what happened.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from loaders.ids import TIME_SHIFT
from loaders.records import TweetId, UserId
from realtime.events import (
    Event,
    LikeChanged,
    RelationChanged,
    RepairRequested,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    Verb,
    decode,
)
from tests.naive import Naive
from tests.stepped import Client, Stepped

PEOPLE = [UserId(number) for number in range(1, 7)]
STEPS, EXAMPLES = 50, int(os.environ.get("TEST_HYBRID_EXAMPLES", "220"))
PHASES = [Phase.generate] if "TEST_HYBRID_RAW" in os.environ else list(Phase)
Outcome = TypeVar("Outcome")
people = st.sampled_from(PEOPLE)
drains = st.booleans()
sizes = st.sampled_from([1, 7, 100])


def differences(found: list[tuple[int, int]], expected: list[tuple[int, int]]) -> list[str]:
    """Name what is missing, unexpected or out of order."""
    return [
        *(f"missing {entry}, place {place}" for place, entry in enumerate(expected) if entry not in found),
        *(f"unexpected {entry}, place {place}" for place, entry in enumerate(found) if entry not in expected),
        *(["out of order or double"] if sorted(found) == sorted(expected) and found != expected else []),
        *(["double"] if len(set(found)) != len(found) else []),
    ]


class Hybrid(RuleBasedStateMachine):
    """Histories of six people, with a push limit that they cross both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.world = self.new_world(push_limit=3, timeline_length=40, scan_rounds_max=100)
        self.run(self.world.open())
        self.happened: list[Event] = []
        self.next_id = 1
        self.kept_back: list[Event] = []
        self.client: Client | None = None
        self.is_cached = True
        self.remembers = False

    def new_world(self, **settings: object) -> Stepped:
        return Stepped(self.folder, **settings)

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        try:
            if self.client is not None:
                self.run(self.client.cut())
            self.run(self.world.close())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            self.loop.close()
            shutil.rmtree(self.folder)

    def new_id(self) -> TweetId:
        self.next_id += 1
        return TweetId(self.next_id << TIME_SHIFT)

    def happen(self, event: Event, drain: bool, size: int = 100) -> None:
        self.happened.append(event)
        self.run(self.world.append(event))
        if drain:
            self.compare(size)

    def tweets(self) -> list[TweetPosted]:
        return [event for event in self.happened if isinstance(event, TweetPosted)]

    def compare(self, size: int) -> None:
        """Drain, and hold pages of all viewers and the client's screen against the naive timeline."""
        self.run(self.world.drain())
        naive = self.naive()
        for viewer in PEOPLE if size == 100 else PEOPLE[:2]:
            expected = naive.home(viewer)
            assert differences(self.run(self.world.pages(viewer, size)), expected) == []
        if self.client is not None and self.client.is_connected:
            self.run(self.client.settle())
            expected = [each for each in naive.home(self.client.viewer_id) if each[0] >= self.client.floor]
            assert differences(self.client.shown(), expected) == []

    def naive(self) -> Naive:
        naive = Naive()
        for logged in self.run(self.world.logged()):
            naive.apply(decode(logged.payload))
        return naive

    @initialize(remembers=st.booleans())
    def some_follow_some(self, remembers: bool) -> None:
        self.remembers = remembers
        self.open_eyes()
        for follower, followee in ((1, 2), (1, 3), (2, 1), (3, 2), (4, 2), (5, 3), (1, 4)):
            self.happen(RelationChanged(Verb.FOLLOW, UserId(follower), UserId(followee), self.next_id), False)

    def open_eyes(self) -> None:
        """Let streams judge by what their gateway remembers, or by the stores."""
        if self.remembers:
            self.world.remember()

    @rule(author=people, drain=drains, size=sizes)
    def post(self, author: UserId, drain: bool, size: int) -> None:
        self.happen(TweetPosted(self.new_id(), author, "a", 0), drain, size)

    @rule(author=people, count=st.integers(5, 45))
    def post_many(self, author: UserId, count: int) -> None:
        for _ in range(count):
            self.happen(TweetPosted(self.new_id(), author, "a", 0), False)

    @rule(author=people, later=people)
    def post_late(self, author: UserId, later: UserId) -> None:
        """Two ids reach the log in the other order."""
        first, second = self.new_id(), self.new_id()
        self.happen(TweetPosted(second, later, "b", 0), False)
        self.happen(TweetPosted(first, author, "a", 0), True)

    @rule(author=people, drain=drains, data=st.data())
    def reply(self, author: UserId, drain: bool, data: st.DataObject) -> None:
        tweets = self.tweets()
        if tweets:
            parent = data.draw(st.sampled_from(tweets[-30:]))
            self.happen(TweetPosted(self.new_id(), author, "r", 0, parent.id, parent.author_id), drain, 7)

    @rule(author=people, drain=drains, data=st.data())
    def retweet(self, author: UserId, drain: bool, data: st.DataObject) -> None:
        tweets = self.tweets()
        if tweets:
            root = data.draw(st.sampled_from(tweets[-50:]))
            self.happen(Retweeted(self.new_id(), author, root.id, root.author_id, 0), drain)

    @rule(drain=drains, data=st.data())
    def undo(self, drain: bool, data: st.DataObject) -> None:
        retweets = [event for event in self.happened if isinstance(event, Retweeted)]
        if retweets:
            event = data.draw(st.sampled_from(retweets[-10:]))
            self.happen(RetweetUndone(event.id, event.author_id, event.root_id), drain)

    @rule(drain=drains, data=st.data())
    def delete(self, drain: bool, data: st.DataObject) -> None:
        tweets = self.tweets()
        if tweets:
            event = data.draw(st.sampled_from(tweets[-60:]))
            self.happen(TweetDeleted(event.id, event.author_id), drain)

    @rule(actor=people, other=people, verb=st.sampled_from([*Verb, Verb.FOLLOW, Verb.FOLLOW]), drain=drains)
    def relate(self, actor: UserId, other: UserId, verb: Verb, drain: bool) -> None:
        if actor != other:
            self.happen(RelationChanged(verb, actor, other, self.next_id), drain)

    @rule(author=people)
    def everyone_follows(self, author: UserId) -> None:
        """Drive an author over the push limit."""
        for actor in PEOPLE:
            if actor != author:
                self.happen(RelationChanged(Verb.FOLLOW, actor, author, self.next_id), False)

    @rule(author=people)
    def everyone_leaves(self, author: UserId) -> None:
        """Drive an author under it."""
        for actor in PEOPLE:
            if actor != author:
                self.happen(RelationChanged(Verb.UNFOLLOW, actor, author, self.next_id), False)

    @rule(user=people, data=st.data())
    def like(self, user: UserId, data: st.DataObject) -> None:
        tweets = self.tweets()
        if tweets:
            event = data.draw(st.sampled_from(tweets))
            self.happen(LikeChanged(user, event.id, data.draw(st.booleans())), False)

    @rule(group=st.sampled_from(["store", "fanout"]))
    def step(self, group: str) -> None:
        self.run(self.world.step(group))

    @rule(lose=st.booleans())
    def hear(self, lose: bool) -> None:
        self.run(self.world.hear(lose))

    @rule(viewer=people)
    def read_meanwhile(self, viewer: UserId) -> None:
        """A page read at any moment is in order and has nothing twice."""
        found = [entry_id for entry_id, _ in self.run(self.world.pages(viewer, 7))]
        assert found == sorted(set(found), reverse=True)

    @rule(viewer=people)
    def read_upwards(self, viewer: UserId) -> None:
        self.run(self.world.drain())
        assert self.run(self.world.pages_upwards(viewer, 7)) == self.naive().home(viewer)

    @precondition(lambda self: self.is_cached)
    @rule()
    def cache_goes_away(self) -> None:
        """The cache takes no pushes from now on and answers nothing, and keeps what it has (F5)."""
        self.world.take_cache_away()
        self.is_cached = False

    @precondition(lambda self: not self.is_cached)
    @rule()
    def cache_comes_back(self) -> None:
        self.world.bring_cache_back()
        self.is_cached = True

    @precondition(lambda self: self.is_cached)
    @rule(viewer=st.none() | people)
    def lose_cache(self, viewer: UserId | None) -> None:
        """The cache is lost as a whole, or a viewer was away for long."""
        self.run(self.world.timelines.drop(None if viewer is None else [viewer]))

    @precondition(lambda self: self.is_cached)
    @rule(viewer=people)
    def repair(self, viewer: UserId) -> None:
        """The log is replayed from its first event, and lists are built anew."""
        *others, last = (RepairRequested([viewer], 1, each) for each in range(self.world.log.layout.partitions))
        for event in others:
            self.happen(event, False)
        self.happen(last, True)

    @precondition(lambda self: self.client is None)
    @rule()
    def restart(self) -> None:
        self.run(self.world.close())
        self.run(self.world.open())
        self.is_cached = True
        self.open_eyes()

    @rule(viewer=people, wait=drains)
    def connect(self, viewer: UserId, wait: bool) -> None:
        """A client fetches a page at any moment, and follows it live, at once or later."""
        if self.client is not None:
            self.run(self.client.cut())
        self.client = Client(self.world, viewer)
        self.run(self.client.fetch())
        if not wait:
            self.run(self.client.connect())

    @precondition(lambda self: self.client is not None)
    @rule(upto=st.integers(0, 5))
    def reconnect(self, upto: int) -> None:
        """The connection breaks, perhaps in the midst of what one event told, and the client comes back."""
        assert self.client is not None
        self.run(self.client.cut(upto))
        self.run(self.client.connect())

    @precondition(lambda self: self.client is not None)
    @rule()
    def listen(self) -> None:
        assert self.client is not None
        self.run(self.client.settle())


Hybrid.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=PHASES,
)
TestHybridEqualsNaive = Hybrid.TestCase
