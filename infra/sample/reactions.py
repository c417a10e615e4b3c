"""Retweets and likes of drafts: by followers mostly, and many for few."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from infra.sample.activity import Crowd, Draft
from infra.sample.rhythm import draw_delay

RETWEETS = 6_000
LIKES = 60_000
POPULARITY_TAIL = 1.15
POPULARITY_LIMIT = 60.0
REPLY_APPEAL = 0.25
RETWEET_MEDIAN_S = 2_400.0
SETTLING_S = 5_400.0
LIKED_BY_STRANGER = 0.08
TRIES = 2
"""Draws per wanted reaction before settling for fewer."""


@dataclass(frozen=True, slots=True)
class Retweet:
    """A person's retweet of a draft, at Unix seconds."""

    person: int
    of: Draft
    at: float


def draw_appeal(rng: Random, crowd: Crowd, drafts: Sequence[Draft], now: float) -> list[float]:
    """How likely each draft is to be liked or retweeted: by its author's reach, a Pareto draw, and time to be seen."""
    appeal = []
    for draft in drafts:
        reach = len(crowd.graph.followers[draft.author]) ** 0.6
        luck = min(rng.paretovariate(POPULARITY_TAIL), POPULARITY_LIMIT)
        seen = (now - draft.at) / (now - draft.at + SETTLING_S)
        appeal.append(reach * luck * seen * (REPLY_APPEAL if draft.answers else 1.0))
    return appeal


def draw_retweets(
    rng: Random, crowd: Crowd, drafts: Sequence[Draft], appeal: Sequence[float], now: float
) -> list[Retweet]:
    """About RETWEETS retweets by followers, none twice by the same person, none of one's own."""
    retweets: list[Retweet] = []
    done: set[tuple[int, int]] = set()
    for draft in rng.choices(drafts, cum_weights=list(accumulate(appeal)), k=RETWEETS * TRIES):
        if len(retweets) == RETWEETS:
            break
        few = rng.choices(crowd.graph.followers[draft.author], k=3)
        person = max(few, key=lambda n: (crowd.langs[n] == draft.lang, crowd.eagerness[n]))
        at = draw_delay(rng, draft.lang, draft.at, now, RETWEET_MEDIAN_S)
        if at is not None and (person, draft.row) not in done:
            done.add((person, draft.row))
            retweets.append(Retweet(person, draft, at))
    return retweets


def draw_likes(rng: Random, crowd: Crowd, drafts: Sequence[Draft], appeal: Sequence[float]) -> list[tuple[int, Draft]]:
    """About LIKES (person, draft) pairs, each once, none of one's own, most by followers."""
    likes: list[tuple[int, Draft]] = []
    done: set[tuple[int, int]] = set()
    speakers: dict[str, list[int]] = {}
    for person, lang in enumerate(crowd.langs):
        speakers.setdefault(lang, []).append(person)
    for draft in rng.choices(drafts, cum_weights=list(accumulate(appeal)), k=LIKES * TRIES):
        if len(likes) == LIKES:
            break
        by_stranger = rng.random() < LIKED_BY_STRANGER
        circle = speakers[draft.lang] if by_stranger else crowd.graph.followers[draft.author]
        person = circle[int(rng.random() * len(circle))]
        if person != draft.author and (person, draft.row) not in done:
            done.add((person, draft.row))
            likes.append((person, draft))
    return likes
