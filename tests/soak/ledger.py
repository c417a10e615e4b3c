"""What must be so and what may be, by what people were told: the one truth that a soak is held against."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.soak.told import Outcome

States = frozenset[bool]
"""Which states of something are possible: one if it is known, both if nobody can say."""
YES, NO, EITHER = States({True}), States({False}), States({True, False})
Pair = tuple[str, str, str]
"""An act that can be undone, who does it, and to what: a tweet's id, or a handle."""


@dataclass
class Post:
    """A tweet, as far as its author knows. `gone_s` is since when, by the monotonic clock, it must not show."""

    author: str
    states: States
    tweet_id: str = ""
    gone_s: float | None = None


@dataclass
class Ledger:
    """Tweets by their texts, which nobody uses twice, and what people like and follow."""

    posts: dict[str, Post] = field(default_factory=dict)
    pairs: dict[Pair, States] = field(default_factory=dict)

    def state(self, pair: Pair) -> States:
        """Return what is possible of an act: what nobody did is not done."""
        return self.pairs.get(pair, NO)

    def settle(self, pair: Pair, wanted: bool, outcome: Outcome) -> None:
        """Note what came of an act; who was refused knows as little as who was not told, since it may be on its way."""
        self.pairs[pair] = States({wanted}) if outcome is Outcome.OK else self.state(pair) | {wanted}

    def post(self, text: str, author: str, states: States, tweet_id: str = "") -> None:
        """Note a tweet."""
        gone_s = time.monotonic() if states == NO else None
        self.posts[text] = Post(author, states, tweet_id, gone_s)

    def delete(self, text: str, outcome: Outcome) -> None:
        """Note what came of deleting a tweet that was there."""
        post = self.posts[text]
        post.states = NO if outcome is Outcome.OK else EITHER
        post.gone_s = time.monotonic() if outcome is Outcome.OK else None

    def standing(self, author: str | None = None) -> list[str]:
        """Return the texts that must be there, of one author or of all."""
        return [
            text
            for text, post in self.posts.items()
            if post.states == YES and (author is None or author == post.author)
        ]

    def gone_before(self, when_s: float) -> set[str]:
        """Return the texts that must not have shown since then."""
        return {text for text, post in self.posts.items() if post.gone_s is not None and post.gone_s <= when_s}

    def follows(self, viewer: str, author: str) -> States:
        """Return whether a viewer sees an author's tweets at home."""
        return YES if viewer == author else self.state(("follow", viewer, author))

    def home(self, viewer: str) -> tuple[set[str], set[str]]:
        """Return the texts that a home timeline must hold, and those that it may hold."""
        must, may = set(), set()
        for text, post in self.posts.items():
            possible = self.follows(viewer, post.author)
            if True in possible and True in post.states:
                may.add(text)
                if possible == YES and post.states == YES:
                    must.add(text)
        return must, may

    def counted(self, act: str, what: str) -> range:
        """Return how many may have done an act to something, from the fewest to the most."""
        found = [states for (kind, _, to), states in self.pairs.items() if (kind, to) == (act, what)]
        return between(found)

    def tweets(self, author: str) -> range:
        """Return how many tweets an author may have."""
        return between([post.states for post in self.posts.values() if post.author == author])


def between(states: Collection[States]) -> range:
    """Return how many of these may be so, from the fewest to the most."""
    return range(sum(each == YES for each in states), sum(True in each for each in states) + 1)
