"""Cursors come back as they went out; anything else is bad input, and nothing worse."""

import base64
import string
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.cursors import (
    EDGE,
    ENTRY,
    LIVE_IDS_MAX,
    PARTITIONS_MAX,
    TEXT_LENGTH_MAX,
    LiveCursor,
    decode_cursor,
    decode_live,
    encode_cursor,
    encode_live,
)
from loaders.errors import BadUserInput
from loaders.global_ids import decode_id, encode_id
from loaders.ids import ID_MAX
from loaders.records import TweetId

numbers = st.integers(0, ID_MAX)
offsets = st.integers(0, 2**40)
live_cursors = st.builds(
    LiveCursor,
    epoch=st.integers(0, 2**32),
    place=st.lists(offsets, min_size=1, max_size=PARTITIONS_MAX).map(tuple),
    region=st.integers(0, 200),
    seen=st.integers(0, 2_000),
    beyond=st.frozensets(numbers.map(TweetId), max_size=LIVE_IDS_MAX),
    seen_in=st.integers(0, PARTITIONS_MAX - 1),
).filter(lambda cursor: cursor.seen_in < len(cursor.place))
ALPHABET = string.ascii_letters + string.digits + "-_"
DECODERS: list[Callable[[str], object]] = [
    decode_cursor,
    lambda text: decode_cursor(text, EDGE),
    decode_live,
    decode_id,
]
texts = st.one_of(
    numbers.map(encode_cursor),
    numbers.map(lambda number: encode_cursor(number, EDGE)),
    live_cursors.map(encode_live),
    numbers.map(lambda number: encode_id("Tweet", number)),
)


def sealed(body: bytes, version: int = 1) -> str:
    """Seal a body as Roost does: a forger can, too."""
    check = struct.pack(">H", zlib.crc32(body) & 0xFFFF)
    return base64.urlsafe_b64encode(bytes([version]) + body + check).rstrip(b"=").decode()


def refused(decode: Callable[[str], object], text: str) -> bool:
    """Tell whether a text is refused as bad input; any other exception is a fault."""
    try:
        decode(text)
    except BadUserInput:
        return True
    return False


@given(number=numbers)
def test_a_page_s_cursor_comes_back_as_it_went_out(number: int) -> None:
    assert decode_cursor(encode_cursor(number)) == number
    assert decode_cursor(encode_cursor(number, EDGE), EDGE) == number


@given(cursor=live_cursors)
def test_a_live_cursor_comes_back_as_it_went_out(cursor: LiveCursor) -> None:
    text = encode_live(cursor)

    assert decode_live(text) == cursor
    assert text.isascii()
    assert "=" not in text


def test_a_live_cursor_of_one_partition_is_short_and_one_of_all_is_no_monster() -> None:
    assert len(encode_live(LiveCursor(2**31, (10**6,)))) <= 24
    assert len(encode_live(LiveCursor(2**31, tuple(range(10**9, 10**9 + 64))))) <= 450


def test_of_too_many_ids_the_newest_stay_and_the_text_still_comes_back() -> None:
    ids = frozenset(TweetId(2**61 + number) for number in range(3 * LIVE_IDS_MAX))

    text = encode_live(LiveCursor(1, (5,), beyond=ids))

    assert decode_live(text).beyond == frozenset(sorted(ids)[-LIVE_IDS_MAX:])
    assert len(text) <= TEXT_LENGTH_MAX


@given(number=numbers)
def test_a_cursor_of_one_list_is_refused_by_another(number: int) -> None:
    assert refused(lambda text: decode_cursor(text, EDGE), encode_cursor(number, ENTRY))
    assert refused(decode_cursor, encode_cursor(number, EDGE))
    assert refused(decode_live, encode_cursor(number))
    assert refused(decode_cursor, encode_live(LiveCursor(1, (number,))))


# The checksum has 16 bits, so one change in 65,536 would pass: the same changes are tried each time.
@settings(derandomize=True)
@given(text=texts, place=st.integers(0), letter=st.sampled_from(ALPHABET + "=+/ \n\0é"))
def test_a_cursor_with_one_other_letter_is_refused(text: str, place: int, letter: str) -> None:
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]

    for decode in DECODERS[:3]:
        assert changed == text or refused(decode, changed)


@settings(derandomize=True)
@given(text=texts, start=st.integers(0), end=st.integers(0), padding=st.text("=A", max_size=4))
def test_a_piece_of_a_cursor_is_refused(text: str, start: int, end: int, padding: str) -> None:
    piece = text[start % len(text) : end % (len(text) + 1)] + padding

    for decode in DECODERS[:3]:
        assert piece == text or refused(decode, piece)


@given(text=st.text(max_size=60) | st.text(ALPHABET + "=", max_size=60) | st.binary(max_size=40).map(sealed))
def test_whatever_text_comes_is_answered_or_refused_and_nothing_else(text: str) -> None:
    for decode in DECODERS:
        refused(decode, text)


@given(kind=st.sampled_from([b"e", b"f", b"l"]), body=st.binary(max_size=80), version=st.integers(0, 255))
def test_a_forged_body_with_a_right_checksum_is_answered_or_refused(kind: bytes, body: bytes, version: int) -> None:
    text = sealed(kind + body, version)

    for decode in DECODERS[:3]:
        assert refused(decode, text) or version == 1


@pytest.mark.parametrize(
    "numbers_in_it",
    [
        (1, 0, 0, 0, 0),  # no partitions
        (1, 0, 0, 65, *range(65), 0),  # too many
        (1, 0, 0, 2, 7),  # one missing
        (1, 0, 0, 1, 7, 3, 9),  # fewer ids than said
        (1, 0, 0, 1, 7, 0, 9),  # something left over
        (1, 0, 0, 1, 7),  # no count of ids
    ],
)
def test_a_live_cursor_whose_numbers_do_not_fit_is_refused(numbers_in_it: tuple[int, ...]) -> None:
    assert refused(decode_live, sealed(b"l" + bytes(numbers_in_it)))


def test_a_number_without_end_is_refused() -> None:
    assert refused(decode_live, sealed(b"l" + b"\xff" * 200))
    assert refused(decode_live, sealed(b"l" + b"\xff" * 3))


def test_an_id_of_more_than_63_bits_is_refused() -> None:
    assert refused(decode_cursor, sealed(b"e" + (2**63).to_bytes(8, "big")))
    assert not refused(decode_cursor, sealed(b"e" + (2**63 - 1).to_bytes(8, "big")))


def test_a_text_as_long_as_a_book_is_refused() -> None:
    assert refused(decode_live, "A" * 10_000_000)


@given(number=numbers)
def test_a_global_id_comes_back_as_it_went_out_and_names_its_kind(number: int) -> None:
    text = encode_id("Tweet", number)

    assert decode_id(text) == decode_id(text, "User", "Tweet") == ("Tweet", number)
    with pytest.raises(BadUserInput, match="User"):
        decode_id(text, "User")


@pytest.mark.parametrize(
    "inner", ["Tweet:", "Tweet:-1", "Tweet:+1", "Tweet:01", "Tweet: 1", f"Tweet:{2**63}", "Tweet:١"]
)
def test_a_global_id_that_was_never_given_is_refused(inner: str) -> None:
    assert refused(decode_id, base64.b64encode(inner.encode()).decode())
