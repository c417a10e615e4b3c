"""Finding authors' newest tweets by reading a log backwards: the same as a look at everything would find."""

from collections import defaultdict
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.adapters.kafka.newest import CHUNK_EVENTS, newest_posted
from loaders.records import TweetId, UserId
from realtime.events import Event, LikeChanged, TweetPosted, encode
from realtime.partitions import Layout, log_partition
from realtime.ports import Logged

PLENTY = 1_000_000


class Log:
    """A log in memory, whose clock goes on by one with every event; it may have forgotten its begin."""

    def __init__(self, events: Sequence[Event], layout: Layout, forgotten: int = 0) -> None:
        self.layout = layout
        self.reads = 0
        self._partitions: dict[int, list[Logged]] = defaultdict(list)
        self._forgotten = forgotten
        for at_ms, event in enumerate(events):
            partition = log_partition(event, layout)
            held = self._partitions[partition]
            held.append(Logged(partition, len(held) + 1, encode(event), at_ms))

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        found = [each for each in self._partitions[partition] if each.offset > max(after, self._forgotten)][:limit]
        self.reads += len(found)
        return found

    def end(self) -> tuple[int, ...]:
        return tuple(len(self._partitions[partition]) for partition in range(self.layout.partitions))

    def newest(self, authors: Sequence[int], upto: Sequence[int], limit: int) -> list[Logged]:
        held = [
            each
            for partition in range(self.layout.partitions)
            for each in self._partitions[partition]
            if self._forgotten < each.offset <= upto[partition]
            and any(b'"author_id":%d,' % author in each.payload for author in authors)
        ]
        return sorted(held, key=lambda each: each.appended_at_ms, reverse=True)[:limit]


def tweet(number: int, author: int) -> Event:
    return TweetPosted(TweetId(number), UserId(author), "hello", 0)


def tweets(authors: Sequence[int]) -> list[Event]:
    return [tweet(number, author) for number, author in enumerate(authors, 1)]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 9), max_size=60),
    st.sets(st.integers(1, 9)),
    st.integers(1, 8),
    st.integers(1, 5),
    st.integers(0, 3),
    st.integers(0, 4),
)
async def test_it_finds_what_a_look_at_everything_finds(
    posters: list[int], authors: set[int], limit: int, partitions: int, short: int, forgotten: int
) -> None:
    log = Log(tweets(posters), Layout(partitions), forgotten)
    upto = tuple(max(0, end - short) for end in log.end())

    assert await newest_posted(log, [*authors], upto, limit, PLENTY) == log.newest([*authors], upto, limit)


async def test_it_reads_no_further_back_than_it_needs_to() -> None:
    log = Log(tweets([1] * 10 * CHUNK_EVENTS), Layout(1))

    found = await newest_posted(log, [1], log.end(), 20, PLENTY)

    assert found == log.newest([1], log.end(), 20)
    assert log.reads == CHUNK_EVENTS


async def test_it_reads_the_partitions_of_the_authors_alone() -> None:
    log = Log(tweets([1, 2, 3, 4] * 100), Layout(4))

    await newest_posted(log, [2], log.end(), 1_000, PLENTY)

    assert log.reads == 100


async def test_over_its_budget_it_leaves_out_what_is_older_and_nothing_newer() -> None:
    # One author writes much and the other little: the partition of the first is read back less far in time.
    log = Log(tweets(([1] * 99 + [2]) * 40), Layout(4))
    everything = log.newest([1, 2], log.end(), 10_000)

    found = await newest_posted(log, [1, 2], log.end(), 10_000, 2_000)

    assert log.reads <= 2_000
    assert 0 < len(found) < len(everything)
    assert list(found) == everything[: len(found)]


async def test_what_is_no_tweet_is_no_answer() -> None:
    log = Log([LikeChanged(UserId(1), TweetId(7), liked=True), tweet(1, 1)], Layout(1))

    assert [each.offset for each in await newest_posted(log, [1], log.end(), 10, PLENTY)] == [2]
