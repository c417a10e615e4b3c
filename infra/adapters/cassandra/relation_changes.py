"""What events make of follows, mutes and blocks, and of their counts. Pure: rows in, rows out.

A row remembers what it said before, so that the state at any offset since can be told: whatever part of a broken try
reached the database, the same events are judged again as they were the first time, and count the same.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from infra.adapters.cassandra.changes import Placed
from infra.adapters.cassandra.stamps import Stamp, stamp_of
from loaders.records import UserId
from realtime.events import Event, FollowsImported, RelationChanged, Verb

FOLLOWERS, FOLLOWING = range(2)
PAST_KEPT = 4
"""States kept beyond what the batch at hand needs: for a worker that lost its partition and does not know it yet."""
STATE = struct.Struct(">q?q")


class Kind(IntEnum):
    """What a row says of its viewer and another account."""

    FOLLOWS = 0
    MUTES = 1
    BLOCKS = 2
    BLOCKED_BY = 3


class Key(NamedTuple):
    """Which row."""

    viewer_id: UserId
    kind: Kind
    other_id: UserId


class State(NamedTuple):
    """What a row says from a stamp on; `edge_id` is that of a standing follow."""

    stamp: Stamp
    standing: bool
    edge_id: int = 0


class Edge(NamedTuple):
    """A follow that begins or ends, for the lists that show it."""

    follower_id: UserId
    followee_id: UserId
    edge_id: int
    stamp: Stamp
    begins: bool


NOTHING = State(0, standing=False)


def pack(states: Iterable[State]) -> bytes:
    """Return states as bytes."""
    return b"".join(STATE.pack(*state) for state in states)


def unpack(past: bytes | None) -> list[State]:
    """Return states from their bytes."""
    return [State(*state) for state in STATE.iter_unpack(past or b"")]


def wanted(event: Event) -> Sequence[Key]:
    """Return the rows that an event must be judged by, those included that it changes."""
    match event:
        case RelationChanged(actor_id=actor_id, target_id=target_id) if actor_id != target_id:
            match event.verb:
                case Verb.FOLLOW:
                    return _judging_follow(actor_id, target_id)
                case Verb.UNFOLLOW:
                    return [Key(actor_id, Kind.FOLLOWS, target_id)]
                case Verb.MUTE | Verb.UNMUTE:
                    return [Key(actor_id, Kind.MUTES, target_id)]
                case _:
                    return [
                        Key(actor_id, Kind.BLOCKS, target_id),
                        Key(target_id, Kind.BLOCKED_BY, actor_id),
                        Key(actor_id, Kind.FOLLOWS, target_id),
                        Key(target_id, Kind.FOLLOWS, actor_id),
                    ]
        case FollowsImported():
            return [key for one, other, _ in event.follows if one != other for key in _judging_follow(one, other)]
    return []


@dataclass(slots=True)
class RelationChanges:
    """Rows as they stood where everything was applied, and what a batch makes of them.

    `found` has the states of each row, oldest first, the one it shows last. `settled` is the stamp up to which all is
    applied, `epoch` that of the batch. `edges` are follows that begin or end, `counts` what changes by offset.
    """

    found: dict[Key, list[State]]
    settled: Stamp
    epoch: int
    edges: list[Edge] = field(default_factory=list)
    counts: defaultdict[int, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    _lines: dict[Key, list[State]] = field(default_factory=dict)

    def apply(self, event: Event, offset: int) -> None:
        """Take in an event at its place; those of other kinds change nothing."""
        match event:
            case RelationChanged() if event.actor_id != event.target_id:
                self._relate(event, offset)
            case FollowsImported():
                for follower_id, followee_id, edge_id in event.follows:
                    if follower_id != followee_id:
                        self._follow(follower_id, followee_id, edge_id, offset)

    def changed(self) -> Iterable[tuple[Key, State, bytes]]:
        """Return the rows that changed: what each says now, and what it said before."""
        for key, line in self._lines.items():
            if len(line) > self._known(key):
                needed = sum(state.stamp > self.settled for state in line)
                yield key, line[-1], pack(line[-1 - max(needed, PAST_KEPT) : -1])

    def _relate(self, event: RelationChanged, offset: int) -> None:
        actor_id, target_id = event.actor_id, event.target_id
        match event.verb:
            case Verb.FOLLOW:
                self._follow(actor_id, target_id, event.edge_id, offset)
            case Verb.UNFOLLOW:
                self._unfollow(actor_id, target_id, offset)
            case Verb.MUTE | Verb.UNMUTE:
                self._mark(Key(actor_id, Kind.MUTES, target_id), event.verb is Verb.MUTE, offset)
            case Verb.BLOCK | Verb.UNBLOCK:
                self._mark(Key(actor_id, Kind.BLOCKS, target_id), event.verb is Verb.BLOCK, offset)
                self._mark(Key(target_id, Kind.BLOCKED_BY, actor_id), event.verb is Verb.BLOCK, offset)
                if event.verb is Verb.BLOCK:
                    self._unfollow(actor_id, target_id, offset)
                    self._unfollow(target_id, actor_id, offset)

    def _follow(self, follower_id: UserId, followee_id: UserId, edge_id: int, offset: int) -> None:
        key, *blocks = _judging_follow(follower_id, followee_id)
        state, stamp = self._state(key), stamp_of(self.epoch, offset)
        if state.standing or state.stamp >= stamp:
            return
        if any(self._state(block).standing for block in blocks):
            # A refused follow leaves its place, so that it is refused again when the block has gone and it is replayed.
            self._lines[key].append(State(stamp, standing=False))
            return
        self._lines[key].append(State(stamp, standing=True, edge_id=edge_id))
        self._turn(Edge(follower_id, followee_id, edge_id, stamp, begins=True), offset)

    def _unfollow(self, follower_id: UserId, followee_id: UserId, offset: int) -> None:
        key = Key(follower_id, Kind.FOLLOWS, followee_id)
        state, stamp = self._state(key), stamp_of(self.epoch, offset)
        if state.standing and state.stamp < stamp:
            self._lines[key].append(State(stamp, standing=False))
            self._turn(Edge(follower_id, followee_id, state.edge_id, stamp, begins=False), offset)

    def _turn(self, edge: Edge, offset: int) -> None:
        self.edges.append(edge)
        if edge.stamp > self.settled:
            by = 1 if edge.begins else -1
            self.counts[edge.followee_id].append((offset, FOLLOWERS, by))
            self.counts[edge.follower_id].append((offset, FOLLOWING, by))

    def _mark(self, key: Key, standing: bool, offset: int) -> None:
        state, stamp = self._state(key), stamp_of(self.epoch, offset)
        if state.stamp < stamp and state.standing is not standing:
            self._lines[key].append(State(stamp, standing))

    def _state(self, key: Key) -> State:
        """Return what a row says at this place of the batch: what a broken try left beyond it is not looked at."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = self.found.get(key, [])[: self._known(key)]
        return line[-1] if line else NOTHING

    def _known(self, key: Key) -> int:
        return sum(state.stamp <= self.settled for state in self.found.get(key, ()))


def fold(found: dict[Key, list[State]], events: Iterable[Placed], settled: Stamp, epoch: int) -> RelationChanges:
    """Return what a batch makes of the rows that its events want."""
    changes = RelationChanges(found, settled, epoch)
    for event, offset in events:
        changes.apply(event, offset)
    return changes


def _judging_follow(follower_id: UserId, followee_id: UserId) -> list[Key]:
    return [
        Key(follower_id, Kind.FOLLOWS, followee_id),
        Key(follower_id, Kind.BLOCKS, followee_id),
        Key(follower_id, Kind.BLOCKED_BY, followee_id),
    ]
