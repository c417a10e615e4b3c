"""Random histories of few people and few tweets, so that what happens, happens again and crosses."""

from collections.abc import Sequence

from hypothesis import strategies as st

from loaders.records import TweetId, UserId
from realtime.events import (
    Event,
    FollowsImported,
    ImportedTweet,
    LikesImported,
    Retweeted,
    TweetPosted,
    TweetsImported,
    Verb,
)
from tests.contracts.making import delete, like, quote, relate, retweet, tweet, undo

PEOPLE, TWEETS = range(1, 6), range(1, 11)
FIRST_RETWEET, FIRST_EDGE = 100, 1_000
TAGS = ("roost", "cafe")

people, tweets = st.sampled_from(PEOPLE), st.sampled_from(TWEETS)
acts = st.one_of(
    st.tuples(st.just("post"), tweets, st.none() | tweets, st.sampled_from(["", "#roost", "#cafe #roost"])),
    st.tuples(st.just("quote"), tweets, tweets),
    st.tuples(st.just("stranger_posts"), tweets, people),
    st.tuples(st.just("delete"), tweets, st.booleans()),
    st.tuples(st.just("retweet"), people, tweets),
    st.tuples(st.just("undo"), st.integers(0, 50), st.booleans()),
    st.tuples(st.just("like"), people, tweets, st.booleans()),
    st.tuples(st.just("relate"), people, people, st.sampled_from(list(Verb))),
    st.tuples(st.just("relate"), people, people, st.sampled_from([Verb.FOLLOW, Verb.UNFOLLOW])),
    st.tuples(st.just("import"), people, people, tweets),
)
histories = st.lists(acts, min_size=1, max_size=30)
replays = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=6)


def author_of(tweet_id: int) -> int:
    """Return who writes a tweet, if no stranger takes its id."""
    return PEOPLE[tweet_id % len(PEOPLE)]


def events_of(history: Sequence[tuple[object, ...]]) -> list[Event]:
    """Return the events of a history; retweets and edges get ids of their own."""
    events: list[Event] = []
    for number, act in enumerate(history):
        match act:
            case ("post", int(tweet_id), parent, str(tags)):
                answers = (parent, author_of(parent)) if isinstance(parent, int) else None
                media = f"media of {tweet_id}" if tweet_id % 2 else None
                events.append(tweet(tweet_id, author_of(tweet_id), f"hello {tags}", answers, media))
            case ("quote", int(tweet_id), int(quoted)):
                events.append(quote(tweet_id, author_of(tweet_id), quoted))
            case ("stranger_posts", int(tweet_id), int(author)):
                events.append(tweet(tweet_id, author))
            case ("delete", int(tweet_id), bool(by_another)):
                posted = any(isinstance(event, TweetPosted) and event.id == tweet_id for event in events)
                if posted:
                    events.append(delete(tweet_id, author_of(tweet_id) + by_another))
            case ("retweet", int(author), int(root_id)):
                events.append(retweet(FIRST_RETWEET + number, author, root_id, author_of(root_id)))
            case ("undo", int(which), bool(by_another)):
                made = [event for event in events if isinstance(event, Retweeted)]
                if made:
                    taken = made[which % len(made)]
                    events.append(undo(taken.id, taken.author_id + by_another, taken.root_id))
            case ("like", int(user), int(tweet_id), bool(liked)):
                events.append(like(user, tweet_id, liked))
            case ("relate", int(actor), int(target), Verb() as verb):
                events.append(relate(verb, actor, target, FIRST_EDGE + number))
            case ("import", int(one), int(other), int(tweet_id)):
                events.append(imported(one, other, tweet_id, number))
    return events


def imported(one: int, other: int, tweet_id: int, number: int) -> Event:
    """Return one of the three kinds of imports, each of which says something twice."""
    if number % 3 == 0:
        pair = UserId(one), UserId(other)
        return FollowsImported([(*pair, FIRST_EDGE + number), (*pair, FIRST_EDGE + 500 + number)])
    if number % 3 == 1:
        return LikesImported([(UserId(one), TweetId(tweet_id))] * 2)
    author_id = UserId(author_of(tweet_id))
    row = ImportedTweet(f"row {number}", TweetPosted(TweetId(tweet_id), author_id, "hello #cafe", 1_000))
    shared = Retweeted(TweetId(FIRST_RETWEET + number), UserId(other), TweetId(tweet_id), author_id, 1_000)
    return TweetsImported([row, row, ImportedTweet(f"retweet {number}", shared)])
