"""Whom the demo account follows, so that its home timeline shows each kind of tweet."""

from collections import Counter
from collections.abc import Sequence

from infra.sample.activity import Draft
from infra.sample.reactions import Retweet
from infra.sample.rhythm import DAY_S
from infra.sample.source import Graph

BIG = 5
MIDDLE = 15
SMALL = 40
MIDDLE_FOLLOWERS = 100
RECENT_DAYS = 2
OWN_TWEETS_LIMIT = 8
"""More recent tweets than these make nobody more worth following, lest a few fill the timeline."""


def pick_demo_follows(
    graph: Graph, langs: Sequence[str], drafts: Sequence[Draft], retweets: Sequence[Retweet], now: float
) -> list[int]:
    """BIG of the most followed, MIDDLE active ones, and SMALL ones who answer or retweet those, in all languages."""
    since = now - RECENT_DAYS * DAY_S
    wrote = Counter(draft.author for draft in drafts if draft.at > since)
    reach = [len(followers) for followers in graph.followers]
    by_reach = sorted(range(graph.size), key=lambda n: (-reach[n], n))
    chosen = by_reach[:BIG]
    middle = [n for n in by_reach[BIG:] if reach[n] >= MIDDLE_FOLLOWERS]
    chosen += _best_of_each(middle, langs, wrote, MIDDLE)
    known = set(chosen)
    score = Counter({person: min(count, OWN_TWEETS_LIMIT) for person, count in wrote.items()})
    for draft in drafts:
        if draft.answers is not None and draft.at > since and draft.answers.author in known:
            score[draft.author] += 4
    for retweet in retweets:
        if retweet.at > since:
            score[retweet.person] += 1
    small = [n for n in by_reach if reach[n] < MIDDLE_FOLLOWERS]
    return chosen + _best_of_each(small, langs, score, SMALL)


def _best_of_each(people: Sequence[int], langs: Sequence[str], score: Counter[int], count: int) -> list[int]:
    """The `count` of `people` who score most, taking one of each language in turn."""
    ranks: Counter[str] = Counter()
    turns = []
    for person in sorted(people, key=lambda n: (-score[n], n)):
        ranks[langs[person]] += 1
        turns.append((ranks[langs[person]], -score[person], person))
    return [person for _, _, person in sorted(turns)[:count]]
