"""Following, muting and blocking: each idempotent, and a block ends what stood between the two."""

import asyncio

import pytest

from loaders.global_ids import encode_id
from tests.world import World

ACTS = ("Follow", "Unfollow", "Mute", "Unmute", "Block", "Unblock")


async def standing(world: World, viewer: str, handle: str) -> list[str]:
    user = await world.ask("UserTweets", viewer, handle=handle)
    return [name for name in ("viewerIsFollowing", "followsViewer", "viewerHasMuted", "viewerHasBlocked") if user[name]]


async def test_following_is_idempotent_and_so_is_ending_it(world: World) -> None:
    assert [(await world.follow("bob", "ada"))["followersCount"] for _ in range(3)] == [1, 1, 1]
    assert await standing(world, "bob", "ada") == ["viewerIsFollowing"]
    assert await standing(world, "ada", "bob") == ["followsViewer"]

    assert [(await world.unfollow("bob", "ada"))["followersCount"] for _ in range(3)] == [0, 0, 0]
    assert await standing(world, "bob", "ada") == []


async def test_ten_follows_at_once_are_one(world: World) -> None:
    await asyncio.gather(*(world.follow("bob", "ada") for _ in range(10)))

    assert (await world.ask("Viewer", "ada"))["followersCount"] == 1


async def test_muting_is_idempotent_and_so_is_ending_it(world: World) -> None:
    assert [(await world.mute("bob", "ada"))["viewerHasMuted"] for _ in range(2)] == [True, True]
    assert await standing(world, "bob", "ada") == ["viewerHasMuted"]
    assert await standing(world, "ada", "bob") == []
    assert [(await world.unmute("bob", "ada"))["viewerHasMuted"] for _ in range(2)] == [False, False]


async def test_blocking_is_idempotent_and_so_is_ending_it(world: World) -> None:
    assert [(await world.block("bob", "ada"))["viewerHasBlocked"] for _ in range(2)] == [True, True]
    assert await standing(world, "bob", "ada") == ["viewerHasBlocked"]
    assert await standing(world, "ada", "bob") == []
    assert [(await world.unblock("bob", "ada"))["viewerHasBlocked"] for _ in range(2)] == [False, False]


async def test_a_block_ends_the_follows_both_ways_and_its_end_does_not_bring_them_back(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("ada", "bob")

    await world.block("bob", "ada")
    await world.unblock("bob", "ada")

    assert await standing(world, "bob", "ada") == []


@pytest.mark.parametrize(("blocker", "blocked"), [("bob", "ada"), ("ada", "bob")])
async def test_neither_can_follow_the_other_across_a_block(world: World, blocker: str, blocked: str) -> None:
    await world.block(blocker, blocked)

    for who, whom in ((blocker, blocked), (blocked, blocker)):
        answer = await world.run("Follow", who, id=await world.user_id(whom))
        assert answer.user_errors == ["FORBIDDEN"]
        assert await standing(world, who, whom) in ([], ["viewerHasBlocked"])


async def test_a_follow_that_meets_a_block_does_not_stand(world: World) -> None:
    for _ in range(5):
        ada = await world.user_id("ada")
        await asyncio.gather(world.run("Follow", "bob", id=ada), world.block("ada", "bob"))
        assert "viewerIsFollowing" not in await standing(world, "bob", "ada")
        await world.unblock("ada", "bob")
        assert "viewerIsFollowing" not in await standing(world, "bob", "ada")


async def test_one_does_not_relate_to_oneself(world: World) -> None:
    bob = await world.user_id("bob")

    assert [(await world.run(act, "bob", id=bob)).user_errors for act in ACTS] == [["FORBIDDEN"]] * 6


async def test_relating_to_an_unknown_account_is_not_found(world: World) -> None:
    nobody = encode_id("User", 12345)

    assert [(await world.run(act, "bob", id=nobody)).user_errors for act in ACTS] == [["NOT_FOUND"]] * 6


async def test_who_is_blocked_can_still_be_muted_and_unfollowed(world: World) -> None:
    await world.block("ada", "bob")

    for act in ("Mute", "Unmute", "Unfollow"):
        assert (await world.run(act, "bob", id=await world.user_id("ada"))).user_errors == []
