"""One line of an input file: a row, or what is wrong with it."""

import json

import pytest

from infra.importer.feed import by_partition
from infra.importer.follows import parse_follow
from infra.importer.rows import Bad, FollowRow, Reason
from infra.importer.tweets import tweet_parser
from loaders.places import partition_of

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"12\t13", FollowRow("u12", "u13")),
        (b"007\t0\tf\textra", FollowRow("u7", "u0")),
        (b"Ada\tbob_2\t\xc3\xa9", FollowRow("Ada", "bob_2")),
        (b" ada \t bob ", FollowRow("ada", "bob")),
        (b"ada", Reason.TOO_FEW_FIELDS),
        (b"ada bob", Reason.TOO_FEW_FIELDS),
        (b"ada\tADA", Reason.SELF_FOLLOW),
        (b"7\tu7", Reason.SELF_FOLLOW),
        (b"ada\t", Reason.HANDLE),
        (b"ada\tsixteen_letters_", Reason.HANDLE),
        (b"ada\t123456789012345", Reason.HANDLE),
        (b"ada\t-5", Reason.HANDLE),
        (b"ada\tb\x00b", Reason.HANDLE),
        (b"ada\tbj\xc3\xb6rn", Reason.HANDLE),
        (b"ada\tbob\t\xff", Reason.NOT_UTF8),
    ],
)
def test_a_line_of_follows_is_a_row_or_says_what_is_wrong(line: bytes, row: FollowRow | Reason) -> None:
    parsed = parse_follow(2, line)

    assert (parsed.reason if isinstance(parsed, Bad) else parsed) == row


@pytest.mark.parametrize(
    "line", [b"follower\tfollowee\torigin", b"Source\tTarget", b"src_id\tdst_id", b"# user\tfriend"]
)
def test_only_a_first_line_names_columns(line: bytes) -> None:
    assert parse_follow(1, line) is None
    assert parse_follow(2, line) is not None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ada", "hi", 1_700_000_000_000, None)),
        ({"author": 7}, ("u7", "hi", 1_700_000_000_000, None)),
        ({"author": "07", "createdAt": 1.5}, ("u7", "hi", 1_500, None)),
        ({"createdAt": "1700000000.25"}, ("ada", "hi", 1_700_000_000_250, None)),
        ({"createdAt": "2023-11-14T22:13:20Z"}, ("ada", "hi", 1_700_000_000_000, None)),
        ({"createdAt": "2023-11-14 23:13:20.5+01:00"}, ("ada", "hi", 1_700_000_000_500, None)),
        ({"text": "e\u0301" * 2_000, "lang": "fr"}, ("ada", "\u00e9" * 2_000, 1_700_000_000_000, "fr")),
        ({"lang": 3}, ("ada", "hi", 1_700_000_000_000, None)),
        ({"author": None}, Reason.AUTHOR_MISSING),
        ({"author": True}, Reason.HANDLE),
        ({"author": "no spaces"}, Reason.HANDLE),
        ({"text": None}, Reason.TEXT_MISSING),
        ({"text": " \n"}, Reason.TEXT_EMPTY),
        ({"text": "x" * 4_001}, Reason.TEXT_TOO_LONG),
        ({"text": "a\0b"}, Reason.TEXT_INVALID),
        ({"text": "a\ud800b"}, Reason.TEXT_INVALID),
        ({"text": "a" + "\u0301" * 17}, Reason.TEXT_INVALID),
        ({"createdAt": "yesterday"}, Reason.TIME_INVALID),
        ({"createdAt": True}, Reason.TIME_INVALID),
        ({"createdAt": 1e300}, Reason.TIME_IN_FUTURE),
        ({"createdAt": NOW_MS / 1000 + 1}, Reason.TIME_IN_FUTURE),
        ({"createdAt": -1}, Reason.TIME_TOO_EARLY),
        ({"createdAt": "1969-12-31"}, Reason.TIME_TOO_EARLY),
        ({"id": [1]}, Reason.ID_INVALID),
        ({"inReplyTo": 1.5}, Reason.ID_INVALID),
    ],
)
def test_a_line_of_tweets_is_a_row_or_says_what_is_wrong(changes: dict[str, object], expected: object) -> None:
    line = json.dumps({"author": "ada", "text": "hi", "createdAt": 1_700_000_000, "id": 1} | changes).encode()

    row = tweet_parser(lambda: NOW_MS)(1, line)

    shown = row.reason if isinstance(row, Bad) else row and (row.author, row.text, row.created_at_ms, row.lang)
    assert shown == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", Reason.NOT_JSON),
        (b"{", Reason.NOT_JSON),
        (b"[" * 90_000, Reason.NOT_JSON),
        (b'"\xff"', Reason.NOT_UTF8),
    ],
)
def test_what_is_no_json_object_is_a_bad_line(line: bytes, reason: Reason) -> None:
    parsed = tweet_parser(lambda: NOW_MS)(1, line)

    assert isinstance(parsed, Bad)
    assert parsed.reason is reason


def test_the_rows_of_one_event_are_of_one_partition_of_the_log_and_keep_their_order() -> None:
    rows = list(range(1_000))

    events = by_partition(rows, lambda row: row * 7, partitions=3, size=100)

    assert sorted(row for event in events for row in event) == rows
    assert all(list(event) == sorted(event) and len(event) <= 100 for event in events)
    assert all(len({partition_of(row * 7, 3) for row in event}) == 1 for event in events)
    assert by_partition(rows, lambda row: row, partitions=1, size=600) == [rows[:600], rows[600:]]
