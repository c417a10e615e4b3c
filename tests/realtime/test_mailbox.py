"""A mailbox never makes its sender wait, and who does not read it is cut off."""

import asyncio

import pytest

from realtime.mailbox import Mailbox, MailboxOverflow


@pytest.fixture
def mailbox() -> Mailbox[int]:
    return Mailbox(3)


async def test_items_come_out_in_the_order_in_which_they_went_in(mailbox: Mailbox[int]) -> None:
    assert [mailbox.put(item) for item in (1, 2, 3)] == [True, True, True]

    assert [await mailbox.get() for _ in range(3)] == [1, 2, 3]
    assert len(mailbox) == 0


async def test_who_waits_is_woken_by_the_next_item(mailbox: Mailbox[int]) -> None:
    reading = asyncio.ensure_future(mailbox.get())
    await asyncio.sleep(0)
    assert not reading.done()

    mailbox.put(1)
    mailbox.put(2)

    assert await reading == 1
    assert await mailbox.get() == 2


async def test_room_that_was_read_free_is_room_again(mailbox: Mailbox[int]) -> None:
    for item in range(100):
        assert mailbox.put(item)
        assert await mailbox.get() == item


async def test_one_item_too_many_ends_the_mailbox_for_good(mailbox: Mailbox[int]) -> None:
    assert [mailbox.put(item) for item in range(5)] == [True, True, True, False, False]

    for _ in range(2):
        with pytest.raises(MailboxOverflow):
            await mailbox.get()
    assert not mailbox.put(9)
    # What was inside is let go of: a stream that is cut off comes back with its cursor.
    assert len(mailbox) == 0


async def test_who_waits_at_an_overflow_hears_of_it() -> None:
    mailbox = Mailbox[int](0)
    reading = asyncio.ensure_future(mailbox.get())
    await asyncio.sleep(0)

    assert not mailbox.put(1)

    with pytest.raises(MailboxOverflow):
        await reading


async def test_what_is_at_hand_can_be_forgotten_and_counted(mailbox: Mailbox[int]) -> None:
    mailbox.put(1)
    mailbox.put(2)

    assert (mailbox.clear(), mailbox.clear()) == (2, 0)

    mailbox.put(3)
    assert await mailbox.get() == 3


async def test_a_reader_that_goes_away_loses_nothing_for_the_next(mailbox: Mailbox[int]) -> None:
    going = asyncio.ensure_future(mailbox.get())
    await asyncio.sleep(0)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)

    mailbox.put(1)

    assert await mailbox.get() == 1
