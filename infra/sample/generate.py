"""Makes the bundled sample: a real follow graph and real texts, with made-up people, times, replies and reactions."""

from collections import Counter
from random import Random

from infra.sample.activity import Crowd, draw_eagerness, fill_mentions, link_replies, write_drafts
from infra.sample.demo import pick_demo_follows
from infra.sample.people import DEMO_HANDLE, assign_languages, make_people
from infra.sample.reactions import Retweet, draw_appeal, draw_likes, draw_retweets
from infra.sample.records import Sample, SampleTweet, SampleUser
from infra.sample.source import read_graph, read_texts

__all__ = ["DEMO_HANDLE", "SEED", "Sample", "SampleTweet", "SampleUser", "generate"]

SEED = 20_130_803
DEMO = SampleUser(
    DEMO_HANDLE, "Demo", "A made-up reader. The people here are made up too; the texts and follows are real."
)


def generate(now: float, seed: int = SEED) -> Sample:
    """The whole sample as of `now` (Unix seconds): the same `now` and `seed` give the same sample.

    Real are who follows whom (DEMO's own follows apart) and the texts, apart from the handles in them. Everything else
    is drawn at random: names, authors, times in the week before `now`, replies, retweets and likes. The last user is
    DEMO; a text's key is `t` and its row in the data, a retweet's is `r`, the row and the retweeter's number.
    """
    rng = Random(seed)
    graph, texts = read_graph(), read_texts()
    langs = assign_languages(rng, graph, Counter(text.lang for text in texts))
    people = make_people(rng, langs)
    handles = [person.handle for person in people]
    crowd = Crowd(graph, langs, handles, draw_eagerness(rng, graph))

    drafts = write_drafts(rng, crowd, texts, now)
    link_replies(rng, crowd, drafts)
    fill_mentions(rng, crowd, drafts)
    appeal = draw_appeal(rng, crowd, drafts, now)
    retweets = draw_retweets(rng, crowd, drafts, appeal, now)
    likes = draw_likes(rng, crowd, drafts, appeal)
    demo_follows = pick_demo_follows(graph, langs, drafts, retweets, now)

    tweets = [
        SampleTweet(
            key=f"t{draft.row}",
            author=handles[draft.author],
            text=draft.text,
            created_at=draft.at,
            lang=draft.lang,
            in_reply_to=f"t{draft.answers.row}" if draft.answers else None,
            retweet_of=None,
        )
        for draft in drafts
    ]
    tweets += [_retweet(retweet, handles) for retweet in retweets]
    tweets.sort(key=lambda tweet: (tweet.created_at, tweet.key))
    follows = [(handles[follower], handles[followee]) for follower, followee in graph.edges]
    follows += [(DEMO.handle, handles[person]) for person in demo_follows]
    return Sample([*people, DEMO], follows, tweets, [(handles[person], f"t{draft.row}") for person, draft in likes])


def _retweet(retweet: Retweet, handles: list[str]) -> SampleTweet:
    return SampleTweet(
        key=f"r{retweet.of.row}-{retweet.person}",
        author=handles[retweet.person],
        text="",
        created_at=retweet.at,
        lang=retweet.of.lang,
        in_reply_to=None,
        retweet_of=f"t{retweet.of.row}",
    )
