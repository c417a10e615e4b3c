"""How timelines lie in Redis: URLs, hash tags, what is settled, and the sizes of calls. No server is needed."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from infra.adapters.redis.layout import settled_bytes, settled_of, spread_tags, tag_of
from infra.adapters.redis.scripts import Scripts
from infra.adapters.redis.urls import Address, RedisUrl, is_redis, parse_url
from tests.cluster.redis_lists import viewers


@pytest.mark.parametrize("tags", [1, 2, 128, 1_000])
def test_tags_lie_evenly_over_the_slots(tags: int) -> None:
    found = spread_tags(tags)

    parts = [key_slot(f"tl:{{{tag}}}:7".encode()) * tags // REDIS_CLUSTER_HASH_SLOTS for tag in found]
    assert parts == list(range(tags))


def test_viewers_spread_over_the_tags_although_their_ids_end_alike() -> None:
    found = Counter(tag_of(viewer, 128) for viewer in viewers(12_800))

    assert len(found) == 128
    assert max(found.values()) < 2 * 100


@given(st.dictionaries(st.integers(0, 63), st.integers(0, 2**53), max_size=64))
def test_what_is_settled_comes_back_without_the_partitions_that_have_nothing(settled: Mapping[int, int]) -> None:
    kept = settled_bytes(settled)

    assert settled_of(kept) == {partition: offset for partition, offset in settled.items() if offset}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:7000/2", RedisUrl([Address("127.0.0.1", 7000)], False, False, database=2)),
        ("redis://cache.example", RedisUrl([Address("cache.example", 6379)], False, False)),
        ("rediss://ada:p%40ss@[::1]:7000", RedisUrl([Address("::1", 7000)], False, True, "ada", "p@ss")),
        ("redis://:secret@a.example/0", RedisUrl([Address("a.example", 6379)], False, False, None, "secret")),
        ("redis-cluster://a:1,b:2", RedisUrl([Address("a", 1), Address("b", 2)], True, False)),
        ("rediss-cluster://u:p@a,b:2/0", RedisUrl([Address("a", 6379), Address("b", 2)], True, True, "u", "p")),
    ],
)
def test_a_url_says_where_redis_is(url: str, expected: RedisUrl) -> None:
    assert is_redis(url)
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "redis:",
        "redis://",
        "redis://a:b",
        "redis://a/x",
        "redis://a,b",
        "redis-cluster://a/1",
        "redis://a,",
    ],
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"Redis|redis"):
        parse_url(url)


def test_no_refusal_of_a_url_repeats_its_password() -> None:
    with pytest.raises(ValueError, match="Redis") as refused:
        parse_url("redis://ada:secret@host:port/0")

    assert "secret" not in str(refused.value)


def test_every_script_is_packaged_and_has_a_name_of_its_own() -> None:
    scripts = Scripts.load()

    assert len({script.sha for script in (scripts.begin, scripts.finish, scripts.backfill, scripts.newest)}) == 4
    assert "place_of" in scripts.push.text
