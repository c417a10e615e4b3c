"""Whatever happens in whatever order, with replays at any time, notifications equal a few naive lines.

Real SQLite and the real worker, which lags behind as it pleases; the log alone says what happened.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from infra.engine import make_notify
from loaders.cursors import encode_notices
from loaders.ids import TIME_SHIFT
from loaders.notices import NoticeKind, Shown, mark_read, read_notices
from loaders.records import TweetId, User, UserId
from realtime.events import (
    Event,
    LikeChanged,
    RelationChanged,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    Verb,
)
from realtime.notice_stream import NoticeStream
from tests.naive import Naive
from tests.stepped import Stepped

PEOPLE = [UserId(number) for number in range(1, 7)]
ALONE = 2
Outcome = TypeVar("Outcome")
people = st.sampled_from(PEOPLE)
Told = tuple[NoticeKind, int, int, int]
"""Kind, actor, tweet or 0, and how many acts."""


@dataclass
class NaiveNotices:
    """What was done to whom, by where in the log, as far as it was handled."""

    world: Naive = field(default_factory=Naive)
    acts: dict[tuple[int, NoticeKind, int, int], tuple[int, int]] = field(default_factory=dict)

    def handle(self, events: list[tuple[int, Event]]) -> None:
        """Let events happen, and then tell of them, as things stand after all of them."""
        news = []
        for at, event in events:
            known = event.id in self.world.entries if isinstance(event, TweetPosted | Retweeted) else False
            self.world.apply(event)
            if not known and (not isinstance(event, Retweeted) or event.id in self.world.entries):
                news.append((at, event))
        for at, event in news:
            self.tell(at, event)

    def tell(self, at: int, event: Event) -> None:
        match event:
            case TweetPosted():
                told = {UserId(int(word[2:])): NoticeKind.MENTION for word in event.text.split() if word[:2] == "@p"}
                if event.quoted_id is not None:
                    told[self.world.entries[event.quoted_id].author_id] = NoticeKind.QUOTE
                if event.reply_author_id is not None:
                    told[event.reply_author_id] = NoticeKind.REPLY
                for viewer, kind in told.items():
                    self.do(at, viewer, kind, event.id, event.author_id, event.id)
            case Retweeted():
                self.do(at, event.root_author_id, NoticeKind.RETWEET, event.id, event.author_id, event.root_id)
            case RetweetUndone():
                author = self.world.entries[event.root_id].author_id
                self.acts.pop((author, NoticeKind.RETWEET, event.id, event.author_id), None)
            case LikeChanged():
                author = self.world.entries[event.tweet_id].author_id
                if event.liked:
                    self.do(at, author, NoticeKind.LIKE, event.tweet_id, event.user_id, event.tweet_id)
                else:
                    self.acts.pop((author, NoticeKind.LIKE, event.tweet_id, event.user_id), None)
            case RelationChanged(verb=Verb.FOLLOW):
                if (event.actor_id, event.target_id) in self.world.follows:
                    self.do(at, event.target_id, NoticeKind.FOLLOW, event.actor_id, event.actor_id, 0)
            case RelationChanged(verb=Verb.UNFOLLOW):
                self.acts.pop((event.target_id, NoticeKind.FOLLOW, event.actor_id, event.actor_id), None)
            case RelationChanged(verb=Verb.BLOCK):
                for one, other in ((event.actor_id, event.target_id), (event.target_id, event.actor_id)):
                    self.acts.pop((one, NoticeKind.FOLLOW, other, other), None)

    def do(self, at: int, viewer: int, kind: NoticeKind, subject: int, actor: int, tweet: int) -> None:
        if actor != viewer and not self.hides(viewer, actor):
            self.acts.setdefault((viewer, kind, subject, actor), (at, tweet))

    def hides(self, me: int, other: int) -> bool:
        return bool({(me, other)} & (self.world.mutes | self.world.blocks)) or (other, me) in self.world.blocks

    def visible(self, me: int) -> list[tuple[int, NoticeKind, int, int]]:
        """Return what a viewer may be told of now, oldest first: where, kind, actor, tweet."""
        return sorted(
            (at, kind, actor, tweet)
            for (viewer, kind, _, actor), (at, tweet) in self.acts.items()
            if viewer == me and not self.hides(me, actor) and tweet not in self.world.gone
        )

    def shown(self, me: int) -> list[tuple[int, Told]]:
        """Return the notifications with their places in the log, newest first."""
        likes: dict[int, int] = {}
        groups: dict[int, tuple[int, Told]] = {}
        found: list[tuple[int, Told]] = []
        for at, kind, actor, tweet in self.visible(me):
            likes[tweet] = likes.get(tweet, 0) + (kind is NoticeKind.LIKE)
            if kind is NoticeKind.LIKE and likes[tweet] > ALONE:
                groups[tweet] = (at, (kind, actor, tweet, likes[tweet] - ALONE))
            else:
                found.append((at, (kind, actor, tweet, 1)))
        return sorted([*found, *groups.values()], key=lambda each: each[0], reverse=True)


def told(shown: Shown) -> Told:
    return shown.kind, shown.actor_id, shown.tweet_id or 0, len(shown.places)


class Notifications(RuleBasedStateMachine):
    """Histories of six people who are told of each other's acts."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.world = Stepped(self.folder, likes_alone_max=ALONE)
        self.run(self.open())
        users = [User(each, f"p{each}", f"p{each}", "", 1, 0) for each in PEOPLE]
        self.run(self.world.services.users.create_missing(users))
        self.naive = NaiveNotices()
        self.happened: list[Event] = []
        self.handled, self.next_id = 0, 1
        self.read = dict.fromkeys(PEOPLE, 0)

    async def open(self) -> None:
        await self.world.open()
        self.services = replace(self.world.services.notices, pause_s=0)

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        try:
            self.run(self.world.close())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            self.loop.close()
            shutil.rmtree(self.folder)

    def happen(self, event: Event, drain: bool) -> None:
        self.happened.append(event)
        self.run(self.world.append(event))
        if drain:
            self.compare()

    def new_id(self) -> TweetId:
        self.next_id += 1
        return TweetId(self.next_id << TIME_SHIFT)

    def compare(self) -> None:
        """Let the groups catch up, and hold everybody's notifications against the naive ones."""
        self.run(self.drain())
        for viewer in PEOPLE:
            expected = self.naive.shown(viewer)
            found = self.run(read_notices(viewer, self.services.stores))
            assert [told(each) for each in found.shown] == [each for _, each in expected]
            assert found.unread_count == sum(at > self.read[viewer] for at, _ in expected)

    async def drain(self) -> None:
        while await self.world.step("store"):
            pass
        while await self.world.step("notify"):
            pass
        self.naive.handle([*enumerate(self.happened, 1)][self.handled :])
        self.handled = len(self.happened)

    def tweets(self) -> list[TweetPosted]:
        return [event for event in self.happened if isinstance(event, TweetPosted)]

    @rule(author=people, mentions=st.lists(people, max_size=2), drain=st.booleans(), data=st.data())
    def post(self, author: UserId, mentions: list[UserId], drain: bool, data: st.DataObject) -> None:
        text, kept = " ".join(["hi", *(f"@p{each}" for each in mentions)]), [None, *self.tweets()[-6:]]
        parent, quoted = data.draw(st.sampled_from(kept)), data.draw(st.sampled_from(kept))
        event = TweetPosted(self.new_id(), author, text, 0)
        if parent is not None:
            event = replace(event, in_reply_to_id=parent.id, reply_author_id=parent.author_id)
        if quoted is not None:
            event = replace(event, quoted_id=quoted.id)
        self.happen(event, drain)

    @rule(drain=st.booleans(), data=st.data())
    def post_the_same_again(self, drain: bool, data: st.DataObject) -> None:
        """The first place of an id wins (P2)."""
        if tweets := self.tweets():
            self.happen(data.draw(st.sampled_from(tweets[-6:])), drain)

    @rule(user=people, liked=st.sampled_from([True, True, False]), drain=st.booleans(), data=st.data())
    def like(self, user: UserId, liked: bool, drain: bool, data: st.DataObject) -> None:
        if tweets := self.tweets():
            self.happen(LikeChanged(user, data.draw(st.sampled_from(tweets[-4:])).id, liked), drain)

    @rule(liked=st.booleans(), drain=st.booleans(), data=st.data())
    def everyone_likes(self, liked: bool, drain: bool, data: st.DataObject) -> None:
        if tweets := self.tweets():
            tweet = data.draw(st.sampled_from(tweets[-4:]))
            for user in data.draw(st.permutations(PEOPLE)):
                self.happen(LikeChanged(user, tweet.id, liked), False)
            self.happen(LikeChanged(data.draw(people), tweet.id, True), drain)

    @rule(author=people, drain=st.booleans(), data=st.data())
    def retweet(self, author: UserId, drain: bool, data: st.DataObject) -> None:
        if tweets := self.tweets():
            root = data.draw(st.sampled_from(tweets[-6:]))
            self.happen(Retweeted(self.new_id(), author, root.id, root.author_id, 0), drain)

    @rule(drain=st.booleans(), data=st.data())
    def undo(self, drain: bool, data: st.DataObject) -> None:
        if retweets := [event for event in self.happened if isinstance(event, Retweeted)]:
            event = data.draw(st.sampled_from(retweets[-6:]))
            self.happen(RetweetUndone(event.id, event.author_id, event.root_id), drain)

    @rule(drain=st.booleans(), data=st.data())
    def delete(self, drain: bool, data: st.DataObject) -> None:
        if tweets := self.tweets():
            event = data.draw(st.sampled_from(tweets[-10:]))
            self.happen(TweetDeleted(event.id, event.author_id), drain)

    @rule(actor=people, other=people, verb=st.sampled_from([*Verb, Verb.FOLLOW, Verb.FOLLOW]), drain=st.booleans())
    def relate(self, actor: UserId, other: UserId, verb: Verb, drain: bool) -> None:
        if actor != other:
            self.happen(RelationChanged(verb, actor, other, self.new_id()), drain)

    @rule(actor=people, other=people)
    def follow_while_blocked(self, actor: UserId, other: UserId) -> None:
        """The block has ended before the group hears of the follow that it refused."""
        if actor != other:
            self.happen(RelationChanged(Verb.BLOCK, other, actor, self.new_id()), False)
            self.happen(RelationChanged(Verb.FOLLOW, actor, other, self.new_id()), False)
            self.happen(RelationChanged(Verb.UNBLOCK, other, actor, self.new_id()), True)

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """The group handles a stretch of the log once more, after whatever became of it since."""
        self.run(self.drain())
        log = self.run(self.world.logged())
        start = data.draw(st.integers(0, len(log)))
        if log[start:]:
            self.run(make_notify(self.world.engine.parts).handle(log[start:], 0))
        self.compare()

    @rule(viewer=people, data=st.data())
    def mark(self, viewer: UserId, data: st.DataObject) -> None:
        """A device says how far it has read; another may have read on."""
        self.run(self.drain())
        shown = self.run(read_notices(viewer, self.services.stores)).shown
        if shown:
            at = data.draw(st.integers(0, len(shown) - 1))
            self.read[viewer] = max(self.read[viewer], self.naive.shown(viewer)[at][0])
            self.run(mark_read(viewer, shown[at].place, self.services.stores))
        self.compare()

    @rule(viewer=people, data=st.data())
    def resume(self, viewer: UserId, data: st.DataObject) -> None:
        """A client comes back from any place, and hears each act since then that it may hear of, once."""
        self.run(self.drain())
        at = data.draw(st.integers(0, len(self.happened)))
        expected = [(kind, tweet) for n, kind, _, tweet in self.naive.visible(viewer) if n > at]
        assert self.run(self.heard(viewer, at, len(expected))) == expected

    async def heard(self, viewer: UserId, at: int, count: int) -> list[tuple[NoticeKind, int]]:
        epoch, heard = self.world.log.epoch, list[tuple[NoticeKind, int]]()
        updates = NoticeStream(viewer, self.services).updates(encode_notices(epoch, (at,)))
        async with asyncio.timeout(30):
            while len(heard) < count:
                update = await anext(updates)
                assert update.shown is not None
                heard.append((update.shown.kind, update.shown.tweet_id or 0))
        if count:
            assert update.live_cursor == encode_notices(epoch, (len(self.happened),)), "there is no more"
        await updates.aclose()
        return heard

    @rule()
    def restart(self) -> None:
        self.run(self.world.close())
        self.run(self.open())


Notifications.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestNotificationsEqualNaive = Notifications.TestCase
