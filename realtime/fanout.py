"""The write half of the heart: push or pull, decided by follower counts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from loaders.records import Delivery, Switch, TweetId
from loaders.rules import delivery_at


@dataclass(frozen=True, slots=True)
class PushPolicy:
    """Authors are pulled from `limit` followers on, and pushed again under `lower_ratio` of it.

    The gap between the two keeps an author near the line from flapping. Who posts so much that more than
    `entries_per_minute` would be pushed is pulled as well (F7).
    """

    limit: int
    lower_ratio: float = 0.7
    entries_per_minute: int = 600_000

    def decide(self, followers: int, current: Delivery, posts_per_minute: int = 1) -> Delivery:
        """Return how an author's next tweet is delivered; the rate is the highest of the last hour."""
        if followers >= self.limit or followers * posts_per_minute > self.entries_per_minute:
            return Delivery.PULLED
        if followers < self.limit * self.lower_ratio:
            return Delivery.PUSHED
        return current


def current(switches: Sequence[Switch]) -> Delivery:
    """Return how an author's newest tweet was delivered."""
    return switches[-1].delivery if switches else Delivery.PUSHED


def switched(
    switches: Sequence[Switch], entry_id: TweetId, newest_handled: TweetId, wanted: Delivery
) -> Sequence[Switch]:
    """Return the author's switches as they hold once this entry was looked at.

    A switch begins above every id of the author that was handled already, so that the mode of an id never changes
    (F6); an entry that comes late keeps the mode of its own time.
    """
    if wanted is current(switches):
        return switches
    last = switches[-1].from_id if switches else -1
    return (*switches, Switch(TweetId(max(entry_id, newest_handled + 1, last + 1)), wanted))


def pulled_from(switches: Sequence[Switch], entry_id: TweetId) -> Sequence[Switch]:
    """Return switches by which this entry is pulled, and all after it up to the next one that is pushed anew (F5).

    What was pushed already may become pulled: pages then find it twice and show it once. The other way round nobody
    would find it.
    """
    if delivery_at(entry_id, switches) is Delivery.PULLED:
        return switches
    before = [switch for switch in switches if switch.from_id < entry_id]
    if not before or before[-1].delivery is Delivery.PUSHED:
        before.append(Switch(entry_id, Delivery.PULLED))
    after = [switch for switch in switches if switch.from_id > entry_id]
    return (*before, *(after[1:] if after and after[0].delivery is Delivery.PULLED else after))


def is_pushed(switches: Sequence[Switch], entry_id: TweetId) -> bool:
    """Tell whether an entry is written into its followers' lists."""
    return delivery_at(entry_id, switches) is Delivery.PUSHED
