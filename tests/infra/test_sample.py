"""The bundled sample: real follows and texts in full, and made-up activity that hangs together."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from infra.sample.generate import DEMO_HANDLE, SEED, Sample, SampleTweet, generate
from infra.sample.rhythm import DAY_S, WINDOW_DAYS, ZONE_HOURS, local_hour
from infra.sample.source import read_graph, read_texts

NOW = 1_763_830_000.25
PEOPLE = 13_688
FOLLOWS = 68_328
TEXTS = 12_644
SHARED = Path(__file__).parents[2] / "../shared"
MENTION = re.compile(r"(?<![A-Za-z0-9_.])@([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_])")


@pytest.fixture(scope="module")
def sample() -> Sample:
    return generate(NOW)


@pytest.fixture(scope="module")
def by_key(sample: Sample) -> dict[str, SampleTweet]:
    return {tweet.key: tweet for tweet in sample.tweets}


@pytest.fixture(scope="module")
def texts(sample: Sample) -> list[SampleTweet]:
    return [tweet for tweet in sample.tweets if tweet.retweet_of is None]


@pytest.fixture(scope="module")
def followees(sample: Sample) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for follower, followee in sample.follows:
        found[follower].add(followee)
    return found


@pytest.fixture(scope="module")
def reach(sample: Sample) -> Counter[str]:
    return Counter(followee for follower, followee in sample.follows if follower != DEMO_HANDLE)


def digest(sample: Sample) -> str:
    return hashlib.sha256(repr(sample).encode()).hexdigest()


def test_the_same_now_and_seed_give_the_same_sample_in_another_process(sample: Sample) -> None:
    code = f"from tests.infra.test_sample import digest, generate; print(digest(generate({NOW!r}, {SEED})))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    there = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=environment,
        text=True,
        timeout=120,
    )
    assert there.stdout.strip() == digest(sample)


def test_another_seed_and_a_clock_near_zero_give_another_whole_sample(sample: Sample) -> None:
    other = generate(now=0.0, seed=SEED + 1)
    assert [user.handle for user in other.users] != [user.handle for user in sample.users]
    assert len(other.users) == len(sample.users)
    assert len(other.follows) == len(sample.follows)
    assert other.tweets[0].created_at >= -WINDOW_DAYS * DAY_S - 1
    assert other.tweets[-1].created_at <= 0


def test_every_person_and_follow_of_the_graph_is_there_once(sample: Sample) -> None:
    graph = read_graph()
    assert (graph.size, len(graph.edges)) == (PEOPLE, FOLLOWS)
    handles = [user.handle for user in sample.users]
    assert len(handles) == PEOPLE + 1
    assert handles[-1] == DEMO_HANDLE
    real = [(follower, followee) for follower, followee in sample.follows if follower != DEMO_HANDLE]
    assert real == [(handles[follower], handles[followee]) for follower, followee in graph.edges]
    assert len(set(sample.follows)) == len(sample.follows)
    assert all(follower != followee for follower, followee in sample.follows)


def test_handles_are_valid_and_differ_in_more_than_case(sample: Sample) -> None:
    handles = [user.handle for user in sample.users]
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,15}", handle) for handle in handles)
    assert len({handle.lower() for handle in handles}) == len(handles)


def test_people_have_names_of_many_scripts_and_some_have_bios(sample: Sample) -> None:
    names = {user.display_name for user in sample.users}
    assert len(names) > 2_000
    for script in (
        "\u0621-\u064a",
        "\u0904-\u0939",
        "\u0e01-\u0e2e",
        "\u0410-\u044f",
        "\u4e00-\u9fff",
        "\uac00-\ud7a3",
    ):
        assert sum(bool(re.search(f"[{script}]", name)) for name in names) >= 5, script
    assert all(user.display_name == user.display_name.strip() and len(user.display_name) <= 50 for user in sample.users)
    assert all(len(user.bio) <= 160 for user in sample.users)
    assert 0.3 < sum(bool(user.bio) for user in sample.users) / len(sample.users) < 0.6


def test_every_text_is_there_once_and_only_its_handles_are_replaced(texts: list[SampleTweet]) -> None:
    source = read_texts()
    assert len(source) == TEXTS
    assert Counter(tweet.key for tweet in texts) == Counter(f"t{row}" for row in range(TEXTS))
    for tweet in texts:
        original = source[int(tweet.key[1:])]
        pieces = re.split(r"@user(?![A-Za-z0-9_])", original.text)
        kept = "@[A-Za-z0-9_]{1,15}".join(map(re.escape, pieces))
        assert tweet.text == original.text if len(pieces) == 1 else re.fullmatch(kept, tweet.text), tweet.key
        assert tweet.lang == original.lang


def test_the_bundled_files_are_the_shared_ones_without_leftover_handles() -> None:
    if not SHARED.exists():
        pytest.skip("the shared data folder is not beside the checkout")
    with gzip.open(SHARED / "data/text/tweets.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    wanted = [(row["lang"], row["text"]) for row in rows if row["src"] in ("xlm-t", "wisesight")]
    bundled = [(text.lang, text.text) for text in read_texts()]
    assert len(bundled) == len(wanted)
    assert sum(ours != theirs for ours, theirs in zip(bundled, wanted, strict=True)) == 24
    with gzip.open(SHARED / "data/graph/follows_community.tsv.gz", "rt", encoding="utf-8") as lines:
        edges = [tuple(map(int, line.split("\t"))) for line in list(lines)[1:]]
    assert [(follower + 1, followee + 1) for follower, followee in read_graph().edges] == edges


def test_mentions_name_people_of_the_sample_whom_the_author_mostly_follows(
    sample: Sample, texts: list[SampleTweet], followees: dict[str, set[str]]
) -> None:
    handles = {user.handle for user in sample.users}
    mentions = [(tweet.author, handle) for tweet in texts for handle in MENTION.findall(tweet.text)]
    assert len(mentions) > 5_000
    assert sum(handle not in handles for _, handle in mentions) == 0
    assert sum(handle in followees[author] for author, handle in mentions) > 0.7 * len(mentions)


def test_times_run_over_the_week_before_now_oldest_first_and_thicken_towards_it(
    sample: Sample, texts: list[SampleTweet]
) -> None:
    times = [tweet.created_at for tweet in sample.tweets]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] >= NOW - WINDOW_DAYS * DAY_S - 1
    assert NOW - 600 < times[-1] <= NOW
    days = Counter(int((NOW - tweet.created_at) // DAY_S) for tweet in texts)
    assert all(days[back] > days[back + 1] for back in range(WINDOW_DAYS - 1))


@pytest.mark.parametrize("lang", sorted(ZONE_HOURS))
def test_people_tweet_by_day_more_than_by_night(texts: list[SampleTweet], lang: str) -> None:
    hours = Counter(local_hour(tweet.created_at, lang) for tweet in texts if tweet.lang == lang)
    night = sum(hours[hour] for hour in range(1, 6)) / 5
    day = sum(hours[hour] for hour in range(9, 23)) / 14
    assert 0 < night < day / 3


def test_a_few_authors_write_much_and_most_people_write_nothing(texts: list[SampleTweet], reach: Counter[str]) -> None:
    wrote = Counter(tweet.author for tweet in texts)
    busiest = sum(count for _, count in wrote.most_common(len(wrote) // 100))
    assert busiest > 0.1 * TEXTS
    assert wrote.most_common(1)[0][1] < 0.05 * TEXTS
    assert 2_000 < len(wrote) < PEOPLE / 2
    widely_read = [handle for handle, count in reach.items() if count >= 100]
    assert sum(wrote[handle] for handle in widely_read) / len(widely_read) > 10 * TEXTS / PEOPLE


def test_authors_keep_mostly_to_one_language(texts: list[SampleTweet]) -> None:
    spoken: dict[str, Counter[str]] = defaultdict(Counter)
    for tweet in texts:
        spoken[tweet.author][tweet.lang] += 1
    assert sum(max(langs.values()) for langs in spoken.values()) > 0.9 * TEXTS


def test_a_fifth_of_the_texts_answer_earlier_ones_mostly_of_followees_and_in_one_language(
    texts: list[SampleTweet], by_key: dict[str, SampleTweet], followees: dict[str, set[str]]
) -> None:
    pairs = [(tweet, by_key[tweet.in_reply_to]) for tweet in texts if tweet.in_reply_to is not None]
    assert 0.18 < len(pairs) / TEXTS < 0.22
    assert all(answered.created_at < reply.created_at for reply, answered in pairs)
    assert all(answered.retweet_of is None and answered.author != reply.author for reply, answered in pairs)
    assert sum(answered.author in followees[reply.author] for reply, answered in pairs) > 0.6 * len(pairs)
    assert sum(answered.lang == reply.lang for reply, answered in pairs) > 0.7 * len(pairs)


def test_a_reply_that_opens_with_a_mention_names_the_author_answered(
    texts: list[SampleTweet], by_key: dict[str, SampleTweet]
) -> None:
    opening = [tweet for tweet in texts if tweet.in_reply_to is not None and tweet.text.startswith("@")]
    assert len(opening) > 2_000
    for tweet in opening:
        mention = MENTION.match(tweet.text)
        assert mention is not None
        assert mention.group(1) == by_key[tweet.in_reply_to or ""].author


def test_retweets_are_by_followers_later_and_never_twice(
    sample: Sample, by_key: dict[str, SampleTweet], followees: dict[str, set[str]]
) -> None:
    pairs = [(tweet, by_key[tweet.retweet_of]) for tweet in sample.tweets if tweet.retweet_of is not None]
    assert 5_400 < len(pairs) <= 6_000
    assert len(by_key) == len(sample.tweets)
    assert len({(retweet.author, original.key) for retweet, original in pairs}) == len(pairs)
    for retweet, original in pairs:
        assert (retweet.text, retweet.in_reply_to, original.retweet_of) == ("", None, None)
        assert original.created_at < retweet.created_at
        assert original.author in followees[retweet.author]


def test_likes_are_given_once_and_mostly_by_followers_and_pile_up(
    sample: Sample, by_key: dict[str, SampleTweet], followees: dict[str, set[str]]
) -> None:
    assert 54_000 < len(sample.likes) <= 60_000
    assert len(set(sample.likes)) == len(sample.likes)
    liked = [(handle, by_key[key]) for handle, key in sample.likes]
    assert all(tweet.retweet_of is None and tweet.author != handle for handle, tweet in liked)
    assert sum(tweet.author in followees[handle] for handle, tweet in liked) > 0.8 * len(liked)
    counts = Counter(key for _, key in sample.likes)
    assert sum(count for _, count in counts.most_common(TEXTS // 100)) > 0.2 * len(liked)


def test_the_demo_account_follows_both_widely_read_and_little_known_authors(
    followees: dict[str, set[str]], reach: Counter[str]
) -> None:
    followed = followees[DEMO_HANDLE]
    assert len(followed) == 60
    assert sum(count > 1_000 for count in reach.values()) == 6
    assert sum(reach[handle] > 1_000 for handle in followed) >= 5
    assert sum(reach[handle] < 100 for handle in followed) >= 35


def test_the_demo_account_can_see_pushed_and_pulled_authors_retweets_and_replies(
    sample: Sample, by_key: dict[str, SampleTweet], followees: dict[str, set[str]], reach: Counter[str]
) -> None:
    followed = followees[DEMO_HANDLE]
    newest = [tweet for tweet in sample.tweets if tweet.author in followed and tweet.created_at > NOW - DAY_S]
    replies = [by_key[tweet.in_reply_to].author for tweet in newest if tweet.in_reply_to is not None]
    assert sum(author in followed for author in replies) >= 15
    assert sum(author not in followed for author in replies) >= 5
    assert sum(tweet.retweet_of is not None for tweet in newest) >= 50
    assert sum(reach[tweet.author] > 1_000 for tweet in newest) >= 30
    assert len({tweet.lang for tweet in newest}) == len(ZONE_HOURS)
