"""What a batch makes of follows, mutes and blocks, wherever workers die, wake late, or cut the log otherwise."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.adapters.cassandra.changes import Placed
from infra.adapters.cassandra.counts import counted
from infra.adapters.cassandra.relation_changes import Edge, Key, Kind, State, fold, pack, unpack, wanted
from infra.adapters.cassandra.stamps import Stamp, stamp_of
from loaders.records import UserId
from realtime.events import Event, FollowsImported, RelationChanged, Verb
from tests.contracts.model import Model

EPOCH = 7
PEOPLE = range(1, 4)
FOLLOW, UNFOLLOW = Verb.FOLLOW, Verb.UNFOLLOW

Act = tuple[int, int, Verb | None]
pairs = st.sampled_from([(1, 2), (1, 2), (1, 2), (2, 1), (1, 3), (3, 3)])
verbs = st.sampled_from([*Verb, FOLLOW, FOLLOW, FOLLOW, UNFOLLOW, UNFOLLOW, UNFOLLOW, None])
acts = st.lists(st.builds(lambda pair, verb: (*pair, verb), pairs, verbs), min_size=1, max_size=16)
tries = st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["whole", "dies", "late"])), max_size=10)


@dataclass
class Tables:
    """The database: of two writes of a row the one with the greater timestamp stands, whichever came first."""

    rows: dict[Key, tuple[State, bytes]] = field(default_factory=dict)
    counts: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    lists: dict[tuple[int, int, int], tuple[Stamp, bool]] = field(default_factory=dict)

    def row(self, key: Key, state: State, past: bytes) -> None:
        known = self.rows.get(key)
        if known is None or (state.stamp, past) > (known[0].stamp, known[1]):
            self.rows[key] = state, past

    def count(self, user_id: int, counts: tuple[int, int, int]) -> None:
        known = self.counts.get(user_id)
        if known is None or counts[2] >= known[2]:
            self.counts[user_id] = counts

    def edge(self, edge: Edge) -> None:
        place = (edge.follower_id, edge.followee_id, edge.edge_id)
        self.lists[place] = max(self.lists.get(place, (0, False)), (edge.stamp, not edge.begins))


def log_of(history: Iterable[Act]) -> list[Placed]:
    placed: list[Placed] = []
    for offset, (one, other, verb) in enumerate(history, 1):
        a, b = UserId(one), UserId(other)
        event: Event = FollowsImported([(a, b, offset), (a, b, 500 + offset)])
        if verb is not None:
            event = RelationChanged(verb, a, b, offset)
        placed.append((event, offset))
    return placed


def apply(tables: Tables, batch: Sequence[Placed], position: int) -> list[tuple[object, ...]]:
    """Return the writes that a batch comes to, from what the tables hold now."""
    keys = {key for event, _ in batch for key in wanted(event)}
    found = {key: [*unpack(past), state] for key, (state, past) in tables.rows.items() if key in keys}
    changes = fold(found, batch, stamp_of(EPOCH, position), EPOCH)
    up_to = batch[-1][1]
    writes: list[tuple[object, ...]] = [(Tables.row, *changed) for changed in changes.changed()]
    writes += [(Tables.edge, edge) for edge in changes.edges]
    for user_id, of_user in changes.counts.items():
        counts = counted(tables.counts.get(user_id), of_user, 2)
        if counts is not None:
            writes.append((Tables.count, user_id, (*counts, up_to)))
    return writes


def write(tables: Tables, writes: Iterable[tuple[object, ...]]) -> None:
    for put, *values in writes:
        put(tables, *values)  # type: ignore[operator]


def check(tables: Tables, history: Sequence[Act]) -> None:
    model = Model()
    for event, offset in log_of(history):
        model.apply(event, offset)
    for user_id in map(UserId, PEOPLE):
        expected, standing = model.relations(user_id), {}
        for key, (state, _) in tables.rows.items():
            if key.viewer_id == user_id and state.standing:
                standing[key.kind, key.other_id] = state.stamp
        follows = {other_id: stamp for (kind, other_id), stamp in standing.items() if kind is Kind.FOLLOWS}
        assert follows == {other: stamp_of(EPOCH, offset) for other, offset in expected.follows.items()}
        for kind, others in (
            (Kind.MUTES, expected.mutes),
            (Kind.BLOCKS, expected.blocks),
            (Kind.BLOCKED_BY, expected.blocked_by),
        ):
            assert {other_id for of_kind, other_id in standing if of_kind is kind} == others
        counts = model.user_counts(user_id)
        assert tables.counts.get(user_id, (0, 0, 0))[:2] == (counts.followers, counts.following)
    listed = {place for place, (_, has_ended) in tables.lists.items() if not has_ended}
    assert listed == {(one, other, edge_id) for (one, other), (edge_id, _) in model.follows.items()}


@settings(max_examples=1_000, deadline=None)
@given(history=acts, pieces=tries, seed=st.integers(0, 1 << 16))
def test_wherever_workers_die_or_wake_late_the_rows_are_what_one_pass_makes_of_the_log(
    history: list[Act], pieces: list[tuple[int, str]], seed: int
) -> None:
    log, tables, chance, position = log_of(history), Tables(), random.Random(seed), 0
    late: list[tuple[object, ...]] = []
    remaining = iter(pieces)
    while position < len(log):
        size, end = next(remaining, (len(log), "whole"))
        batch = log[position : position + size]
        writes = apply(tables, batch, position)
        if end == "late":
            late += writes
            continue
        write(tables, [each for each in writes if end == "whole" or chance.random() < 0.5])
        if end == "whole":
            position = batch[-1][1]
        if chance.random() < 0.3:
            write(tables, late)
            late.clear()
    write(tables, late)

    check(tables, history)


def test_a_worker_that_does_not_know_that_it_lost_its_partition_judges_as_it_would_have_before() -> None:
    history: list[Act] = [(2, 1, Verb.BLOCK), (1, 2, FOLLOW), (2, 1, Verb.UNBLOCK), (2, 1, Verb.BLOCK)]
    log, tables = log_of(history), Tables()
    for position in range(len(log)):
        write(tables, apply(tables, log[position : position + 1], position))

    write(tables, apply(tables, log[1:3], position=1))

    check(tables, history)


@settings(max_examples=300, deadline=None)
@given(history=acts, first=st.integers(0, 15), size=st.integers(1, 16))
def test_what_is_applied_again_changes_nothing(history: list[Act], first: int, size: int) -> None:
    log, tables = log_of(history), Tables()
    write(tables, apply(tables, log, 0))

    again = log[first % len(log) :][:size]
    writes = apply(tables, again, len(log))

    assert writes == []


def test_states_come_back_from_their_bytes() -> None:
    states = [State(stamp_of(3, 9), standing=True, edge_id=2**62), State(2**62, standing=False)]

    assert unpack(pack(states)) == states
    assert unpack(None) == unpack(b"") == []
