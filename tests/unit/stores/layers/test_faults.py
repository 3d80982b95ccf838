from __future__ import annotations

import asyncio

import pytest

from brigade.errors import Corrupt, ListingBroken, Throttled, Truncated, Unavailable
from brigade.objects import NO_ATTRIBUTES, Checksum, ChecksumAlgorithm
from brigade.stores.base import BytesBody
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript, server_error, slow_down, sweep
from brigade.stores.layers.faults import FaultyStore

MD5_OF_ABC = Checksum(ChecksumAlgorithm.MD5, "900150983cd24fb0d6963f7d28e17f72")


@pytest.fixture
def build(inner, clock):
    def make(*faults):
        script = FaultScript(*faults)
        return FaultyStore(inner, script, clock=clock), script

    return make


async def fill(store, *keys):
    for key in keys:
        await store.put(key, BytesBody(b"abc"), attributes=NO_ATTRIBUTES)


async def read(store, key="a"):
    async with store.get(key) as reader:
        return await reader.read()


async def test_a_fault_comes_at_its_call_and_for_its_times(build, inner):
    await fill(inner, "a")
    store, script = build(Fault("head", call=2, times=2))
    outcomes = []
    for _ in range(4):
        try:
            await store.head("a")
            outcomes.append("ok")
        except Unavailable:
            outcomes.append("fault")
    assert outcomes == ["ok", "fault", "fault", "ok"]
    script.assert_all_fired()


async def test_a_fault_may_mean_one_key_or_any_operation(build, inner):
    await fill(inner, "a", "b")
    store, _ = build(Fault("head", key="b"), Fault("*", call=3, error=slow_down(2.0)))
    await store.head("a")
    with pytest.raises(Unavailable):
        await store.head("b")
    with pytest.raises(Throttled) as caught:
        await store.list_page()
    assert caught.value.retry_after_seconds == 2.0


async def test_an_error_comes_before_the_call_and_a_lost_answer_after_it(build, inner):
    store, _ = build(Fault("put", error=server_error), Fault("put", FaultKind.LOSE_ANSWER, call=2))
    for expected in ([], ["a"]):
        with pytest.raises(Unavailable):
            await fill(store, "a")
        assert [info.key for info in (await inner.list_page()).entries] == expected


async def test_a_lost_answer_of_an_opening_leaves_nothing_open(build, inner):
    await fill(inner, "a")
    store, script = build(Fault("get", FaultKind.LOSE_ANSWER), Fault("list_page", FaultKind.LOSE_ANSWER))
    with pytest.raises(Unavailable):
        await read(store)
    with pytest.raises(Unavailable):
        await store.list_page()
    script.assert_all_fired()


async def test_a_hanging_call_waits_until_it_is_cancelled(build):
    store, script = build(Fault("head", FaultKind.HANG))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.head("a"), 0.02)
    script.assert_all_fired()


async def test_a_delayed_call_takes_its_time(build, inner, clock):
    await fill(inner, "a")
    store, script = build(Fault("head", FaultKind.DELAY, delay_seconds=7.0))
    await store.head("a")
    assert clock.slept_seconds == [7.0]
    script.assert_all_fired()


async def test_a_body_breaks_is_cut_or_is_damaged_while_it_is_read(build, inner):
    await fill(inner, "a")
    store, script = build(
        Fault("get", FaultKind.BREAK_BODY, after_bytes=1, error=lambda: Truncated("short")),
        Fault("get", FaultKind.CUT_BODY, call=2, after_bytes=2),
        Fault("get", FaultKind.FLIP_BIT, call=3, after_bytes=2),
    )
    with pytest.raises(Truncated):
        await read(store)
    assert [await read(store) for _ in range(3)] == [b"ab", b"abb", b"abc"]
    script.assert_all_fired()


async def test_a_body_breaks_is_cut_or_is_damaged_while_it_is_written(build, inner):
    store, script = build(
        Fault("put", FaultKind.BREAK_BODY, after_bytes=1),
        Fault("put", FaultKind.CUT_BODY, call=2, after_bytes=1),
        Fault("put", FaultKind.FLIP_BIT, call=3, after_bytes=0),
    )
    with pytest.raises(Unavailable):
        await fill(store, "a")
    with pytest.raises(Truncated):
        await fill(store, "a")
    with pytest.raises(Corrupt):
        await store.put("a", BytesBody(b"abc"), attributes=NO_ATTRIBUTES, expect=MD5_OF_ABC)
    script.assert_all_fired()
    assert (await inner.list_page()).entries == []


async def test_parts_get_damaged_too(build):
    store, script = build(Fault("put_part", FaultKind.FLIP_BIT), Fault("put_part", FaultKind.WRONG_ETAG, call=2))
    upload = await store.create_multipart("m", attributes=NO_ATTRIBUTES)
    with pytest.raises(Corrupt):
        await store.put_part("m", upload, 1, BytesBody(b"abc"), expect=MD5_OF_ABC)
    assert (await store.put_part("m", upload, 1, BytesBody(b"abc"))).etag == "f" * 32
    script.assert_all_fired()


@pytest.mark.parametrize("kind", [FaultKind.WRONG_SIZE, FaultKind.WRONG_ETAG])
async def test_every_answer_about_an_object_can_lie(build, inner, kind):
    await fill(inner, "a")
    truth = await inner.head("a")
    store, script = build(*(Fault(operation, kind) for operation in ("head", "list_page", "get", "copy", "put")))
    answers = [await store.head("a"), (await store.list_page()).entries[0], await store.copy("a", "c")]
    async with store.get("a") as reader:
        answers.append(reader.info)
    answers.append(await store.put("a", BytesBody(b"abc"), attributes=NO_ATTRIBUTES))
    field = "size_bytes" if kind is FaultKind.WRONG_SIZE else "etag"
    assert all(getattr(answer, field) != getattr(truth, field) for answer in answers)
    script.assert_all_fired()


async def test_a_listing_breaks_between_two_of_its_entries(build, inner):
    await fill(inner, "a", "b", "c")
    store, script = build(
        Fault("list_page", FaultKind.BREAK_LISTING, after_entries=2, error=lambda: ListingBroken("broken"))
    )
    page = await store.list_page()
    assert [info.key for info in page.entries] == ["a", "b"]
    assert page.cursor is not None
    with pytest.raises(ListingBroken):
        await store.list_page(cursor=page.cursor)
    script.assert_all_fired()


async def test_a_listing_breaks_before_its_first_entry(build, inner):
    await fill(inner, "a")
    store, script = build(Fault("list_page", FaultKind.BREAK_LISTING))
    with pytest.raises(Unavailable):
        await store.list_page()
    script.assert_all_fired()


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_listing_ends_early_and_says_nothing(build, inner, after):
    await fill(inner, "a", "b", "c")
    store, script = build(Fault("list_page", FaultKind.CUT_LISTING, after_entries=after))
    page = await store.list_page()
    assert [info.key for info in page.entries] == ["a", "b", "c"][:after]
    assert page.cursor is None
    script.assert_all_fired()


async def test_the_object_changes_behind_the_readers_back(build, inner):
    async def change(store):
        await store.put("a", BytesBody(b"changed"), attributes=NO_ATTRIBUTES)

    await fill(inner, "a")
    store, script = build(
        Fault("get", FaultKind.CHANGE, after_bytes=3, change=change),
        Fault("head", FaultKind.CHANGE, change=change),
    )
    assert await read(store) == b"abc"
    assert (await inner.head("a")).size_bytes == 7
    await fill(inner, "a")
    assert (await store.head("a")).size_bytes == 7
    script.assert_all_fired()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("head", call=2),
        Fault("get", FaultKind.FLIP_BIT, after_bytes=3),
        Fault("get", FaultKind.CHANGE, after_bytes=4, change=lambda store: store.delete(["a"])),
        Fault("list_page", FaultKind.CUT_LISTING, after_entries=1),
        Fault("list_page", FaultKind.BREAK_LISTING, after_entries=1),
        Fault("delete", FaultKind.WRONG_ETAG),
    ],
)
async def test_a_fault_without_effect_counts_as_never_fired(build, inner, fault):
    await fill(inner, "a")
    store, script = build(fault)
    await store.head("a")
    await read(store)
    await store.list_page()
    await store.delete(["a"])
    with pytest.raises(AssertionError, match="never fired"):
        script.assert_all_fired()


async def test_a_sweep_fails_each_call_in_turn_until_none_is_left(inner, clock):
    await fill(inner, "a")
    failed = []
    for script in sweep("*"):
        store = FaultyStore(inner, script, clock=clock)
        try:
            await store.head("a")
            await store.list_page()
            failed.append(False)
        except Unavailable:
            failed.append(True)
    assert failed == [True, True, False]
