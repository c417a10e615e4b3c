"""What every search index guarantees: the same matches for the same queries, in every script, and nothing else."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.ids import ID_MAX
from loaders.media import MediaId, Medium, packed
from loaders.ports import FoundUser
from loaders.records import TweetId, User, UserId
from loaders.search_query import Both, Either, Mark, MarkKind, Node, QueryLimits, parse
from loaders.words import Phrase, words_of
from realtime.events import (
    Event,
    FollowsImported,
    ImportedTweet,
    LikeChanged,
    TweetPosted,
    TweetsImported,
    Verb,
)
from realtime.index import indexed
from tests.contracts.adapters import SEARCHES
from tests.contracts.making import delete, relate, retweet
from tests.contracts.searches import Searched, matches

ADA, BOB, CY = UserId(1), UserId(2), UserId(3)
LIMITS = QueryLimits()
MEDIA = packed([Medium(MediaId(1), "jpg", 60, 40, None)])


@pytest.fixture(params=SEARCHES)
async def searched(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Searched]:
    async with SEARCHES[request.param](tmp_path) as opened:
        yield opened


def posted(
    tweet_id: int, text: str, author_id: int = 1, lang: str | None = None, media: str | None = None
) -> TweetPosted:
    return TweetPosted(TweetId(tweet_id), UserId(author_id), text, 0, lang=lang, media=media)


async def found(
    searched: Searched, query: str | Node, below: int = ID_MAX, lowest: int = 0, limit: int = 100
) -> list[int]:
    root = parse(query, LIMITS).root if isinstance(query, str) else query
    return [each.id for each in await searched.index.newest(root, below, lowest, limit)]


# Texts by their numbers, and for each query the numbers that it finds.
GOLD: Mapping[str, tuple[Sequence[str], Mapping[str, Sequence[int]]]] = {
    "latin": (
        ["The café is OPEN", "cafe, closed again", "CAFÉS of Łódź", "no coffee", "an open-air café in Straße 5"],
        {
            "cafe": [1, 2, 5],
            "CAFÉ open": [1, 5],
            '"open air"': [5],
            "open-air": [5],
            "lodz": [3],
            "strasse": [5],
            "cafe -closed": [1, 5],
            "coffee OR closed": [2, 4],
            "caf": [],
        },
    ),
    "cyrillic and greek": (
        ["Ёлка стоит в Москве", "елка и ЁЛКИ", "Καλημέρα κόσμε"],
        {"елка": [1, 2], "ЁЛКА": [1, 2], "москве": [1], "καλημερα": [3], "ΚΌΣΜΕ": [3]},
    ),
    "arabic and hebrew": (
        ["السلام عليكم", "مُحَمَّد رسول", "שָׁלוֹם עולם"],
        {"السلام": [1], "محمد": [2], "שלום": [3], '"שלום עולם"': [3], "سلام": []},
    ),
    "devanagari": (["हिन्दी में लिखो", "हिंदुस्तान हिन्दी"], {"हिन्दी": [1, 2], "लिखो": [1], '"हिन्दी में"': [1]}),
    "thai": (
        ["วันนี้อากาศดีมาก", "อากาศไม่ดี", "คนดีศรีอยุธยา", "อาหารอร่อย"],
        {
            "อากาศ": [1, 2],
            "ดี": [1, 2, 3],
            "อากาศดี": [1],
            "อา": [1, 2, 4],
            "อากาศ -ไม่": [1],
            "มาก": [1],
            "ไม่อร่อย": [],
        },
    ),
    "chinese and japanese": (
        ["東京タワーへ行く", "京都の東", "東の京都", "我爱北京天安门", "犬が好き", "好きな犬"],
        {
            "東京": [1],
            "京": [1, 2, 3, 4],
            "京都": [2, 3],
            "東": [1, 2, 3],
            "タワー": [1],
            "北京": [4],
            "犬": [5, 6],
            "犬 好き": [5, 6],
            '"好きな犬"': [6],
            "東京 OR 北京": [1, 4],
            "東西": [],
        },
    ),
    "korean": (["한국어는 좋아", "한국 사람", "좋은 아침"], {"한국": [1, 2], "한국어": [1], "좋": [1, 3], "사람": [2]}),
    "emoji": (
        ["I ❤️ you", "I ❤ NY", "👍🏽 works", "👍", "👩🏽‍💻 at work", "🇩🇪 gegen 🇫🇷", "🇫🇷"],
        {"❤": [1, 2], "❤️": [1, 2], "👍": [3, 4], "👍🏿": [3, 4], "👩‍💻": [5], "💻": [5], "🇩🇪": [6], "🇫🇷": [6, 7]},
    ),
    "signs": (
        ["#Café with @Ada", "cafe ada", "#cafeteria", "@ada_l", "mail a@ada.example", "＃Café"],
        {"#cafe": [1, 6], "#CAFÉ": [1, 6], "cafe": [1, 2, 6], "@ADA": [1], "ada": [1, 2, 4, 5], "#cafe -@ada": [6]},
    ),
}


@pytest.mark.parametrize("script", GOLD)
async def test_gold_queries_find_what_they_must_in_each_script(searched: Searched, script: str) -> None:
    texts, queries = GOLD[script]
    await searched.tell([posted(number, text) for number, text in enumerate(texts, 1)])

    assert {query: await found(searched, query) for query in queries} == {
        query: sorted(numbers, reverse=True) for query, numbers in queries.items()
    }


async def test_tweets_are_found_by_author_and_language(searched: Searched) -> None:
    await searched.tell([posted(1, "cat", 1, "en"), posted(2, "cat", 12, "pt-BR"), posted(3, "from:1 lang:en")])

    def by(kind: MarkKind, value: str) -> Node:
        return Mark(kind, value)

    assert await found(searched, by(MarkKind.AUTHOR, "1")) == [3, 1]
    assert await found(searched, Both((by(MarkKind.AUTHOR, "12"), Phrase(("cat",))))) == [2]
    assert await found(searched, Both((Phrase(("cat",)),), (by(MarkKind.AUTHOR, "12"),))) == [1]
    assert await found(searched, by(MarkKind.LANG, "en")) == [1]
    assert await found(searched, by(MarkKind.LANG, "pt-br")) == [2]
    assert await found(searched, by(MarkKind.MEDIA, "")) == []


async def test_the_newest_matches_between_two_ids_come_newest_first(searched: Searched) -> None:
    await searched.tell([posted(number, "cat", number % 3) for number in (5, 1, 9, 3, 7)])

    assert await found(searched, "cat") == [9, 7, 5, 3, 1]
    assert await found(searched, "cat", below=9, lowest=3, limit=2) == [7, 5]
    assert await found(searched, "cat", below=7, lowest=5) == [5]
    (newest,) = await searched.index.newest(Phrase(("cat",)), ID_MAX, 0, 1, with_words=True)
    assert newest == (9, 0, "cat")


async def test_what_is_deleted_is_found_no_longer_and_no_replay_brings_it_back(searched: Searched) -> None:
    await searched.tell([posted(1, "cat"), posted(2, "cat"), delete(1, 1)])
    await searched.tell([delete(2, 1)])
    assert await found(searched, "cat") == []

    await searched.again()

    assert await found(searched, "cat") == []


async def test_applying_events_again_changes_nothing(searched: Searched) -> None:
    events: list[Event] = [
        posted(1, "cat"),
        posted(2, "cat dog"),
        retweet(3, 2, 1, 1),
        LikeChanged(BOB, TweetId(1), True),
    ]
    await searched.tell(events)

    await searched.again()
    await searched.tell(events)

    assert await found(searched, "cat") == [2, 1]
    assert await found(searched, "dog") == [2]


async def test_imported_tweets_and_deletions_are_taken_in(searched: Searched) -> None:
    rows = [ImportedTweet("", posted(1, "cat")), ImportedTweet("", posted(2, "cat"))]
    gone = [ImportedTweet("", delete(1, 1))]  # type: ignore[arg-type]
    await searched.tell([TweetsImported(rows), TweetsImported(gone)])

    assert await found(searched, "cat") == [2]


NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(
        st.sampled_from("abc").map(lambda word: Phrase((word,))),
        st.lists(st.sampled_from("abc"), min_size=2, max_size=3).map(lambda words: Phrase(tuple(words))),
        st.sampled_from("犬の").map(lambda begun: Phrase((begun,), is_open=True)),
        st.sampled_from([Mark(MarkKind.HASHTAG, "a"), Mark(MarkKind.AUTHOR, "1"), Mark(MarkKind.LANG, "en")]),
        st.just(Mark(MarkKind.MEDIA)),
    ),
    lambda nodes: st.one_of(
        st.builds(Both, st.lists(nodes, min_size=1, max_size=3).map(tuple), st.lists(nodes, max_size=2).map(tuple)),
        st.builds(Either, st.lists(nodes, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
DOCUMENTS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["a", "b", "c", "#a", "犬の", "の"]), min_size=1, max_size=5).map(" ".join),
        st.sampled_from([1, 2]),
        st.sampled_from([None, "en"]),
        st.sampled_from([None, MEDIA]),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("name", SEARCHES)
@settings(max_examples=12, deadline=None)
@given(rows=DOCUMENTS, nodes=st.lists(NODES, min_size=1, max_size=20))
async def test_arbitrary_queries_find_what_they_mean(
    name: str, rows: Sequence[tuple[str, int, str | None, str | None]], nodes: Sequence[Node]
) -> None:
    events = [posted(number, *row) for number, row in enumerate(rows, 1)]
    tweets = [indexed(each.id, each.author_id, each.text, each.lang, each.media) for each in events]
    with TemporaryDirectory() as folder:
        async with SEARCHES[name](Path(folder)) as searched:
            await searched.tell(events)

            for node in nodes:
                meant = [tweet.id for tweet in reversed(tweets) if matches(node, tweet)]
                assert await found(searched, node) == meant


# Accounts.


async def people(searched: Searched, **names: str) -> dict[str, UserId]:
    """Let accounts come into being by handle and name, numbered from 1."""
    ids = {handle: UserId(number) for number, handle in enumerate(names, 1)}
    users = [User(ids[handle], handle, name, "", 1, 0) for handle, name in names.items()]
    await searched.users.create_missing(users)
    await searched.look()
    return ids


async def looked_up(searched: Searched, text: str, below: FoundUser | None = None, limit: int = 100) -> list[int]:
    return [each.id for each in await searched.index.users(words_of(text), below, limit)]


async def test_accounts_are_found_by_the_beginnings_of_handle_and_name(searched: Searched) -> None:
    ids = await people(searched, Ada_L="Countess Lovelace", adam="Ærø 東京太郎", bob="Ada")

    assert sorted(await looked_up(searched, "ad")) == sorted(ids.values())
    assert await looked_up(searched, "ADA love") == [ids["Ada_L"]]
    assert await looked_up(searched, "ae") == [ids["adam"]]
    assert await looked_up(searched, "京太") == [ids["adam"]]
    assert await looked_up(searched, "b") == [ids["bob"]]
    assert await looked_up(searched, "da") == []


async def test_the_most_followed_accounts_come_first_and_follow_what_happens(searched: Searched) -> None:
    ids = await people(searched, cat1="x", cat2="x", cat3="x", dog="x")
    one, two, three, dog = ids.values()
    await searched.tell([FollowsImported([(dog, two, 1), (three, two, 2), (dog, one, 3)])])

    assert await looked_up(searched, "cat") == [two, one, three]
    first = (await searched.index.users(["cat"], None, 1))[0]
    assert first == FoundUser(two, 2)
    assert await looked_up(searched, "cat", below=first) == [one, three]
    assert await looked_up(searched, "cat", below=FoundUser(one, 1), limit=1) == [three]

    await searched.tell([relate(Verb.UNFOLLOW, dog, two), relate(Verb.UNFOLLOW, three, two)])
    await searched.tell([relate(Verb.FOLLOW, dog, three, 9), relate(Verb.FOLLOW, two, three, 10)])

    assert await looked_up(searched, "cat") == [three, one, two]


async def test_an_account_that_is_renamed_is_found_by_its_new_name_alone(searched: Searched) -> None:
    ids = await people(searched, ada="Old Name")
    await searched.users.update_profile(ids["ada"], "New Name", None, None)

    await searched.look()

    assert await looked_up(searched, "old") == []
    assert await looked_up(searched, "new") == [ids["ada"]] == await looked_up(searched, "name")
