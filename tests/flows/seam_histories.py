"""Histories for clients that come and go: who posted, retweeted and took back what, in the order of the log."""

import random
from collections import deque

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
)

ME, PULLED, PUSHED, STRANGERS, FANS = UserId(1), (2, 3), (4, 5, 6), (7, 8), (10, 11, 12, 13, 14)
FOLLOWED = (*PULLED, *PUSHED)
PUSH_LIMIT = 4
NEWEST = 30
"""Quiet histories take back entries among so many newest ones, ..."""
FAR, NEAR_ENOUGH = 80, 90
"""... or retweet a tweet from so far down that nothing taken back between brings the two within 40 of each other."""
SOON = 20
"""Entries that come before such a tweet is deleted, if it is at all: it is within the newest 120 still."""
DEEP = 300
"""No quiet history looks deeper than this."""


class Quiet:
    """Posts, retweets, deletions and undos of which each can be told without a Reset."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.happened: list[Event] = []
        self.line: list[TweetPosted | Retweeted] = []
        self._far: Retweeted | None = None
        self._number = 1

    def beginning(self) -> list[Event]:
        """Who follows whom."""
        follows = [(int(ME), author) for author in FOLLOWED]
        follows += [(fan, author) for fan in FANS for author in PULLED]
        return [RelationChanged(Verb.FOLLOW, UserId(a), UserId(b), self._id()) for a, b in follows]

    def next(self, count: int) -> list[Event]:
        """Return what happens next."""
        for _ in range(count):
            self.happened.append(self._one())
        return self.happened[-count:]

    def last(self) -> TweetPosted:
        """Return a tweet that everybody who follows somebody sees, on top of all others."""
        return self._post(ME)

    def _one(self) -> Event:
        dice = self.dice.random()
        if dice < 0.08 and len(self.line) > NEWEST:
            return self._take_back(self.line[-self.dice.randint(1, NEWEST)])
        if dice < 0.13 and len(self.line) > NEAR_ENOUGH:
            return self._from_far_down()
        if dice < 0.2 and self.happened:
            return self._retweet_of_a_stranger()
        if dice < 0.3 and self.line:
            return LikeChanged(ME, self.dice.choice(self.line[-50:]).id, liked=True)
        return self._post(self.dice.choice((*FOLLOWED, *FOLLOWED, *STRANGERS, ME)))

    def _id(self) -> TweetId:
        self._number += 1
        return TweetId(self._number << TIME_SHIFT)

    def _post(self, author: int) -> TweetPosted:
        event = TweetPosted(self._id(), UserId(author), "a", 0)
        if author not in STRANGERS:
            self.line.append(event)
        return event

    def _retweet(self, root: TweetPosted) -> Retweeted:
        event = Retweeted(self._id(), UserId(self.dice.choice(FOLLOWED)), root.id, root.author_id, 0)
        self.line.append(event)
        return event

    def _retweet_of_a_stranger(self) -> Event:
        last = self.happened[-1]
        is_strange = isinstance(last, TweetPosted) and last.author_id in STRANGERS
        return self._retweet(last) if is_strange and isinstance(last, TweetPosted) else self._post(STRANGERS[0])

    def _from_far_down(self) -> Event:
        """Retweet a tweet from far down, or delete the one retweeted last: both entries go then."""
        far, self._far = self._far, None
        if far is not None and far in self.line[-SOON:]:
            return self._take_back(next(each for each in self._deep() if each.id == far.root_id))
        place = self.dice.randint(FAR, NEAR_ENOUGH)
        root = self.line[-place]
        taken = {each.root_id for each in self._deep() if isinstance(each, Retweeted)}
        if isinstance(root, Retweeted) or root.id in taken:
            return self._post(PUSHED[0])
        self._far = self._retweet(root)
        return self._far

    def _deep(self) -> list[TweetPosted | Retweeted]:
        return self.line[-DEEP:]

    def _take_back(self, entry: TweetPosted | Retweeted) -> Event:
        gone = {entry.id}
        if isinstance(entry, TweetPosted):
            gone |= {each.id for each in self._deep() if isinstance(each, Retweeted) and each.root_id == entry.id}
        if self._far is not None and not gone.isdisjoint((self._far.id, self._far.root_id)):
            self._far = None
        self.line[-DEEP:] = [each for each in self._deep() if each.id not in gone]
        if isinstance(entry, Retweeted):
            return RetweetUndone(entry.id, entry.author_id, entry.root_id)
        return TweetDeleted(entry.id, entry.author_id)


class Eventful(Quiet):
    """Anything at all, in any order that a log can have."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._late: list[Event] = []
        self._tweets: deque[TweetPosted] = deque(maxlen=200)
        self._retweets: deque[Retweeted] = deque(maxlen=30)

    def _one(self) -> Event:
        event = self._late.pop() if self._late else self._any()
        if isinstance(event, TweetPosted):
            self._tweets.append(event)
        elif isinstance(event, Retweeted):
            self._retweets.append(event)
        return event

    def _any(self) -> Event:
        people = (ME, *FOLLOWED, *STRANGERS)
        kind = self.dice.choices(
            ("post", "late", "reply", "retweet", "undo", "delete", "like", "others", "mine", "repair"),
            (50, 2, 8, 14, 6, 8, 8, 2, 0.15, 0.02),
        )[0]
        author, other = UserId(self.dice.choice(people)), UserId(self.dice.choice(people[1:]))
        if kind == "late":
            self._late.append(TweetPosted(self._id(), author, "late", 0))
        if kind == "mine":
            return RelationChanged(self.dice.choice([*Verb, Verb.FOLLOW, Verb.FOLLOW]), ME, other, self._id())
        if kind == "others":
            verb = self.dice.choice([Verb.FOLLOW, Verb.UNFOLLOW])
            return RelationChanged(verb, UserId(self.dice.choice(FANS)), author, self._id())
        if kind == "repair":
            return RepairRequested([ME], max(1, len(self.happened) - 50))
        if kind == "undo" and self._retweets:
            undone = self.dice.choice(self._retweets)
            return RetweetUndone(undone.id, undone.author_id, undone.root_id)
        if self._tweets and kind in {"reply", "retweet", "delete", "like"}:
            return self._about(kind, author, self.dice.choice(self._tweets))
        return TweetPosted(self._id(), author, "a", 0)

    def _about(self, kind: str, author: UserId, tweet: TweetPosted) -> Event:
        if kind == "reply":
            return TweetPosted(self._id(), author, "r", 0, tweet.id, tweet.author_id)
        if kind == "retweet":
            return Retweeted(self._id(), author, tweet.id, tweet.author_id, 0)
        if kind == "delete":
            return TweetDeleted(tweet.id, tweet.author_id)
        return LikeChanged(author, tweet.id, self.dice.random() < 0.7)
