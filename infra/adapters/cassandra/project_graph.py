"""Writing what events make of follows, mutes and blocks, of their lists and of their counts."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from infra.adapters.cassandra.changes import Applying, Placed
from infra.adapters.cassandra.counts import CountTable, counted, totals
from infra.adapters.cassandra.follower_lists import Listed, Spread, begins, ends
from infra.adapters.cassandra.follower_moves import FollowerMoves, MoveLimits
from infra.adapters.cassandra.reading import ONE, PARTITIONS_PER_READ, SOME
from infra.adapters.cassandra.relation_changes import FOLLOWERS, Key, Kind, RelationChanges, State, fold, unpack, wanted
from infra.adapters.cassandra.session import CassandraSession, Statement
from loaders.places import author_partition
from loaders.records import UserId

FOLLOW_COUNTS = CountTable("follow_counts", "user_id", ("followers", "following"))
OTHERS_PER_READ = 100
FEW_KEYS = 12
READ = (
    "SELECT viewer_id, kind, other_id, stamp, standing, edge_id, past FROM relations"
    " WHERE viewer_id {} AND kind IN ? AND other_id IN ?"
)
READ_ONE, READ_SOME = READ.format(ONE), READ.format(SOME)
WRITE = (
    "INSERT INTO relations (viewer_id, kind, other_id, stamp, standing, edge_id, past) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " USING TIMESTAMP ?"
)
BEGIN = "INSERT INTO followees (follower_id, edge_id, followee_id, stamp) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
END = "DELETE FROM followees USING TIMESTAMP ? WHERE follower_id = ? AND edge_id = ? AND followee_id = ?"


class GraphChanges:
    """Applies what concerns the graph; a `changes.Apply`.

    Every row is what its own log partition makes of it up to its stamp, whoever writes it, and is written with that
    stamp (C2): so all may be written at once, in any order, and again. `clock_ms` and `limits` are for the lists of
    followers that grow too long (F10).
    """

    def __init__(self, session: CassandraSession, clock_ms: Callable[[], int], limits: MoveLimits) -> None:
        self._moves = FollowerMoves(session, clock_ms, limits)

    async def __call__(self, applying: Applying, events: Sequence[Placed]) -> None:
        """See `changes.Apply`."""
        keys = {key for event, _ in events for key in wanted(event)}
        if keys:
            follows = [key for key in keys if key.kind is Kind.FOLLOWS]
            # Where followers are to be written is asked first: what is read afterwards cannot be of before a move.
            moves = await self._moves.of({key.other_id for key in follows})
            users = {user_id for key in follows for user_id in (key.viewer_id, key.other_id)}
            found, counted_before = await _read(applying, keys, users)
            changes = fold(found, events, applying.settled, applying.epoch)
            counts = _counts(changes, counted_before)
            spreads = {followee_id: move.spread for followee_id, move in moves.items()}
            await applying.session.write_many(_writes(applying, changes, counts, spreads))
            for followee_id, move in moves.items():
                if move.spread is Spread.MOVING and _is_mine(followee_id, applying):
                    self._moves.adopt(followee_id, move.since_ms)
            staying = {
                each: counts[each] for each, spread in spreads.items() if spread is Spread.ONE and each in counts
            }
            await self._begin_moves(applying, staying)
        await self._moves.step()

    async def upkeep(self) -> int:
        """Go on moving lists of followers while no event comes; answer how many rows were copied."""
        return await self._moves.step()

    async def _begin_moves(self, applying: Applying, shares: Mapping[UserId, Sequence[int]]) -> None:
        """Begin to move the followers of those who have too many by now.

        Only where this partition's share of them has grown to what it would be are the others' asked for.
        """
        limit, partitions = self._moves.limits.followers_max, applying.layout.partitions
        large = [user_id for user_id, share in shares.items() if share[FOLLOWERS] * partitions > limit]
        rows = [row for rows in await applying.session.reads(FOLLOW_COUNTS.all(large)) for row in rows]
        for followee_id, counts in totals(rows).items():
            if counts[FOLLOWERS] > limit:
                await self._moves.begin(UserId(followee_id))


def _is_mine(followee_id: UserId, applying: Applying) -> bool:
    """Tell whether it falls to this partition's worker to copy: one is enough."""
    return author_partition(followee_id, applying.layout.partitions) == applying.partition


async def _read(
    applying: Applying, keys: Iterable[Key], users: Collection[UserId]
) -> tuple[dict[Key, list[State]], dict[int, Sequence[int]]]:
    """Read the states of rows, and this partition's counts of users, all at once."""
    of_rows = _row_reads(keys)
    of_counts = FOLLOW_COUNTS.read(list(users), applying.epoch, applying.partition)
    answers = await applying.session.reads([*of_rows, *of_counts])
    states = {
        Key(viewer_id, Kind(kind), other_id): [*unpack(past), State(*state)]
        for rows in answers[: len(of_rows)]
        for viewer_id, kind, other_id, *state, past in rows
    }
    return states, {row[0]: row[1:] for rows in answers[len(of_rows) :] for row in rows}


def _row_reads(keys: Iterable[Key]) -> list[Statement]:
    """Return the reads of rows: viewers with few of them several at a time, which finds some that nobody asked for."""
    of_viewers: defaultdict[UserId, list[Key]] = defaultdict(list)
    for key in keys:
        of_viewers[key.viewer_id].append(key)
    few = [viewer_id for viewer_id, of_viewer in of_viewers.items() if len(of_viewer) <= FEW_KEYS]
    together = [few[start : start + PARTITIONS_PER_READ] for start in range(0, len(few), PARTITIONS_PER_READ)]
    alone = [[viewer_id] for viewer_id, of_viewer in of_viewers.items() if len(of_viewer) > FEW_KEYS]
    reads: list[Statement] = []
    for viewers in (*together, *alone):
        asked = [key for viewer_id in viewers for key in of_viewers[viewer_id]]
        kinds, others = sorted({int(key.kind) for key in asked}), sorted({key.other_id for key in asked})
        for start in range(0, len(others), OTHERS_PER_READ):
            some = kinds, others[start : start + OTHERS_PER_READ]
            reads.append((READ_ONE, (*viewers, *some)) if len(viewers) == 1 else (READ_SOME, (viewers, *some)))
    return reads


def _counts(changes: RelationChanges, before: Mapping[int, Sequence[int]]) -> dict[int, Sequence[int]]:
    """Return the counts that change (C1)."""
    after = {
        user_id: counted(before.get(user_id), of_user, len(FOLLOW_COUNTS.columns))
        for user_id, of_user in changes.counts.items()
    }
    return {user_id: counts for user_id, counts in after.items() if counts is not None}


def _writes(
    applying: Applying,
    changes: RelationChanges,
    counts: Mapping[int, Sequence[int]],
    spreads: Mapping[UserId, Spread],
) -> list[list[Statement]]:
    """Return what is to be written, by partition: an account's rows, list and counts have the same key."""
    groups: defaultdict[tuple[int, ...], list[Statement]] = defaultdict(list)
    for key, state, past in changes.changed():
        groups[(key.viewer_id,)].append((WRITE, (*key, *state, past, state.stamp)))
    for user_id, of_user in counts.items():
        count = FOLLOW_COUNTS.write(user_id, of_user, applying.epoch, applying.partition, applying.up_to)
        groups[(user_id,)].append(count)
    for edge in changes.edges:
        follower_id, followee_id, edge_id, stamp, _ = edge
        listed, spread = Listed(edge_id, follower_id), spreads[followee_id]
        if edge.begins:
            groups[(follower_id,)].append((BEGIN, (follower_id, edge_id, followee_id, stamp, stamp)))
            of_followee = begins(spread, followee_id, listed, stamp)
        else:
            groups[(follower_id,)].append((END, (stamp, follower_id, edge_id, followee_id)))
            of_followee = ends(spread, followee_id, listed, stamp)
        for bucket, statement in of_followee:
            groups[followee_id, bucket].append(statement)
    return list(groups.values())
