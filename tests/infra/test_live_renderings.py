import asyncio

from infra.live_renderings import KEY_BYTES, Rendering, Renderings


def finished(payload: bytes = b"x") -> Rendering:
    rendering = Rendering()
    rendering.finish(payload)
    return rendering


def test_a_rendering_is_handed_out_while_it_is_fresh() -> None:
    now_s = [0.0]
    kept = Renderings(lambda: now_s[0], fresh_s=1.0, bytes_max=10_000)
    rendering = finished()
    kept.put("key", rendering)
    now_s[0] = 0.99
    assert kept.get("key") is rendering
    assert kept.get("another") is None
    now_s[0] = 1.0
    assert kept.get("key") is None


def test_one_that_is_not_finished_is_handed_out_whatever_its_age() -> None:
    now_s = [0.0]
    kept = Renderings(lambda: now_s[0], fresh_s=1.0, bytes_max=10_000)
    rendering = Rendering()
    kept.put("key", rendering)
    now_s[0] = 9.0
    assert kept.get("key") is rendering


def test_renderings_take_a_bounded_number_of_bytes_and_the_oldest_goes_first() -> None:
    kept = Renderings(lambda: 0.0, fresh_s=1.0, bytes_max=3 * (KEY_BYTES + 2 * 1_000))
    for key in range(10):
        rendering = finished(b"x" * 1_000)
        kept.put(key, rendering)
        kept.weigh(key, rendering)
    assert [key for key in range(10) if kept.get(key)] == [7, 8, 9]
    kept.drop(8)
    assert len(kept) == 2


async def test_whoever_waits_is_told_and_a_cancelled_one_disturbs_nobody() -> None:
    rendering = Rendering()
    gone, patient = (asyncio.ensure_future(rendering.wait()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    rendering.finish(b"done")
    await patient
    assert rendering.payload == b"done"


def test_what_was_put_with_the_very_same_objects_is_found_by_them_as_long_as_it_is_kept() -> None:
    now_s = [0.0]
    kept = Renderings(lambda: now_s[0], fresh_s=1.0, bytes_max=10_000)
    plan, event, equal, rendering = object(), frozenset({1}), frozenset({1}), finished()
    kept.put((plan, event), rendering, plan, event)
    assert kept.get_same(plan, event) is rendering
    assert kept.get_same(plan, equal) is None
    now_s[0] = 1.0
    assert kept.get_same(plan, event) is None
    kept.drop((plan, event))
    now_s[0] = 0.0
    assert kept.get_same(plan, event) is None
